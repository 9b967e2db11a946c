"""A Markdown table in a column of the screen: every word stays readable, however narrow the column is.

Cells wrap inside their columns. Where columns would become too narrow for words, each row becomes a small list of
"heading: value" lines instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from tui.rendering.lines import Ink, Kind, Line, Role, Run, as_block, line, wrap

Align = Literal["left", "right", "center"]
Cell = list[Run]
Row = list[Cell]

_RULE = Ink(Role.RULE)
_BETWEEN = " │ "
WIDEST_CELL = 40
"""Cells of a column in a table that is scrolled sideways."""
NARROWEST = 8
"""Cells; below this, on average, a table is shown as a list."""


def natural_width(cell: Cell) -> int:
    """Cells that a table cell takes when it is not wrapped."""
    return max((part.width for part in wrap(cell, 10_000)), default=0)


def column_widths(natural: Sequence[int], width: int) -> tuple[int, ...] | None:
    """Share `width` out: what fits keeps its natural width, the others get equal shares of the rest.

    None means that the columns would be too narrow. Growing an overfull column changes nothing, which keeps a
    table that streams from being laid out anew with every row.
    """
    room = width - len(_BETWEEN) * (len(natural) - 1)
    if sum(natural) <= room:
        return tuple(max(1, each) for each in natural)
    if not natural or room < NARROWEST * len(natural):
        return None
    overfull = list(range(len(natural)))
    while fitting := [column for column in overfull if natural[column] <= room // len(overfull)]:
        overfull = [column for column in overfull if column not in fitting]
        room -= sum(max(1, natural[column]) for column in fitting)
    share, spare = divmod(max(0, room), len(overfull))
    return tuple(
        share + (overfull.index(column) < spare) if column in overfull else max(1, natural[column])
        for column in range(len(natural))
    )


class Table:
    """The rows so far, laid out; grows row by row.

    `lines` is only appended to while the columns keep their widths; when they change, everything is laid out again,
    and `append` says so.
    """

    def __init__(
        self, header: Row, aligns: Sequence[Align], width: int, rest: Sequence[Run] = (), *, unwrapped: bool = False
    ) -> None:
        self._rows: list[Row] = [header]
        self._aligns = aligns
        self._rest = rest
        self._width = width - line(rest).width
        self._natural = [natural_width(cell) for cell in header]
        self._unwrapped = unwrapped
        self._columns = self._widths()
        self.lines: list[Line] = as_block(self.laid_out(header, first=True), Kind.TABLE, opens=True)

    def append(self, row: Row) -> bool:
        """Add a row at the end. True: the rows before it look different now."""
        self._rows.append(row)
        for column, cell in enumerate(row[: len(self._natural)]):
            self._natural[column] = max(self._natural[column], natural_width(cell))
        columns = self._widths()
        if columns == self._columns:
            self.lines += as_block(self.laid_out(row), Kind.TABLE, opens=not self.lines)
            return False
        self._columns = columns
        lines = [each for n, row in enumerate(self._rows) for each in self.laid_out(row, first=n == 0)]
        self.lines = as_block(lines, Kind.TABLE, opens=True)
        return True

    def fit(self, rows: Sequence[Row]) -> None:
        """Make the columns as wide as these rows want them, and somewhat wider for those that nobody has seen."""
        for row in rows:
            for column, cell in enumerate(row[: len(self._natural)]):
                self._natural[column] = max(self._natural[column], natural_width(cell))
        self._natural = [max(each + 4, each * 5 // 4) for each in self._natural]
        self._columns = self._widths()

    def in_columns(self, row: Row, *, first: bool = False) -> list[Line]:
        """The lines of one row as part of the block, the columns staying as they are."""
        return as_block(self.laid_out(row, first=first), Kind.TABLE, opens=first)

    def _widths(self) -> tuple[int, ...] | None:
        if not self._unwrapped:
            return column_widths(self._natural, self._width)
        widest = tuple(max(1, min(each, WIDEST_CELL)) for each in self._natural)
        fits = sum(widest) + len(_BETWEEN) * (len(widest) - 1) <= self._width
        return column_widths(self._natural, self._width) if fits else widest

    def laid_out(self, row: Row, *, first: bool = False) -> list[Line]:
        """The lines of one row in the columns as they are now."""
        if self._columns is None:
            return [] if first else self._as_list(row)
        cells = [
            wrap([(text, ink._replace(bold=True)) for text, ink in cell] if first else cell, width)
            for cell, width in zip(row, self._columns, strict=False)
        ]
        rows = [self._across(cells, n) for n in range(max(map(len, cells), default=0))]
        if first:
            rows.append(line([*self._rest, ("─┼─".join("─" * width for width in self._columns), _RULE)]))
        return rows

    def _across(self, cells: Sequence[Sequence[Line]], n: int) -> Line:
        """The n-th line of a row."""
        runs: list[Run] = [*self._rest]
        for column, width in enumerate(self._columns or ()):
            part = cells[column][n] if column < len(cells) and n < len(cells[column]) else Line()
            free = max(0, width - part.width)
            before = {"left": 0, "right": free, "center": free // 2}[self._aligns[column]]
            if column:
                runs.append((_BETWEEN, _RULE))
            runs += [(" " * before, Ink()), *part.runs, (" " * (free - before), Ink())]
        while runs and runs[-1][1] == Ink() and not runs[-1][0].strip():
            runs.pop()
        return line(runs, lead=len(line(self._rest).text))

    def _as_list(self, row: Row) -> list[Line]:
        lines: list[Line] = []
        for name, cell in zip(self._rows[0], row, strict=False):
            label: list[Run] = [(text, ink._replace(bold=True)) for text, ink in name]
            margin = [*self._rest, ("  " if lines else "• ", Ink(Role.MARKER))]
            lines += wrap(
                [*label, (": ", Ink()), *cell],
                self._width + line(self._rest).width,
                margin,
                [*self._rest, ("  ", Ink())],
            )
        return lines


def aligns_of(styles: Sequence[str]) -> list[Align]:
    """The alignment of each column from markdown-it's style attributes."""
    return ["right" if "right" in style else "center" if "center" in style else "left" for style in styles]
