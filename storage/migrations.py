"""How the file came to its present shape: numbered steps, appended and never edited.

A new database walks the same steps as an old one. Each step runs in its own BEGIN IMMEDIATE transaction with
`user_version` set inside and read again under the lock, so that a process that is killed, or two that start at once,
leave a whole version. sqlite-utils does the parts of the schema that it is good at; it knows no CHECK, so tables with
checks are plain SQL. It is imported only when a step is pending: 0.2 s that no ordinary start pays.

All tables are STRICT. Times are UTC text like 2026-03-01T09:30:00.000Z, which sorts by time. Ids of turns, replies
and requests are never used again (AUTOINCREMENT): a second program that still writes to a deleted reply must not hit
another session's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from storage.errors import corrupt, newer_version

if TYPE_CHECKING:
    from sqlite_utils import Database as Schema
    from sqlite_utils.db import ForeignKey

    from storage.database import Database

APPLICATION_ID = 0x44554F4C
""""DUOL": tells our files from other programs' databases."""

Step = Callable[["Schema"], None]


def _conversations(schema: Schema) -> None:
    # The reason for the program: sessions of turns, each with one prompt and any number of replies. Lengths are
    # columns, so that a transcript can be laid out from covering indices, without reading its text.
    for statement in (
        f"PRAGMA application_id={APPLICATION_ID}",
        """
        CREATE TABLE sessions (
          id TEXT NOT NULL PRIMARY KEY,
          title TEXT NOT NULL,
          created TEXT NOT NULL,
          updated TEXT NOT NULL,
          left_model TEXT,
          right_model TEXT,
          confidential_since TEXT,
          system_prompt TEXT NOT NULL DEFAULT '',
          parent_id TEXT REFERENCES sessions(id) ON DELETE SET NULL,
          parent_turn_id INTEGER REFERENCES turns(id) ON DELETE SET NULL,
          draft TEXT NOT NULL DEFAULT '',
          starred INTEGER NOT NULL DEFAULT 0 CHECK (starred IN (0, 1)),
          archived_at TEXT,
          deleted_at TEXT,
          origin TEXT NOT NULL DEFAULT ''
        ) STRICT
        """,
        """
        CREATE TABLE turns (
          id INTEGER PRIMARY KEY AUTOINCREMENT,
          session_id TEXT NOT NULL REFERENCES sessions(id) ON DELETE CASCADE,
          seq INTEGER NOT NULL CHECK (seq > 0),
          prompt TEXT NOT NULL,
          prompt_chars INTEGER NOT NULL,
          asked TEXT NOT NULL,
          adopted_reply_id INTEGER REFERENCES replies(id) ON DELETE SET NULL,
          note TEXT NOT NULL DEFAULT '',
          UNIQUE (session_id, seq)
        ) STRICT
        """,
        """
        CREATE TABLE replies (
          id INTEGER PRIMARY KEY AUTOINCREMENT,
          turn_id INTEGER NOT NULL REFERENCES turns(id) ON DELETE CASCADE,
          side TEXT NOT NULL CHECK (side IN ('left', 'right')),
          variant INTEGER NOT NULL CHECK (variant > 0),
          model TEXT NOT NULL,
          outcome TEXT NOT NULL CHECK (outcome IN ('open', 'complete', 'stopped', 'failed', 'interrupted')),
          started TEXT NOT NULL,
          ended TEXT,
          text TEXT NOT NULL DEFAULT '',
          thinking TEXT NOT NULL DEFAULT '',
          text_chars INTEGER NOT NULL DEFAULT 0,
          thinking_chars INTEGER NOT NULL DEFAULT 0,
          served_model TEXT,
          digest TEXT,
          locality TEXT,
          error TEXT,
          error_kind TEXT,
          note TEXT NOT NULL DEFAULT '',
          first_token_s REAL,
          total_s REAL,
          load_s REAL,
          prompt_s REAL,
          generation_s REAL,
          thinking_s REAL,
          input_tokens INTEGER,
          output_tokens INTEGER,
          thinking_tokens INTEGER,
          cache_read_tokens INTEGER,
          cache_write_tokens INTEGER,
          estimated INTEGER NOT NULL DEFAULT 0 CHECK (estimated IN (0, 1)),
          cost_usd REAL,
          context_used INTEGER,
          context_allowed INTEGER,
          stop_reason TEXT,
          UNIQUE (turn_id, side, variant)
        ) STRICT
        """,
        # They hold their own conditions as well: SQLite (3.40) reads those from the row otherwise.
        """
        CREATE INDEX sessions_by_update ON sessions (updated DESC, id DESC, title, deleted_at)
        WHERE deleted_at IS NULL
        """,
        """
        CREATE INDEX sessions_confidential ON sessions (updated DESC, id DESC, title, deleted_at, confidential_since)
        WHERE deleted_at IS NULL AND confidential_since IS NOT NULL
        """,
        """
        CREATE INDEX sessions_ordinary ON sessions (updated DESC, id DESC, title, deleted_at, confidential_since)
        WHERE deleted_at IS NULL AND confidential_since IS NULL
        """,
        "CREATE INDEX sessions_forked ON sessions (parent_id) WHERE parent_id IS NOT NULL",
        "CREATE INDEX sessions_forked_at ON sessions (parent_turn_id) WHERE parent_turn_id IS NOT NULL",
        "CREATE INDEX turns_sizes ON turns (session_id, seq, prompt_chars)",
        "CREATE INDEX turns_adopted ON turns (adopted_reply_id) WHERE adopted_reply_id IS NOT NULL",
        "CREATE INDEX replies_sizes ON replies (turn_id, side, variant, text_chars, outcome, cost_usd)",
    ):
        schema.conn.execute(statement)


