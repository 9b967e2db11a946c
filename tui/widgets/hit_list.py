"""Places that a search has found, two lines each: whose words and when, and the words with what was looked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from textual import events
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.style import Style

from storage import Hit, Place
from tui.rendering.columns import column
from tui.rendering.found_words import found_words
from tui.rendering.safe_text import content, one_line
from tui.rendering.session_words import when
from tui.words import short_spec

_LINES = 2
_WHEN = 13
_TITLE = 30
"""Cells that a title has before the place beside it is cut."""
_NAME = 40
NEAR_END = 20
"""Hits below the cursor from which on more are asked for."""


class HitList(ScrollView, can_focus=True):
    """Hits in the order in which they came, one of them picked."""

    DEFAULT_CSS = """
    HitList {
        height: 1fr;
        overflow-x: hidden;
        scrollbar-size-vertical: 1;
        scrollbar-background: $background;
        scrollbar-background-hover: $background;
        scrollbar-color: $rule;
        background: $background;
        & .hit--title { text-style: bold; }
        & .hit--quiet { color: $quiet; }
        & .hit--found { color: $accent; text-style: bold underline; }
        & .hit--confidential { color: $confidential; text-style: bold; }
        & .hit--cursor { background: $block-cursor-background; color: $block-cursor-foreground; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "hit--title",
        "hit--quiet",
        "hit--found",
        "hit--confidential",
        "hit--cursor",
    }

    cursor = reactive(0)

    @dataclass
    class Chosen(Message):
        """A hit is to be opened."""

        hit: Hit

    class NearEnd(Message):
        """The cursor or the view is near the last hit."""

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
        self._hits: list[Hit] = []

    @property
    def loaded(self) -> int:
        """Hits that are here."""
        return len(self._hits)

    def show(self, hits: Sequence[Hit]) -> None:
        """Start over with these."""
        self._hits = list(hits)
        self.scroll_to(y=0, animate=False)
        self.cursor = 0
        self._fit()

    def extend(self, hits: Sequence[Hit]) -> None:
        """Add more below."""
        self._hits.extend(hits)
        self._fit()

    def _fit(self) -> None:
        self.virtual_size = Size(self.size.width, len(self._hits) * _LINES)
        self.refresh()

    def on_resize(self) -> None:
        """Keep the picked hit in view."""
        self._fit()
        self._show_cursor()

    # Moving

    def validate_cursor(self, cursor: int) -> int:
        """Stay on a hit that is here."""
        return max(0, min(cursor, len(self._hits) - 1))

    def watch_cursor(self) -> None:
        """Keep the picked hit in view."""
        self._show_cursor()
        self._tell_near_end(self.cursor)
        self.refresh()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Have hits ready below the view."""
        super().watch_scroll_y(old_value, new_value)
        self._tell_near_end((round(new_value) + self.size.height) // _LINES)

    def _tell_near_end(self, hit: int) -> None:
        if self._hits and hit + NEAR_END >= len(self._hits):
            self.post_message(self.NearEnd())

    def _show_cursor(self) -> None:
        self.scroll_to_region(Region(0, self.cursor * _LINES, 1, _LINES), animate=False, immediate=True, x_axis=False)

    def move(self, by: int) -> None:
        """Pick another hit."""
        self.cursor += by

    def page(self, by: int) -> None:
        """Pick a hit one screen further on."""
        self.cursor += by * max(1, self.size.height // _LINES - 1)

    def choose(self) -> None:
        """Open what is picked."""
        if self._hits:
            self.post_message(self.Chosen(self._hits[self.cursor]))

    def on_click(self, event: events.Click) -> None:
        """Pick with one click, open with two."""
        row = (event.y + round(self.scroll_y)) // _LINES
        if row >= len(self._hits):
            return
        self.cursor = row
        if event.chain > 1:
            self.choose()

    # Drawing

    def render_line(self, y: int) -> Strip:
        """One of the two lines of a hit."""
        row, part = divmod(y + round(self.scroll_y), _LINES)
        width = self.scrollable_content_region.width
        if row >= len(self._hits):
            return Strip.blank(width, self.rich_style)
        hit, picked = self._hits[row], row == self.cursor
        line = self._words(hit, width) if part else self._heading(hit, picked, width)
        # Not a partial style: Textual leaves an opaque background out of those.
        style = self.get_visual_style("hit--cursor") if picked else self.visual_style
        segments = line.render_segments(style)
        return Strip(segments).adjust_cell_length(width, style.rich_style).apply_offsets(0, y)

    def _heading(self, hit: Hit, picked: bool, width: int) -> Content:
        place = place_of(hit)
        mark = "CONFIDENTIAL" if hit.confidential else ""
        place_width = min(content(place).cell_length, max(0, width - _WHEN - _TITLE))
        title_width = width - 2 - place_width - len(mark) - _WHEN - 4
        return Content.assemble(
            "▸ " if picked else "  ",
            column(one_line(hit.title, 200) or "untitled", title_width).stylize(self._style("title")),
            " ",
            content(mark).stylize(self._style("confidential")),
            " ",
            column(place, place_width, right=True).stylize(self._style("quiet")),
            column(when(self._local_time(hit.asked), self._local_time(self._now())), _WHEN + 1, right=True),
            " ",
        )

    def _words(self, hit: Hit, width: int) -> Content:
        line = found_words(hit, self._style("found"))
        return Content("  ") + line.truncate(max(0, width - 3), ellipsis=True)

    def _style(self, name: str) -> Style:
        return self.get_visual_style(f"hit--{name}", partial=True)


def place_of(hit: Hit) -> str:
    """Where in the session: "title", "question 3", "answer 3 · Claude sonnet-5.5"."""
    match hit.where:
        case Place.TITLE:
            return "title"
        case Place.PROMPT:
            return f"question {hit.seq}"
        case Place.NOTE:
            return f"your note on turn {hit.seq}"
        case Place.ATTACHMENT:
            return f"file with question {hit.seq}"
        case Place.LEFT | Place.RIGHT:
            return f"answer {hit.seq} · {one_line(short_spec(hit.model), _NAME)}"
