"""Importing a file from inside the app: which one, how far it is, and what came of it.

A thread reads the file; each batch goes through the thread that writes, between other changes, so that answers are
kept meanwhile. Esc stops it: sessions that are whole stay, and the next import of the file goes on.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.app import App

from conversation.catalogue import Catalogue
from tui import long_work
from tui.long_work import Progress
from tui.words import plural

if TYPE_CHECKING:
    from storage.carry.importing import Import, Summary

_ABOUT = (
    "An export of this program (json, jsonl), of Claude.ai or ChatGPT (the .zip, or conversations.json), or a store "
    "of llm, oterm or elia. What is here already is not added twice."
)


async def import_file(app: App[Any], catalogue: Catalogue, typed: str = "") -> str:
    """Let a person import a file; what to say about it, "" for nothing. Raises `StoreError`."""
    from storage.carry.events import Unreadable
    from tui.screens.ask_line import AskLine

    wanted: str | None = typed.strip()
    if not wanted:
        line = AskLine("Import conversations from a file", placeholder="~/Downloads/data-export.zip", about=_ABOUT)
        wanted = await app.push_screen_wait(line)
    if wanted is None or not wanted.strip():
        return ""
    importing = catalogue.new_import()

    async def work(progress: Progress) -> str:
        loop = asyncio.get_running_loop()
        try:
            return await asyncio.to_thread(_read, Path(wanted.strip()), catalogue, importing, progress, loop)
        finally:
            await catalogue.give_up(importing)

    try:
        title = f"Importing {Path(wanted).name}"
        form = await long_work.shown(app, title, "stop; what is whole stays", work)
    except Unreadable as trouble:
        return str(trouble)
    words = summed(importing.summary, form)
    if importing.summary.problem_count:
        from tui.screens.import_report import ImportReport

        await app.push_screen_wait(ImportReport(words, importing.summary))
    return words


def summed(summary: Summary, form: str) -> str:
    """What an import has done, in a sentence."""
    parts = [f"{plural(summary.sessions, 'session')} with {plural(summary.turns, 'turn')} imported ({form})"]
    if summary.grown:
        parts.append(f"{summary.grown:,} had grown")
    if summary.already:
        parts.append(f"{summary.already:,} were here already")
    if summary.problem_count:
        parts.append(f"{plural(summary.problem_count, 'problem')}")
    return "; ".join(parts) + "."


def _read(
    path: Path, catalogue: Catalogue, importing: Import, progress: Progress, loop: asyncio.AbstractEventLoop
) -> str:
    """Read the file in this thread, to its end or until nobody wants it; what it is. Raises `Unreadable`."""
    from storage.carry.batches import batches
    from storage.carry.opening import opened

    with opened(_home(path)) as (form, events):
        for batch in batches(events):
            if progress.stopped:
                return f"{form}, stopped"
            asyncio.run_coroutine_threadsafe(catalogue.put(importing, batch), loop).result()
            summary = importing.summary
            progress.words = f"{plural(summary.sessions, 'session')}, {plural(summary.turns, 'turn')} so far"
    return form


def _home(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:  # there is no such user: the name is looked for as it stands
        return path
