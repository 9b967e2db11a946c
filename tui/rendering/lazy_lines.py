"""The lines of a long answer, of which only those are laid out that somebody looks at.

Until a passage is laid out its height is guessed from its length, and its rows are blank. The guess is put right
where nobody sees it: when a passage turns out taller or shorter, the guesses for passages above it take the
difference, as long as what is below it is laid out already and so may be in view.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple, overload

from tui.rendering.lines import BLANK, Line
from tui.rendering.passages import Cut, Passage, PassageWriter, passages

ROWS_PER_ROWFUL = 1.25
"""Rows that a row's worth of characters takes: words do not fill lines, and there are blank ones."""


class Anchor(NamedTuple):
    """A line by the passage it is in, which stays the same when others are laid out."""

    passage: int
    offset: int
    """Lines from the start of the passage; below 0, from its end: it is not laid out yet."""


class LazyLines(Sequence[Line]):
    """The lines of one source in one width."""

    def __init__(self, source: str, width: int, *, unwrapped: bool = False) -> None:
        """`source` is cleaned."""
        self.source = source
        self.passages = passages(source)
        self.laid_out = 0
        """Passages that were laid out so far; tests look at it."""
        self._writer = PassageWriter(source, width, unwrapped=unwrapped)
        self._lines: dict[int, list[Line]] = {}
        self._heights = [_guess(source, each, width) for each in self.passages]
        self._add_up()

    def _add_up(self) -> None:
        self._ends = list(accumulate(self._heights))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    @overload
    def __getitem__(self, index: int) -> Line: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Line]: ...
    def __getitem__(self, index: int | slice) -> Line | Sequence[Line]:
        """A line as it is by now; blank where nothing is laid out."""
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        if not 0 <= index < len(self):
            raise IndexError(index)
        number = self._at(index)
        lines = self._lines.get(number)
        return lines[index - self._start(number)] if lines is not None else BLANK

    def _at(self, line: int) -> int:
        """Which passage a line is in."""
        return min(bisect_right(self._ends, max(0, line)), len(self._ends) - 1)

    def _start(self, number: int) -> int:
        return self._ends[number - 1] if number else 0

    def lay_out(self, first: int, last: int, most: int) -> int:
        """Lay out what the lines first..last are in, the lowest first, `most` passages; returns how many were new."""
        if not self._heights or last < 0 or first >= len(self):
            return 0
        wanted = range(self._at(min(last, len(self) - 1)), self._at(first) - 1, -1)
        new = [number for number in wanted if number not in self._lines][:most]
        for number in new:
            self._lay_out(number)
        return len(new)

    def lay_out_passage(self, number: int) -> range:
        """Lay one passage out, and return which lines it has."""
        if number not in self._lines:
            self._lay_out(number)
        return self.lines_of(number)

    def _lay_out(self, number: int) -> None:
        lines = self._lines[number] = self._writer.lines(self.passages[number])
        self.laid_out += 1
        more = len(lines) - self._heights[number]
        self._heights[number] = len(lines)
        above = number - 1
        if number + 1 in self._lines:
            while more and above >= 0 and above not in self._lines:
                taken = min(more, self._heights[above] - 1)
                self._heights[above] -= taken
                more -= taken
                above -= 1
        self._add_up()

    def passage_at(self, offset: int) -> int:
        """Which passage a character of the source is in."""
        return max(0, bisect_right(self.passages, offset, key=lambda each: each.start) - 1)

    def passage_of(self, line: int) -> tuple[int, float]:
        """The passage of a line, and how far down in it the line is: from 0 up to 1."""
        number = self._at(line)
        return number, (line - self._start(number)) / max(1, self._heights[number])

    def lines_of(self, number: int) -> range:
        """The lines of a passage, guessed or laid out."""
        return range(self._start(number), self._ends[number])

    def anchor(self, line: int) -> Anchor:
        """Remember a line, before passages are laid out."""
        number = self._at(line)
        return Anchor(number, line - (self._start(number) if number in self._lines else self._ends[number]))

    def line_of(self, anchor: Anchor) -> int:
        """Where that line is now."""
        number, offset = anchor
        return max(0, (self._ends[number] if offset < 0 else self._start(number)) + offset)


class GrowingLines(Sequence[Line]):
    """Lazy lines, with the lines of a growing answer below them."""

    def __init__(self, lazy: LazyLines, below: Sequence[Line]) -> None:
        self.lazy = lazy
        self.below = below

    def __len__(self) -> int:
        return len(self.lazy) + len(self.below)

    @overload
    def __getitem__(self, index: int) -> Line: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Line]: ...
    def __getitem__(self, index: int | slice) -> Line | Sequence[Line]:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        lazy = len(self.lazy)
        return self.lazy[index] if index < lazy else self.below[index - lazy]


def lazy_part(lines: Sequence[Line]) -> LazyLines | None:
    """What of some lines is laid out only when it is looked at; None: they are all there."""
    match lines:
        case LazyLines():
            return lines
        case GrowingLines():
            return lines.lazy
        case _:
            return None


def _guess(source: str, passage: Passage, width: int) -> int:
    length = passage.end - passage.start
    newlines = source.count("\n", passage.start, passage.end)
    if passage.cut in (Cut.CODE, Cut.ROWS):
        return max(1, newlines, length // width)
    return max(1, int(length * ROWS_PER_ROWFUL) // width, newlines)