def _parts(schema: Schema) -> None:
    # Answers are saved while they stream: small rows, joined when the reply settles. The owner tells the open replies
    # of a program that still runs from those of one that died.
    schema.table("replies").add_column("owner", str)
    schema.conn.execute("CREATE INDEX replies_open ON replies (owner) WHERE outcome = 'open'")
    schema.table("reply_parts").create(
        {"id": int, "reply_id": int, "text": str, "thinking": str},
        pk="id",
        not_null={"reply_id", "text", "thinking"},
        foreign_keys=[_owned_by("reply_parts", "reply_id", "replies")],
        strict=True,
    )
    schema.table("reply_parts").create_index(["reply_id"])


def _ledger(schema: Schema) -> None:
    # One row per request, committed before its first byte is sent, so that even a killed program's requests are
    # known. It outlives the session that it is about.
    for statement in (
        """
        CREATE TABLE requests (
          id INTEGER PRIMARY KEY AUTOINCREMENT,
          session_id TEXT REFERENCES sessions(id) ON DELETE SET NULL,
          reply_id INTEGER REFERENCES replies(id) ON DELETE SET NULL,
          opened TEXT NOT NULL,
          purpose TEXT NOT NULL,
          host TEXT NOT NULL,
          port INTEGER NOT NULL,
          peer TEXT,
          locality TEXT NOT NULL,
          verdict TEXT NOT NULL CHECK (verdict IN ('open', 'done', 'failed', 'refused')),
          bytes_sent INTEGER NOT NULL DEFAULT 0,
          bytes_received INTEGER NOT NULL DEFAULT 0,
          closed TEXT,
          detail TEXT NOT NULL DEFAULT ''
        ) STRICT
        """,
        "CREATE INDEX requests_by_session ON requests (session_id)",
        "CREATE INDEX requests_by_reply ON requests (reply_id)",
        # "n earlier turns were sent to Claude", without reading every reply.
        "CREATE INDEX requests_to_cloud ON requests (session_id, reply_id) WHERE locality = 'cloud'",
        "CREATE INDEX replies_from_cloud ON replies (turn_id) WHERE locality = 'cloud'",
    ):
        schema.conn.execute(statement)


def _attachments_votes_tags(schema: Schema) -> None:
    # What people add to a conversation: files with a prompt, a verdict on the two answers, words to find it by.
    schema.table("attachments").create(
        {"id": int, "turn_id": int, "name": str, "media_type": str, "size": int, "sha256": str, "content": bytes},
        pk="id",
        not_null={"turn_id", "name", "media_type", "size", "sha256", "content"},
        foreign_keys=[_owned_by("attachments", "turn_id", "turns")],
        strict=True,
    )
    schema.table("attachments").create_index(["turn_id"])
    schema.conn.execute(
        """
        CREATE TABLE votes (
          turn_id INTEGER PRIMARY KEY REFERENCES turns(id) ON DELETE CASCADE,
          choice TEXT NOT NULL CHECK (choice IN ('left', 'right', 'tie', 'neither')),
          reasons TEXT NOT NULL DEFAULT '',
          at TEXT NOT NULL
        ) STRICT
        """
    )
    schema.table("tags").create(
        {"session_id": str, "name": str},
        pk=("session_id", "name"),
        foreign_keys=[_owned_by("tags", "session_id", "sessions")],
        strict=True,
    )
    schema.table("tags").create_index(["name", "session_id"])


