"""Which rows of a transcript are in view.

The view is tied to a row of a turn, not to a number of rows from the top: that number changes whenever a turn above
is measured or grows, and the text under the reader's eye must not move.
"""

from __future__ import annotations

from typing import NamedTuple

from tui.rendering.turn_block import Part, Place
from tui.rendering.turn_list import Spot, TurnList


class Held(NamedTuple):
    """What stands at the top of the view, in words that survive a change of its turn or of the layout."""

    turn: int
    part: Part
    at: int
    lines: int
    """How many lines that part had."""


class Viewport:
    """A window of `height` rows on the turns; rows in view are always laid out and their heights exact."""

    def __init__(self, turns: TurnList, height: int = 0) -> None:
        self.turns = turns
        self.height = height
        self.top = Spot(0, 0)
        self.rows: list[Spot] = []
        """What is in view, from the top; shorter than the height where the transcript ends."""

    @property
    def first_row(self) -> int:
        """The number of the top row from the beginning of the transcript."""
        return self.turns.row_of(self.top) if len(self.turns) else 0

    @property
    def rows_below(self) -> int:
        """Rows between the bottom of the view and the end."""
        return max(0, self.turns.heights.total - self.first_row - self.height)

    @property
    def turns_in_view(self) -> list[int]:
        """Indexes of the turns in view, from the top."""
        return list(dict.fromkeys(spot.turn for spot in self.rows))

    def goes_on_below(self, turn: int) -> bool:
        """Whether a turn has rows below the view."""
        return bool(self.rows) and Spot(turn, self.turns.heights[turn] - 1) > self.rows[-1]

    def show_end(self) -> None:
        """Put the last row at the bottom."""
        count = len(self.turns)
        if count and self.height:
            last = Spot(count - 1, self.turns.measured(count - 1) - 1)
            self.top = self.turns.walk(last, 1 - self.height)
        self.fill()

    def show_row(self, number: int) -> None:
        """Put a row at the top by its number: exactly if it is near, as heights are guessed if it is far."""
        by = number - self.first_row
        if number >= self.turns.heights.total - self.height:
            self.show_end()
        elif abs(by) <= 2 * self.height:
            self.show(self.turns.walk(self.top, by))
        else:
            self.show(Spot(*self.turns.heights.at(number)))

    def show(self, spot: Spot) -> None:
        """Put a row at the top."""
        if len(self.turns):
            self.top = self.turns.walk(spot, 0)
        self.fill()

    def fill(self) -> None:
        """Lay out what is in view from the top on; where the transcript ends too early, begin further up."""
        if not self.height:
            return
        if not len(self.turns):
            self.top, self.rows = Spot(0, 0), []
            return
        bottom = self.turns.walk(self.top, self.height - 1)
        if self.turns.row_of(bottom) - self.turns.row_of(self.top) < self.height - 1:
            self.top = self.turns.walk(bottom, 1 - self.height)
        self.rows = []
        turn, row = self.top
        while len(self.rows) < self.height and turn < len(self.turns):
            if row >= self.turns.measured(turn):
                turn, row = turn + 1, 0
            else:
                self.rows.append(Spot(turn, row))
                row += 1

    def hold(self) -> Held | None:
        """Remember what stands at the top, before something changes."""
        if not self.height or not len(self.turns):
            return None
        block = self.turns.block(self.top.turn)
        place = block.place(self.top.row)
        return Held(self.top.turn, place.part, place.at, block.lines_of(place.part))

    def restore(self, held: Held | None, *, in_proportion: bool = False) -> None:
        """Put it at the top again; `in_proportion`: in another width, where its part has another number of lines."""
        if held is None:
            self.fill()
            return
        block = self.turns.block(held.turn)
        at = held.at
        lines = block.lines_of(held.part)
        if in_proportion and held.lines and lines and at > 0:
            at = min(at * lines // held.lines, lines - 1)
        self.show(Spot(held.turn, max(0, block.row_of(Place(held.part, at)))))
