"""The floor: a bare Textual app of the program's shape, that is what no program on Textual can be faster than.

One view of plain lines, one editor, two status lines; no styles to speak of, no store, no models.
Run as `python -m benchmarks.floor_app`.
"""

from __future__ import annotations

from rich.segment import Segment
from textual.app import App, ComposeResult
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widgets import Static, TextArea

READY = "floor is ready"
LINES = 200


class Lines(ScrollView):
    """Lines of plain text."""

    DEFAULT_CSS = "Lines { height: 1fr; }"

    def on_mount(self) -> None:
        self.virtual_size = Size(80, LINES)

    def render_line(self, y: int) -> Strip:
        number = round(self.scroll_offset.y) + y
        return Strip([Segment(f"line {number} of plain text" if number < LINES else "")])


class Floor(App[None]):
    """The bare app."""

    CSS = "TextArea { height: 5; } Static { height: 1; }"

    def compose(self) -> ComposeResult:
        yield Static("a status line")
        yield Lines()
        yield Static(READY)
        yield TextArea()

    def on_mount(self) -> None:
        self.query_one(TextArea).focus()


if __name__ == "__main__":
    Floor().run()
