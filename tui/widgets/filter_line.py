"""One line of text above a list, for filtering it."""

from __future__ import annotations

from textual import events
from textual.widgets import Input

from tui.rendering.safe_text import one_line

_LONGEST = 500
"""Cells; a filter that is longer is a paste that went to the wrong place."""


class FilterLine(Input):
    """An input without a box; what is pasted into it becomes one visible line."""

    DEFAULT_CSS = """
    FilterLine, FilterLine:focus {
        height: 1;
        border: none;
        padding: 0;
        background: $background;
        background-tint: $background;
    }
    """

    def _on_paste(self, event: events.Paste) -> None:
        event.stop()
        event.prevent_default()
        self.insert_text_at_cursor(one_line(event.text, _LONGEST))
