"""Which form of a session to write, and into which file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.reactive import reactive
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from tui.exporting.formats import Format, format_of
from tui.rendering.safe_text import content

FORMATS: Sequence[tuple[Format, str, str]] = (
    (Format.MARKDOWN, "Markdown", "for any viewer or editor"),
    (Format.HTML, "HTML", "one page, the answers side by side"),
    (Format.TEXT, "text", "without any markup"),
    (Format.JSON, "JSON", "complete; it can be imported again"),
    (Format.JSONL, "JSONL", "the same, a turn per line"),
)
_HOLDS = (
    "It holds the questions, both sides' answers with all variants, thinking, notes, votes and receipts. Only you "
    "can read the file, until you give it to somebody."
)
_NO_PATH = "Write the file's name first, or press Esc."


@dataclass(frozen=True, slots=True)
class ExportChoice:
    """What a person wants."""

    form: Format
    path: str
    """As it was typed."""


class _Forms(Vertical, can_focus=True):
    """The formats, one of them chosen."""

    BINDING_GROUP_TITLE = "Formats"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,right,space", "step(1)", "Next format", show=False, id="export.next_format"),
        Binding("up,left", "step(-1)", "Format before", show=False, id="export.previous_format"),
        Binding("enter", "screen.take", "Write the file", show=False, id="export.take"),
    ]
    chosen = reactive(0)

    def __init__(self, form: Format, changed: Callable[[], None]) -> None:
        """`changed` is called at once, not by a message: an Enter that comes right after finds all in order."""
        super().__init__()
        self._changed = changed
        self._lines = [Static(markup=False) for _ in FORMATS]
        self.set_reactive(_Forms.chosen, [each for each, _, _ in FORMATS].index(form))

    @property
    def form(self) -> Format:
        """The chosen one."""
        return FORMATS[self.chosen][0]

    def choose(self, form: Format) -> None:
        """Choose one without telling of it."""
        self.chosen = [each for each, _, _ in FORMATS].index(form)

    def compose(self) -> ComposeResult:
        yield from self._lines
        self._draw()

    def watch_chosen(self) -> None:
        self._draw()

    def action_step(self, by: int) -> None:
        self.chosen = (self.chosen + by) % len(FORMATS)
        self._changed()

    def on_click(self, event: events.Click) -> None:
        if event.widget in self._lines:
            self.chosen = self._lines.index(event.widget)
            self._changed()

    def _draw(self) -> None:
        for number, (line, (_, name, about)) in enumerate(zip(self._lines, FORMATS, strict=True)):
            mark = "(•) " if number == self.chosen else "( ) "
            line.update(Content.assemble(f"{mark}{name:<10}", (about, "$quiet")))


class ExportDialog(ModalScreen[ExportChoice | None]):
    """Gives the form and the file, or None when it was left."""

    DEFAULT_CSS = """
    ExportDialog {
        align: center middle;
        & #dialog {
            width: 84;
            max-width: 100%;
            height: auto;
            max-height: 100%;
            padding: 1 3;
            background: $panel;
        }
        & Static { height: auto; }
        & #title { text-style: bold; }
        & .quiet { color: $quiet; }
        & #of { margin-bottom: 1; }
        & #warning { color: $error; text-style: bold; margin-bottom: 1; }
        & #problem { color: $error; margin-bottom: 1; }
        & _Forms { height: auto; margin-bottom: 1; }
        & _Forms:focus { background: $block-cursor-background; }
        & Input { border: none; border-bottom: solid $rule; height: 2; padding: 0; background: $panel; }
        & Input { margin-bottom: 1; }
        & Input:focus { border: none; border-bottom: solid $quiet; }
        & #keys { margin-top: 1; }
        &.-narrow { background: $background; align: left top; }
        &.-narrow #dialog { width: 1fr; padding: 1 2; background: $background; }
        &.-narrow Input { background: $background; }
    }
    """
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 - the base declares it an instance's

    BINDING_GROUP_TITLE = "Export"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Write nothing", id="export.leave")]

    def __init__(self, about: str, first: ExportChoice, *, confidential: bool = False, problem: str = "") -> None:
        """`about`: the session in a line; `first`: what stands there; `problem`: why that was not taken before."""
        super().__init__()
        self._about = about
        self._first = first
        self._confidential = confidential
        self._problem = problem

    def compose(self) -> ComposeResult:
        """What it is about, the formats, the file."""
        with VerticalScroll(id="dialog", can_focus=False):
            yield Static("Export this session", id="title", markup=False)
            yield Static(content(self._about), id="of", classes="quiet")
            if self._confidential:
                yield Static("CONFIDENTIAL: the file is not encrypted.", id="warning", markup=False)
            yield _Forms(self._first.form, self._fit_name)
            yield Static("Into the file", classes="quiet", markup=False)
            yield Input(self._first.path, id="path", select_on_focus=False)
            yield Static(content(self._problem), id="problem")
            yield Static(_HOLDS, classes="quiet", markup=False)
            yield Static(
                "Enter write it · ↑↓ format · Tab to the file's name · Esc leave",
                classes="quiet",
                id="keys",
                markup=False,
            )

    def on_mount(self) -> None:
        """The arrows choose at once."""
        self.query_one("#problem").display = bool(self._problem)
        self.query_one(Input if self._problem else _Forms).focus()

    def _fit_name(self) -> None:
        """The name ends as such a file does, unless it ends in no way that is known."""
        entry = self.query_one("#path", Input)
        path = Path(entry.value)
        if path.name and format_of(path) is not None:
            entry.value = str(path.with_suffix(self.query_one(_Forms).form.ending))

    def on_input_changed(self, event: Input.Changed) -> None:
        """The other way round: who writes lease.json wants JSON."""
        event.stop()
        form = format_of(Path(self.query_one("#path", Input).value))
        if form is not None:
            self.query_one(_Forms).choose(form)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter in the name takes it."""
        event.stop()
        self.action_take()

    def action_take(self) -> None:
        """Give the choice to whoever asked."""
        path = self.query_one("#path", Input).value.strip()
        if path:
            self.dismiss(ExportChoice(self.query_one(_Forms).form, path))
        else:
            problem = self.query_one("#problem", Static)
            problem.update(_NO_PATH)
            problem.display = True
            self.query_one("#path").focus()

    def action_leave(self) -> None:
        """Go back without a file."""
        self.dismiss(None)
