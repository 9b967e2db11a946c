"""`duologue sessions export`: sessions into files, or onto standard output. Reads the store only."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from storage import Session
from storage.errors import NotFound
from storage.new_file import inside
from storage.store import Store
from tui.commands.output import Output, say
from tui.commands.saved import open_saved
from tui.exit_codes import ExitCode, UsageError
from tui.exporting.formats import Format, format_of, pieces
from tui.exporting.to_file import file_name, write_file
from tui.rendering.safe_text import Cleaner
from tui.wiring import Wiring
from tui.words import plural

STANDARD_OUTPUT = "-"
_VAULT_ALONE = "With --confidential only confidential sessions are looked at; leave it out for an ordinary one."


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to export, and where to."""

    sessions: Sequence[str]
    """Beginnings of ids; with `everything` none."""
    everything: bool
    turn: int | None
    form: Format | None
    to: str
    replace: bool
    confidential: bool


def run(wiring: Wiring, output: Output, wanted: Wanted) -> ExitCode:
    """Export. Raises `UsageError`, `StoreError`."""
    if wanted.everything == bool(wanted.sessions):
        raise UsageError("Write the ids of sessions to export, or --all.")
    if wanted.turn is not None and len(wanted.sessions) != 1:
        raise UsageError("--turn takes one turn of one session; write that session's id.")
    store = open_saved(wiring)
    try:
        sessions = _sessions(store, wanted)
        if wanted.turn is not None:
            _require_turn(store, sessions[0], wanted.turn)
        _write(store, output, sessions, wanted)
    except NotFound as error:
        if wiring.confinement is None:
            raise
        raise UsageError(f"{error} {_VAULT_ALONE}") from error
    finally:
        store.close()
    return ExitCode.OK


def _sessions(store: Store, wanted: Wanted) -> list[Session]:
    if not wanted.everything:
        found = list({session.id: session for session in map(store.find_session, wanted.sessions)}.values())
        if any(session.confidential for session in found) and not wanted.confidential:
            raise UsageError(
                "A session that you named is confidential. What is exported can be read by anyone who gets the file; "
                "add --confidential to do it."
            )
        return found
    # Of an ordinary file these are the ordinary sessions, of a vault all.
    return [store.session(session_id) for session_id in store.session_ids()]


def _require_turn(store: Store, session: Session, turn: int) -> None:
    if store.stored_prompt(session.id, turn) is None:
        raise UsageError(
            f"That session has no turn {turn}; it has {plural(store.summary(session.id).turns, 'turn')}."
        )


def _write(store: Store, output: Output, sessions: Sequence[Session], wanted: Wanted) -> None:
    if wanted.to == STANDARD_OUTPUT:
        _print(pieces(wanted.form or Format.MARKDOWN, store, _ids(sessions), only=wanted.turn), output)
        return
    path = Path(wanted.to).expanduser()
    if not path.is_dir():
        form = wanted.form or format_of(path) or Format.MARKDOWN
        _to_file(store, path, form, sessions, wanted)
        say(f"{plural(len(sessions), 'session')} exported to {path}")
        return
    form = wanted.form or Format.MARKDOWN
    for number, session in enumerate(sessions, 1):
        _to_file(store, inside(path, file_name(session, form)), form, [session], wanted)
        if sys.stderr is not None and sys.stderr.isatty() and number % 20 == 0:
            say(f"{number:,} of {plural(len(sessions), 'session')}")
    say(f"{plural(len(sessions), 'session')} exported to {path}")


def _to_file(store: Store, path: Path, form: Format, sessions: Sequence[Session], wanted: Wanted) -> None:
    write_file(store, _ids(sessions), form, path, only=wanted.turn, replace=wanted.replace)


def _print(words: Iterator[str], output: Output) -> None:
    cleaner = Cleaner()
    for piece in words:
        output.write(cleaner.feed(piece) if output.is_terminal else piece)
    output.write(cleaner.end())


def _ids(sessions: Sequence[Session]) -> list[str]:
    return [session.id for session in sessions]
