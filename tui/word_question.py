"""The question before the first confidential prompt to a server of this machine that nothing can verify."""

from __future__ import annotations

from conversation.errors import WordNeeded
from tui.rendering.safe_text import one_line
from tui.screens.confirm import Confirm

_LM_LINK = "LM Studio may have another device answer (LM Link), and that cannot be seen from here."
_ANY_PORT = "Any port of this machine may be a tunnel or a gateway, and that cannot be seen from here."


def word_question(needed: WordNeeded) -> Confirm:
    """Asks; True is the user's word."""
    return Confirm(
        f"Does what answers at {needed.name} run on this machine?",
        [
            _LM_LINK if needed.is_lmstudio else _ANY_PORT,
            listener_words(needed.program, passes_on=needed.passes_on),
            'You are asked once for each server; from then on it is shown as "this machine, by your word".',
        ],
        yes="Yes, it runs on this machine",
        no="No, send nothing",
    )


def listener_words(program: str, *, passes_on: bool) -> str:
    """Who listens there, as far as that can be told."""
    name = one_line(program, 40)
    if passes_on:
        return f"ALARM: the program behind it is {name}, which passes on what it is sent."
    return f"The program behind it is {name}." if name else "Which program is behind it cannot be told."
