"""Writes sessions into one file, which is there whole or not at all; what such a file is called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from storage import Session
from storage.new_file import new_text_file, safe_filename
from storage.store import Store
from tui.exporting.formats import Format, pieces
from tui.rendering.safe_text import one_line

_ID_IN_NAME = 10
"""Characters of the id: the time in milliseconds, which tells sessions of the same title apart."""


class Stopped(Exception):
    """Somebody wanted no more of it; nothing is left behind."""


def file_name(session: Session, form: Format) -> str:
    """What an exported session's file is called."""
    name = safe_filename(one_line(session.title, 80), "")
    return safe_filename(f"{name} {session.id[:_ID_IN_NAME]}", form.ending)


def write_file(
    store: Store,
    session_ids: Sequence[str],
    form: Format,
    path: Path,
    *,
    only: int | None = None,
    replace: bool = False,
    go_on: Callable[[int], bool] = lambda _: True,
) -> None:
    """Write the sessions, a turn in memory at a time; `only` that turn of them.

    `go_on` hears now and then how many characters there are, and stops it with False. Raises `Stopped`, `FileExists`,
    `StoreError`; there is then no file, or the one that was there.
    """
    written = 0
    with new_text_file(path, replace=replace) as file:
        for piece in pieces(form, store, session_ids, only=only):
            file.write(piece)
            written += len(piece)
            if not go_on(written):
                raise Stopped
