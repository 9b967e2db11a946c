"""`duologue sessions import`: conversations out of files, ours and other programs', into the store."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from storage.carry.importing import Import, Summary
from storage.carry.opening import opened
from tui.commands.output import Output, say
from tui.commands.saved import open_saved
from tui.exit_codes import ExitCode
from tui.rendering.safe_text import one_line
from tui.wiring import Wiring
from tui.words import plural

_TOLD = 20
"""Problems that are printed one by one."""
_PROGRESS_SECONDS = 2.0


def run(wiring: Wiring, output: Output, file: str, form: str, *, as_json: bool) -> ExitCode:
    """Import a file; `INCOMPLETE` if something in it was left out. Raises `StoreError`, `Unreadable`.

    In a confidential process all that comes in is confidential; in an ordinary one what is so is left out.
    """
    path = Path(file).expanduser()
    confidential = None if wiring.confinement is None else wiring.now()
    with opened(path, form) as (found, events):
        store = open_saved(wiring, read_only=False)
        try:
            summary = Import(confidential=confidential).run(store, events, _Progress())
            while store.index_changes():
                pass
        finally:
            store.close()
    _tell(output, str(path), found, summary, as_json=as_json)
    return ExitCode.INCOMPLETE if summary.problem_count else ExitCode.OK


class _Progress:
    """Tells how far it is, now and then, where a person looks at it."""

    def __init__(self) -> None:
        self._told = time.monotonic()
        self._is_seen = sys.stderr is not None and sys.stderr.isatty()

    def __call__(self, summary: Summary) -> None:
        now = time.monotonic()
        if self._is_seen and now - self._told >= _PROGRESS_SECONDS:
            self._told = now
            say(f"{plural(summary.sessions, 'session')}, {plural(summary.turns, 'turn')} ...")


def _tell(output: Output, file: str, form: str, summary: Summary, *, as_json: bool) -> None:
    if as_json:
        output.json(
            {
                "file": file,
                "format": form,
                "sessions": summary.sessions,
                "turns": summary.turns,
                "grown": summary.grown,
                "already": summary.already,
                "problems": [{"where": each.where, "what": each.what} for each in summary.problems],
                "problem_count": summary.problem_count,
            }
        )
        return
    parts = [f"{plural(summary.sessions, 'session')} with {plural(summary.turns, 'turn')} imported ({form})"]
    if summary.grown:
        parts.append(f"{summary.grown:,} had grown")
    if summary.already:
        parts.append(f"{summary.already:,} were here already")
    output.line("; ".join(parts) + ".")
    for problem in summary.problems[:_TOLD]:
        say(f"left out, {one_line(problem.where, 200)}: {one_line(problem.what, 300)}")
    if summary.problem_count > _TOLD:
        say(f"and {plural(summary.problem_count - _TOLD, 'more problem')}; --json lists them.")
