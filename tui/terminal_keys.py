"""Keys that terminals send and Textual does not tell apart from Enter.

Without the Kitty keyboard protocol Alt+Enter reaches a program as ESC CR (tmux, most terminals; also what people who
map Shift+Enter in their terminal let it send). Textual 8.2 reads that as a plain Enter, so a wish for a new line
would send the prompt. Its table of sequences is the only place to say otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from textual._ansi_sequences import ANSI_SEQUENCES_KEYS

ENTER_WITH_MODIFIER = frozenset({"shift+\r", "ctrl+\r", "ctrl+shift+\r", "\r"})
"""Names that Textual gives to Enter with a modifier where xterm's `modifyOtherKeys` reports it (CSI 27;m;13~).

They hold a carriage return, so no binding can name them; the last is Alt+Enter, whose modifier is dropped on the way.
"""


@dataclass(frozen=True, slots=True)
class _KeyName:
    """Looks like a member of Textual's `Keys`, which has no Alt+Enter."""

    value: str


def tell_alt_enter_from_enter() -> None:
    """Teach Textual's parser ESC CR and ESC LF as "alt+enter". To be called once, before an app runs."""
    # The table is typed as a mapping but is a plain dict; tests send the bytes through the parser, so a new Textual
    # that changes this is noticed.
    table = cast("dict[str, Any]", ANSI_SEQUENCES_KEYS)
    table["\x1b\r"] = table["\x1b\n"] = (_KeyName("alt+enter"),)
