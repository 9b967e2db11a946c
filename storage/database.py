"""One SQLite connection: how it is opened, how a transaction is made, how its errors are told.

Every connection is set the same way, for reasons measured on real crashes and full disks:

- WAL with `synchronous=FULL`: a commit that returned survives a power cut. Where the file system has no shared
  memory, SQLite silently answers `delete`; there FULL lost 15 of 150 acknowledged commits in simulated power cuts,
  EXTRA none.
- Writes begin with BEGIN IMMEDIATE: a transaction that reads first and then writes would fail at once with "database
  is locked", whatever the timeout, when another process writes in between.
- `secure_delete`: deleted text is overwritten; `temp_store=MEMORY`: sorting never spills text into a file.
- `trusted_schema` off: a file from elsewhere cannot run functions from its schema.

With a key the same file is an SQLCipher one (`storage/cipher.py`), and nothing else differs.

Text is made storable here, in one place: SQLite refuses lone surrogates, and a whole answer would be lost with one.
"""

from __future__ import annotations

import re
import secrets
import sqlite3
import time
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from storage import cipher, files
from storage.errors import Corrupt, NotFound, StoreError, file_gone, translate, wrong_key

if TYPE_CHECKING:
    from storage.vault_key import VaultKey

Value = str | int | float | bytes | None

PATIENCE = 5.0
"""Seconds to wait for another program's lock."""
_CACHED_STATEMENTS = 256
_INT64 = 2**63
_SURROGATES = re.compile("[\ud800-\udfff]")


