"""One line to write: a title, tags, a note. Enter takes it, Esc leaves everything as it was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.suggester import Suggester
from textual.widgets import Input, Static

from tui.rendering.safe_text import content, one_line
from tui.widgets.filter_line import FilterLine

_SHOWN_WORDS = 200
"""Cells of known words beneath the line."""


class _LastWord(Suggester):
    """Completes the last word of a line from known words."""

    def __init__(self, known: Sequence[str]) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._known = known

    async def get_suggestion(self, value: str) -> str | None:
        """The line with its last word finished; None where nothing begins so."""
        before, space, last = value.rpartition(" ")
        word = next(
            (word for word in self._known if last and word.startswith(last.casefold()) and word != last), None
        )
        return None if word is None else f"{before}{space}{word}"


class AskLine(ModalScreen[str | None]):
    """Gives the line, or None."""

    DEFAULT_CSS = """
    AskLine {
        align: center middle;
        & #dialog { width: 72; max-width: 100%; height: auto; padding: 1 3; background: $panel; }
        & Static { height: auto; }
        & #title { text-style: bold; margin-bottom: 1; }
        & FilterLine, & FilterLine:focus { background: $panel; background-tint: $panel; margin-bottom: 1; }
        & #about, & #keys { color: $quiet; }
        &.-narrow { background: $background; align: left top; }
        &.-narrow #dialog { width: 1fr; padding: 1 2; background: $background; }
        &.-narrow FilterLine, &.-narrow FilterLine:focus { background: $background; background-tint: $background; }
    }
    """
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 - the base declares it an instance's

    BINDING_GROUP_TITLE = "Line"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Leave it as it was", id="ask_line.leave")]

    def __init__(
        self, title: str, value: str = "", *, placeholder: str = "", about: str = "", known: Sequence[str] = ()
    ) -> None:
        """`value` stands in the line; one that ends in a space is to be gone on with.

        `known` are words that may come in it: they are shown, and complete what is typed.
        """
        super().__init__()
        self._title = title
        self._value = value
        self._placeholder = placeholder
        self._about = about
        self._known = known

    def compose(self) -> ComposeResult:
        """What it is, the line, what is known, the keys."""
        with Vertical(id="dialog"):
            yield Static(content(one_line(self._title, 200)), id="title")
            yield FilterLine(
                f"{one_line(self._value, 1000)}{' ' * self._value.endswith(' ')}",
                placeholder=self._placeholder,
                suggester=_LastWord(self._known),
                id="line",
            )
            about = one_line(" · ".join(filter(None, (self._about, *self._known))), _SHOWN_WORDS)
            if about:
                yield Static(content(about), id="about")
            completes = " · → completes" if self._known else ""
            yield Static(content(f"Enter keep{completes} · Esc leave it as it was"), id="keys")

    def on_mount(self) -> None:
        """Ready to be written over, or on."""
        line = self.query_one(FilterLine)
        line.focus()
        line.cursor_position = len(line.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take it."""
        event.stop()
        self.dismiss(event.value)

    def action_leave(self) -> None:
        """Take nothing."""
        self.dismiss(None)
