"""A list of saved sessions that holds what was scrolled to, not all there is.

It draws lines itself: ten thousand sessions open like ten. Rows come in pages; when the cursor or the view comes near
the end of what is here, it asks for more by a message.
"""

from __future__ import annotations

from collections.abc import Callable
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

from conversation.catalogue import Listed
from storage import Hit, SessionSummary
from tui.rendering.safe_text import content
from tui.rendering.session_row import HEAD, RowStyles, row_line, shape_for
from tui.rendering.session_words import words_of

NEAR_END = 20
"""Rows below the cursor from which on the next page is asked for."""


class SessionList(ScrollView, can_focus=True):
    """Sessions, one of them picked."""

    DEFAULT_CSS = """
    SessionList {
        width: 1fr;
        height: 1fr;
        overflow-x: hidden;
        scrollbar-size-vertical: 1;
        scrollbar-background: $background;
        scrollbar-background-hover: $background;
        scrollbar-color: $rule;
        background: $background;
        & .session--title { text-style: bold; }
        & .session--quiet { color: $quiet; }
        & .session--found { color: $accent; text-style: bold underline; }
        & .session--star { color: $warning; }
        & .session--confidential { color: $confidential; text-style: bold; }
        & .session--cursor { background: $block-cursor-background; color: $block-cursor-foreground; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "session--title",
        "session--quiet",
        "session--found",
        "session--star",
        "session--confidential",
        "session--cursor",
    }

    BINDING_GROUP_TITLE = "List of sessions"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "Open the session", id="sessions.open"),
        Binding("s", "wish('star')", "Star, or no star", id="sessions.star"),
        Binding("t", "wish('tags')", "Tags", id="sessions.tags"),
        Binding("f2,r", "wish('rename')", "Rename", id="sessions.rename"),
        Binding("a", "wish('archive')", "Put into the archive, or get it back", id="sessions.archive"),
        Binding("d", "wish('delete')", "Delete to the bin", id="sessions.delete"),
        Binding("e", "wish('export')", "Export into a file", id="sessions.export"),
        Binding("u", "wish('restore')", "Undo; in the bin: restore", id="sessions.restore"),
        Binding("X", "wish('empty_bin')", "In the bin: empty it", id="sessions.empty_bin"),
        Binding("space", "wish('preview')", "Preview, from 140 columns on", id="sessions.preview"),
        Binding("up", "move(-1)", "Up", show=False, id="sessions.up"),
        Binding("down", "move(1)", "Down", show=False, id="sessions.down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="sessions.pageup"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="sessions.pagedown"),
        Binding("home", "move(-1000000)", "First", show=False, id="sessions.home"),
        Binding("end", "move(1000000)", "Last that is here", show=False, id="sessions.end"),
    ]

    cursor = reactive(0, init=False)

    @dataclass
    class Chosen(Message):
        """A session is to be opened."""

        session: SessionSummary
        hit: Hit | None

    @dataclass
    class Wished(Message):
        """Something is to be done, to the picked session if one is needed."""

        what: str

    class Picked(Message):
        """Another session is picked, or none is there any more."""

    class NearEnd(Message):
        """The cursor or the view is near the last row that is here."""

    class LeftAbove(Message):
        """The cursor was to go up from the first row."""

    @dataclass
    class Typed(Message):
        """A character that is no key here: it belongs to the line above."""

        character: str

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
        self._rows: list[SessionSummary] = []
        self._hits: dict[str, Hit] = {}
        self._with_words = False
        self._empty = ""
        self._row_styles: RowStyles | None = None

    # What is shown

    @property
    def loaded(self) -> int:
        """Rows that are here."""
        return len(self._rows)

    @property
    def picked(self) -> SessionSummary | None:
        """The session under the cursor."""
        return self._rows[self.cursor] if self._rows else None

    @property
    def hit(self) -> Hit | None:
        """Where the words were found in it."""
        return self._hits.get(self.picked.session.id) if self.picked is not None else None

    def show(self, listed: Listed, empty: str, *, keep: str | None = None) -> None:
        """Start over with these rows; `empty` is said where there are none.

        The cursor goes to the session `keep` if it is among them, else to the first.
        """
        self._rows, self._hits, self._empty = list(listed.rows), dict(listed.hits), empty
        self._with_words = bool(listed.wanted.words)
        at = next((number for number, row in enumerate(self._rows) if row.session.id == keep), 0)
        self._fit()
        if not at:
            self.scroll_to(y=0, animate=False)
        self._pick(at)

    def extend(self, listed: Listed) -> None:
        """Add more rows below."""
        here = {row.session.id for row in self._rows}  # one that moved down meanwhile would come twice
        self._rows += [row for row in listed.rows if row.session.id not in here]
        self._hits |= listed.hits
        self._fit()

    def replace(self, summary: SessionSummary) -> None:
        """Show a session as it is now."""
        for number, row in enumerate(self._rows):
            if row.session.id == summary.session.id:
                self._rows[number] = summary
        self.refresh()

    def take_out(self, session_id: str) -> None:
        """Take a session out of the list; the one below it is picked then."""
        self._rows = [row for row in self._rows if row.session.id != session_id]
        self._fit()
        self._pick(self.cursor)

    def _pick(self, at: int) -> None:
        self.set_reactive(SessionList.cursor, self.validate_cursor(at))
        self.watch_cursor()

    # Size

    @property
    def _row_height(self) -> int:
        return int(shape_for(self.scrollable_content_region.width, with_words=self._with_words))

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
        self._tell_near_end(self.cursor)
        self._show_cursor()
        self.refresh()
        self.post_message(self.Picked())

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Have rows ready below the view as well."""
        super().watch_scroll_y(old_value, new_value)
        self._tell_near_end((round(new_value) + self.size.height) // self._row_height)

    def _tell_near_end(self, row: int) -> None:
        if self._rows and row + NEAR_END >= len(self._rows):
            self.post_message(self.NearEnd())

    def _show_cursor(self) -> None:
        height = self._row_height
        self.scroll_to_region(Region(0, self.cursor * height, 1, height), animate=False, immediate=True, x_axis=False)

    def action_move(self, by: int) -> None:
        """Pick another row; up from the first one leaves the list."""
        if by == -1 and self.cursor == 0:
            self.post_message(self.LeftAbove())
        self.cursor += by

    def action_page(self, by: int) -> None:
        """Pick a row one screen further on."""
        self.cursor += by * max(1, self.size.height // self._row_height - 1)

    def action_choose(self) -> None:
        """Open what is picked."""
        if self.picked is not None:
            self.post_message(self.Chosen(self.picked, self.hit))

    def action_wish(self, what: str) -> None:
        """Say what is to be done."""
        self.post_message(self.Wished(what))

    def on_key(self, event: events.Key) -> None:
        """What is no key here is typed into the line above."""
        is_typed = event.is_printable and event.character is not None
        if is_typed and event.key not in self.screen.active_bindings:
            event.stop()
            self.post_message(self.Typed(event.character or ""))

    def on_click(self, event: events.Click) -> None:
        """Pick with one click, open with two; a click at the star's place sets it."""
        row, part = divmod(event.y + round(self.scroll_y), self._row_height)
        if row >= len(self._rows):
            return
        self.cursor = row
        if event.x < HEAD and part == 0:
            self.action_wish("star")
        elif event.chain > 1:
            self.action_choose()

    # Drawing

    def render_line(self, y: int) -> Strip:
        """One line of one row."""
        width = self.scrollable_content_region.width
        if not self._rows:
            line = content(self._empty if y == 1 else "").truncate(max(0, width - HEAD), ellipsis=True)
            return self._strip(Content(" " * HEAD) + line.stylize(self._style("quiet")), self.visual_style, y)
        row, part = divmod(y + round(self.scroll_y), self._row_height)
        if row >= len(self._rows):
            return Strip.blank(width, self.rich_style)
        summary, picked = self._rows[row], row == self.cursor
        said = words_of(summary, self._local_time(summary.session.updated), self._local_time(self._now()))
        line = row_line(said, self._hits.get(summary.session.id), part, width, picked, self._styles)
        # Not a partial style: Textual leaves an opaque background out of those.
        return self._strip(line, self.get_visual_style("session--cursor") if picked else self.visual_style, y)

    def _strip(self, line: Content, style: Style, y: int) -> Strip:
        width = self.scrollable_content_region.width
        return Strip(line.render_segments(style)).adjust_cell_length(width, style.rich_style).apply_offsets(0, y)

    @property
    def _styles(self) -> RowStyles:
        if self._row_styles is None:
            names = ("title", "quiet", "found", "star", "confidential")
            self._row_styles = RowStyles(*(self._style(name) for name in names))
        return self._row_styles

    def notify_style_update(self) -> None:
        """Another theme: the same rows in other colours."""
        super().notify_style_update()
        self._row_styles = None

    def _style(self, name: str) -> Style:
        return self.get_visual_style(f"session--{name}", partial=True)
