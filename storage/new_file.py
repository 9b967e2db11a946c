"""Files that the program writes for a person: whole or not at all, for their owner alone, and never over another.

Text goes to a draft beside the file (0600, made with O_EXCL, so that nobody's symbolic link is followed), which takes
the name when all of it is on disk. A name made of a title stays a name: `safe_filename` gives no separator, no
leading dot or dash, no device of Windows.
"""

from __future__ import annotations

import os
import re
import secrets
import unicodedata
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from storage.errors import StoreError, translate

LONGEST_NAME = 80
"""Bytes of a name made of a title, without its ending."""
_DEVICES = frozenset({"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))})
_UNFIT = re.compile(r"[^\w .,()+=@-]")


class FileExists(StoreError):
    """There is a file of that name, and it was not said that it may go."""


@contextmanager
def new_text_file(path: Path, *, replace: bool = False) -> Generator[TextIO, None, None]:
    """Write a text file (UTF-8, LF, 0600) that appears under its name when the block ends without an error.

    Raises `FileExists`, and `StoreError` for a full disk, a folder without rights, and what is no file.
    """
    try:
        _check(path, replace=replace)
        draft = path.with_name(f".{path.name[:40]}.{secrets.token_hex(4)}.part")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace", newline="\n") as file:
                yield file
                file.flush()
                os.fsync(descriptor)
            _check(path, replace=replace)
            _take_name(draft, path, replace=replace)
        finally:
            with suppress(FileNotFoundError):
                draft.unlink()
    except FileExistsError as error:
        raise _exists(path) from error
    except OSError as error:
        raise translate(error, str(path)) from error


def safe_filename(title: str, ending: str) -> str:
    """A title as the name of a file, on any system; the ending begins with its dot."""
    name = _UNFIT.sub("_", unicodedata.normalize("NFKC", " ".join(title[:1000].split())))
    name = re.sub(r"[ _]{2,}", "_", name).strip(" ._-")
    name = name.encode("utf-8", "replace")[:LONGEST_NAME].decode("utf-8", "ignore").rstrip(" .") or "session"
    if name.partition(".")[0].strip().casefold() in _DEVICES:
        name = f"_{name}"
    return name + ending


def inside(folder: Path, name: str) -> Path:
    """The file of that name in the folder itself. Raises ValueError where the name leads elsewhere."""
    if Path(name).name != name or name in ("", ".", ".."):
        raise ValueError("A file's name is one part of a path.")
    return folder / name


def _check(path: Path, *, replace: bool) -> None:
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise StoreError(f"{path} is not an ordinary file, so it is left alone. Choose another name.")
    if not replace and path.exists():
        raise _exists(path)


def _take_name(draft: Path, path: Path, *, replace: bool) -> None:
    if replace:
        draft.replace(path)
        return
    try:
        os.link(draft, path)  # unlike a rename, it fails where somebody made the file meanwhile
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        draft.rename(path)


def _exists(path: Path) -> FileExists:
    return FileExists(f"There is a file {path} already. Choose another name, or replace it with --force.")
