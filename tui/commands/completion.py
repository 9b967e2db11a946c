"""Completion of command lines: the script that a shell loads once, and the words that it then asks for at each Tab.

`argcomplete` knows how bash, zsh and fish want to be answered; it reads our own grammar, so a new option is completed
without a word here. Saved sessions are offered by the beginning of their ids, with their titles where the shell shows
such things. Confidential ones are not.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from contextlib import closing

from tui.arguments import PROGRAM, make_parser
from tui.commands.output import Output
from tui.exit_codes import ExitCode

_OFFERED = 200
_ID_SHOWN = 12
_TITLE_CELLS = 60
_SESSION_ARGUMENTS = ("id", "ids", "session", "command_session")


def script(output: Output, shell: str) -> ExitCode:
    """Print what makes a shell complete our command lines."""
    from argcomplete.shell_integration import shellcode

    output.write(shellcode([PROGRAM], shell=shell))
    return ExitCode.OK


def complete() -> None:
    """Answer the shell that asks at a Tab, and end the process."""
    import argcomplete

    parser = make_parser()
    for action in _actions(parser):
        if action.dest in _SESSION_ARGUMENTS:
            action.completer = _sessions  # type: ignore[attr-defined]  # how argcomplete is told
    argcomplete.autocomplete(parser, always_complete_options="long")


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:  # noqa: SLF001 - argparse has no public way to list its arguments
        yield action
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - the same
            for command in action.choices.values():
                yield from _actions(command)


def _sessions(parsed_args: argparse.Namespace, **_: object) -> Mapping[str, str]:
    """Beginnings of ids and titles, last used first. A shell that asks for words wants no errors."""
    from storage.errors import StoreError
    from storage.session_filter import SessionFilter
    from storage.store import Store
    from tui import settings
    from tui.rendering.safe_text import one_line

    shelf: SessionFilter = SessionFilter(
        confidential=False, shelf="bin" if getattr(parsed_args, "action", "") == "restore" else "list"
    )
    try:
        with closing(Store.open(settings.load().database, read_only=True, patience=0.2)) as store:
            found = store.sessions(limit=_OFFERED, wanted=shelf)
    except (StoreError, settings.SettingsError):
        return {}
    return {row.session.id[:_ID_SHOWN]: one_line(row.session.title, _TITLE_CELLS) for row in found}
