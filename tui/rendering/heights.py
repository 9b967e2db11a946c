"""How tall the turns of a transcript are: estimated from their lengths, exact once they have been laid out.

Ten thousand turns are opened by reading their lengths alone. Sums are kept in a Fenwick tree, so measuring a turn
costs a few additions and not a pass over all the others.
"""

from __future__ import annotations

from collections.abc import Iterable

from storage import TurnSize

FRAME = 5
"""Rows of a turn besides its texts: the blank ones around the question, the receipt and the blank one above it."""
ANSWERS_PER_ROW = 1.25
"""Rows that a row's worth of characters takes in an answer: words do not fill lines, and there are blank lines."""


def estimate(
    size: TurnSize, *, question_width: int, left_width: int, right_width: int, stacked: bool, most: int
) -> int:
    """Guess the rows of a turn from the lengths of its texts. A width of 0: that side is not shown.

    `most` is the largest number of rows that a question takes.
    """
    question = min(most, 1 + size.prompt // max(1, question_width))
    left = 1 + int(size.left * ANSWERS_PER_ROW) // left_width if left_width else 0
    right = 1 + int(size.right * ANSWERS_PER_ROW) // right_width if right_width else 0
    return FRAME + question + (left + right + FRAME if stacked else max(left, right))


class Heights:
    """Rows per turn, their sums, and which of them are exact."""

    def __init__(self, heights: Iterable[int] = ()) -> None:
        self._heights = list(heights)
        self._exact = bytearray(len(self._heights))
        self._sums: list[int] = [0, *self._heights]
        for index in range(1, len(self._sums)):
            parent = index + (index & -index)
            if parent < len(self._sums):
                self._sums[parent] += self._sums[index]

    def __len__(self) -> int:
        return len(self._heights)

    def __getitem__(self, index: int) -> int:
        return self._heights[index]

    def is_exact(self, index: int) -> bool:
        """Whether this turn was measured."""
        return bool(self._exact[index])

    def append(self, height: int, *, exact: bool = False) -> None:
        """Add a turn at the end."""
        index = len(self._sums)
        below = index - (index & -index)
        self._sums.append(height + self.start(index - 1) - self.start(below))
        self._heights.append(height)
        self._exact.append(exact)

    def measure(self, index: int, height: int) -> int:
        """Set the exact height of a turn, and return by how much it differs from what was assumed."""
        change = height - self._heights[index]
        self._exact[index] = True
        if change:
            self._heights[index] = height
            at = index + 1
            while at < len(self._sums):
                self._sums[at] += change
                at += at & -at
        return change

    def start(self, index: int) -> int:
        """The first row of a turn; for `len(self)` the total."""
        total = 0
        while index > 0:
            total += self._sums[index]
            index -= index & -index
        return total

    @property
    def total(self) -> int:
        """Rows of all turns."""
        return self.start(len(self._heights))

    def at(self, row: int) -> tuple[int, int]:
        """The turn that a row is in, and the row's number within that turn; rows outside are clamped."""
        if not self._heights:
            return 0, 0
        row = max(0, min(row, self.total - 1))
        index, rest = 0, row
        step = 1 << len(self._heights).bit_length()
        while step:
            if index + step < len(self._sums) and self._sums[index + step] <= rest:
                index += step
                rest -= self._sums[index]
            step >>= 1
        return index, rest
