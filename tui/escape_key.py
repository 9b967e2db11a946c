"""Tells Esc from the beginning of another key soon after it was pressed.

Terminals send Esc as the single byte that all escape sequences begin with. Textual looks only every 100 ms whether
more has come, and Esc is the key that stops answers. A sequence is written in one piece, so a short wait is enough.
"""

from __future__ import annotations

import select
import sys
from collections.abc import Iterable

from textual.drivers import linux_driver
from textual.message import Message

from tui.unmarked_paste import UnmarkedPasteParser

ESCAPE_SECONDS = 0.025
"""What editors use (ncurses' ESCDELAY of 25); the rest of a sequence that was cut in two comes sooner."""
_ESCAPE = "\x1b"


class QuickEscapeParser(UnmarkedPasteParser):
    """Textual's parser, which takes an ESC for the key when nothing follows it, and never for one inside a paste.

    A marked paste may be cut anywhere, also after the ESC of its end mark, and the rest may be late.
    """

    @staticmethod
    def more_comes(seconds: float) -> bool:
        """Whether the terminal sends something within this time. Called in the thread that reads it."""
        terminal = sys.__stdin__
        return terminal is not None and bool(select.select([terminal.fileno()], [], [], seconds)[0])

    def feed(self, data: str) -> Iterable[Message]:
        """Take what was read; the end of input is "" ."""
        yield from super().feed(data)
        if self._marked:
            self._timeout_time = None
        elif data.endswith(_ESCAPE) and self._timeout_time is not None and not self.more_comes(ESCAPE_SECONDS):
            self._timeout_time = 0.0
            yield from self.tick()


def read_the_terminal_with_our_parser() -> None:
    """Let Textual's driver find lone Escs and unmarked pastes. To be called once, before an app runs."""
    linux_driver.XTermParser = QuickEscapeParser  # type: ignore[attr-defined]  # it offers no other way
