"""Hands the draft to the user's own editor, and takes it back: a file that nobody else can read, for that time only.

Each edit has a folder of its own (0700) below the data directory, so that what an editor puts beside the file (swap
file, backup) goes with it. The folder is locked while it is in use: what a crash leaves behind is not, and is removed
at the next start. The command is split as a shell splits words, and no shell is run.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

FOLDER = "editing"
LONGEST = 32 * 1024 * 1024
"""Bytes, as for a prompt that is piped in."""
NO_EDITOR = "There is no editor to open. Set VISUAL or EDITOR to one, for example: export EDITOR=nano"


class EditFailed(Exception):
    """The text is as it was; the message says why."""


async def edited(command: Sequence[str], data_directory: Path, text: str) -> str:
    """What the editor made of a text; the terminal is its own meanwhile. Raises `EditFailed`."""
    try:
        with _private_folder(data_directory / FOLDER) as folder:
            file = folder / "draft.md"
            with os.fdopen(
                os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
            ) as draft:
                draft.write(text)
            await _ended([*command, str(file)])
            return _read(file)
    except OSError as error:
        raise EditFailed(f"The editor could not be used ({error.strerror}); your text is as it was.") from error


async def _ended(command: Sequence[str]) -> None:
    editor = await asyncio.create_subprocess_exec(*command)
    try:
        code = await editor.wait()
    finally:
        if editor.returncode is None:
            editor.terminate()
    if code:
        raise EditFailed(f"The editor ended with code {code}; your text is as it was.")


def _read(file: Path) -> str:
    with file.open("rb") as edited_file:
        raw = edited_file.read(LONGEST + 1)
    if len(raw) > LONGEST:
        raise EditFailed(f"The edited text has more than {LONGEST // 1024**2} MB; your text is as it was.")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise EditFailed("The editor did not write UTF-8; your text is as it was.") from error
    return text.replace("\r\n", "\n").removesuffix("\n")


@contextlib.contextmanager
def _private_folder(parent: Path) -> Iterator[Path]:
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = parent / secrets.token_hex(8)
    folder.mkdir(mode=0o700)
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def remove_leftovers(data_directory: Path) -> None:
    """Remove what an edit left behind that nobody is at any more, because the program was killed."""
    parent = data_directory / FOLDER
    if parent.is_symlink() or not parent.is_dir():
        return
    for folder in parent.iterdir():
        if not folder.is_symlink() and folder.is_dir() and not _is_in_use(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _is_in_use(folder: Path) -> bool:
    try:
        lock = os.open(folder, os.O_RDONLY)
    except OSError:
        return True  # another start removes it
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(lock)
    return False
