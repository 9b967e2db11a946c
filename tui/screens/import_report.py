"""What an import left out, and where in the file that stands."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from storage.carry.importing import Summary
from tui.rendering.safe_text import content, one_line
from tui.words import plural


class ImportReport(ModalScreen[None]):
    """Shows it until it is left."""

    DEFAULT_CSS = """
    ImportReport {
        align: center middle;
        & #dialog { width: 92; max-width: 100%; height: auto; max-height: 100%; padding: 1 3; background: $panel; }
        & Static { height: auto; }
        & #title { text-style: bold; margin-bottom: 1; }
        & #sum { margin-bottom: 1; }
        & #problems { height: auto; max-height: 20; background: $panel; margin-bottom: 1; }
        & #keys { color: $quiet; }
        &.-narrow { background: $background; align: left top; }
        &.-narrow #dialog { width: 1fr; padding: 1 2; background: $background; }
        &.-narrow #problems { background: $background; max-height: 12; }
    }
    """
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 - the base declares it an instance's

    BINDING_GROUP_TITLE = "Report"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,enter", "leave", "Go on", id="import_report.leave")]

    def __init__(self, words: str, summary: Summary) -> None:
        """`words`: what was done, in a sentence."""
        super().__init__()
        self._words = words
        self._summary = summary

    def compose(self) -> ComposeResult:
        """What was done, what was not."""
        summary = self._summary
        with Vertical(id="dialog"):
            yield Static("Not all of the file was imported", id="title", markup=False)
            yield Static(content(self._words), id="sum")
            with VerticalScroll(id="problems"):
                for problem in summary.problems:
                    yield Static(content(f"{one_line(problem.where, 200)}: {one_line(problem.what, 300)}"))
                if (more := summary.problem_count - len(summary.problems)) > 0:
                    yield Static(f"and {plural(more, 'more problem')}", markup=False)
            yield Static("The rest is in the library. ↑↓ scroll · Esc go on", id="keys", markup=False)

    def on_mount(self) -> None:
        """The arrows scroll at once."""
        self.query_one("#problems").focus()

    def action_leave(self) -> None:
        """Go on."""
        self.dismiss()
