"""A list of saved sessions that holds what was scrolled to, not all there is.

It draws lines itself: ten thousand sessions open like ten. Rows come in pages from a callable, the next page when the
cursor or the view comes near the end of what is there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.style import Style

from storage import SessionSummary
from tui.rendering.columns import column
from tui.rendering.safe_text import one_line
from tui.words import money, plural, short_spec

Page = Callable[[int, int], Sequence[SessionSummary]]
"""Limit and offset to the rows from there on, newest first; fewer than asked for at the end."""

PAGE_ROWS = 60
NEAR_END = 20
"""Rows below the cursor from which on the next page is fetched."""
ONE_LINE_COLUMNS = 140
"""Columns from which on a session fits on one line."""

_GAP = "  "
_MARKS = len("CONFIDENTIAL · 12 unfinished")


@dataclass(frozen=True, slots=True)
class SessionWords:
    """One session as its row says it."""

    title: str
    pair: str
    turns: str
    cost: str
    when: str
    marks: str
    """"CONFIDENTIAL", "1 unfinished", both or nothing."""


def words_of(summary: SessionSummary, updated: datetime, now: datetime) -> SessionWords:
    """Everything about one session that its row says; both times are local ones."""
    session = summary.session
    marks = []
    if session.confidential:
        marks.append("CONFIDENTIAL")
    if summary.open_replies:
        marks.append("answering")
    if summary.unhappy_replies:
        marks.append(f"{summary.unhappy_replies} unfinished")
    names = [one_line(short_spec(spec), 40) for spec in (session.left, session.right) if spec is not None]
    return SessionWords(
        title=one_line(session.title, 200) or "untitled",
        pair=" | ".join(names),
        turns=plural(summary.turns, "turn"),
        cost=_cost(summary.cost_usd),
        when=when(updated, now),
        marks=" · ".join(marks),
    )


def _cost(dollars: float | None) -> str:
    """What is not known is not shown; what cost nothing says so without decimals."""
    if dollars is None:
        return ""
    return money(dollars) if dollars else "$0"


def when(moment: datetime, now: datetime) -> str:
    """ "today 14:02", "Tue 18 Nov", or with the year if it is another one; both times are local ones."""
    if moment.date() == now.date():
        return f"today {moment:%H:%M}"
    if moment.year == now.year:
        return f"{moment:%a} {moment.day} {moment:%b}"
    return f"{moment.day} {moment:%b %Y}"


class SessionList(ScrollView, can_focus=True):
    """Sessions, newest first, one of them picked."""

    DEFAULT_CSS = """
    SessionList {
        height: 1fr;
        overflow-x: hidden;
        scrollbar-size-vertical: 1;
        scrollbar-background: $background;
        scrollbar-background-hover: $background;
        scrollbar-color: $rule;
        background: $background;
        & .session--title { text-style: bold; }
        & .session--quiet { color: $quiet; }
        & .session--confidential { color: $confidential; text-style: bold; }
        & .session--cursor { background: $block-cursor-background; color: $block-cursor-foreground; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "session--title",
        "session--quiet",
        "session--confidential",
        "session--cursor",
    }

    BINDING_GROUP_TITLE = "Sessions"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Newer", show=False, id="sessions.up"),
        Binding("down", "move(1)", "Older", show=False, id="sessions.down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="sessions.pageup"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="sessions.pagedown"),
        Binding("enter", "choose", "Open", id="sessions.open"),
    ]

    cursor = reactive(0)

    @dataclass
    class Chosen(Message):
        """A session is to be opened."""

        session_id: str

    class Grown(Message):
        """There are more rows than before, or others."""

    def __init__(
        self,
        now: Callable[[], datetime],
        local_time: Callable[[datetime], datetime],
        *,
        id: str | None = None,  # noqa: A002 - Textual's name for it
    ) -> None:
        super().__init__(id=id)
        self._now = now
        self._local_time = local_time
        self._page: Page | None = None
        self._rows: list[SessionSummary] = []
        self._ended = True

    @property
    def loaded(self) -> int:
        """Rows that are here."""
        return len(self._rows)

    @property
    def complete(self) -> bool:
        """True when there are no more rows than are here."""
        return self._ended

    def show(self, page: Page) -> None:
        """Start over with the rows that `page` gives."""
        self._page = page
        self._rows = []
        self._ended = False
        self.scroll_to(y=0, animate=False)
        self.cursor = 0
        self._fetch()

    # Rows

    def _fetch(self) -> None:
        if self._page is None or self._ended:
            return
        rows = self._page(PAGE_ROWS, len(self._rows))
        self._rows.extend(rows)
        self._ended = len(rows) < PAGE_ROWS
        self._fit()
        self.post_message(self.Grown())

    def _fetch_near(self, row: int) -> None:
        if not self._ended and row + NEAR_END >= len(self._rows):
            self._fetch()

    # Size

    @property
    def _row_height(self) -> int:
        return 1 if self.size.width >= ONE_LINE_COLUMNS else 2

    def _fit(self) -> None:
        self.virtual_size = Size(self.size.width, len(self._rows) * self._row_height)
        self.refresh()

    def on_resize(self) -> None:
        """Lay rows out anew, with the cursor still in view."""
        self._fit()
        self._show_cursor()

    # Moving

    def validate_cursor(self, cursor: int) -> int:
        """Stay on a row that is here."""
        return max(0, min(cursor, len(self._rows) - 1))

    def watch_cursor(self) -> None:
        """Keep the picked row in view, and rows below it."""
        self._fetch_near(self.cursor)
        self._show_cursor()
        self.refresh()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Have rows ready below the view as well."""
        super().watch_scroll_y(old_value, new_value)
        self._fetch_near((round(new_value) + self.size.height) // self._row_height)

    def _show_cursor(self) -> None:
        height = self._row_height
        self.scroll_to_region(Region(0, self.cursor * height, 1, height), animate=False, immediate=True, x_axis=False)

    def action_move(self, by: int) -> None:
        """Pick another row."""
        self.cursor += by

    def action_page(self, by: int) -> None:
        """Pick a row one screen further on."""
        self.cursor += by * max(1, self.size.height // self._row_height - 1)

    def action_choose(self) -> None:
        """Open what is picked."""
        if self._rows:
            self.post_message(self.Chosen(self._rows[self.cursor].session.id))

    def on_click(self, event: events.Click) -> None:
        """Pick with one click, open with two."""
        row = (event.y + round(self.scroll_y)) // self._row_height
        if row >= len(self._rows):
            return
        self.cursor = row
        if event.chain > 1:
            self.action_choose()

    # Drawing

    def render_line(self, y: int) -> Strip:
        """One line of one row."""
        row, part = divmod(y + round(self.scroll_y), self._row_height)
        width = self.scrollable_content_region.width
        if row >= len(self._rows):
            return Strip.blank(width, self.rich_style)
        summary = self._rows[row]
        said = words_of(summary, self._local_time(summary.session.updated), self._local_time(self._now()))
        picked = row == self.cursor
        if self._row_height == 1:
            line = self._single(said, picked, width)
        else:
            line = self._upper(said, picked, width) if part == 0 else self._lower(said, width)
        # Not a partial style: Textual leaves an opaque background out of those.
        style = self.get_visual_style("session--cursor") if picked else self.visual_style
        segments = line.render_segments(style)
        return Strip(segments).adjust_cell_length(width, style.rich_style).apply_offsets(0, y)

    def _single(self, said: SessionWords, picked: bool, width: int) -> Content:
        fixed = 2 + 34 + 12 + 8 + 12 + _MARKS + 5 * len(_GAP)
        return Content(_GAP).join(
            [
                self._head(said.title, picked, width - fixed),
                column(said.pair, 34),
                column(said.turns, 12, right=True).stylize(self._quiet),
                column(said.cost, 8, right=True).stylize(self._quiet),
                column(said.when, 12),
                self._marked(column(said.marks, _MARKS), said),
            ]
        )

    def _upper(self, said: SessionWords, picked: bool, width: int) -> Content:
        return Content.assemble(
            self._head(said.title, picked, width - 2 - 14 - 1), " ", column(said.when, 13, right=True), " "
        )

    def _lower(self, said: SessionWords, width: int) -> Content:
        figures = " · ".join(part for part in (said.pair, said.turns, said.cost) if part)
        marks_width = min(len(said.marks), max(0, width - 24))
        return Content.assemble(
            "  ",
            column(figures, max(0, width - marks_width - 4)).stylize(self._quiet),
            " ",
            self._marked(column(said.marks, marks_width), said),
            " ",
        )

    def _head(self, title: str, picked: bool, width: int) -> Content:
        style = self.get_visual_style("session--title", partial=True)
        return Content("▸ " if picked else "  ") + column(title, width).stylize(style)

    def _marked(self, marks: Content, said: SessionWords) -> Content:
        if "CONFIDENTIAL" not in said.marks:
            return marks
        return marks.stylize(self.get_visual_style("session--confidential", partial=True), 0, len("CONFIDENTIAL"))

    @property
    def _quiet(self) -> Style:
        return self.get_visual_style("session--quiet", partial=True)
