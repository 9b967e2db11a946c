"""Who writes an open reply, and whether that process still lives.

Each process that writes holds a lock on a file of its own in `run/` beside the database, and its open replies carry
the file's name. The system frees the lock when the process ends, however it ends; so a lock that can be had belongs
to a dead one. Process ids alone would not do: they are reused, and mean nothing on another machine or in a container.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from storage import files

if TYPE_CHECKING:
    from filelock import BaseFileLock

_FOLDER = "run"
_SUFFIX = ".lock"
_CLAIM_SECONDS = 5.0


class Owner:
    """This process's claim on the replies it opens."""

    def __init__(self, database: Path) -> None:
        """Claim a new name. Raises OSError when the folder cannot be written."""
        self._folder = database.parent / _FOLDER
        self.name = f"{os.getpid()}-{secrets.token_hex(6)}"
        """Unique for ever; begins with the process id, for people who look."""
        files.make_folder(self._folder)
        self._lock = _lock(self._path(self.name))
        # Not 0: another process that looks for dead owners may hold or remove the new file for an instant.
        self._lock.acquire(timeout=_CLAIM_SECONDS)

    def living(self) -> frozenset[str]:
        """The names of all owners that still run, this one included; files that dead ones left are removed."""
        names = {self.name}
        for path in self._folder.glob(f"*{_SUFFIX}"):
            if path.stem != self.name and not _remove_if_free(path):
                names.add(path.stem)
        return frozenset(names)

    def release(self) -> None:
        """Give the claim up. Safe to call twice."""
        if self._lock.is_locked:
            # Removed while still held: nobody can take a lock on a name that is never used again.
            self._path(self.name).unlink(missing_ok=True)
            self._lock.release()

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}{_SUFFIX}"


def _lock(path: Path) -> BaseFileLock:
    from filelock import FileLock  # 30 ms; kept off the import path of the first paint

    # Without the fall-back to a marker file, whose age proves nothing after a crash.
    return FileLock(path, mode=0o600, thread_local=False, fallback_to_soft=False)


def _remove_if_free(path: Path) -> bool:
    from filelock import Timeout

    lock = _lock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    path.unlink(missing_ok=True)
    lock.release()
    return True
