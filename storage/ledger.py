"""The egress ledger: one row per request that any backend makes, committed before the first byte is sent."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from storage import rows
from storage.database import Database, Value
from storage.errors import Refused, gone
from storage.records import RequestRecord, RequestTotal

_INSERT = (
    "INSERT INTO requests (session_id, reply_id, opened, purpose, host, port, locality, level, by_your_word, verdict)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)

# A request that was never closed counts: the program died, and what it sent is not known to be nothing.
_CLOUD_TURNS = """
SELECT count(*) FROM (
  SELECT r.turn_id FROM turns t JOIN replies r ON r.turn_id = t.id
  WHERE t.session_id = ?1 AND r.locality = 'cloud'
  UNION
  SELECT r.turn_id FROM requests q JOIN replies r ON r.id = q.reply_id
  WHERE q.session_id = ?1 AND q.locality = 'cloud' AND (q.bytes_sent > 0 OR q.verdict = 'open')
  UNION
  SELECT r.turn_id FROM requests q JOIN replies r ON r.id = q.reply_id WHERE q.session_id = ?1 AND q.left_to <> ''
)
"""

_TOTALS = """
SELECT host, port, locality, verdict, by_your_word, left_to, count(*) AS requests,
       sum(bytes_sent) AS bytes_sent, sum(bytes_received) AS bytes_received
FROM requests {where} GROUP BY host, port, locality, verdict, by_your_word, left_to ORDER BY min(id)
"""

_ORDINARY = (
    "WHERE (session_id IS NULL OR session_id NOT IN (SELECT id FROM sessions WHERE confidential_since IS NOT NULL))"
)


class LedgerTable:
    """All that `Store` does with the ledger."""

    _db: Database

    def open_request(
        self,
        *,
        session_id: str | None,
        reply_id: int | None,
        opened: datetime,
        purpose: str,
        host: str,
        port: int,
        locality: str,
        level: str = "",
        by_your_word: bool = False,
    ) -> int:
        """Record that a request is about to be made; returns its id. Raises `NotFound` for a session that is gone.

        Raises `Refused` when the session is confidential and the place is neither this machine nor the user's
        network: then the attempt stands in the ledger as refused, and nothing may be sent.
        """
        values = (
            session_id,
            reply_id,
            rows.time_text(opened),
            purpose,
            host,
            port,
            locality,
            level,
            int(by_your_word),
        )
        try:
            with self._db.transaction():
                return self._insert(values, "open")
        except Refused:
            with self._db.transaction():
                refused = self._insert(values, "refused")
                self._db.write("UPDATE requests SET closed = opened WHERE id = ?", (refused,))
            raise

    def cloud_requests_under_way(self, session_id: str, since: datetime) -> int:
        """How many requests of the session to a cloud were opened since then and have not ended, in any program.

        After the latch has fallen no new one is opened; those that were may still send until they end.
        """
        return self._db.number(
            "SELECT count(*) FROM requests WHERE session_id = ? AND verdict = 'open' AND opened >= ?"
            " AND locality NOT IN ('this machine', 'your network')",
            (session_id, rows.time_text(since)),
        )

    def refuse_request(
        self,
        *,
        session_id: str | None,
        reply_id: int | None,
        when: datetime,
        purpose: str,
        host: str,
        port: int,
        locality: str,
        level: str = "",
        detail: str = "",
    ) -> None:
        """Record a request that was refused before anything was dialled."""
        values = (session_id, reply_id, rows.time_text(when), purpose, host, port, locality, level, 0)
        with self._db.transaction():
            refused = self._insert(values, "refused")
            self._db.write("UPDATE requests SET closed = opened, detail = ? WHERE id = ?", (detail, refused))

    def close_request(
        self,
        request_id: int,
        *,
        closed: datetime,
        verdict: str,
        peer: str | None,
        bytes_sent: int,
        bytes_received: int,
        detail: str = "",
        left_to: str = "",
    ) -> None:
        """Record how a request ended. Raises `NotFound`."""
        with self._db.transaction():
            changed = self._db.write(
                "UPDATE requests"
                " SET closed = ?, verdict = ?, peer = ?, bytes_sent = ?, bytes_received = ?, detail = ?, left_to = ?"
                " WHERE id = ?",
                (rows.time_text(closed), verdict, peer, bytes_sent, bytes_received, detail, left_to, request_id),
            )
            if not changed.rowcount:
                raise gone(f"The ledger's request {request_id}")

    def requests(self, session_id: str | None = None, *, limit: int | None = None) -> list[RequestRecord]:
        """The ledger of one session, or the whole one; oldest first. `limit` gives the newest ones only."""
        where = self._where(session_id)
        page = self._db.rows(
            f"SELECT * FROM requests {where} ORDER BY id DESC LIMIT ?",  # noqa: S608 - fixed words
            (*_of(session_id), -1 if limit is None else limit),
        )
        return [_request(row) for row in reversed(page)]

    def request_page(self, session_id: str | None, first: int, count: int) -> list[RequestRecord]:
        """A run of the same ledger, oldest first; `first` counts from 0. Rows that come later do not move it."""
        where = self._where(session_id)
        page = self._db.rows(
            f"SELECT * FROM requests {where} ORDER BY id LIMIT ? OFFSET ?",  # noqa: S608 - fixed words
            (*_of(session_id), count, first),
        )
        return [_request(row) for row in page]

    def request_totals(self, session_id: str | None = None) -> list[RequestTotal]:
        """The same ledger added up, by address, locality and how requests ended; first used first."""
        where = self._where(session_id)
        found = self._db.rows(_TOTALS.format(where=where), _of(session_id))
        return [RequestTotal(**{**dict(row), "by_your_word": bool(row["by_your_word"])}) for row in found]

    def cloud_turns(self, session_id: str) -> int:
        """Of how many turns something was sent to a cloud, or may have been."""
        return self._db.number(_CLOUD_TURNS, (session_id,))

    def _where(self, session_id: str | None) -> str:
        """Rows of a session, or all that are shown here: those of one that waits for the vault go there too."""
        if session_id is not None:
            return "WHERE session_id = ?"
        return "" if self._db.holds_confidential else _ORDINARY

    def _insert(self, values: tuple[Value, ...], verdict: str) -> int:
        session_id = values[0]
        if session_id and self._db.row("SELECT 1 FROM sessions WHERE id = ?", (session_id,)) is None:
            raise gone("This session")
        cursor = self._db.write(_INSERT, (*values, verdict))
        assert cursor.lastrowid is not None  # noqa: S101 - an INSERT of one row always has one
        return cursor.lastrowid


def _request(row: sqlite3.Row) -> RequestRecord:
    return RequestRecord(
        id=row["id"],
        session_id=row["session_id"],
        reply_id=row["reply_id"],
        opened=rows.time(row["opened"]),
        purpose=row["purpose"],
        host=row["host"],
        port=row["port"],
        peer=row["peer"],
        locality=row["locality"],
        verdict=row["verdict"],
        bytes_sent=row["bytes_sent"],
        bytes_received=row["bytes_received"],
        closed=rows.optional_time(row["closed"]),
        detail=row["detail"],
        level=row["level"],
        by_your_word=bool(row["by_your_word"]),
        left_to=row["left_to"],
    )


def _of(session_id: str | None) -> tuple[Value, ...]:
    return () if session_id is None else (session_id,)
