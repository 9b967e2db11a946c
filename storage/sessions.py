"""The sessions table: making, finding, listing and changing conversations, without their turns.

A confidential session in an ordinary file waits to be moved into the vault. There it is not listed, counted or found;
only whoever has its whole id reaches it.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection
from datetime import date, datetime, time

from storage import rows
from storage.database import Database, Value
from storage.errors import Ambiguous, NotFound, gone, in_vault
from storage.records import Session, SessionSummary
from storage.session_filter import EVERYTHING, Order, SessionFilter

MOST_WORDS = 24
"""Of a filter; more is a paste, and its beginning is looked for."""
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


_COST_OF = "(SELECT sum(r.cost_usd) FROM turns t JOIN replies r ON r.turn_id = t.id WHERE t.session_id = s.id)"
_ORDERS = {
    Order.NEWEST: "s.updated DESC, s.id DESC",
    Order.OLDEST: "s.updated, s.id",
    Order.TITLE: "casefold(s.title), s.id",
    Order.COST: f"{_COST_OF} DESC, s.id DESC",
    Order.TURNS: "(SELECT count(*) FROM turns t WHERE t.session_id = s.id) DESC, s.id DESC",
}
ORDINARY = "s.confidential_since IS NULL"
"""What a session `s` must meet to be shown in an ordinary file, as SQL."""
_SHELVES = {
    "list": "s.deleted_at IS NULL AND s.archived_at IS NULL",
    "archive": "s.deleted_at IS NULL AND s.archived_at IS NOT NULL",
    "bin": "s.deleted_at IS NOT NULL",
}
# From the few such answers to their sessions, not from each session through all its answers.
_UNHAPPY = (
    "s.id IN (SELECT t.session_id FROM replies r CROSS JOIN turns t ON t.id = r.turn_id"
    " WHERE r.outcome IN ('stopped', 'failed', 'interrupted'))"
)
_TURN_OF = "EXISTS (SELECT 1 FROM turns t WHERE t.session_id = s.id AND {})"


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
            raise gone(f"Session {session_id}")
        return rows.session(row)

    def find_session(self, prefix: str) -> Session:
        """The session whose id begins so, in either case; deleted ones aside.

        Raises `NotFound`, `InVault` for a confidential one in an ordinary file, `Ambiguous`.
        """
        start = prefix.strip().upper()
        found = self._db.rows(
            "SELECT * FROM sessions WHERE id >= ?1 AND id < ?1 || ?2 AND deleted_at IS NULL LIMIT 2",
            (start, _AFTER_ANY_ID),
        )
        if not start or not found:
            raise _no_session(prefix, is_vault=self._db.holds_confidential)
        if len(found) > 1:
            raise Ambiguous(f"More than one session begins with {prefix}. Write more of its id.")
        session = rows.session(found[0])
        if session.confidential and not self._db.holds_confidential:
            raise in_vault(session.id)
        return session

    def latest_session(self) -> Session | None:
        """The session that was used last, deleted ones aside; None if there is none."""
        row = self._db.row(
            f"SELECT * FROM sessions s WHERE deleted_at IS NULL AND {self._listed}"  # noqa: S608 - fixed words
            " ORDER BY updated DESC, id DESC LIMIT 1"
        )
        return None if row is None else rows.session(row)

    def sessions(
        self,
        *,
        limit: int = 200,
        offset: int = 0,
        wanted: SessionFilter = EVERYTHING,
        said_in: Collection[str] = (),
    ) -> list[SessionSummary]:
        """One page of the list, last used first unless another order is wanted.

        The words of `wanted` must all occur in the title, in any case, or the session be one of `said_in`: those in
        which a search has found them. An ordinary page is found in an index that holds the titles; only its own rows
        and their totals are read. Other filters and orders read more of the sessions, but no text.
        """
        conditions, parameters = _conditions(wanted, said_in, self._listed)
        order = _ORDERS[wanted.order]
        page = self._db.rows(
            f"SELECT * FROM sessions s WHERE rowid IN (SELECT rowid FROM sessions s WHERE {conditions}"  # noqa: S608 - fixed words
            f" ORDER BY {order} LIMIT ? OFFSET ?) ORDER BY {order}",
            (*parameters, limit, offset),
        )
        return [self._summary(rows.session(row)) for row in page]

    def count_sessions(self, wanted: SessionFilter, said_in: Collection[str] = ()) -> int:
        """How many sessions `sessions` would list on all pages."""
        conditions, parameters = _conditions(wanted, said_in, self._listed)
        return self._db.number(f"SELECT count(*) FROM sessions s WHERE {conditions}", parameters)  # noqa: S608 - fixed words

    def summary(self, session_id: str) -> SessionSummary:
        """One session with its totals. Raises `NotFound`."""
        return self._summary(self.session(session_id))

    def session_count(self) -> int:
        """How many sessions there are, without those in the bin and those put away."""
        return self._db.number(
            f"SELECT count(*) FROM sessions s WHERE deleted_at IS NULL AND archived_at IS NULL AND {self._listed}"  # noqa: S608 - fixed words
        )

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

    def sessions_to_move(self) -> list[str]:
        """Ids of the confidential sessions in an ordinary file, oldest first: they belong into the vault."""
        return [row["id"] for row in self._db.rows("SELECT id FROM sessions WHERE confidential_since IS NOT NULL")]

    @property
    def _listed(self) -> str:
        """What a session `s` must meet to be shown here, as SQL."""
        return "TRUE" if self._db.holds_confidential else ORDINARY

    def _change(self, session_id: str, assignments: str, values: tuple[Value, ...]) -> None:
        with self._db.transaction():
            changed = self._db.write(f"UPDATE sessions SET {assignments} WHERE id = ?", (*values, session_id))  # noqa: S608 - fixed words
            if not changed.rowcount:
                raise gone(f"Session {session_id}")

    def _summary(self, session: Session) -> SessionSummary:
        totals = self._db.rows(_TOTALS, (session.id,))[0]
        tags = self._db.rows("SELECT name FROM tags WHERE session_id = ? ORDER BY name", (session.id,))
        return SessionSummary(session, **dict(totals), tags=tuple(row["name"] for row in tags))


def _conditions(wanted: SessionFilter, said_in: Collection[str], listed: str) -> tuple[str, list[Value]]:
    """What a session `s` must meet, as SQL and its parameters."""
    conditions, parameters = [_SHELVES[wanted.shelf], listed], list[Value]()

    def must(condition: str, *values: Value) -> None:
        conditions.append(condition)
        parameters.extend(values)

    if wanted.confidential is not None:
        must(f"s.confidential_since IS {'NOT ' if wanted.confidential else ''}NULL")
    if words := wanted.words.casefold().split()[:MOST_WORDS]:
        in_title = " AND ".join(["instr(casefold(s.title), ?) > 0"] * len(words))
        spoken = "s.id IN (SELECT value FROM json_each(?))"
        must(f"({in_title} OR {spoken})", *words, json.dumps(sorted(said_in)))
    for tag in wanted.tags:
        must("EXISTS (SELECT 1 FROM tags g WHERE g.session_id = s.id AND g.name = ?)", tag)
    for columns, part in (("left", wanted.left), ("right", wanted.right)):
        if part:
            must(f"instr(casefold(coalesce(s.{columns}_model, '')), ?) > 0", part.casefold())
    if wanted.model:
        must(
            "instr(casefold(coalesce(s.left_model, '') || ' ' || coalesce(s.right_model, '')), ?) > 0",
            wanted.model.casefold(),
        )
    if wanted.starred:
        must("s.starred")
    if wanted.imported:
        must("s.origin <> ''")
    if wanted.unfinished:
        must(_UNHAPPY)
    if wanted.attachment:
        must(_TURN_OF.format("EXISTS (SELECT 1 FROM attachments a WHERE a.turn_id = t.id)"))
    if wanted.note:
        must(_TURN_OF.format("t.note <> ''"))
    if wanted.voted:
        must(_TURN_OF.format("EXISTS (SELECT 1 FROM votes v WHERE v.turn_id = t.id)"))
    if wanted.vote is not None:
        must(_TURN_OF.format("EXISTS (SELECT 1 FROM votes v WHERE v.turn_id = t.id AND v.choice = ?)"), wanted.vote)
    if wanted.since is not None:
        must("s.updated >= ?", _midnight(wanted.since))
    if wanted.before is not None:
        must("s.created < ?", _midnight(wanted.before))
    if wanted.min_cost is not None:
        must(f"{_COST_OF} >= ?", wanted.min_cost)
    if wanted.max_cost is not None:
        must(f"{_COST_OF} <= ?", wanted.max_cost)
    return " AND ".join(conditions), parameters


def _midnight(day: date) -> str:
    """The day's beginning where the program runs."""
    return rows.time_text(datetime.combine(day, time()).astimezone())


def new_id(born: datetime) -> str:
    """A ULID: 48 bits of milliseconds, 80 random ones, in Crockford's base 32 (https://github.com/ulid/spec)."""
    return id_from(born, secrets.randbits(80))


def id_from(born: datetime, bits: int) -> str:
    """The same with 80 bits of the caller's; a time before 1970 counts as 1970."""
    number = max(0, int(born.timestamp() * 1000)) % (1 << 48) << 80 | bits
    return "".join(_CROCKFORD[number >> 5 * place & 31] for place in reversed(range(_ID_LENGTH)))


def _no_session(name: str, *, is_vault: bool) -> NotFound:
    listed = f"There is no session {name}. `duologue sessions list` shows what there is."
    elsewhere = f" A confidential one is opened with: duologue --confidential --session {name}"
    return NotFound(listed if is_vault else listed + elsewhere)
