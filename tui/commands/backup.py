"""`duologue backup` and `duologue restore`: all ordinary conversations in one file, and back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from storage import backup
from storage.backup import BackedUp
from tui.commands.output import Output
from tui.exit_codes import ExitCode
from tui.rendering.safe_text import one_line
from tui.wiring import Wiring
from tui.words import plural

_PATH_CELLS = 200
_VAULT = "Confidential sessions are not in it: they stay in their vault."


def back_up(wiring: Wiring, output: Output, target: str, *, replace: bool) -> ExitCode:
    """Make a backup and say what is in it. Raises `StoreError`."""
    made = backup.back_up(wiring.settings.database, Path(target).expanduser(), replace=replace)
    output.line(f"{_what(made)} are in {_shown(made.path)}, checked and readable for you alone.")
    output.aside(_VAULT)
    return ExitCode.OK


def restore(wiring: Wiring, output: Output, source: str, *, agreed: bool, ask: Callable[[str], bool]) -> ExitCode:
    """Put a backup in the place of what is there; asks first unless `agreed`. Raises `StoreError`, `UsageError`."""
    database = wiring.settings.database
    if database.exists() and not agreed and not ask("Replace the conversations that are there? [y/N] "):
        output.aside("Nothing was changed.")
        return ExitCode.OK
    restored, before = backup.restore(Path(source).expanduser(), database, wiring.now())
    output.line(f"{_what(restored)} are back.")
    if before is not None:
        output.aside(f"What was there before is kept in {_shown(before)}.")
    return ExitCode.OK


def _what(made: BackedUp) -> str:
    return f"{plural(made.sessions, 'session')} with {plural(made.turns, 'turn')}"


def _shown(path: Path) -> str:
    return one_line(str(path), _PATH_CELLS)
