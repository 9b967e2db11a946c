"""Which rows of a transcript are in view.

The view is tied to a row of a turn, not to a number of rows from the top: that number changes whenever a turn above
is measured or grows, and the text under the reader's eye must not move.
"""

from __future__ import annotations

from typing import NamedTuple

from tui.rendering.turn_block import Part, Place
from tui.rendering.turn_list import Spot, TurnList

MOST_PASSAGES = 40
"""Passages of long answers that are laid out at a time at most: enough for two columns of any screen but for texts
made of nothing that shows. What is more stays blank until the next key."""
ALL_ROWS = 1 << 24


class Held(NamedTuple):
    """What stands at the top of the view, in words that survive a change of its turn or of the layout."""

    turn: int
    part: Part
    at: int
    lines: int
    """How many lines that part had."""
    passage: tuple[int, float] | None = None
    """Of a long answer the passage, and how far down in it; that is the same in any width."""


class Viewport:
    """A window of `height` rows on the turns; rows in view are always laid out and their heights exact."""

    def __init__(self, turns: TurnList, height: int = 0) -> None:
        self.turns = turns
        self.height = height
        self.top = Spot(0, 0)
        self.rows: list[Spot] = []
        """What is in view, from the top; shorter than the height where the transcript ends."""
        self._laid_out: dict[int, None] = {}

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
        room = MOST_PASSAGES
        while room > 0:
            count = len(self.turns)
            if count and self.height:
                last = Spot(count - 1, self.turns.measured(count - 1) - 1)
                self.top = self.turns.walk(last, 1 - self.height)
            self._find_rows()
            if not (new := self._lay_out_rows(room)):
                return
            room -= new
        self._find_rows()

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
        room = MOST_PASSAGES
        self._find_rows()
        while room > 0 and (new := self._lay_out_rows(room)):
            room -= new
            self._find_rows()

    def lay_out(self, turn: int, first: int = 0, last: int = ALL_ROWS, most: int = MOST_PASSAGES) -> None:
        """Lay out what rows of a turn show of long answers; what is at the top stays there."""
        held = self.top.row if turn == self.top.turn else 0
        new, row = self.turns.lay_out_rows(turn, first, last, most, held=held)
        if new:
            self._laid_out[turn] = None
            if turn == self.top.turn:
                self.top = Spot(turn, row)
            self._find_rows()

    def take_laid_out(self) -> list[int]:
        """The turns of which rows were laid out since this was asked: their rows look different."""
        changed, self._laid_out = list(self._laid_out), {}
        return changed

    def _lay_out_rows(self, most: int) -> int:
        """Lay out what the rows in view show of long answers; how many passages were new. The top stays in view."""
        total = 0
        for turn in reversed(self.turns_in_view):
            rows = [spot.row for spot in self.rows if spot.turn == turn]
            held = self.top.row if turn == self.top.turn else rows[0]
            new, row = self.turns.lay_out_rows(turn, rows[0], rows[-1], most - total, held=held)
            if new:
                total += new
                self._laid_out[turn] = None
                if turn == self.top.turn:
                    self.top = Spot(turn, row)
        return total

    def _find_rows(self) -> None:
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
        return Held(self.top.turn, place.part, place.at, block.lines_of(place.part), block.passage_of(place))

    def restore(self, held: Held | None, *, in_proportion: bool = False) -> None:
        """Put it at the top again; `in_proportion`: in another width, where its part has another number of lines."""
        if held is None:
            self.fill()
            return
        block = self.turns.block(held.turn)
        at = held.at
        lines = block.lines_of(held.part)
        if in_proportion and (found := block.line_in_passage(held.part, held.passage)) is not None:
            at = found
        elif in_proportion and held.lines and lines and at > 0:
            at = min(at * lines // held.lines, lines - 1)
        self.show(Spot(held.turn, max(0, block.row_of(Place(held.part, at)))))
