"""A copy of all ordinary conversations in one file, and the way back.

A copy is taken in one step of SQLite's backup interface, so it is one moment's state while the app goes on writing.
It is checked before it gets its name, is for its owner alone, and holds nothing confidential: the vault is a file of
its own, and what waits in the main file to be moved there is taken out of the copy.

The way back writes into the database that is there, under its locks, so no program is left with a file that lost its
name. What was there before is kept beside it.
"""

from __future__ import annotations

import os
import secrets
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from storage import files, migrations
from storage.database import Database
from storage.errors import StoreError, corrupt, translate
from storage.store import Store


@dataclass(frozen=True, slots=True)
class BackedUp:
    """What a backup holds."""

    path: Path
    sessions: int
    turns: int
    size: int
    """Bytes."""
    left_out: int
    """Confidential sessions that were still in the main file."""


class BackupExists(StoreError):
    """A file of that name is there already."""


def back_up(database: Path, target: Path, *, replace: bool = False) -> BackedUp:
    """Copy all ordinary conversations of `database` into the new file `target` (mode 0600).

    Raises `BackupExists` unless `replace`, and `StoreError`; then `target` is as it was.
    """
    target = target.absolute()
    if target.exists() and not replace:
        raise BackupExists(f"{target} is there already. Choose another name, or add --force to replace it.")
    with closing(Store.open(database, read_only=True)) as store:
        return _copied(store, target)


def restore(source: Path, database: Path, now: datetime) -> tuple[BackedUp, Path | None]:
    """Put the conversations of a backup in place of those in `database`, and keep those in a backup beside it.

    Tells what was restored, and where the conversations of before are; None if there were none. Raises `StoreError`,
    also while another program has the database open; then nothing has changed.
    """
    source = source.absolute()
    if not source.is_file():
        raise StoreError(f"There is no {source}. Name the file that duologue backup made.")
    had_some = database.exists()
    with closing(Database.for_reading(source)) as wanted:
        restored = _checked(wanted, source)
        with closing(Store.open(database)) as store:
            others = len(store.living_owners()) - 1
            if others:
                raise StoreError("Another duologue has these conversations open. Quit it, then restore.")
            before = _copied(store, _beside(database, now)).path if had_some else None
            wanted.connection.backup(store.database.connection)
            migrations.migrate(store.database)
    return restored, before


def _copied(store: Store, target: Path) -> BackedUp:
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        # SQLite would make the file readable for everybody.
        os.close(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        with closing(Database.for_writing(draft)) as copy:
            store.database.connection.backup(copy.connection)
            copy.rows("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
            left_out = _without_confidential(copy)
            made = _checked(copy, target, left_out=left_out)
        descriptor = os.open(draft, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        draft.replace(target)
        files.sync_folder(target.parent)
    except OSError as error:
        raise translate(error, str(target)) from error
    finally:
        draft.unlink(missing_ok=True)
    return made


def _without_confidential(copy: Database) -> int:
    """Take what waits to be moved into the vault out of the copy, its words in the index included."""
    there = copy.number("SELECT count(*) FROM sessions WHERE confidential_since IS NOT NULL")
    if there:
        with copy.transaction():
            copy.write("DELETE FROM sessions WHERE confidential_since IS NOT NULL")
        store = Store(copy)
        while store.index_step():
            pass
        copy.rows("VACUUM")
    return there


def _checked(database: Database, path: Path, *, left_out: int = 0) -> BackedUp:
    """What it holds. Raises `StoreError` for a file that is damaged, not ours, or of a newer version."""
    if not migrations.version(database):
        raise corrupt(str(path))
    problems = [str(row[0]) for row in database.rows("PRAGMA integrity_check(1)")]
    if problems != ["ok"]:
        raise corrupt(str(path))
    return BackedUp(
        path,
        sessions=database.number("SELECT count(*) FROM sessions"),
        turns=database.number("SELECT count(*) FROM turns"),
        size=database.number("PRAGMA page_count") * database.number("PRAGMA page_size"),
        left_out=left_out,
    )


def _beside(database: Path, now: datetime) -> Path:
    return database.with_name(f"{database.stem}-before-restore-{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}.db")
