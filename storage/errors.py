"""What can go wrong with saved conversations, by what a person can do about it.

    StoreError
    ├── Locked            another program holds the file
    ├── ReadOnly          the file or its folder cannot be written
    ├── Corrupt           the file is damaged, or is not ours
    ├── WrongKey          the key does not open the vault, or the vault's file is damaged
    ├── NewerVersion      the file was written by a newer version
    ├── DiskFull          there is no room
    ├── FileGone          the file was removed or replaced while it was open
    ├── NotFound          no such session, turn, reply or file
    │   └── InVault       there is, and an ordinary program does not show it
    ├── Ambiguous         more than one session fits
    ├── AlreadySettled    a reply has reached its outcome; it does so once
    ├── Refused           a confidential session keeps what it promised
    └── SearchStopped     a search was given up for a newer one

`str(error)` is one or two plain sentences, fit to show, and ends in what to do next. `translate` is the one place
where SQLite's and the system's errors become ours; what it does not know (a broken constraint, wrong SQL) is a bug
and stays what it is.
"""

from __future__ import annotations

import errno
import sqlite3


class StoreError(Exception):
    """A conversation could not be read or saved."""


class Locked(StoreError):
    """Another program holds the file for longer than we wait."""


class ReadOnly(StoreError):
    """The file or its folder cannot be written; reading may still work (`Store.open(path, read_only=True)`)."""


class Corrupt(StoreError):
    """The file is damaged or is not a file of conversations. Nothing was changed or deleted."""


class WrongKey(StoreError):
    """The vault does not open with this key. Nothing was changed or deleted."""


class NewerVersion(StoreError):
    """The file was written by a newer version of the program, and was left as it is."""


class DiskFull(StoreError):
    """There is no room on the disk."""


class FileGone(StoreError):
    """The file is no longer at its place: what is written now would vanish."""


class NotFound(StoreError):
    """There is no such session, turn, reply or file."""


class InVault(NotFound):
    """The session is confidential, and this is not its place; only a confidential process shows it."""


class Ambiguous(StoreError):
    """The beginning of an id fits more than one session."""


class AlreadySettled(StoreError):
    """The reply is not open any more."""


class Refused(StoreError):
    """A rule of confidential sessions, enforced by the database itself, forbids this."""


class SearchStopped(StoreError):
    """The search was stopped from outside."""


_FULL = (errno.ENOSPC, errno.EDQUOT)
_NO_WRITING = (errno.EACCES, errno.EPERM, errno.EROFS)
_PRIMARY = 0xFF  # the low byte of an extended result code


def translate(error: sqlite3.Error | OSError, place: str) -> Exception:
    """Say in our words what went wrong at `place` (a path, or "memory"); unknown errors come back unchanged.

    Codes: https://www.sqlite.org/rescode.html
    """
    if isinstance(error, OSError):
        return _translate_system(error, place)
    code: int | None = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return error
    # The extended codes first, where they say something else than their family.
    match code:
        case sqlite3.SQLITE_IOERR_SHMSIZE:
            return disk_full(place)  # the -wal's index could not grow
        case sqlite3.SQLITE_READONLY_DBMOVED:
            return file_gone(place)
        case sqlite3.SQLITE_CONSTRAINT_TRIGGER:
            return Refused(str(error))  # our own sentence, from a trigger
        case _:
            pass
    match code & _PRIMARY:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return Locked(
                f"Another program is holding {place}. Close it, or wait until its backup has ended, then try again."
            )
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
            return read_only(place)
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_FORMAT:
            return corrupt(place)
        case sqlite3.SQLITE_INTERRUPT:
            return SearchStopped("The search was stopped for a newer one. Search again.")
        case sqlite3.SQLITE_FULL:
            return disk_full(place)
        case sqlite3.SQLITE_IOERR:
            return StoreError(
                f"The disk reported an error at {place}. Copy the file elsewhere and check the disk before going on."
            )
        case _:
            return error


def _translate_system(error: OSError, place: str) -> Exception:
    if error.errno in _FULL:
        return disk_full(place)
    if error.errno in _NO_WRITING:
        return read_only(place)
    reason = error.strerror or type(error).__name__
    return StoreError(f"{place} cannot be used ({reason}). Check the folder, or choose another one.")


def corrupt(place: str) -> Corrupt:
    """The one wording for a damaged or foreign file."""
    return Corrupt(
        f"{place} is damaged or is not a file of conversations; nothing in it was changed. "
        "Move it aside, then restore a backup or start afresh."
    )


def gone(what: str) -> NotFound:
    """The one wording for what was there when it was opened. `what` begins a sentence."""
    return NotFound(
        f"{what} is not here any more: another window made it confidential and moved it into the vault, or deleted "
        "it. Copy what you need from the screen; F8 opens the vault."
    )


def in_vault(session_id: str) -> InVault:
    """The one wording for a session that an ordinary program does not show."""
    return InVault(
        "That session is confidential, so it is shown by a program without a network alone. Open it with: "
        f"duologue --confidential --session {session_id}"
    )


def wrong_key(place: str) -> WrongKey:
    """The one wording for a vault that stays shut."""
    return WrongKey(
        f"{place} does not open with this key, or it is damaged; nothing in it was changed. "
        "Try the passphrase or recovery key once more, or restore a backup of the file."
    )


def disk_full(place: str) -> DiskFull:
    """The one wording for a full disk."""
    return DiskFull(f"The disk that holds {place} is full. Make room, then try again.")


def file_gone(place: str) -> FileGone:
    """The one wording for a file that was removed or replaced."""
    return FileGone(
        f"{place} was removed or replaced while it was open, so nothing more can be saved in it. "
        "Copy what you need from the screen, then start the program again."
    )


def newer_version(place: str, found: int, known: int) -> NewerVersion:
    """The one wording for a file from the future."""
    return NewerVersion(
        f"{place} was written by a newer version of this program (format {found}; this one knows {known}) and was "
        "left as it is. Install the newer version, or choose another folder."
    )


def read_only(place: str) -> ReadOnly:
    """The one wording for a place that cannot be written."""
    return ReadOnly(
        f"{place} cannot be written. Saved text can still be read; to go on, "
        "change the permissions or choose another folder."
    )