def _confidential_latch(schema: Schema) -> None:
    # "Confidential" is a promise, so the database keeps it itself: a bug in one path, an older program beside this
    # one or a line of raw SQL cannot break it. Localities other than the two named ones count as the cloud.
    for statement in (
        """
        CREATE TRIGGER confidential_stays BEFORE UPDATE ON sessions
        WHEN OLD.confidential_since IS NOT NULL
          AND (NEW.confidential_since IS NOT OLD.confidential_since OR NEW.id IS NOT OLD.id)
        BEGIN SELECT RAISE(ABORT, 'A confidential session stays confidential. Start a new session instead.'); END
        """,
        # INSERT OR REPLACE would delete the session and make an ordinary one of the same id.
        """
        CREATE TRIGGER confidential_is_not_replaced BEFORE INSERT ON sessions
        WHEN (SELECT confidential_since FROM sessions WHERE id = NEW.id) IS NOT NULL
        BEGIN SELECT RAISE(ABORT, 'A confidential session cannot be replaced. Start a new session instead.'); END
        """,
        """
        CREATE TRIGGER confidential_is_inherited BEFORE INSERT ON sessions
        WHEN NEW.confidential_since IS NULL AND (
          (SELECT confidential_since FROM sessions WHERE id = NEW.parent_id) IS NOT NULL
          OR (SELECT s.confidential_since FROM turns t JOIN sessions s ON s.id = t.session_id
              WHERE t.id = NEW.parent_turn_id) IS NOT NULL)
        BEGIN SELECT RAISE(ABORT, 'What comes from a confidential session is confidential. Mark the new one so.'); END
        """,
        """
        CREATE TRIGGER turns_do_not_move BEFORE UPDATE OF session_id ON turns
        WHEN NEW.session_id IS NOT OLD.session_id
        BEGIN SELECT RAISE(ABORT, 'A turn stays in its session. Copy its text instead.'); END
        """,
        """
        CREATE TRIGGER replies_do_not_move BEFORE UPDATE OF turn_id ON replies WHEN NEW.turn_id IS NOT OLD.turn_id
        BEGIN SELECT RAISE(ABORT, 'A reply stays in its turn. Copy its text instead.'); END
        """,
        """
        CREATE TRIGGER confidential_stays_here BEFORE INSERT ON requests
        WHEN NEW.verdict <> 'refused' AND NEW.locality NOT IN ('this machine', 'your network')
          AND (SELECT confidential_since FROM sessions WHERE id = NEW.session_id) IS NOT NULL
        BEGIN SELECT RAISE(ABORT, 'The session is confidential and stays off the cloud. Choose a local model.'); END
        """,
        """
        CREATE TRIGGER requests_keep_their_aim BEFORE UPDATE OF host, port, locality, session_id ON requests
        WHEN NEW.host IS NOT OLD.host OR NEW.port IS NOT OLD.port OR NEW.locality IS NOT OLD.locality
          OR (NEW.session_id IS NOT NULL AND NEW.session_id IS NOT OLD.session_id)
        BEGIN SELECT RAISE(ABORT, 'The ledger keeps where a request went. Add a new line instead.'); END
        """,
    ):
        schema.conn.execute(statement)


