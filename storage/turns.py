"""Turns and replies: what was asked and what came back.

A prompt is committed before `open_turn` returns, thus before anything is sent. The text of an open reply lies in
small parts; a reply settles exactly once, and that joins them.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import datetime
from itertools import groupby, starmap
from operator import itemgetter

from storage import rows
from storage.database import Database
from storage.errors import AlreadySettled, NotFound, gone
from storage.records import (
    Choice,
    NewReply,
    Outcome,
    PastReply,
    PastTurn,
    Question,
    Reply,
    Settlement,
    Side,
    Turn,
    TurnSize,
    Vote,
)

Part = tuple[int, str, str]
"""Reply id, text, thinking."""

_TITLE_LENGTH = 80
_BY_SIDE = "CASE side WHEN 'left' THEN 0 ELSE 1 END, variant"

_TURNS = """
SELECT t.*, v.choice AS vote, v.reasons AS vote_reasons, v.at AS voted,
  (SELECT count(*) FROM sessions f WHERE f.parent_turn_id = t.id AND f.deleted_at IS NULL) AS forks
FROM turns t LEFT JOIN votes v ON v.turn_id = t.id
"""

_SIZES = """
SELECT t.id, t.seq, t.prompt_chars,
  coalesce((SELECT text_chars FROM replies WHERE turn_id = t.id AND side = 'left' ORDER BY variant DESC LIMIT 1), 0),
  coalesce((SELECT text_chars FROM replies WHERE turn_id = t.id AND side = 'right' ORDER BY variant DESC LIMIT 1), 0)
FROM turns t WHERE t.session_id = ? ORDER BY t.seq LIMIT ? OFFSET ?
"""

_PAST = """
SELECT t.id AS turn_id, t.prompt, t.adopted_reply_id, r.id, r.side, r.variant, r.text, r.stop_reason
FROM turns t LEFT JOIN replies r ON r.turn_id = t.id AND r.outcome <> 'open'
WHERE t.session_id = ?1 AND t.seq < coalesce((SELECT seq FROM turns WHERE id = ?2), 9223372036854775807)
ORDER BY t.seq DESC
"""

_QUESTIONS = """
SELECT t.id, t.seq, substr(t.prompt, 1, 400),
  coalesce((SELECT outcome FROM replies r WHERE r.turn_id = t.id AND outcome IN ('failed', 'interrupted', 'stopped')
    AND variant = (SELECT max(variant) FROM replies WHERE turn_id = t.id AND side = r.side)
    ORDER BY outcome LIMIT 1), '')
