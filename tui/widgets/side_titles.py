"""Who answers on each side, where, and what it is doing now. In words; the moving glyph is only company."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from textual.content import Content
from textual.reactive import reactive
from textual.timer import Timer
from textual.widget import Widget

from storage import Side
from tui.rendering.safe_text import one_line

GLYPHS = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
TICK_SECONDS = 0.25
"""At most four changes a second: calm, and no load."""
COUNTED_STATES = frozenset(
    {"waiting", "starting engine", "starting client", "loading model", "reading prompt", "thinking"}
)
"""States that show their seconds, because people wonder whether anything happens."""


@dataclass(frozen=True, slots=True)
class SideTitle:
    """One side's line."""

    name: str
    model: str
    locality: str
    state: str = ""
    working: bool = False
    since: float = 0.0
    """When the state began, on the monotonic clock."""
    speed: float | None = None
    """Tokens per second, estimated while it answers."""
    checked: str = ""
    """When the locality was last proved: "14:02:11"."""


class SideTitles(Widget):
    """One row with both sides, or (in one column) the shown side's row and the other's live strip."""

    DEFAULT_CSS = """
    SideTitles {
        height: auto;
        & .side--left { color: $side-left; text-style: bold; }
        & .side--right { color: $side-right; text-style: bold; }
        & .side--quiet { color: $quiet; }
        & .side--state { color: $foreground; }
        & .side--failed { color: $error; }
        & .side--rule { color: $rule; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "side--left",
        "side--right",
        "side--quiet",
        "side--state",
        "side--failed",
        "side--rule",
    }

    titles: reactive[Mapping[Side, SideTitle]] = reactive(dict, layout=True)
    shown: reactive[frozenset[Side]] = reactive(frozenset(Side), layout=True)
    """The sides that have a column now."""

    def __init__(
        self,
        *,
        left_width: Callable[[int], int],
        latest_words: Callable[[Side, int], str],
        monotonic: Callable[[], float] = time.monotonic,
        id: str | None = None,  # noqa: A002 - Textual's name for it
    ) -> None:
        """`left_width` tells the left column's cells for a total; `latest_words` the newest words of a side."""
        super().__init__(id=id)
        self._left_width = left_width
        self._latest_words = latest_words
        self._monotonic = monotonic
        self._timer: Timer | None = None

    def on_mount(self) -> None:
        """The clock for seconds and glyphs stands still until somebody works."""
        self._timer = self.set_interval(TICK_SECONDS, self.refresh, pause=True)

    def watch_titles(self) -> None:
        """Let the clock run only while a side works."""
        if self._timer is not None:
            if any(title.working for title in self.titles.values()):
                self._timer.resume()
            else:
                self._timer.pause()

    def get_content_height(self, *_: object) -> int:
        """One row, and one more for the side without a column."""
        return 1 + bool(self.titles and set(self.titles) - self.shown)

    def render(self) -> Content:
        """The row or rows."""
        width = self.size.width
        columns = [side for side in Side if side in self.titles and side in self.shown]
        hidden = [side for side in Side if side in self.titles and side not in self.shown]
        if len(columns) == 2:
            left = self._left_width(width)
            rule = Content.styled("│", self.get_visual_style("side--rule"))
            return Content.assemble(self._row(Side.LEFT, left), rule, self._row(Side.RIGHT, width - left - 1))
        rows = [self._row(side, width) for side in columns] + [self._strip(side, width) for side in hidden]
        return Content("\n").join(rows or [Content("")])

    def _row(self, side: Side, width: int) -> Content:
        title = self.titles[side]
        state = self._state(title)
        checked = f", checked {title.checked}" if title.checked and width > 70 else ""
        # A long name is cut, never where the answer is made.
        where = f" · {one_line(title.locality)}{checked}" if title.locality else ""
        model = one_line(title.model, max(4, width - len(title.name) - len(where) - len(state) - 8))
        name = Content.assemble(
            " ",
            (title.name, self.get_visual_style(f"side--{side}")),
            (f" · {model}{where}", self.get_visual_style("side--quiet")),
        )
        gap = " " * max(1, width - name.cell_length - len(state) - 1)
        styled = self.get_visual_style("side--failed" if title.state.startswith("failed") else "side--state")
        row = Content.assemble(name, gap, (state, styled), " ")
        return row.truncate(width, ellipsis=True) if row.cell_length > width else row

    def _strip(self, side: Side, width: int) -> Content:
        title = self.titles[side]
        speed = f"{title.speed:.0f} tok/s" if title.working and title.speed else self._state(title)
        glyph = f"{self._glyph(title)} " if title.working and title.speed else ""
        head = Content.assemble(
            " ",
            (title.name, self.get_visual_style(f"side--{side}")),
            (f" · {one_line(title.model, 24)}  {glyph}{speed}  ", self.get_visual_style("side--quiet")),
        )
        room = width - head.cell_length - 1
        words = self._latest_words(side, room) if room > 4 else ""
        return Content.assemble(head, words).truncate(width, ellipsis=True)

    def _state(self, title: SideTitle) -> str:
        if not title.working:
            return title.state
        seconds = int(self._monotonic() - title.since)
        counted = f" {seconds} s" if title.state in COUNTED_STATES and seconds >= 1 else ""
        return f"{title.state}{counted} {self._glyph(title)}"

    def _glyph(self, title: SideTitle) -> str:
        return GLYPHS[int((self._monotonic() - title.since) / TICK_SECONDS) % len(GLYPHS)]
