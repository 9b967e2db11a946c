"""One question with two answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.rendering.safe_text import content, one_line


class _Answer(Static, can_focus=True):
    """One of the two answers; the arrow marks the one that Enter gives."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "take", "This answer", id="confirm.take")]

    @dataclass
    class Taken(Message):
        yes: bool

    def __init__(self, words: str, *, yes: bool) -> None:
        super().__init__(id="yes" if yes else "no")
        self._words = one_line(words)
        self._yes = yes

    def render(self) -> Content:
        arrow = "▸ " if self.has_focus else "  "
        return Content.assemble(arrow, ("[y] " if self._yes else "[n] ", "bold $primary"), content(self._words))

    def action_take(self) -> None:
        self.post_message(self.Taken(self._yes))

    def on_click(self) -> None:
        self.action_take()


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
        & _Answer:hover { background: $block-cursor-background; }
        &.-narrow { background: $background; align: left top; }
        &.-narrow #dialog { width: 1fr; padding: 1 2; background: $background; }
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
            yield _Answer(self._yes, yes=True)
            yield _Answer(self._no, yes=False)

    def on_mount(self) -> None:
        """Let Enter give the safe answer."""
        self.query_one("#no" if self._dangerous else "#yes").focus()

    def on__answer_taken(self, event: _Answer.Taken) -> None:
        """Answer by Enter or click."""
        event.stop()
        self.dismiss(event.yes)

    def action_answer(self, yes: bool) -> None:
        """Answer by letter."""
        self.dismiss(yes)