FROM turns t WHERE t.session_id = ? ORDER BY t.seq LIMIT ? OFFSET ?
"""

_SETTLED_COLUMNS = (
    *("outcome", "ended", "text", "thinking", "text_chars", "thinking_chars"),
    *("served_model", "digest", "locality", "error", "error_kind", "note"),
    *rows.RECEIPT_COLUMNS,
)
_SETTLE = f"UPDATE replies SET {', '.join(f'{name} = ?' for name in _SETTLED_COLUMNS)} WHERE id = ?"  # noqa: S608 - fixed words


class TurnsTable:
    """All that `Store` does with turns and replies."""

    _db: Database
    _owner_name: str

    def open_turn(self, session_id: str, prompt: str, asked: datetime, replies: Sequence[NewReply]) -> Turn:
        """Store a prompt with one open reply per side asked, in one transaction.

        The session moves to the top of the list, out of the bin if another program put it there meanwhile, its draft
        is sent and thus empty, and a session without a title takes the prompt's first line. Raises `NotFound`,
        `FileGone`.
        """
        when = rows.time_text(asked)
        with self._db.transaction():
            touched = self._db.write(
                "UPDATE sessions SET updated = max(updated, ?), draft = '', deleted_at = NULL, archived_at = NULL,"
                " title = CASE title WHEN '' THEN ? ELSE title END WHERE id = ?",
                (when, title_from(prompt), session_id),
            )
            if not touched.rowcount:
                raise gone("This session")
            turn = self._db.write(
                "INSERT INTO turns (session_id, seq, prompt, prompt_chars, asked) VALUES"
                " (?1, (SELECT coalesce(max(seq), 0) + 1 FROM turns WHERE session_id = ?1), ?2, ?3, ?4)",
                (session_id, prompt, len(prompt), when),
            )
            turn_id = _new_id(turn)
            for reply in replies:
                self._insert_reply(turn_id, reply, variant=1, started=when)
        return self.turn(turn_id)

    def open_variant(self, turn_id: int, reply: NewReply, started: datetime) -> Reply:
        """Store one more attempt at an answer. Raises `NotFound`, `FileGone`."""
        when = rows.time_text(started)
        with self._db.transaction():
            touched = self._db.write(
                "UPDATE sessions SET updated = max(updated, ?)"
                " WHERE id = (SELECT session_id FROM turns WHERE id = ?)",
                (when, turn_id),
            )
            if not touched.rowcount:
                raise _no_turn()
            variant = self._db.number(
                "SELECT coalesce(max(variant), 0) + 1 FROM replies WHERE turn_id = ? AND side = ?",
                (turn_id, reply.side),
            )
            reply_id = self._insert_reply(turn_id, reply, variant=variant, started=when)
        return self.reply(reply_id)

    def append_parts(self, parts: Sequence[Part]) -> None:
        """Add text and thinking to open replies, in one transaction.

        Raises `AlreadySettled` if a reply is not open any more, and `NotFound` if it is gone, after the other
        replies' parts are stored.
        """
        late = list[int]()
        with self._db.transaction():
            for reply_id, text, thinking in parts:
                added = self._db.write(
                    "INSERT INTO reply_parts (reply_id, text, thinking)"
                    " SELECT id, ?, ? FROM replies WHERE id = ? AND outcome = 'open'",
                    (text, thinking, reply_id),
                )
                if not added.rowcount:
                    late.append(reply_id)
        if late:
            self._reply_row(late[0])  # raises where there is none
            raise _settled_already()

    def settle_reply(self, reply_id: int, settlement: Settlement) -> Reply:
        """Join a reply's parts and write how it ended, in one transaction.

        Raises `NotFound`, and `AlreadySettled` the second time.
        """
        with self._db.transaction():
            self._settle(reply_id, settlement)
        return self.reply(reply_id)

    def repair_open_replies(self, now: datetime) -> int:
        """Settle what dead programs left open as interrupted, with all the text that was stored; tell how many."""
        with self._db.transaction():
            living = self.living_owners()  # under the lock: whoever opens a reply after this is not seen below
            abandoned = [
                row["id"]
                for row in self._db.rows("SELECT id, owner FROM replies WHERE outcome = 'open'")
                if row["owner"] not in living
            ]
            for reply_id in abandoned:
                self._settle(reply_id, Settlement(Outcome.INTERRUPTED, ended=now))
        return len(abandoned)

    def adopt(self, turn_id: int, reply_id: int | None) -> None:
        """Take one reply as the turn's answer on both sides, or none. Raises `NotFound`."""
        with self._db.transaction():
            changed = self._db.write(
                "UPDATE turns SET adopted_reply_id = ?1 WHERE id = ?2"
                " AND (?1 IS NULL OR EXISTS (SELECT 1 FROM replies WHERE id = ?1 AND turn_id = ?2))",
                (reply_id, turn_id),
            )
            if not changed.rowcount:
                raise NotFound(f"Turn {turn_id} has no reply {reply_id}. Choose one of its own.")

    def turn(self, turn_id: int) -> Turn:
        """One turn with its replies. Raises `NotFound`."""
        row = self._db.row(f"{_TURNS} WHERE t.id = ?", (turn_id,))
        if row is None:
            raise _no_turn()
        replies = self._db.rows(f"SELECT * FROM replies WHERE turn_id = ? ORDER BY {_BY_SIDE}", (turn_id,))  # noqa: S608 - fixed words
        return _turn(row, self._replies(replies))

    def turns(self, session_id: str) -> list[Turn]:
        """All turns of a session with all their text, oldest first."""
        found = self._db.rows(f"{_TURNS} WHERE t.session_id = ? ORDER BY t.seq", (session_id,))
        replies = self._db.rows(
            "SELECT r.* FROM turns t JOIN replies r ON r.turn_id = t.id"  # noqa: S608 - fixed words
            f" WHERE t.session_id = ? ORDER BY t.seq, {_BY_SIDE}",
            (session_id,),
        )
        by_turn = defaultdict[int, list[Reply]](list)
        for reply in self._replies(replies):
            by_turn[reply.turn_id].append(reply)
        return [_turn(row, by_turn[row["id"]]) for row in found]

    def past_turns(self, session_id: str, *, at_most: int, before: int | None = None) -> list[PastTurn]:
        """The newest turns, oldest first, as far as they fit into `at_most` characters: 40 ms for 10,000.

        `before` is the id of a turn: only those before it.
        """
        found: list[PastTurn] = []
        with closing(self._db.each(_PAST, (session_id, before))) as joined:
            for _, group in groupby(joined, key=itemgetter("turn_id")):
                turn = _past_turn(list(group))
                at_most -= turn.characters
                if at_most < 0:
                    break
                found.append(turn)
        return found[::-1]

    def last_turn(self, session_id: str) -> Turn | None:
        """The newest turn of a session with its replies; None where there is none."""
        row = self._db.row("SELECT id FROM turns WHERE session_id = ? ORDER BY seq DESC LIMIT 1", (session_id,))
        return None if row is None else self.turn(row["id"])

    def recent_prompts(self, session_id: str, limit: int) -> list[str]:
        """The last prompts of a session, oldest first."""
        found = self._db.rows(
            "SELECT prompt FROM turns WHERE session_id = ? ORDER BY seq DESC LIMIT ?", (session_id, limit)
        )
        return [row["prompt"] for row in reversed(found)]

    def turn_count(self, session_id: str) -> int:
        """How many turns a session has."""
        return self._db.number("SELECT count(*) FROM turns WHERE session_id = ?", (session_id,))

    def turn_sizes(self, session_id: str, first: int = 0, count: int | None = None) -> list[TurnSize]:
        """How long each turn's texts are, oldest first, read from indices alone; an open reply counts 0.

        Of `count` turns (None: all) from `first` on, which counts from 0: 1 ms for 256, some 5 ms at the end of
        100,000.
        """
        return list(starmap(TurnSize, self._db.rows(_SIZES, (session_id, -1 if count is None else count, first))))

    def turn_index(self, session_id: str, turn_id: int) -> int | None:
        """How many turns of the session come before this one; None if it is not one of them."""
        row = self._db.row("SELECT seq FROM turns WHERE id = ? AND session_id = ?", (turn_id, session_id))
        if row is None:
            return None
        return self._db.number(
            "SELECT count(*) FROM turns WHERE session_id = ? AND seq < ?", (session_id, row["seq"])
        )

    def questions(self, session_id: str, first: int, count: int) -> list[Question]:
        """A run of a session's questions, oldest first; `first` counts from 0."""
        return list(starmap(Question, self._db.rows(_QUESTIONS, (session_id, count, first))))

    def reply(self, reply_id: int) -> Reply:
        """One reply; an open one with the text stored so far. Raises `NotFound`."""
        return self._replies([self._reply_row(reply_id)])[0]

    def living_owners(self) -> frozenset[str]:
        """See `Store`."""
        raise NotImplementedError

    def _insert_reply(self, turn_id: int, reply: NewReply, *, variant: int, started: str) -> int:
        return _new_id(
            self._db.write(
                "INSERT INTO replies (turn_id, side, variant, model, outcome, started, owner)"
                " VALUES (?, ?, ?, ?, 'open', ?, ?)",
                (turn_id, reply.side, variant, reply.model, started, self._owner_name),
            )
        )

    def _settle(self, reply_id: int, settlement: Settlement) -> None:
        if settlement.outcome is Outcome.OPEN:
            raise ValueError("A reply does not settle as open.")
        if self._reply_row(reply_id)["outcome"] != Outcome.OPEN:
            raise _settled_already()
        text, thinking = self._joined_parts(reply_id)
        self._db.write(
            _SETTLE,
            (
                *(settlement.outcome, rows.time_text(settlement.ended), text, thinking, len(text), len(thinking)),
                *(settlement.served_model, settlement.digest, settlement.locality),
                *(settlement.error, settlement.error_kind, settlement.note),
                *rows.receipt_values(settlement.receipt),
                reply_id,
            ),
        )
        self._db.write("DELETE FROM reply_parts WHERE reply_id = ?", (reply_id,))

    def _reply_row(self, reply_id: int) -> sqlite3.Row:
        row = self._db.row("SELECT * FROM replies WHERE id = ?", (reply_id,))
        if row is None:
            raise gone("This answer")
        return row

    def _joined_parts(self, reply_id: int) -> tuple[str, str]:
        # In Python and not by SQL's `||`, so that NUL characters are nothing special.
        parts = self._db.rows("SELECT text, thinking FROM reply_parts WHERE reply_id = ? ORDER BY id", (reply_id,))
        return "".join(part["text"] for part in parts), "".join(part["thinking"] for part in parts)

    def _replies(self, found: Iterable[sqlite3.Row]) -> list[Reply]:
        return [self._open_reply(row) if row["outcome"] == Outcome.OPEN else _reply(row) for row in found]

    def _open_reply(self, row: sqlite3.Row) -> Reply:
        text, thinking = self._joined_parts(row["id"])
        return _reply(row, text=text, thinking=thinking)


