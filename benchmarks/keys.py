"""Types single characters and waits for each to come back.

The characters are Armenian and Georgian letters: one cell wide, and in none of the streamed texts, so each can be
told from everything else that is written meanwhile.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from itertools import cycle

from benchmarks.pseudo_terminal import NeverSeen, PseudoTerminal

LETTERS = [chr(code) for first, last in ((0x561, 0x586), (0x10D0, 0x10F5)) for code in range(first, last + 1)]
IN_ONE_ROW = 30
"""Letters after which the line is deleted: the prompt stays one row."""
PAUSES = (0.02, 0.08)
"""Seconds from an echo to the next key, at random, so that keys meet all phases of the frames."""
GIVEN_UP = 5.0
"""Seconds after which an echo is not waited for any more; it counts as so long."""
_DELETE_LINE = b"\x15"


def echoes(program: PseudoTerminal, go_on: Callable[[int], bool]) -> list[float]:
    """Milliseconds from each key to its echo, for as long as `go_on` of their number says so."""
    chance = random.Random(7)
    taken: list[float] = []
    letters = cycle(LETTERS)
    while go_on(len(taken)):
        taken.append(echo(program, next(letters)))
        if len(taken) % IN_ONE_ROW == 0:
            _delete_line(program)
        time.sleep(chance.uniform(*PAUSES))
    _delete_line(program)
    return taken


def _delete_line(program: PseudoTerminal) -> None:
    program.write(_DELETE_LINE)
    # A key's action runs after the keys that wait already: what is typed at once would be deleted with the rest.
    time.sleep(0.2)


def times(count: int) -> Callable[[int], bool]:
    """Go on until there are so many."""
    return lambda typed: typed < count


def until(end: float) -> Callable[[int], bool]:
    """Go on until this time."""
    return lambda _: time.monotonic() < end


def echo(program: PseudoTerminal, letter: str) -> float:
    """Milliseconds from one key to its echo."""
    start = program.written
    key = letter.encode()
    sent = program.write(key)
    try:
        return (program.wait_for(key, start=start, longest=GIVEN_UP) - sent) * 1000
    except NeverSeen:
        return GIVEN_UP * 1000


def send_prompt(program: PseudoTerminal, text: str) -> None:
    """Type a prompt and send it. Raises `NeverSeen` when it does not show in the prompt box."""
    start = program.written
    program.write(f"\x1b[200~{text}\x1b[201~".encode())
    program.wait_for(text.encode(), start=start)
    time.sleep(0.05)  # an Enter within 5 ms of another key counts as part of a paste
    program.write(b"\r")