def _search(schema: Schema) -> None:
    # Words are found in an index without content; `search.py` says how it is kept. The triggers only take down which
    # documents changed, and what they said until then. A turn has 4096 places: 4095 the title (with the first turn),
    # 4094 the prompt, below it 4095 - 2n and 4094 - 2n the n-th left and right answers. Turns up to `unfilled` are
    # from before this step and indexed later, in the background: a large file opens as fast as a small one.
    for statement in (
        """
        CREATE VIRTUAL TABLE search_words USING fts5(
          text, thinking, content='', tokenize='unicode61 remove_diacritics 2'
        )
        """,
        "CREATE TABLE search_todo (doc INTEGER PRIMARY KEY, text TEXT, thinking TEXT) STRICT",
        """
        CREATE TABLE search_state (
          id INTEGER PRIMARY KEY CHECK (id = 1),
          unfilled INTEGER NOT NULL,
          forgetting INTEGER NOT NULL CHECK (forgetting IN (0, 1, 2))
        ) STRICT
        """,
        "INSERT INTO search_state (id, unfilled, forgetting) SELECT 1, coalesce(max(id), 0), 0 FROM turns",
        """
        CREATE TRIGGER search_new_turn AFTER INSERT ON turns BEGIN
          INSERT INTO search_todo (doc) VALUES (NEW.id * 4096 + 4094) ON CONFLICT DO NOTHING;
          INSERT INTO search_todo (doc) SELECT NEW.id * 4096 + 4095 WHERE NEW.seq = 1 ON CONFLICT DO NOTHING;
        END
        """,
        """
        CREATE TRIGGER search_new_prompt AFTER UPDATE OF prompt ON turns WHEN NEW.prompt IS NOT OLD.prompt BEGIN
          INSERT INTO search_todo (doc, text) VALUES (OLD.id * 4096 + 4094, OLD.prompt) ON CONFLICT DO NOTHING;
        END
        """,
        """
        CREATE TRIGGER search_old_turn BEFORE DELETE ON turns BEGIN
          INSERT INTO search_todo (doc, text) VALUES (OLD.id * 4096 + 4094, OLD.prompt) ON CONFLICT DO NOTHING;
          INSERT INTO search_todo (doc, text) SELECT OLD.id * 4096 + 4095, title FROM sessions
            WHERE id = OLD.session_id AND OLD.seq = 1 ON CONFLICT DO NOTHING;
          UPDATE search_state SET forgetting = 1;
        END
        """,
        """
        CREATE TRIGGER search_new_title AFTER UPDATE OF title ON sessions WHEN NEW.title IS NOT OLD.title BEGIN
          INSERT INTO search_todo (doc, text) SELECT id * 4096 + 4095, OLD.title FROM turns
            WHERE session_id = OLD.id AND seq = 1 ON CONFLICT DO NOTHING;
        END
        """,
        # Its turns are deleted after it, when the title cannot be read any more.
        """
        CREATE TRIGGER search_old_session BEFORE DELETE ON sessions BEGIN
          INSERT INTO search_todo (doc, text) SELECT id * 4096 + 4095, OLD.title FROM turns
            WHERE session_id = OLD.id AND seq = 1 ON CONFLICT DO NOTHING;
        END
        """,
        """
        CREATE TRIGGER search_new_reply AFTER INSERT ON replies
        WHEN NEW.variant < 2047 AND NEW.outcome <> 'open' BEGIN
          INSERT INTO search_todo (doc) VALUES
            (NEW.turn_id * 4096 + CASE NEW.side WHEN 'left' THEN 4095 ELSE 4094 END - 2 * NEW.variant)
            ON CONFLICT DO NOTHING;
        END
        """,
        """
        CREATE TRIGGER search_settled_reply AFTER UPDATE OF outcome, text, thinking ON replies
        WHEN NEW.variant < 2047 AND NEW.outcome <> 'open'
          AND (OLD.outcome = 'open' OR NEW.text IS NOT OLD.text OR NEW.thinking IS NOT OLD.thinking) BEGIN
          INSERT INTO search_todo (doc, text, thinking) VALUES
            (OLD.turn_id * 4096 + CASE OLD.side WHEN 'left' THEN 4095 ELSE 4094 END - 2 * OLD.variant,
             OLD.text, OLD.thinking) ON CONFLICT DO NOTHING;
        END
        """,
        """
        CREATE TRIGGER search_old_reply BEFORE DELETE ON replies WHEN OLD.variant < 2047 BEGIN
          INSERT INTO search_todo (doc, text, thinking) VALUES
            (OLD.turn_id * 4096 + CASE OLD.side WHEN 'left' THEN 4095 ELSE 4094 END - 2 * OLD.variant,
             OLD.text, OLD.thinking) ON CONFLICT DO NOTHING;
          UPDATE search_state SET forgetting = 1;
        END
        """,
    ):
        schema.conn.execute(statement)


def _ledger_says_more(schema: Schema) -> None:
    # `level`: what kept this process from other ways out. `by_your_word`: nobody can verify what answers there, the
    # user said so. `left_to`: the server itself said that it had the request answered elsewhere.
    for column in ("level", "left_to"):
        schema.table("requests").add_column(column, str, not_null_default="")
    schema.table("requests").add_column("by_your_word", int, not_null_default=0)
    schema.conn.execute("CREATE INDEX requests_that_left ON requests (session_id, reply_id) WHERE left_to <> ''")


