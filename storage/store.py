"""All that can be asked of saved conversations, synchronously, over one connection.

Every method is one transaction: it happens wholly or not at all, and raises `StoreError`. The tables' methods live
in `sessions`, `turns`, `forks`, `marks`, `bin`, `attachments`, `ledger`, `search`, `finding` and `whole`; opening,
and what a doctor asks, live here. In the app a `StoreThread` owns the store that writes; the command line may use one
directly.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from storage import files, migrations
from storage.attachments import AttachmentsTable
from storage.bin import BinTable
from storage.database import PATIENCE, Database
from storage.errors import ReadOnly, StoreError, translate
from storage.finding import FindingTable
from storage.forks import ForksTable
from storage.ledger import LedgerTable
from storage.marks import MarksTable
from storage.owners import Owner
from storage.search import SearchTable
from storage.sessions import SessionsTable
from storage.turns import TurnsTable
from storage.whole import WholeTable

if TYPE_CHECKING:
    from storage.vault_key import VaultKey

_READER_PATIENCE = 1.0
"""Seconds; short because a reader beside the writer is used where waiting would be seen."""


class Store(
    SessionsTable,
    TurnsTable,
    MarksTable,
    BinTable,
    AttachmentsTable,
    LedgerTable,
    SearchTable,
    FindingTable,
    ForksTable,
    WholeTable,
):
    """Saved conversations in a file or in memory."""

    def __init__(self, database: Database, owner: Owner | None = None) -> None:
        """Use `open` instead."""
        self._db = database
        self._owner = owner
        self._owner_name = owner.name if owner else ""

    @classmethod
    def open(
        cls,
        path: Path | None,
        *,
        key: VaultKey | None = None,
        read_only: bool = False,
        patience: float = PATIENCE,
        content: bytes = b"",
    ) -> Store:
        """Open the file, making or updating it as needed; None means in memory, and gone when closed.

        In memory it begins with `content`, which `in_memory_content` of another store gave.

        With a `key` the file is a vault: encrypted, and every session in it confidential. Raises `WrongKey`.
        `patience` is how many seconds to wait for another program's lock. With `read_only` nothing is made, migrated
        or locked. Raises `StoreError`; nothing is ever deleted or repaired here.
        """
        if path is None:
            return cls._in_memory(content)
        path = path.resolve()
        if read_only:
            return cls._for_reading(path, patience, key)
        try:
            return cls._for_writing(path, patience, key)
        except OSError as error:
            raise translate(error, str(path)) from error

    @classmethod
    def _in_memory(cls, content: bytes) -> Store:
        database = Database.in_memory(content)
        database.use_wal()
        migrations.migrate(database)
        return cls(database)

    @classmethod
    def _for_reading(cls, path: Path, patience: float, key: VaultKey | None) -> Store:
        database = Database.for_reading(path, patience=patience, key=key)
        try:
            _require_current(database)
        except BaseException:
            database.close()
            raise
        return cls(database)

    @classmethod
    def _for_writing(cls, path: Path, patience: float, key: VaultKey | None) -> Store:
        is_new = files.prepare(path)
        if not is_new:
            _look(path, patience, key)
        database = Database.for_writing(path, patience=patience, key=key)
        owner: Owner | None = None
        try:
            database.prove_writable()
            owner = Owner(path)
            database.use_wal()
            migrations.migrate(database)
            if is_new:
                files.sync_folder(path.parent)
            if not files.fill_reserve(path):
                database.shorten_log()
        except BaseException:
            database.close()
            if owner:
                owner.release()
            raise
        return cls(database, owner)

    def another(self) -> Store:
        """A second, read-only connection to the same conversations, for the thread that calls this.

        May be called and closed on any thread.
        """
        return Store(self._db.another(patience=_READER_PATIENCE))

    def close(self) -> None:
        """Close the connection. Safe to call twice."""
        self._db.close()
        if self._owner:
            self._owner.release()

    @property
    def database(self) -> Database:
        """The connection, for a backup and for what spans two stores."""
        return self._db

    @property
    def path(self) -> Path | None:
        """The file, symbolic links resolved; None in memory."""
        return self._db.path

    @property
    def is_vault(self) -> bool:
        """True where everything is encrypted and every session confidential."""
        return self._db.encrypted

    def in_memory_content(self) -> bytes:
        """All of a store that is in memory, for `open` in another process."""
        if self._db.path is not None:
            raise ValueError("what has a file is read from there")
        return self._db.content()

    def save_room(self) -> None:
        """Move the write-ahead log into the file, and from now on after every commit. Raises `DiskFull`, `Locked`.

        For a full disk: a prompt takes 44 KB of log for 4 KB or less of file, and a log that has taken the last room
        cannot even be moved into the file.
        """
        self._db.shorten_log()
        self._db.rows("PRAGMA wal_checkpoint(TRUNCATE)")

    def schema_version(self) -> int:
        """The number of the last migration that the file has had."""
        return self._db.number("PRAGMA user_version")

    def size_bytes(self) -> int:
        """The size of the database without its write-ahead log."""
        return self._db.number("PRAGMA page_count") * self._db.number("PRAGMA page_size")

    def journal_mode(self) -> str:
        """ "wal" where the file system can; "delete" is slower and as safe; "memory" in memory."""
        return str(self._db.rows("PRAGMA journal_mode")[0][0])

    def problems(self, *, thorough: bool = False) -> list[str]:
        """What SQLite finds wrong with the file; empty when all is well. Reads the whole file: 0.4 s for 60 MB.

        `thorough` also compares every index with its table.
        """
        check = "integrity_check" if thorough else "quick_check"
        found = [str(row[0]) for row in self._db.rows(f"PRAGMA {check}")]
        dangling = [
            f"{row['table']} {row['rowid']} lacks its {row['parent']}"
            for row in self._db.rows("PRAGMA foreign_key_check")
        ]
        return [*(line for line in found if line != "ok"), *dangling]

    def living_owners(self) -> frozenset[str]:
        """The names of all programs that have the conversations open for writing, this one included."""
        return self._owner.living() if self._owner else frozenset({self._owner_name})


def _look(path: Path, patience: float, key: VaultKey | None) -> None:
    """Refuse a newer, damaged or foreign file before anything could change it.

    On a connection that cannot write: closing a writing one would fold the write-ahead log into the file.
    """
    database = Database.for_reading(path, patience=patience, key=key)
    try:
        migrations.version(database)
    finally:
        database.close()


def _require_current(database: Database) -> None:
    if migrations.version(database) == len(migrations.STEPS):
        return
    if database.number("SELECT count(*) FROM sqlite_schema") == 0:
        raise StoreError(f"{database.place} holds no conversations yet. Start the program once.")
    raise ReadOnly(
        f"{database.place} was written by an earlier version and cannot be updated while it is only read. "
        "Make it writable and start the program once."
    )
