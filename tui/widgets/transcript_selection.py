"""What a selection in the transcript means: characters of one part, over any number of turns.

Textual gives a selection as two places (column, row). Here a row is `turn * TURN_ROWS + row in the turn`, so that a
selection stays where it is when turns above it turn out taller than guessed; a column in the right answer has
`RIGHT_BASE` added. A drag that strays into the other column selects up to the end (or from the start) of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from textual.geometry import Offset
from textual.selection import Selection

from tui.rendering.lines import BLANK, Line, joined
from tui.rendering.sideways import character_at
from tui.rendering.turn_block import Part, Place, Placed, TurnBlock
from tui.rendering.turn_list import Spot
from tui.rendering.viewport import Viewport
from tui.widgets.painter import RIGHT_BASE

TURN_ROWS = 1 << 24
"""More rows than a turn ever has."""
_WORD = re.compile(r"[\w./:@%+~#?&=-]+")


def row_number(spot: Spot) -> int:
    """A row as one number that only grows downwards."""
    return spot.turn * TURN_ROWS + spot.row


class PartSelection:
    """One selection, and the parts that it stays in."""

    def __init__(self, selection: Selection, parts: frozenset[Part]) -> None:
        self._selection = selection
        self._parts = parts

    def span(self, spot: Spot, placed: Placed) -> tuple[int, int] | None:
        """The selected characters of a line, from..to, or None."""
        if placed.part not in self._parts or placed.at < 0:
            return None
        found = self._selection.get_span(row_number(spot))
        if found is None:
            return None
        length = len(placed.line.text)
        base = RIGHT_BASE if placed.part is Part.RIGHT else 0
        start = min(length, max(0, found[0] - base))
        end = length if found[1] == -1 else min(length, max(0, found[1] - base))
        return (start, end) if end > start else None

    def text(self, turns: int, block: Callable[[int], TurnBlock]) -> str:
        """What copying it gives: soft wraps undone, decoration left out."""
        return joined(self._lines(turns, block)).strip("\n")

    def _lines(self, turns: int, block: Callable[[int], TurnBlock]) -> Iterator[tuple[Line, int, int]]:
        start, end = self._selection
        first = start.y // TURN_ROWS if start is not None else 0
        last = min(turns - 1, end.y // TURN_ROWS if end is not None else turns - 1)
        for index in range(first, last + 1):
            each = block(index)
            if index > first:
                yield BLANK, 0, 0
            low = start.y % TURN_ROWS if start is not None and index == first else 0
            high = end.y % TURN_ROWS if end is not None and index == end.y // TURN_ROWS else each.height - 1
            _, high = each.lay_out(low, high, TURN_ROWS, held=min(high, each.height - 1))
            high = high if end is not None and index == end.y // TURN_ROWS else each.height - 1
            for row in range(low, min(high, each.height - 1) + 1):
                for placed in each.row(row):
                    if placed.part in self._parts and 0 <= placed.at < each.lines_of(placed.part):
                        span = self.span(Spot(index, row), placed)
                        yield placed.line, *(span or (0, 0))


def placed_at(port: Viewport, x: int, y: int) -> tuple[Spot, Placed, int] | None:
    """The line at a place of the view, and which of its characters."""
    if not 0 <= y < len(port.rows):
        return None
    spot = port.rows[y]
    row = port.turns.block(spot.turn).row(spot.row)
    placed = next((each for each in reversed(row) if x >= each.x - 1), row[0] if row else None)
    if placed is None or placed.at < 0:
        return None
    return spot, placed, character_at(placed.line, x - placed.x, placed.offset)


def word_at(spot: Spot, placed: Placed, at: int) -> Selection | None:
    """The word under a character, or None where there is none."""
    found = next((word for word in _WORD.finditer(placed.line.text) if word.start() <= at < word.end()), None)
    if found is None:
        return None
    base = RIGHT_BASE if placed.part is Part.RIGHT else 0
    row = row_number(spot)
    return Selection(Offset(base + found.start(), row), Offset(base + found.end(), row))


def paragraph_at(spot: Spot, placed: Placed, block: TurnBlock) -> Selection:
    """The paragraph (or line of code) that a line belongs to, as it was before it was wrapped."""
    first = last = placed.at
    while first > 0 and block.line_of(Place(placed.part, first)).glue is not None:
        first -= 1
    count = block.lines_of(placed.part)
    while last + 1 < count and block.line_of(Place(placed.part, last + 1)).glue is not None:
        last += 1
    base = RIGHT_BASE if placed.part is Part.RIGHT else 0
    start = Spot(spot.turn, spot.row - (placed.at - first))
    end = Spot(spot.turn, spot.row + (last - placed.at))
    length = len(block.line_of(Place(placed.part, last)).text)
    return Selection(Offset(base, row_number(start)), Offset(base + length, row_number(end)))