class Database:
    """A connection to one file, or to a database in memory that ends with its last connection."""

    def __init__(
        self,
        address: str,
        path: Path | None,
        *,
        read_only: bool,
        patience: float,
        any_thread: bool,
        key: VaultKey | None = None,
    ) -> None:
        """Connect to `address`, an SQLite URI; with a key, to an encrypted file. Raises `StoreError`."""
        self.path = path
        self.read_only = read_only
        self._address = address
        self._patience = patience
        self._key = key
        self._errors = (sqlite3.Error,) if key is None else cipher.errors()
        with self._translated():
            self._connection = self._connected(any_thread=any_thread)
        try:
            self._set_up()
        except BaseException:
            self.close()
            raise
        self._identity = files.identity(path) if path else None

    @classmethod
    def in_memory(cls, content: bytes = b"") -> Database:
        """A database of this process alone; no byte of it reaches a file. It begins with `content`.

        SQLite's memdb, and not its shared cache: there, readers and the writer meet as "table is locked", for which
        no timeout is waited. https://www.sqlite.org/src/file/src/memdb.c
        """
        address = f"file:/duologue-{secrets.token_hex(8)}?vfs=memdb"
        database = cls(address, None, read_only=False, patience=PATIENCE, any_thread=False)
        if content:
            try:
                database._take(content)
            except BaseException:
                database.close()
                raise
        return database

    @classmethod
    def for_writing(cls, path: Path, *, patience: float = PATIENCE, key: VaultKey | None = None) -> Database:
        """Connect to a file that exists (see `files.prepare`)."""
        # mode=rw: a file that vanished meanwhile is not made anew with SQLite's 0644.
        return cls(f"{path.as_uri()}?mode=rw", path, read_only=False, patience=patience, any_thread=False, key=key)

    @classmethod
    def for_reading(cls, path: Path, *, patience: float = PATIENCE, key: VaultKey | None = None) -> Database:
        """Connect to a file without ever changing it; also where the folder cannot be written."""
        if not path.is_file():
            raise NotFound(f"There is no {path} yet. Start the program once, or choose another folder.")
        address = f"{path.as_uri()}?mode=ro"
        try:
            return cls(address, path, read_only=True, patience=patience, any_thread=False, key=key)
        except StoreError:
            # A WAL database needs its -shm file even to be read; where that cannot be made (read-only folder), only
            # `immutable` reads. Nobody can write there either, so what is read stays true; but it passes over a
            # write-ahead log, without which a file that a killed program left may be half of the old and the new.
            if files.shared_memory(path).exists() or files.wal(path).exists():
                raise
            return cls(f"{address}&immutable=1", path, read_only=True, patience=patience, any_thread=False, key=key)

    def another(self, *, patience: float) -> Database:
        """A read-only connection to the same database; any thread may close it."""
        if self.path is None:
            return Database(self._address, None, read_only=True, patience=patience, any_thread=True)
        address = self._address.replace("?mode=rw", "?mode=ro")
        return Database(address, self.path, read_only=True, patience=patience, any_thread=True, key=self._key)

    @property
    def encrypted(self) -> bool:
        """True for a vault."""
        return self._key is not None

    @property
    def holds_confidential(self) -> bool:
        """False for an ordinary file: a confidential session in it only waits to be moved into the vault."""
        return self.encrypted or self.path is None

    @property
    def place(self) -> str:
        """Where the database is, for people."""
        return str(self.path) if self.path else "memory"

    @property
    def connection(self) -> sqlite3.Connection:
        """The bare connection, for migrations."""
        return self._connection

    def content(self) -> bytes:
        """The whole database as the bytes that its file would have, for `in_memory`."""
        with self._translated():
            return self._connection.serialize()

    def close(self) -> None:
        """Close the connection. Safe to call twice."""
        self._connection.close()

    def interrupt(self) -> None:
        """End the query that another thread runs on this connection, if any; it raises SQLITE_INTERRUPT there."""
        self._connection.interrupt()

    def use_wal(self) -> None:
        """Choose how commits reach the disk; done by the writer alone, once it is known that the file is ours."""
        mode = self._switch_journal("wal" if self.path else "memory")
        self._set("synchronous", "FULL" if mode == "wal" else "EXTRA")

    def shorten_log(self) -> None:
        """Keep the write-ahead log as small as one transaction."""
        self._set("wal_autocheckpoint", "1")

    def empty_log(self) -> bool:
        """Move the write-ahead log into the file and cut it; False, at once, while others read or write."""
        self._set("busy_timeout", "0")
        try:
            return not self.rows("PRAGMA wal_checkpoint(TRUNCATE)")[0][0]
        finally:
            self._set("busy_timeout", str(int(self._patience * 1000)))

    def rows(self, statement: str, parameters: Sequence[Value] = ()) -> list[sqlite3.Row]:
        """All rows of a query."""
        with self._translated():
            return self._connection.execute(statement, _storable_all(parameters)).fetchall()

    def each(self, statement: str, parameters: Sequence[Value] = ()) -> Generator[sqlite3.Row, None, None]:
        """The rows of a query one by one, for a reader that may stop early; close it then."""
        with self._translated(), closing(self._connection.execute(statement, _storable_all(parameters))) as cursor:
            yield from cursor

    def row(self, statement: str, parameters: Sequence[Value] = ()) -> sqlite3.Row | None:
        """The only or first row of a query, or None."""
        rows = self.rows(statement, parameters)
        return rows[0] if rows else None

    def number(self, statement: str, parameters: Sequence[Value] = ()) -> int:
        """The one integer that a query gives."""
        return int(self.rows(statement, parameters)[0][0])

    def write(self, statement: str, parameters: Sequence[Value] = ()) -> sqlite3.Cursor:
        """Run one statement inside a transaction; the cursor tells `lastrowid` and `rowcount`."""
        with self._translated():
            return self._connection.execute(statement, _storable_all(parameters))

    def write_many(self, statement: str, rows: Iterable[Sequence[Value]]) -> None:
        """Run one statement for many rows inside a transaction."""
        with self._translated():
            self._connection.executemany(statement, map(_storable_all, rows))

    @contextmanager
    def transaction(self) -> Generator[None, None, None]:
        """All or nothing; holds the write lock from its beginning.

        Raises `FileGone` when the name means another file or none: SQLite would go on writing into nothing.
        """
        with self._translated():
            self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._check_place()
            yield
            with self._translated():
                self._connection.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise

    @contextmanager
    def snapshot(self) -> Generator[None, None, None]:
        """What is read inside is of one moment, whatever others write meanwhile."""
        with self._translated():
            self._connection.execute("BEGIN")
        try:
            yield
        finally:
            self._roll_back()

    def prove_writable(self) -> None:
        """Raise `ReadOnly` where nothing can be written.

        SQLite opens a file without write permission all the same, and even begins a transaction for writing.
        """
        version = self.number("PRAGMA user_version")
        with self._translated():
            self._connection.execute("BEGIN IMMEDIATE")
        try:
            self.write(f"PRAGMA user_version={version}")  # never committed
        finally:
            self._roll_back()

    def _take(self, content: bytes) -> None:
        # By way of another connection: deserialize() would part this one from the memory that `another` shares.
        with self._translated(), closing(sqlite3.connect(":memory:")) as given:
            given.deserialize(content)
            given.backup(self._connection)

    def _check_place(self) -> None:
        if self.path is not None and files.identity(self.path) != self._identity:
            raise file_gone(self.place)

    def _roll_back(self) -> None:
        # A full disk or an I/O error has often ended the transaction already.
        if self._connection.in_transaction:
            with self._translated():
                self._connection.execute("ROLLBACK")

    @contextmanager
    def _translated(self) -> Generator[None, None, None]:
        try:
            yield
        except self._errors as error:
            known = error if isinstance(error, sqlite3.Error) else cipher.as_sqlite_error(error)
            ours = translate(known, self.place)
            if ours is error:
                raise
            raise ours from error

    def _connected(self, *, any_thread: bool) -> sqlite3.Connection:
        if self._key is not None:
            return cipher.connect(
                self._address,
                self._key,
                patience=self._patience,
                any_thread=any_thread,
                cached=_CACHED_STATEMENTS,
            )
        connection = sqlite3.connect(
            self._address,
            uri=True,
            timeout=self._patience,
            isolation_level=None,
            check_same_thread=not any_thread,
            cached_statements=_CACHED_STATEMENTS,
        )
        connection.row_factory = sqlite3.Row
        return connection

    def _set_up(self) -> None:
        # Python's, because SQLite's own `lower` knows ASCII only.
        self._connection.create_function("casefold", 1, str.casefold, deterministic=True)
        self._set("trusted_schema", "OFF")
        self._set("foreign_keys", "ON")
        self._set("temp_store", "MEMORY")
        if self.read_only:
            self._set("query_only", "ON")
        else:
            self._set("secure_delete", "ON")
            # macOS: without these a flushed disk is not flushed. They do nothing elsewhere.
            self._set("fullfsync", "ON")
            self._set("checkpoint_fullfsync", "ON")
        try:
            self.number("SELECT count(*) FROM sqlite_schema")  # now, not later, if this is no database
        except Corrupt as problem:
            if not self.encrypted:
                raise
            # A file that was written with another key looks like a damaged one; the two cannot be told apart.
            raise wrong_key(self.place) from problem

    def _set(self, pragma: str, value: str) -> None:
        with self._translated():
            self._connection.execute(f"PRAGMA {pragma}={value}").fetchall()

    def _switch_journal(self, mode: str) -> str:
        """Ask for a journal mode, and say which one it is.

        The switch needs the file for itself and does not wait: of two programs that start at once, one may be
        turned away.
        """
        deadline = time.monotonic() + self._patience
        while True:
            try:
                with self._translated():
                    return str(self._connection.execute(f"PRAGMA journal_mode={mode}").fetchone()[0])
            except StoreError:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(0.02)


def _storable_all(values: Sequence[Value]) -> tuple[Value, ...]:
    return tuple(map(storable, values))


def storable(value: Value) -> Value:
    """The value as SQLite takes it: surrogate pairs joined, lone ones U+FFFD, integers beyond 64 bits unknown.

    Everything else, NUL included, is kept as it is.
    """
    if isinstance(value, str):
        return _without_surrogates(value)
    if isinstance(value, int) and not -_INT64 <= value < _INT64:
        return None  # a count that no server can mean
    return value


def _without_surrogates(text: str) -> str:
    if text.isascii() or not _SURROGATES.search(text):
        return text
    # Two escapes that came as separate characters (an emoji in JSON, cut in half) make one; the rest is replaced.
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
