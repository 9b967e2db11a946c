"""The files around the database: who may read them, that they are there, and a little room in reserve.

Everything is for its owner alone (folders 0700, files 0600), whatever the umask says. SQLite would create its file
0644; it gives the -wal and -shm the mode of the main file, so that one is made first. A reserve of 256 KB beside the
database is given up when the disk is full, so that a few more prompts can be stored.

Trap: POSIX drops all locks of a process on a file as soon as the process closes *any* descriptor of it. So a database
that exists is never opened here, only looked at by name.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

RESERVE_BYTES = 256 * 1024
"""Measured: lets 50 more short messages in."""
_PRIVATE = 0o600
_PRIVATE_FOLDER = 0o700
_OTHERS = stat.S_IRWXG | stat.S_IRWXO

Identity = tuple[int, int]
"""Device and inode: tells whether a name still means the same file."""


def prepare(path: Path) -> bool:
    """Make the database's folder and an empty file for it where they are missing; True if the file is new.

    An existing file (and its -wal and -shm) that others could read is closed to them. An existing folder keeps its
    mode: it may be the user's own choice for other things as well. Raises OSError.
    """
    make_folder(path.parent)
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _PRIVATE))
    except FileExistsError:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR)) from None
        for name in (path, wal(path), shared_memory(path)):
            _close_to_others(name)
        return False
    return True


def make_folder(folder: Path) -> None:
    """Create a folder for its owner alone; an existing one is left as it is."""
    folder.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)


def _close_to_others(path: Path) -> None:
    try:
        mode = path.stat().st_mode
        if mode & _OTHERS:
            path.chmod(stat.S_IMODE(mode) & ~_OTHERS)
    except FileNotFoundError:
        pass  # a -wal comes and goes with the programs that use it


def sync_folder(folder: Path) -> None:
    """Make new names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def identity(path: Path) -> Identity | None:
    """Which file the name means now; None when there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def wal(path: Path) -> Path:
    """SQLite's write-ahead log of a database."""
    return path.with_name(path.name + "-wal")


def shared_memory(path: Path) -> Path:
    """SQLite's index of the write-ahead log."""
    return path.with_name(path.name + "-shm")


def reserve(path: Path) -> Path:
    """The file that keeps a little room for a database."""
    return path.with_name(path.name + ".reserve")


def fill_reserve(path: Path) -> bool:
    """Set room aside for the database at `path`; False if there is no room for that."""
    try:
        descriptor = os.open(reserve(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _PRIVATE)
    except FileExistsError:
        return True
    except OSError:
        return False
    try:
        # Random bytes: a file system that compresses would keep no room for zeros.
        written = os.write(descriptor, os.urandom(RESERVE_BYTES))
    except OSError:
        written = 0
    finally:
        os.close(descriptor)
    if written < RESERVE_BYTES:
        free_reserve(path)
    return written == RESERVE_BYTES


def free_reserve(path: Path) -> bool:
    """Give the reserve up; True if there was one."""
    try:
        reserve(path).unlink()
    except OSError:
        return False
    return True
