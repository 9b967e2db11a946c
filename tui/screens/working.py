"""Says how far something is that takes long."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.long_work import Progress
from tui.rendering.safe_text import content, one_line

_LOOK_SECONDS = 0.2


class Working(ModalScreen[None]):
    """Stays until `end`; Esc asks the work to stop."""

    DEFAULT_CSS = """
    Working {
        align: center middle;
        & #dialog {
            width: 64;
            max-width: 100%;
            height: auto;
            padding: 1 3;
            background: $panel;
        }
        & Static { height: auto; }
        & #title { text-style: bold; margin-bottom: 1; }
        & #keys { color: $quiet; margin-top: 1; }
    }
    """

    BINDING_GROUP_TITLE = "Work"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "stop", "Stop it", id="working.stop")]

    def __init__(self, title: str, about_esc: str, progress: Progress) -> None:
        """`about_esc`: what Esc does, in words."""
        super().__init__()
        self._title = title
        self._about_esc = about_esc
        self._progress = progress
        self._ended = False

    def compose(self) -> ComposeResult:
        """What is done, how far it is, and the way out."""
        with Vertical(id="dialog"):
            yield Static(content(one_line(self._title, 200)), id="title")
            yield Static("", id="words", markup=False)
            yield Static(f"Esc {self._about_esc}", id="keys", markup=False)

    def on_mount(self) -> None:
        """Look at the work now and then."""
        self._show()
        self.set_interval(_LOOK_SECONDS, self._show)

    def on_screen_resume(self) -> None:
        """Go, if the work has ended under another window."""
        if self._ended:
            self.dismiss()

    def end(self) -> None:
        """The work is done."""
        self._ended = True
        if self.is_current:
            self.dismiss()

    def action_stop(self) -> None:
        """Have it end."""
        self._progress.stopped = True
        self._show()

    def _show(self) -> None:
        words = "Stopping …" if self._progress.stopped else self._progress.words or "…"
        self.query_one("#words", Static).update(content(words))