def _library(schema: Schema) -> None:
    # Sessions that were put away are left out of the list, so its indices must tell them without reading rows.
    for name, condition in (
        ("sessions_by_update", ""),
        ("sessions_confidential", " AND confidential_since IS NOT NULL"),
        ("sessions_ordinary", " AND confidential_since IS NULL"),
    ):
        schema.conn.execute(f"DROP INDEX {name}")
        schema.conn.execute(
            f"CREATE INDEX {name} ON sessions (updated DESC, id DESC, title, deleted_at, archived_at,"
            f" confidential_since) WHERE deleted_at IS NULL{condition}"
        )
    # What people write about a turn and what they attach to it is found as well: place 1 of a turn is its note,
    # place 0 its attachments, whose text is a column because most are no text as they are.
    schema.table("attachments").add_column("text", str, not_null_default="")
    for statement in (
        "CREATE INDEX sessions_in_bin ON sessions (deleted_at, id) WHERE deleted_at IS NOT NULL",
        """
        CREATE TRIGGER search_new_note AFTER UPDATE OF note ON turns WHEN NEW.note IS NOT OLD.note BEGIN
          INSERT INTO search_todo (doc, text) VALUES (OLD.id * 4096 + 1, OLD.note) ON CONFLICT DO NOTHING;
        END
        """,
        """
        CREATE TRIGGER search_first_note AFTER INSERT ON turns WHEN NEW.note <> '' BEGIN
          INSERT INTO search_todo (doc) VALUES (NEW.id * 4096 + 1) ON CONFLICT DO NOTHING;
        END
        """,
        """
        CREATE TRIGGER search_old_note BEFORE DELETE ON turns WHEN OLD.note <> '' BEGIN
          INSERT INTO search_todo (doc, text) VALUES (OLD.id * 4096 + 1, OLD.note) ON CONFLICT DO NOTHING;
        END
        """,
        # The same words as `search.ATTACHED` reads later: it takes them out of the index with this very text.
        """
        CREATE TRIGGER search_new_attachment BEFORE INSERT ON attachments BEGIN
          INSERT INTO search_todo (doc, text) VALUES (NEW.turn_id * 4096, (
            SELECT group_concat(name || char(10) || text, char(10)) FROM (
              SELECT name, text FROM attachments WHERE turn_id = NEW.turn_id ORDER BY id))) ON CONFLICT DO NOTHING;
        END
        """,
        """
        CREATE TRIGGER search_old_attachment BEFORE DELETE ON attachments BEGIN
          INSERT INTO search_todo (doc, text) VALUES (OLD.turn_id * 4096, (
            SELECT group_concat(name || char(10) || text, char(10)) FROM (
              SELECT name, text FROM attachments WHERE turn_id = OLD.turn_id ORDER BY id))) ON CONFLICT DO NOTHING;
        END
        """,
        """
        CREATE TRIGGER search_attachments_of_old_turn BEFORE DELETE ON turns
        WHEN EXISTS (SELECT 1 FROM attachments WHERE turn_id = OLD.id) BEGIN
          INSERT INTO search_todo (doc, text) VALUES (OLD.id * 4096, (
            SELECT group_concat(name || char(10) || text, char(10)) FROM (
              SELECT name, text FROM attachments WHERE turn_id = OLD.id ORDER BY id))) ON CONFLICT DO NOTHING;
        END
        """,
        # For Datasette, sqlite-utils and whoever asks in SQL: one row per conversation, per turn and per answer.
        """
        CREATE VIEW conversations AS
        SELECT s.id, s.title, s.created, s.updated, s.left_model, s.right_model, s.starred, s.archived_at,
          s.deleted_at, s.origin,
          (SELECT group_concat(name, ' ') FROM tags WHERE session_id = s.id) AS tags,
          (SELECT count(*) FROM turns WHERE session_id = s.id) AS turns,
          (SELECT sum(r.cost_usd) FROM turns t JOIN replies r ON r.turn_id = t.id
           WHERE t.session_id = s.id) AS cost_usd
        FROM sessions s
        """,
        """
        CREATE VIEW answers AS
        SELECT r.id, t.session_id, s.title, t.seq AS turn, t.prompt, r.side, r.variant, r.model, r.served_model,
          r.locality, r.outcome, r.text, r.thinking, r.started, r.ended, r.first_token_s, r.total_s, r.input_tokens,
          r.output_tokens,
          round(r.output_tokens / coalesce(r.generation_s, r.total_s - r.first_token_s), 1) AS tokens_per_second,
          r.cost_usd, r.context_used, r.context_allowed, r.stop_reason, r.error,
          t.adopted_reply_id IS r.id AS adopted, v.choice IS r.side AS preferred
        FROM replies r JOIN turns t ON t.id = r.turn_id JOIN sessions s ON s.id = t.session_id
        LEFT JOIN votes v ON v.turn_id = t.id
        """,
        """
        CREATE VIEW side_by_side AS
        SELECT t.id, t.session_id, s.title, t.seq AS turn, t.asked, t.prompt,
          l.model AS left_model, l.outcome AS left_outcome, l.text AS left_text,
          r.model AS right_model, r.outcome AS right_outcome, r.text AS right_text,
          v.choice AS vote, v.reasons, t.note
        FROM turns t JOIN sessions s ON s.id = t.session_id
        LEFT JOIN replies l ON l.turn_id = t.id AND l.side = 'left'
          AND l.variant = (SELECT max(variant) FROM replies WHERE turn_id = t.id AND side = 'left')
        LEFT JOIN replies r ON r.turn_id = t.id AND r.side = 'right'
          AND r.variant = (SELECT max(variant) FROM replies WHERE turn_id = t.id AND side = 'right')
        LEFT JOIN votes v ON v.turn_id = t.id
        """,
    ):
        schema.conn.execute(statement)


