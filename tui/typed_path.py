"""The path of a file that a person typed inside the app."""

from __future__ import annotations

from pathlib import Path

from storage.errors import StoreError


def started_in() -> Path:
    """Where the program was started; the home directory where that is gone."""
    try:
        return Path.cwd()
    except OSError:
        return Path.home()


def typed_path(words: str, name: str) -> Path:
    """The whole path; where it is a folder, the file `name` in it. Raises `StoreError`."""
    try:
        path = (started_in() / Path(words).expanduser()).absolute()
    except RuntimeError as error:
        raise StoreError("There is no such home directory. Write the whole path.") from error
    if "\0" in words:
        raise StoreError("No file's name has such a character in it. Choose another name.")
    try:
        return path / name if path.is_dir() else path
    except OSError:  # a name too long, a folder that may not be looked into: the writing tells which
        return path
