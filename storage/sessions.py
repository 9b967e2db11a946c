"""The sessions table: making, finding, listing and changing conversations, without their turns."""

from __future__ import annotations

import secrets
from datetime import datetime

from storage import rows
from storage.database import Database, Value
from storage.errors import Ambiguous, NotFound
from storage.records import Session, SessionSummary

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ID_LENGTH = 26
_AFTER_ANY_ID = "~"  # sorts behind every character of an id

# The totals of one session, from covering indices alone.
_TOTALS = """
SELECT (SELECT count(*) FROM turns WHERE session_id = ?1) AS turns,
       sum(r.cost_usd) AS cost_usd,
       coalesce(sum(r.outcome = 'open'), 0) AS open_replies,
       coalesce(sum(r.outcome IN ('stopped', 'failed', 'interrupted')), 0) AS unhappy_replies
FROM turns t JOIN replies r ON r.turn_id = t.id WHERE t.session_id = ?1
"""


class SessionsTable:
    """All that `Store` does with the sessions table."""

    _db: Database

    def create_session(
        self,
        *,
        left: str | None,
        right: str | None,
        created: datetime,
        title: str = "",
        confidential: bool = False,
        system_prompt: str = "",
        parent_id: str | None = None,
        parent_turn_id: int | None = None,
    ) -> Session:
        """Begin a conversation; in a vault, or as a fork of a confidential one, it is confidential whatever is asked.

        Raises `NotFound` for an unknown parent, `FileGone`.
        """
        session_id = new_id(created)
        born = rows.time_text(created)
        confidential = confidential or self._db.encrypted
        with self._db.transaction():
            if parent_id is not None:
                confidential = self.session(parent_id).confidential or confidential
            self._db.write(
                "INSERT INTO sessions (id, title, created, updated, left_model, right_model, confidential_since,"
                " system_prompt, parent_id, parent_turn_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    session_id,
                    title,
                    born,
                    born,
                    left,
                    right,
                    born if confidential else None,
                    system_prompt,
                    parent_id,
                    parent_turn_id,
                ),
            )
        return self.session(session_id)

    def session(self, session_id: str) -> Session:
        """One session by its whole id. Raises `NotFound`."""
        row = self._db.row("SELECT * FROM sessions WHERE id = ?", (session_id,))
        if row is None:
            raise _no_session(session_id)
        return rows.session(row)

    def find_session(self, prefix: str) -> Session:
        """The session whose id begins so, in either case; deleted ones aside. Raises `NotFound`, `Ambiguous`."""
        start = prefix.strip().upper()
        found = self._db.rows(
            "SELECT * FROM sessions WHERE id >= ?1 AND id < ?1 || ?2 AND deleted_at IS NULL LIMIT 2",
            (start, _AFTER_ANY_ID),
        )
        if not start or not found:
            raise _no_session(prefix)
        if len(found) > 1:
            raise Ambiguous(f"More than one session begins with {prefix}. Write more of its id.")
        return rows.session(found[0])

    def latest_session(self) -> Session | None:
        """The session that was used last, deleted ones aside; None if there is none."""
        row = self._db.row("SELECT * FROM sessions WHERE deleted_at IS NULL ORDER BY updated DESC, id DESC LIMIT 1")
        return None if row is None else rows.session(row)

    def sessions(
        self, *, limit: int = 200, offset: int = 0, confidential: bool | None = None, text: str = ""
    ) -> list[SessionSummary]:
        """One page of the list, last used first, deleted ones aside.

        `text` must occur in the title, in any case. The page is found in an index that holds the titles; only its
        own rows and their totals are read.
        """
        conditions, parameters = ["deleted_at IS NULL"], list[Value]()
        if confidential is not None:
            conditions.append(f"confidential_since IS {'NOT ' if confidential else ''}NULL")
        if text:
            conditions.append("instr(casefold(title), ?) > 0")
            parameters.append(text.casefold())
        page = self._db.rows(
            f"SELECT * FROM sessions WHERE rowid IN (SELECT rowid FROM sessions WHERE {' AND '.join(conditions)}"  # noqa: S608 - fixed words
            " ORDER BY updated DESC, id DESC LIMIT ? OFFSET ?) ORDER BY updated DESC, id DESC",
            (*parameters, limit, offset),
        )
        return [self._summary(rows.session(row)) for row in page]

    def summary(self, session_id: str) -> SessionSummary:
        """One session with its totals. Raises `NotFound`."""
        return self._summary(self.session(session_id))

    def session_count(self) -> int:
        """How many sessions there are, deleted ones aside."""
        return self._db.number("SELECT count(*) FROM sessions WHERE deleted_at IS NULL")

    def rename_session(self, session_id: str, title: str) -> None:
        """Give a session another title; its place in the list stays. Raises `NotFound`."""
        self._change(session_id, "title = ?", (title,))

    def set_pair(self, session_id: str, left: str | None, right: str | None) -> None:
        """Choose the two models; None switches a side off. Raises `NotFound`."""
        self._change(session_id, "left_model = ?, right_model = ?", (left, right))

    def save_draft(self, session_id: str, text: str) -> None:
        """Keep what stands in the prompt box. Raises `NotFound`."""
        self._change(session_id, "draft = ?", (text,))

    def mark_confidential(self, session_id: str, when: datetime) -> Session:
        """Let the latch fall; a session that is confidential already keeps its time. Raises `NotFound`.

        When this has returned, no process can record a new request of the session to the cloud.
        """
        self._change(session_id, "confidential_since = coalesce(confidential_since, ?)", (rows.time_text(when),))
        return self.session(session_id)

    def _change(self, session_id: str, assignments: str, values: tuple[Value, ...]) -> None:
        with self._db.transaction():
            changed = self._db.write(f"UPDATE sessions SET {assignments} WHERE id = ?", (*values, session_id))  # noqa: S608 - fixed words
            if not changed.rowcount:
                raise _no_session(session_id)

    def _summary(self, session: Session) -> SessionSummary:
        totals = self._db.rows(_TOTALS, (session.id,))[0]
        tags = self._db.rows("SELECT name FROM tags WHERE session_id = ? ORDER BY name", (session.id,))
        return SessionSummary(session, **dict(totals), tags=tuple(row["name"] for row in tags))


def new_id(born: datetime) -> str:
    """A ULID: 48 bits of milliseconds, 80 random ones, in Crockford's base 32 (https://github.com/ulid/spec)."""
    number = int(born.timestamp() * 1000) << 80 | secrets.randbits(80)
    return "".join(_CROCKFORD[number >> 5 * place & 31] for place in reversed(range(_ID_LENGTH)))


def _no_session(name: str) -> NotFound:
    return NotFound(f"There is no session {name}. `duologue sessions list` shows what there is.")
