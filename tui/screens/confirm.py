"""One question with two answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from tui.rendering.safe_text import content, one_line


class Confirm(ModalScreen[bool]):
    """Asks, and gives True for yes. Esc is no; so is Enter where yes would be dangerous."""

    DEFAULT_CSS = """
    Confirm {
        align: center middle;
        & #dialog {
            width: 64;
            max-width: 100%;
            height: auto;
            max-height: 100%;
            padding: 1 3;
            background: $panel;
        }
        & Static { height: auto; }
        & #title { text-style: bold; margin-bottom: 1; }
        & .sentence { margin-bottom: 1; }
        & Horizontal { height: auto; }
        & Button { margin-right: 3; background: $panel; color: $foreground; padding: 0 1; }
        & Button:focus { background: $block-cursor-background; color: $block-cursor-foreground; text-style: bold; }
        &.-narrow { background: $background; align: left top; }
        &.-narrow #dialog { width: 1fr; padding: 1 2; background: $background; }
        &.-narrow Button { background: $background; }
        &.-narrow Button:focus { background: $block-cursor-background; }
    }
    """
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 - the base declares it an instance's

    BINDING_GROUP_TITLE = "Question"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes", id="confirm.yes"),
        Binding("n,escape", "answer(False)", "No", id="confirm.no"),
        Binding("left,up", "app.focus_previous", "The other answer", show=False, id="confirm.previous"),
        Binding("right,down", "app.focus_next", "The other answer", show=False, id="confirm.next"),
    ]

    def __init__(
        self, title: str, sentences: Sequence[str], *, yes: str = "Yes", no: str = "No", dangerous: bool = True
    ) -> None:
        super().__init__()
        self._title = title
        self._sentences = sentences
        self._yes = yes
        self._no = no
        self._dangerous = dangerous

    def compose(self) -> ComposeResult:
        """The question, what it means, and the answers with their letters."""
        with VerticalScroll(id="dialog", can_focus=False):
            yield Static(content(one_line(self._title, 200)), id="title")
            for sentence in self._sentences:
                yield Static(content(sentence), classes="sentence")
            with Horizontal():
                yield Button(_label(self._yes, "y"), id="yes", compact=True)
                yield Button(_label(self._no, "n"), id="no", compact=True)

    def on_mount(self) -> None:
        """Let Enter do what is safe."""
        self.query_one("#no" if self._dangerous else "#yes", Button).focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Answer by Enter or click."""
        event.stop()
        self.dismiss(event.button.id == "yes")

    def action_answer(self, yes: bool) -> None:
        """Answer by letter."""
        self.dismiss(yes)


def _label(words: str, letter: str) -> Content:
    return Content.assemble(content(one_line(words)), (f" ({letter})", "$quiet"))
