"""The line in which a person types what to find inside the session on screen, and how many places have it."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Static

from tui.widgets.filter_line import FilterLine

FIND_DELAY = 0.08
"""Seconds of rest after a key: words typed at speed are looked for once."""


class FindLine(Horizontal):
    """One row below the turns."""

    DEFAULT_CSS = """
    FindLine {
        height: 1;
        padding: 0 1;
        & #find-name { width: 6; color: $quiet; }
        & FilterLine { width: 1fr; }
        & #find-count { width: auto; padding-left: 2; }
        & #find-keys { width: auto; padding-left: 2; color: $quiet; }
    }
    """
    BINDING_GROUP_TITLE = "Find"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Close", id="find.leave"),
        Binding("down", "step(1)", "Next place", show=False, id="find.next"),
        Binding("up", "step(-1)", "Place before", show=False, id="find.before"),
    ]

    class Wanted(Message):
        """Words to look for; empty: nothing."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Stepped(Message):
        """To the next place, or the one before."""

        def __init__(self, step: int) -> None:
            super().__init__()
            self.step = step

    class Entered(Message):
        """Enter: the keys go to the turns now."""

    class Left(Message):
        """Esc: nothing is looked for any more."""

    def compose(self) -> ComposeResult:
        """Name, words, count, keys."""
        yield Static("Find", id="find-name", markup=False)
        yield FilterLine(placeholder="words in this session", id="find-words")
        yield Static("", id="find-count", markup=False)
        yield Static("Enter, then n N · Esc close", id="find-keys", markup=False)

    @property
    def words(self) -> str:
        """What stands there."""
        return self._line.value

    def show_words(self, text: str) -> None:
        """Put words there that are looked for already."""
        with self.prevent(Input.Changed):
            self._line.value = text

    def show_count(self, words: str) -> None:
        """Say where in all places the view is: "3 of 17"."""
        self.query_one("#find-count", Static).update(words)

    def type_into(self) -> None:
        """Take the keys; what stands there is replaced by what is typed."""
        self.screen.set_focus(self._line)  # at once: `focus` comes after the next key
        self._line.action_select_all()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Look for it once the typing rests."""
        event.stop()
        wanted = event.value
        self.set_timer(FIND_DELAY, lambda: self._want(wanted))

    def _want(self, text: str) -> None:
        if self.display and text == self._line.value:
            self.post_message(self.Wanted(text))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Give the keys to the turns."""
        event.stop()
        self.post_message(self.Entered())

    def action_step(self, step: int) -> None:
        """To the next place, or the one before."""
        self.post_message(self.Stepped(step))

    def action_leave(self) -> None:
        """Close."""
        self.post_message(self.Left())

    @property
    def _line(self) -> FilterLine:
        return self.query_one(FilterLine)
