"""The strips of the turns in view: each row is painted once, and again only after it has changed.

A view that calls this has no border, padding or opacity, so Textual's own cache of styled lines would add nothing to
it. What that cache does besides is done here: every strip passes the app's line filters, the guard against control
characters among them.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence

from textual.color import Color
from textual.filter import LineFilter
from textual.strip import Strip

from tui.rendering.turn_list import Spot


class PaintedRows:
    """Strips by the turn and the row that they show."""

    def __init__(self) -> None:
        self._strips: dict[int, dict[int, Strip]] = {}
        self._filters: Sequence[LineFilter] = ()
        self._background = Color(0, 0, 0)

    def use_filters(self, filters: Sequence[LineFilter], background: Color) -> None:
        """Pass what is painted from now on through these."""
        self._filters, self._background = filters, background

    def strip(self, spot: Spot, paint: Callable[[], Strip]) -> Strip:
        """The strip of a row, painted if there is none."""
        strips = self._strips.setdefault(spot.turn, {})
        strip = strips.get(spot.row)
        if strip is None:
            strip = strips[spot.row] = self.filtered(paint())
        return strip

    def filtered(self, strip: Strip) -> Strip:
        """A strip as it may reach the terminal."""
        for line_filter in self._filters:
            strip = strip.apply_filter(line_filter, self._background)
        return strip

    def forget(self, turn: int, first: int = 0) -> None:
        """A turn has changed, from its row `first` on."""
        strips = self._strips.get(turn, {})
        for row in [row for row in strips if row >= first]:
            del strips[row]

    def forget_all_but(self, turns: Container[int]) -> None:
        """Only these are in view."""
        for turn in [turn for turn in self._strips if turn not in turns]:
            del self._strips[turn]

    def clear(self) -> None:
        """All looks different."""
        self._strips.clear()