def title_from(prompt: str) -> str:
    """The first line that says something, with single spaces, at most 80 characters."""
    first = next(filter(None, (" ".join(line.split()) for line in prompt.splitlines())), "")
    return first if len(first) <= _TITLE_LENGTH else first[: _TITLE_LENGTH - 1].rstrip() + "…"


def _turn(row: sqlite3.Row, replies: Iterable[Reply]) -> Turn:
    return Turn(
        id=row["id"],
        session_id=row["session_id"],
        seq=row["seq"],
        prompt=row["prompt"],
        asked=rows.time(row["asked"]),
        replies=tuple(replies),
        adopted_reply_id=row["adopted_reply_id"],
        note=row["note"],
        vote=None if row["vote"] is None else Vote(Choice(row["vote"]), rows.time(row["voted"]), row["vote_reasons"]),
        forks=row["forks"],
    )


def _past_turn(found: Sequence[sqlite3.Row]) -> PastTurn:
    replies = tuple(
        PastReply(row["id"], Side(row["side"]), row["variant"], row["text"], row["stop_reason"])
        for row in found
        if row["id"] is not None
    )
    return PastTurn(found[0]["prompt"], replies, found[0]["adopted_reply_id"])


def _reply(row: sqlite3.Row, *, text: str | None = None, thinking: str | None = None) -> Reply:
    return Reply(
        id=row["id"],
        turn_id=row["turn_id"],
        side=Side(row["side"]),
        variant=row["variant"],
        model=row["model"],
        outcome=Outcome(row["outcome"]),
        started=rows.time(row["started"]),
        text=row["text"] if text is None else text,
        thinking=row["thinking"] if thinking is None else thinking,
        ended=rows.optional_time(row["ended"]),
        served_model=row["served_model"],
        digest=row["digest"],
        locality=row["locality"],
        error=row["error"],
        error_kind=row["error_kind"],
        note=row["note"],
        receipt=rows.receipt(row),
    )


def _new_id(cursor: sqlite3.Cursor) -> int:
    assert cursor.lastrowid is not None  # noqa: S101 - an INSERT of one row always has one
    return cursor.lastrowid


def _no_turn() -> NotFound:
    return gone("This turn")


def _settled_already() -> AlreadySettled:
    return AlreadySettled("This answer has ended already; what it has is kept. Open the session again to see it.")
