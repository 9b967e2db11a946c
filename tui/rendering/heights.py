"""How tall the turns of a transcript are: assumed, then estimated from their lengths, exact once they are laid out.

Turns stand in chunks, each with the sum of its heights. What a chunk holds is estimated when somebody looks into it;
until then its turns are assumed to be as tall as those that were estimated first. So a hundred thousand turns cost as
much to open as the last few hundred, and a sum over all of them is one over some four hundred chunks: microseconds.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable
from itertools import accumulate

from storage import TurnSize

FRAME = 5
"""Rows of a turn besides its texts: the blank ones around the question, the receipt and the blank one above it."""
CHUNK = 256
"""Turns whose lengths are read at a time: some 1 ms."""
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

    def __init__(self, count: int = 0, estimates: Callable[[int, int], Iterable[int]] | None = None) -> None:
        """`estimates(first, count)` guesses the heights of a run of turns; it is asked for `count` turns in all."""
        self._estimates = estimates
        self._count = count
        self._exact = bytearray(count)
        self._chunks: list[array[int] | None] = [None] * -(-count // CHUNK)
        """None: nobody has looked into it yet."""
        self._totals = array("q", bytes(8 * len(self._chunks)))
        looked_at = range(len(self._chunks))[-2:]  # the last one may hold a turn or two, which tell little
        known = [height for number in looked_at for height in self._chunk(number)]
        for number in range(len(self._chunks) - 2):
            self._totals[number] = max(1, CHUNK * sum(known) // len(known))

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> int:
        return self._chunk(index // CHUNK)[index % CHUNK]

    def _chunk(self, number: int) -> array[int]:
        chunk = self._chunks[number]
        if chunk is None:
            first = number * CHUNK
            assert self._estimates is not None  # noqa: S101 - only turns given with a way to guess them are unknown
            chunk = self._chunks[number] = array("q", self._estimates(first, min(CHUNK, self._count - first)))
            self._totals[number] = sum(chunk)
        return chunk

    def is_exact(self, index: int) -> bool:
        """Whether this turn was measured."""
        return bool(self._exact[index])

    def append(self, height: int, *, exact: bool = False) -> None:
        """Add a turn at the end."""
        if self._count % CHUNK:
            self._chunk(len(self._chunks) - 1).append(height)
            self._totals[-1] += height
        else:
            self._chunks.append(array("q", [height]))
            self._totals.append(height)
        self._count += 1
        self._exact.append(exact)

    def measure(self, index: int, height: int) -> int:
        """Set the exact height of a turn, and return by how much it differs from what was assumed."""
        number, at = divmod(index, CHUNK)
        chunk = self._chunk(number)
        change = height - chunk[at]
        self._exact[index] = True
        chunk[at] = height
        self._totals[number] += change
        return change

    def start(self, index: int) -> int:
        """The first row of a turn; for `len(self)` the total."""
        number, at = divmod(index, CHUNK)
        return sum(self._totals[:number]) + (sum(self._chunk(number)[:at]) if at else 0)

    @property
    def total(self) -> int:
        """Rows of all turns."""
        return sum(self._totals)

    def at(self, row: int) -> tuple[int, int]:
        """The turn that a row is in, and the row's number within that turn; rows outside are clamped.

        In a chunk that nobody has looked into, the row is as far down as it was in the assumed one.
        """
        if not self._count:
            return 0, 0
        rest = max(0, min(row, self.total - 1))
        number = 0
        while rest >= self._totals[number]:
            rest -= self._totals[number]
            number += 1
        assumed = self._totals[number]
        chunk = self._chunk(number)
        rest = rest * self._totals[number] // assumed
        for at, end in enumerate(accumulate(chunk)):
            if rest < end:
                return number * CHUNK + at, rest - end + chunk[at]
        raise AssertionError("a row that is less than the chunk's total lies in one of its turns")
