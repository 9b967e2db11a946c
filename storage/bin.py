"""The bin: where deleted sessions wait until somebody empties it.

A session in the bin is whole; it is only left out of lists and search. Emptying takes what had been deleted by the
time it was asked for, so what another program restores or deletes meanwhile is not lost with it.
"""

from __future__ import annotations

from datetime import datetime

from storage import rows
from storage.database import Database
from storage.errors import Ambiguous, NotFound, in_vault
from storage.records import Session

_KINDS = {
    None: "",
    True: " AND confidential_since IS NOT NULL",
    False: " AND confidential_since IS NULL",
}


class BinTable:
    """All that `Store` does with deleted sessions."""

    _db: Database

    def delete_session(self, session_id: str, when: datetime) -> None:
        """Put a session into the bin; one that is there already keeps its time. Raises `NotFound`."""
        with self._db.transaction():
            changed = self._db.write(
                "UPDATE sessions SET deleted_at = coalesce(deleted_at, ?) WHERE id = ?",
                (rows.time_text(when), session_id),
            )
            if not changed.rowcount:
                raise _gone(session_id)

    def restore_session(self, session_id: str) -> None:
        """Take a session out of the bin. Raises `NotFound` once the bin was emptied."""
        with self._db.transaction():
            if not self._db.write("UPDATE sessions SET deleted_at = NULL WHERE id = ?", (session_id,)).rowcount:
                raise _gone(session_id)

    def bin_count(self, confidential: bool | None = None) -> int:
        """How many sessions are in the bin; with `confidential` of that kind only."""
        shown = self._shown(confidential)
        return self._db.number(f"SELECT count(*) FROM sessions WHERE deleted_at IS NOT NULL{shown}")  # noqa: S608 - fixed words

    def find_deleted_session(self, prefix: str) -> Session:
        """The session in the bin whose id begins so, in either case. Raises as `find_session` does."""
        found = self._db.rows(
            "SELECT * FROM sessions WHERE substr(id, 1, length(?1)) = ?1 AND deleted_at IS NOT NULL LIMIT 2",
            (prefix.strip().upper(),),
        )
        if not prefix.strip() or not found:
            raise NotFound(f"No session in the bin begins with {prefix}. `duologue sessions list --bin` shows it.")
        if len(found) > 1:
            raise Ambiguous(f"More than one session in the bin begins with {prefix}. Write more of its id.")
        session = rows.session(found[0])
        if session.confidential and not self._db.holds_confidential:
            raise in_vault(session.id)
        return session

    def empty_bin(self, until: datetime, confidential: bool | None = None) -> int:
        """Delete for good what was put into the bin up to that time; tell how many sessions that were.

        With `confidential` sessions of that kind only.

        No byte of them is left in the tables. The search index forgets their words in its own time
        (`index_step`), and the write-ahead log when it is next moved into the file. A confidential session in an
        ordinary file is not seen there, so it is left to the vault's bin.
        """
        with self._db.transaction():
            return self._db.write(
                f"DELETE FROM sessions WHERE deleted_at <= ?{self._shown(confidential)}",  # noqa: S608 - fixed words
                (rows.time_text(until),),
            ).rowcount

    def _shown(self, confidential: bool | None) -> str:
        return _KINDS[confidential] + ("" if self._db.holds_confidential else _KINDS[False])


def _gone(session_id: str) -> NotFound:
    return NotFound(f"There is no session {session_id} any more: the bin was emptied.")
