"""The questions of the session on screen, one per row: an outline to go by. Rows are read as they are seen."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from storage import Question
from tui.rendering.safe_text import content, one_line
from tui.widgets.paged_list import Page, PagedList
from tui.words import plural


class QuestionList(PagedList[Question]):
    """Questions of any number."""

    BINDING_GROUP_TITLE = "Questions"

    def words(self, row: Question, width: int, *, picked: bool) -> Content:
        """Number, first line, and the word for an answer that did not end well."""
        note = content(row.trouble).stylize(self.get_visual_style("row--quiet", partial=True))
        number = f"{'▸' if picked else ' '} {row.seq:>5,}  "
        room = max(0, width - len(number) - note.cell_length - 2)
        prompt = content(one_line(row.prompt, max(1, room)))
        gap = " " * max(1, room - prompt.cell_length + 1)
        return Content.assemble(number, prompt, gap, note, " ")


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

    def __init__(self, rows: Page[Question], total: int, at: int) -> None:
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
        question = self._list.picked
        self.dismiss(question.turn_id if question is not None else None)

    def action_leave(self) -> None:
        """Go back."""
        self.dismiss(None)
