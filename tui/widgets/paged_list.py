"""A list of any number of rows, one line each, that are read as they are seen: the base of plain lists.

Rows come in pages from a callable (oldest first, first from 0) that may take some 0.1 ms; the pages seen last stay in
memory. What a row says is the subclass's.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar, Generic, TypeVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

T = TypeVar("T")
Page = Callable[[int, int], Sequence[T]]
"""First (from 0) and count to rows."""
PAGE_ROWS = 100
PAGES_KEPT = 20


class PagedList(ScrollView, Generic[T], can_focus=True):
    """Rows of any number, one of which is picked."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"row--cursor", "row--quiet"}
    DEFAULT_CSS = """
    PagedList {
        height: 1fr;
        overflow-x: hidden;
        scrollbar-size-vertical: 1;
        scrollbar-background: $background;
        scrollbar-background-hover: $background;
        scrollbar-color: $rule;

        & > .row--cursor { background: $panel; text-style: bold; }
        & > .row--quiet { color: $quiet; }
    }
    """
    BINDING_GROUP_TITLE = "List"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Row before", show=False, id="list.up"),
        Binding("down,j", "move(1)", "Next row", show=False, id="list.down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="list.pageup"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="list.pagedown"),
        Binding("home", "end(-1)", "First row", show=False, id="list.home"),
        Binding("end", "end(1)", "Last row", show=False, id="list.end"),
    ]

    cursor: reactive[int] = reactive(0)

    class Moved(Message):
        """Another row is picked, or other rows are listed."""

    def __init__(self, page: Page[T], total: int, at: int) -> None:
        """`at` is picked first."""
        super().__init__()
        self._page = page
        self._total = total
        self._pages: dict[int, Sequence[T]] = {}
        self.set_reactive(PagedList.cursor, max(0, min(at, total - 1)))

    @abstractmethod
    def words(self, row: T, width: int, *, picked: bool) -> Content:
        """One row; what is wider than `width` is cut."""

    def show(self, page: Page[T], total: int, at: int) -> None:
        """List other rows."""
        self._page, self._total = page, total
        self._pages.clear()
        self.virtual_size = Size(self.size.width, total)
        self.set_reactive(PagedList.cursor, max(0, min(at, total - 1)))
        self.call_after_refresh(self._show_cursor)
        self.refresh()
        self.post_message(self.Moved())

    @property
    def picked(self) -> T | None:
        """The picked row; None where it is gone."""
        return self.row(self.cursor) if self._total else None

    def row(self, at: int) -> T | None:
        """One row; None where it is gone."""
        number, within = divmod(at, PAGE_ROWS)
        if number not in self._pages:
            if len(self._pages) >= PAGES_KEPT:
                del self._pages[next(iter(self._pages))]
            first = number * PAGE_ROWS
            self._pages[number] = self._page(first, min(PAGE_ROWS, self._total - first))
        found = self._pages[number]
        return found[within] if within < len(found) else None

    def on_resize(self) -> None:
        """Keep the picked one in view."""
        self.virtual_size = Size(self.size.width, self._total)
        self.call_after_refresh(self._show_cursor)  # only then can it scroll so far

    def validate_cursor(self, cursor: int) -> int:
        """Stay on a row."""
        return max(0, min(cursor, self._total - 1))

    def watch_cursor(self) -> None:
        """Keep the picked one in view."""
        self._show_cursor()
        self.refresh()
        self.post_message(self.Moved())

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
        """One row."""
        at, width = y + round(self.scroll_y), self.scrollable_content_region.width
        row = self.row(at) if at < self._total else None
        if row is None:
            return Strip.blank(width, self.rich_style)
        picked = at == self.cursor
        style = self.get_visual_style("row--cursor") if picked else self.visual_style
        segments = self.words(row, width, picked=picked).render_segments(style)
        return Strip(segments).adjust_cell_length(width, style.rich_style).apply_offsets(0, y)
