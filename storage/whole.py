"""Whole conversations, for carrying them out of a file and into another: read turn by turn, written as they were.

Reading never holds more than one turn, so that neither the longest session nor the whole store has to fit in memory.
Writing keeps what other methods of the store decide themselves: ids, times, outcomes, positions. A session that is
too long for one transaction waits in the bin, marked in its `origin`, until all of it is there: a program that is
killed in between leaves nothing that looks whole, and the next try goes on with it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from storage import rows
from storage.attachments import LONGEST_TEXT, text_of
from storage.database import Database, storable
from storage.far_parent import FarParent, far_parent, join
from storage.records import Outcome, Reply, Session, Turn
from storage.sessions import ORDINARY

_PAGE = 500
"""Ids of turns, or sessions, read or deleted at once."""
_HALF = "importing:"
"""Begins the `origin` of a session of which only the beginning is here."""

_INSERT_SESSION = (
    "INSERT INTO sessions (id, title, created, updated, left_model, right_model, confidential_since, system_prompt,"
    " draft, starred, archived_at, origin) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_REPLY_COLUMNS = (
    *("turn_id", "side", "variant", "model", "outcome", "started", "ended", "text", "thinking", "text_chars"),
    *("thinking_chars", "served_model", "digest", "locality", "error", "error_kind", "note"),
    *rows.RECEIPT_COLUMNS,
)
_INSERT_REPLY = f"INSERT INTO replies ({', '.join(_REPLY_COLUMNS)}) VALUES ({', '.join('?' * len(_REPLY_COLUMNS))})"  # noqa: S608 - fixed words


@dataclass(frozen=True, slots=True)
class WholeAttachment:
    """A file that went with a prompt, with its content."""

    name: str
    media_type: str
    content: bytes
    text: str | None = None
    """What can be read in it; None: what its content says."""


@dataclass(frozen=True, slots=True)
class WholeSession:
    """A session without its turns, with all else that belongs to it."""

    session: Session
    tags: tuple[str, ...] = ()
    parent_seq: int | None = None
    """The turn of the parent session after which this one went its own way."""


@dataclass(frozen=True, slots=True)
class WholeTurn:
    """A turn with its files. In one that is to be written, ids of replies only tell which one was adopted."""

    turn: Turn
    attachments: tuple[WholeAttachment, ...] = ()


class WholeTable:
    """All that `Store` does with whole conversations."""

    _db: Database

    def turn(self, turn_id: int) -> Turn:
        """As `TurnsTable` has it."""
        raise NotImplementedError

    def session(self, session_id: str) -> Session:
        """As `SessionsTable` has it."""
        raise NotImplementedError

    def session_ids(self) -> list[str]:
        """The ids of all sessions, oldest first, those in the bin aside."""
        listed = "TRUE" if self._db.holds_confidential else ORDINARY
        return [
            row["id"]
            for row in self._db.rows(f"SELECT id FROM sessions s WHERE deleted_at IS NULL AND {listed} ORDER BY id")  # noqa: S608 - fixed words
        ]

    def whole_session(self, session_id: str) -> WholeSession:
        """A session and what belongs to it, without its turns; with its parent, also one that is not here.

        Raises `NotFound`.
        """
        session = self.session(session_id)
        tags = self._db.rows("SELECT name FROM tags WHERE session_id = ? ORDER BY name", (session_id,))
        if session.parent_id is None and (far := far_parent(session.origin)) is not None:
            session = replace(session, parent_id=far.session, origin=far.origin)
            return WholeSession(session, tuple(row["name"] for row in tags), far.turn)
        parent = self._db.row("SELECT seq FROM turns WHERE id = ?", (session.parent_turn_id,))
        return WholeSession(session, tuple(row["name"] for row in tags), None if parent is None else parent["seq"])

    def whole_turns(self, session_id: str, *, only: int | None = None) -> Iterator[WholeTurn]:
        """A session's turns with all their variants, oldest first, one in memory at a time; `only` that one."""
        after, last = (0, None) if only is None else (only - 1, only)
        while page := self._turn_ids(session_id, after, last):
            for turn_id, seq in page:
                after = seq
                yield WholeTurn(self.turn(turn_id), self._whole_attachments(turn_id))

    @contextmanager
    def adding_sessions(self) -> Generator[None, None, None]:
        """One transaction for what `add_session` and `add_turn` write, all or nothing.

        Other programs' writes wait as long. Raises `Locked`, `DiskFull`, `FileGone`, `ReadOnly`.
        """
        with self._db.transaction():
            yield

    def last_position(self, session_id: str) -> int | None:
        """Position of the last turn of a session, in the bin or not; None where there is no such session."""
        if self._db.row("SELECT 1 FROM sessions WHERE id = ?", (session_id,)) is None:
            return None
        return self._db.number("SELECT coalesce(max(seq), 0) FROM turns WHERE session_id = ?", (session_id,))

    def stored_prompt(self, session_id: str, seq: int) -> str | None:
        """What was asked in one turn of a session; None where there is no such turn."""
        row = self._db.row("SELECT prompt FROM turns WHERE session_id = ? AND seq = ?", (session_id, seq))
        return None if row is None else str(row["prompt"])

    def add_session(self, whole: WholeSession) -> None:
        """Write a session with its own id and times; `finish_session` when its turns are there too.

        Only inside `adding_sessions`. Raises sqlite3.IntegrityError if there is one of that id.
        """
        session = whole.session
        origin = session.origin
        if session.parent_id is not None:
            origin = str(FarParent(session.parent_id, whole.parent_seq, origin))
        self._db.write(
            _INSERT_SESSION,
            (
                *(session.id, session.title, rows.time_text(session.created), rows.time_text(session.updated)),
                *(session.left, session.right, rows.optional_time_text(session.confidential_since)),
                *(session.system_prompt, session.draft, int(session.starred)),
                *(rows.optional_time_text(session.archived), origin),
            ),
        )
        self._db.write_many(
            "INSERT INTO tags (session_id, name) VALUES (?, ?) ON CONFLICT DO NOTHING",
            [(session.id, tag) for tag in whole.tags],
        )

    def touch_session(self, session_id: str, updated: datetime) -> None:
        """Say when a session was last used, if that is later than what is known. Inside `adding_sessions`."""
        self._db.write(
            "UPDATE sessions SET updated = max(updated, ?) WHERE id = ?", (rows.time_text(updated), session_id)
        )

    def add_turn(self, session_id: str, whole: WholeTurn) -> None:
        """Write a turn at its own position, with its replies as they are. Only inside `adding_sessions`.

        A reply that was still open is written as interrupted: nobody goes on with it here.
        """
        turn = whole.turn
        cursor = self._db.write(
            "INSERT INTO turns (session_id, seq, prompt, prompt_chars, asked, note) VALUES (?, ?, ?, ?, ?, ?)",
            (session_id, turn.seq, turn.prompt, len(turn.prompt), rows.time_text(turn.asked), turn.note),
        )
        turn_id = cursor.lastrowid
        assert turn_id is not None  # noqa: S101 - an INSERT of one row always has one
        for reply in turn.replies:
            reply_id = self._add_reply(turn_id, reply)
            if reply.id == turn.adopted_reply_id:
                self._db.write("UPDATE turns SET adopted_reply_id = ? WHERE id = ?", (reply_id, turn_id))
        if turn.vote is not None:
            self._db.write(
                "INSERT INTO votes (turn_id, choice, reasons, at) VALUES (?, ?, ?, ?)",
                (turn_id, turn.vote.choice, turn.vote.reasons, rows.time_text(turn.vote.at)),
            )
        self._add_attachments(turn_id, whole.attachments)

    def hide_half_session(self, session_id: str) -> None:
        """Keep a session out of sight until `finish_session`. Inside `adding_sessions`."""
        self._db.write(
            # The time is the database's own: a store has no clock.
            f"UPDATE sessions SET origin = '{_HALF}' || origin, deleted_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')"  # noqa: S608 - fixed words
            f" WHERE id = ? AND origin NOT GLOB '{_HALF}*'",
            (session_id,),
        )

    def is_half_session(self, session_id: str) -> bool:
        """True if only the beginning of a session has come so far."""
        row = self._db.row("SELECT origin FROM sessions WHERE id = ?", (session_id,))
        return row is not None and str(row["origin"]).startswith(_HALF)

    def finish_session(self, session_id: str) -> None:
        """All turns of a session are there: show it, and tie it to its parent and forks. Inside `adding_sessions`."""
        self._db.write(
            f"UPDATE sessions SET origin = substr(origin, {len(_HALF) + 1}), deleted_at = NULL"  # noqa: S608 - a number
            f" WHERE id = ? AND origin GLOB '{_HALF}*'",
            (session_id,),
        )
        join(self._db, session_id)

    def latch_session(self, session_id: str, when: datetime) -> None:
        """Make a session confidential, if it is not. Inside `adding_sessions`."""
        self._db.write(
            "UPDATE sessions SET confidential_since = coalesce(confidential_since, ?) WHERE id = ?",
            (rows.time_text(when), session_id),
        )

    def discard_half_session(self, session_id: str) -> bool:
        """Delete some of the turns of a session that never became whole, at last itself; True while there is more."""
        with self._db.transaction():
            if not self.is_half_session(session_id):
                return False
            last = self._db.write(
                "DELETE FROM turns WHERE id IN"  # noqa: S608 - a number
                f" (SELECT id FROM turns WHERE session_id = ? ORDER BY seq DESC LIMIT {_PAGE})",
                (session_id,),
            )
            if not last.rowcount:
                self._db.write("DELETE FROM sessions WHERE id = ?", (session_id,))
            return bool(last.rowcount)

    def _turn_ids(self, session_id: str, after: int, last: int | None) -> Sequence[tuple[int, int]]:
        found = self._db.rows(
            "SELECT id, seq FROM turns WHERE session_id = ?1 AND seq > ?2 AND (?3 IS NULL OR seq <= ?3)"  # noqa: S608 - a number
            f" ORDER BY seq LIMIT {_PAGE}",
            (session_id, after, last),
        )
        return [(row["id"], row["seq"]) for row in found]

    def _add_reply(self, turn_id: int, reply: Reply) -> int:
        # Lengths are those of the text as it is stored.
        text, thinking = str(storable(reply.text)), str(storable(reply.thinking))
        if reply.outcome is Outcome.OPEN:
            reply = replace(reply, outcome=Outcome.INTERRUPTED)
        cursor = self._db.write(
            _INSERT_REPLY,
            (
                *(turn_id, reply.side, reply.variant, reply.model, reply.outcome, rows.time_text(reply.started)),
                *(rows.optional_time_text(reply.ended), text, thinking, len(text), len(thinking)),
                *(reply.served_model, reply.digest, reply.locality, reply.error, reply.error_kind, reply.note),
                *rows.receipt_values(reply.receipt),
            ),
        )
        assert cursor.lastrowid is not None  # noqa: S101 - an INSERT of one row always has one
        return cursor.lastrowid

    def _whole_attachments(self, turn_id: int) -> tuple[WholeAttachment, ...]:
        found = self._db.rows(
            "SELECT name, media_type, content, text FROM attachments WHERE turn_id = ? ORDER BY id", (turn_id,)
        )
        return tuple(
            WholeAttachment(
                row["name"],
                row["media_type"],
                row["content"],
                None if row["text"] == text_of(row["media_type"], row["content"]) else row["text"],
            )
            for row in found
        )

    def _add_attachments(self, turn_id: int, attachments: Sequence[WholeAttachment]) -> None:
        # Without NULs, which SQLite's own text functions stop at.
        self._db.write_many(
            "INSERT INTO attachments (turn_id, name, media_type, size, sha256, content, text)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    *(turn_id, one.name.replace("\0", ""), one.media_type, len(one.content)),
                    *(hashlib.sha256(one.content).hexdigest(), one.content),
                    text_of(one.media_type, one.content)
                    if one.text is None
                    else one.text.replace("\0", "")[:LONGEST_TEXT],
                )
                for one in attachments
            ],
        )