def _vault(schema: Schema) -> None:
    # `arrivals` is used in a vault: the digest of each session that was copied into it and whose original is not gone
    # yet; `moving.py` says how. `erasing` remembers that the write-ahead log may hold what was deleted.
    for statement in (
        "CREATE TABLE arrivals (session_id TEXT NOT NULL PRIMARY KEY, digest TEXT NOT NULL) STRICT",
        """
        CREATE TABLE erasing (
          id INTEGER PRIMARY KEY CHECK (id = 1),
          pending INTEGER NOT NULL CHECK (pending IN (0, 1))
        ) STRICT
        """,
        "INSERT INTO erasing (id, pending) VALUES (1, 0)",
        """
        CREATE TRIGGER erased_session AFTER DELETE ON sessions BEGIN
          UPDATE erasing SET pending = 1 WHERE pending = 0;
        END
        """,
    ):
        schema.conn.execute(statement)


def _owned_by(table: str, column: str, parent: str) -> ForeignKey:
    """A foreign key whose rows go when their parent goes."""
    from sqlite_utils.db import ForeignKey

    return ForeignKey(table, column, parent, "id", on_delete="CASCADE")


def _unhappy_replies(schema: Schema) -> None:
    # Answers that did not end well are few; without this, to find the sessions that have one reads all answers.
    schema.conn.execute(
        "CREATE INDEX replies_unhappy ON replies (turn_id, outcome)"
        " WHERE outcome IN ('stopped', 'failed', 'interrupted')"
    )


STEPS: tuple[Step, ...] = (
    _conversations,
    _parts,
    _ledger,
    _attachments_votes_tags,
    _confidential_latch,
    _search,
    _ledger_says_more,
    _library,
    _vault,
    _unhappy_replies,
)
"""In order; the n-th makes version n."""


def version(database: Database, steps: Sequence[Step] = STEPS) -> int:
    """The version that the file has; 0 for an empty one. Changes nothing.

    Raises `NewerVersion`, or `Corrupt` when the database is another program's.
    """
    found = database.number("PRAGMA user_version")
    empty = database.number("SELECT count(*) FROM sqlite_schema") == 0
    if not (empty and found == 0) and database.number("PRAGMA application_id") != APPLICATION_ID:
        raise corrupt(database.place)
    if found > len(steps):
        raise newer_version(database.place, found, len(steps))
    return found


def migrate(database: Database, steps: Sequence[Step] = STEPS) -> None:
    """Bring the file up to date, one whole step at a time. Raises `StoreError`."""
    while version(database, steps) < len(steps):
        from sqlite_utils import Database as Schema

        with database.transaction():
            done = version(database, steps)  # another program may just have made the step
            if done < len(steps):
                schema = Schema(database.connection, execute_plugins=False, recursive_triggers=False)
                steps[done](schema)
                database.write(f"PRAGMA user_version={done + 1}")
