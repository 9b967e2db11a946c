"""What stands on the screen, as text; and a bare app to put one widget or one screen on.

Text instead of pictures: a failing comparison can be read in a terminal, and it does not change with a theme.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, TypeVar

from textual.app import App, ComposeResult
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, TextArea

from tui.themes import DARK, FALLBACK_VARIABLES

M = TypeVar("M", bound=Message)


def screen_lines(app: App[Any]) -> str:
    """The characters on the screen, one line per row, without blanks at the ends of lines and of the screen."""
    strips = app.screen._compositor.render_strips()
    return "\n".join(strip.text.rstrip() for strip in strips).rstrip()


async def until(condition: Callable[[], object], *, seconds: float = 10.0) -> None:
    """Let the app run until `condition` holds; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        await asyncio.sleep(0.005)


class Stage(App[object]):
    """A bare app in which nothing moves by itself: it holds some widgets and remembers what they post."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 - the base declares it an instance's

    def __init__(self, *widgets: Widget) -> None:
        super().__init__()
        self.animation_level = "none"
        self.register_theme(DARK)
        self.theme = DARK.name
        self._widgets = widgets
        self._arrived: list[Message] = []

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return FALLBACK_VARIABLES

    def compose(self) -> ComposeResult:
        yield from self._widgets

    def on_mount(self) -> None:
        for entry in (*self.query(TextArea), *self.query(Input)):
            entry.cursor_blink = False

    async def _on_message(self, message: Message) -> None:
        self._arrived.append(message)
        await super()._on_message(message)

    def posted(self, kind: type[M]) -> list[M]:
        """The messages of one kind that reached the app, oldest first."""
        return [message for message in self._arrived if isinstance(message, kind)]
