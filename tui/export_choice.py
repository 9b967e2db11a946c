"""Exporting a session from inside the app: which form, into which file, the questions before, and then the writing.

The writing is done in a thread with a connection of its own, so that answers go on meanwhile. What leaves by a file
is the person's own act: for a confidential session they are told where it goes and who can read it then.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from textual.app import App

from conversation.catalogue import Catalogue
from storage import SessionSummary
from storage.errors import StoreError
from tui import long_work
from tui.exporting.formats import Format, format_of
from tui.exporting.to_file import Stopped, file_name, write_file
from tui.long_work import Progress
from tui.rendering.safe_text import one_line
from tui.screens.confirm import Confirm
from tui.screens.export import ExportChoice, ExportDialog
from tui.typed_path import started_in, typed_path
from tui.words import plural, size

NOTHING = "There is nothing to export yet: this session has no turns."
_LEFT = "Nothing was exported."


async def export_session(app: App[Any], catalogue: Catalogue, session_id: str, wanted: str = "") -> str:
    """Let a person export a session; what to say about it, "" for nothing.

    `wanted` is what they typed: a format, a path, both or neither; with a path nothing but the necessary is asked.
    Raises `StoreError` where the session cannot be read.
    """
    summary = catalogue.summary(session_id)
    form, typed = _read(wanted)
    choice = ExportChoice(form, typed or str(started_in() / file_name(summary.session, form)))
    problem, ask = "", not typed
    while True:
        if ask:
            confidential = summary.session.confidential
            asked = ExportDialog(_about(summary), choice, confidential=confidential, problem=problem)
            answer = await app.push_screen_wait(asked)
            if answer is None:
                return _LEFT
            choice = answer
        ask = True
        try:
            path = typed_path(choice.path, file_name(summary.session, choice.form))
            exists = _is_there(path)
            if await _agreed(app, summary, path, exists=exists):
                return await _written(app, catalogue, summary, choice.form, path, replace=exists)
            problem = ""
        except StoreError as trouble:
            problem = str(trouble)


def _read(wanted: str) -> tuple[Format, str]:
    first, _, rest = wanted.strip().partition(" ")
    if first.lower() in list(Format):
        return Format(first.lower()), rest.strip()
    path = wanted.strip()
    return (format_of(Path(path)) if path else None) or Format.MARKDOWN, path


def _about(summary: SessionSummary) -> str:
    title = one_line(summary.session.title, 200) or "(no title)"
    return f"{title} · {plural(summary.turns, 'turn')}"


def _is_there(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False


async def _agreed(app: App[Any], summary: SessionSummary, path: Path, *, exists: bool) -> bool:
    """Ask what has to be asked."""
    if summary.session.confidential:
        sentences = [
            f"It goes to {path}.",
            "The file is not encrypted. Everybody who gets it can read it; backups and synchronised folders copy it.",
        ]
        if exists:
            sentences.append("The file that is there now is replaced.")
        return await _asked(app, "Write this confidential session into a file?", sentences, yes="Write it")
    if exists:
        return await _asked(
            app, "Replace the file?", [f"There is a file {path} already. It would be gone."], yes="Replace it"
        )
    return True


async def _asked(app: App[Any], title: str, sentences: list[str], *, yes: str) -> bool:
    answer = await app.push_screen_wait(Confirm(title, sentences, yes=yes, no="Choose again"))
    return answer is True


async def _written(
    app: App[Any], catalogue: Catalogue, summary: SessionSummary, form: Format, path: Path, *, replace: bool
) -> str:
    async def work(progress: Progress) -> int:
        return await asyncio.to_thread(
            _write, catalogue, summary.session.id, form, path, replace=replace, progress=progress
        )

    try:
        written = await long_work.shown(app, f"Exporting to {path.name}", "stop, and leave no file", work)
    except Stopped:
        return _LEFT
    return f"Exported to {path} ({size(written)})."


def _write(
    catalogue: Catalogue, session_id: str, form: Format, path: Path, *, replace: bool, progress: Progress
) -> int:
    """Write the file, in a thread; how many bytes it has."""

    def go_on(written: int) -> bool:
        progress.words = f"{size(written)} written"
        return not progress.stopped

    store = catalogue.reading()
    try:
        write_file(store, [session_id], form, path, replace=replace, go_on=go_on)
    finally:
        store.close()
    return path.stat().st_size
