"""How the program ends, for scripts. `duologue --help` prints this table, so it is written once, here."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What a script can tell from the way in which the program ended."""

    OK = 0
    INCOMPLETE = 1
    USAGE = 2
    CONFIGURATION = 3
    STORE = 4
    NOTHING_TO_ASK = 5
    HUNG_UP = 129
    INTERRUPTED = 130
    OUTPUT_CLOSED = 141
    TERMINATED = 143


MEANINGS: dict[ExitCode, str] = {
    ExitCode.OK: "done; every side that was asked has its whole answer",
    ExitCode.INCOMPLETE: "a side failed or was stopped, nothing was found, or what was asked for could not be done",
    ExitCode.USAGE: "the command line, the prompt or an id cannot be used; nothing was sent",
    ExitCode.CONFIGURATION: "the configuration or a configured address cannot be used",
    ExitCode.STORE: "saved conversations cannot be read, or an answer could not be saved",
    ExitCode.NOTHING_TO_ASK: "there is no model to ask",
    ExitCode.HUNG_UP: "the terminal was closed; answers are kept as interrupted",
    ExitCode.INTERRUPTED: "stopped with Ctrl+C; what had arrived is kept",
    ExitCode.OUTPUT_CLOSED: "whoever read the output went away (| head)",
    ExitCode.TERMINATED: "ended by SIGTERM; answers are kept as interrupted",
}


class UsageError(Exception):
    """What was asked for on the command line cannot be done; the message says what to write instead."""


def table() -> str:
    """The codes and their meanings, one per line."""
    return "\n".join(f"  {code:>3}  {words}" for code, words in MEANINGS.items())
