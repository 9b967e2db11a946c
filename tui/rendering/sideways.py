"""What of a line is seen that is wider than its column and scrolled sideways: code and tables that are not wrapped.

The decoration at the start of a line stays; the rest moves under it, with a mark at each end where there is more.
"""

from __future__ import annotations

from typing import NamedTuple

from rich.cells import cell_len

from tui.rendering.lines import Line

STEP = 8
"""Cells that one key moves a block."""
MORE_BEFORE, MORE_AFTER = "\u2039", "\u203a"


class Seen(NamedTuple):
    """Cells of a line."""

    lead: int
    """So many at the start are always there."""
    start: int
    end: int
    """After them start..end of the line, with the marks in place of the first and the last cell of these."""
    before: bool
    after: bool


def seen(line: Line, width: int, offset: int) -> Seen:
    """What a column of `width` cells has of a line that is moved by `offset`."""
    lead = min(cell_len(line.text[: line.lead]), max(0, width - 4))
    start = min(lead + offset, line.width)
    end = min(line.width, start + width - lead)
    return Seen(lead, start, end, before=start > lead, after=end < line.width)


def furthest(line: Line, width: int) -> int:
    """How far a line can be moved until its end is seen."""
    return max(0, line.width - width)


def character_at(line: Line, cell: int, offset: int) -> int:
    """Which character stands in a cell of the column; the last one beyond the end."""
    lead = cell_len(line.text[: line.lead])
    wanted = cell if cell < lead else cell + offset
    cells = 0
    for at, character in enumerate(line.text):
        cells += cell_len(character)
        if cells > wanted:
            return at
    return max(0, len(line.text) - 1)
