"""The questions of the session on screen, one per row: an outline to go by. Rows are read as they are seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Region, Size
from textual.reactive import reactive
from textual.screen import Screen
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widgets import Static

from storage import Question
from tui.rendering.safe_text import content, one_line
from tui.words import plural

Rows = Callable[[int, int], Sequence[Question]]
"""First (from 0) and count to questions, oldest first; takes some 0.1 ms."""
PAGE_ROWS = 100
PAGES_KEPT = 20


class QuestionList(ScrollView, can_focus=True):
    """Questions of any number; those that were seen last are in memory."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"question--cursor", "question--quiet"}
    DEFAULT_CSS = """
    QuestionList {
        height: 1fr;
        overflow-x: hidden;
        scrollbar-size-vertical: 1;
        scrollbar-background: $background;
        scrollbar-background-hover: $background;
        scrollbar-color: $rule;

        & > .question--cursor { background: $panel; text-style: bold; }
        & > .question--quiet { color: $quiet; }
    }
    """
    BINDING_GROUP_TITLE = "Questions"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Question before", show=False, id="questions.up"),
        Binding("down,j", "move(1)", "Next question", show=False, id="questions.down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="questions.pageup"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="questions.pagedown"),
        Binding("home", "end(-1)", "First question", show=False, id="questions.home"),
        Binding("end", "end(1)", "Last question", show=False, id="questions.end"),
    ]

    cursor: reactive[int] = reactive(0)

    def __init__(self, rows: Rows, total: int, at: int) -> None:
        """`at` is picked first."""
        super().__init__()
        self._rows = rows
        self._total = total
        self._pages: dict[int, Sequence[Question]] = {}
        self.set_reactive(QuestionList.cursor, max(0, min(at, total - 1)))

    def question(self, row: int) -> Question | None:
        """One question; None where it is gone."""
        page, at = divmod(row, PAGE_ROWS)
        if page not in self._pages:
            if len(self._pages) >= PAGES_KEPT:
                del self._pages[next(iter(self._pages))]
            self._pages[page] = self._rows(page * PAGE_ROWS, PAGE_ROWS)
        found = self._pages[page]
        return found[at] if at < len(found) else None

    def on_resize(self) -> None:
        """Keep the picked one in view."""
        self.virtual_size = Size(self.size.width, self._total)
        self.call_after_refresh(self._show_cursor)  # only then can it scroll so far

    def validate_cursor(self, cursor: int) -> int:
        """Stay on a question."""
        return max(0, min(cursor, self._total - 1))

    def watch_cursor(self) -> None:
        """Keep the picked one in view."""
        self._show_cursor()
        self.refresh()

    def _show_cursor(self) -> None:
        self.scroll_to_region(Region(0, self.cursor, 1, 1), animate=False, immediate=True, x_axis=False)

    def action_move(self, by: int) -> None:
        """Pick another one."""
        self.cursor += by

    def action_page(self, by: int) -> None:
        """Pick one a screen further on."""
        self.cursor += by * max(1, self.size.height - 1)

    def action_end(self, which: int) -> None:
        """The first one or the last."""
        self.cursor = self._total - 1 if which > 0 else 0

    def on_click(self, event: events.Click) -> None:
        """Pick the row that was clicked."""
        self.cursor = event.y + round(self.scroll_y)

    def render_line(self, y: int) -> Strip:
        """One question: number, first line, and the word for an answer that did not end well."""
        row, width = y + round(self.scroll_y), self.scrollable_content_region.width
        question = self.question(row) if row < self._total else None
        if question is None:
            return Strip.blank(width, self.rich_style)
        picked = row == self.cursor
        quiet = self.get_visual_style("question--quiet", partial=True)
        note = content(question.trouble).stylize(quiet)
        number = f"{'▸' if picked else ' '} {question.seq:>5,}  "
        room = max(0, width - len(number) - note.cell_length - 2)
        words = content(one_line(question.prompt, max(1, room)))
        gap = " " * max(1, room - words.cell_length + 1)
        style = self.get_visual_style("question--cursor") if picked else self.visual_style
        segments = Content.assemble(number, words, gap, note, " ").render_segments(style)
        return Strip(segments).adjust_cell_length(width, style.rich_style).apply_offsets(0, y)


class QuestionsScreen(Screen[int | None]):
    """Gives the id of the turn to go to, or None."""

    DEFAULT_CSS = """
    QuestionsScreen {
        background: $background;
        padding: 0 1;
        & #head { height: 1; margin: 0 0 1 0; text-style: bold; }
        & #foot { height: 1; color: $quiet; }
    }
    """
    BINDING_GROUP_TITLE = "Questions"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "leave", "Back", id="questions.leave"),
        Binding("enter", "choose", "Go there", id="questions.choose"),
    ]

    def __init__(self, rows: Rows, total: int, at: int) -> None:
        """Take where questions come from, how many there are, and which one is on screen."""
        super().__init__()
        self._total = total
        self._list = QuestionList(rows, total, at)

    def compose(self) -> ComposeResult:
        """How many, the list, the keys."""
        yield Static(plural(self._total, "question"), id="head", markup=False)
        yield self._list
        yield Static("Enter go there · ↑↓ choose · Esc back", id="foot", markup=False)

    def on_mount(self) -> None:
        """The list has the keys."""
        self._list.focus()

    def action_choose(self) -> None:
        """Go to the picked one."""
        question = self._list.question(self._list.cursor)
        self.dismiss(question.turn_id if question is not None else None)

    def action_leave(self) -> None:
        """Go back."""
        self.dismiss(None)
