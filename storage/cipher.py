"""The one door to SQLCipher, which is SQLite with every page encrypted and authenticated (AES-256, HMAC-SHA512).

`sqlcipher3` is a build of Python's own `sqlite3` module with classes of its own, so a connection of it is handed on
as the `sqlite3.Connection` that it is in all but name. What bites, and is closed here:

- its errors are not `sqlite3.Error` and carry primary codes only: `as_sqlite_error` makes them what the one place
  where errors are translated knows;
- a wrong key is told on standard error, across a screen: the log is switched off, for the whole process;
- the key goes in by a call, not by `PRAGMA key`, so that it is in no SQL text and no cache of statements.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from storage.vault_key import VaultKey


def connect(address: str, key: VaultKey, *, patience: float, any_thread: bool, cached: int) -> sqlite3.Connection:
    """A connection that has its key; whether it is the right one is seen at the first read."""
    from sqlcipher3 import dbapi2  # 15 ms and 20 MB that only confidential sessions pay

    connection = dbapi2.connect(
        address,
        uri=True,
        timeout=patience,
        isolation_level=None,
        check_same_thread=not any_thread,
        cached_statements=cached,
    )
    connection.execute("PRAGMA cipher_log_level=NONE").fetchall()
    connection.set_key(key.for_sqlcipher())
    connection.row_factory = dbapi2.Row
    return cast(sqlite3.Connection, connection)


def errors() -> tuple[type[Exception], ...]:
    """What a connection from here raises."""
    from sqlcipher3 import dbapi2

    return (dbapi2.Error,)


def as_sqlite_error(error: Exception) -> sqlite3.Error:
    """The same error as Python's own module would raise it."""
    kind = getattr(sqlite3, type(error).__name__, sqlite3.DatabaseError)
    same: sqlite3.Error = kind(*error.args)
    code = getattr(error, "sqlite_errorcode", None)
    if code is not None:
        same.sqlite_errorcode = sqlite3.SQLITE_CONSTRAINT_TRIGGER if _is_of_a_trigger(code, str(error)) else code
    return same


def _is_of_a_trigger(code: int, text: str) -> bool:
    # This build tells primary codes only. Our triggers speak in sentences; SQLite's own words have no full stop.
    return code == sqlite3.SQLITE_CONSTRAINT and text.endswith(".")
