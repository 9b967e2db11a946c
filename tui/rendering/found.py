"""Where the lines of a transcript have what is looked for, and which of all occurrences is which.

Lines are searched as they read, with soft wraps undone and decoration passed over, so an occurrence may go over
several of them. To mark the lines on the screen nothing is remembered: a line is searched together with those around
it when it is painted, which keeps finding apart from laying out.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from storage import Occurrences, Side, Where
from storage.needles import Needle
from tui.rendering.lines import Line, Role
from tui.rendering.turn_block import Part, Place, TurnBlock

MARKED_BACK = 3
"""Lines above new text that it may complete an occurrence with."""
_AROUND = 160
"""Characters on each side of a line that are searched with it, at least."""

Span = tuple[int, int]
"""Characters of a line, from..to."""


class Stretch(NamedTuple):
    """The part of an occurrence that stands in one line of a part."""

    at: int
    start: int
    end: int


def search_lines(lines: Iterable[tuple[int, Line]], needle: Needle) -> list[list[Stretch]]:
    """Search numbered lines that follow each other; each occurrence with its stretches."""
    pieces: list[str] = []
    numbers: list[int] = []
    starts: list[int] = []  # where in the joined text each line begins
    leads: list[int] = []
    length = 0
    for number, each in lines:
        glue = "" if not pieces else "\n" if each.glue is None else each.glue
        text = _readable(each)[each.lead :]
        pieces += [glue, text]
        numbers.append(number)
        starts.append(length + len(glue))
        leads.append(each.lead)
        length += len(glue) + len(text)
    joined = "".join(pieces)
    starts.append(length + 1)
    found: list[list[Stretch]] = []
    for start, end in needle.spots(joined):
        stretches: list[Stretch] = []
        n = max(0, bisect_right(starts, start) - 1)
        while n < len(numbers) and starts[n] < end:
            text_end = starts[n] + len(pieces[2 * n + 1])
            low, high = max(start, starts[n]), min(end, text_end)
            if high > low:
                stretches.append(Stretch(numbers[n], low - starts[n] + leads[n], high - starts[n] + leads[n]))
            n += 1
        if stretches:
            found.append(stretches)
    return found


def _readable(each: Line) -> str:
    """A line's text; of a question its words alone, with nothing readable for its number and its time."""
    if not any(ink.role is Role.QUESTION for _, ink in each.runs):
        return each.text
    return "".join([text if ink.role is Role.QUESTION else "\0" * len(text) for text, ink in each.runs])


def occurrences_in(block: TurnBlock, where: Where, needle: Needle) -> list[list[Stretch]]:
    """All occurrences in one part of a laid-out turn; none where it is folded or has no column."""
    extent = block.extent(where)
    if extent is None:
        return []
    part, first, last = extent
    return search_lines([(at, block.line_of(Place(part, at))) for at in range(first, last)], needle)


def occurrence_in(block: TurnBlock, where: Where, needle: Needle, ordinal: int) -> list[Stretch]:
    """One occurrence in a part of a laid-out turn, counted from 0; of a long answer if its passage is laid out."""
    if (spot := passage_with(block, where, needle, ordinal)) is None:
        found = occurrences_in(block, where, needle)
        return found[min(ordinal, len(found) - 1)] if found else []
    lines, nth = spot
    part = part_of(where)
    found = search_lines([(at, block.line_of(Place(part, at))) for at in lines], needle)
    return found[min(nth, len(found) - 1)] if found else []


def passage_with(block: TurnBlock, where: Where, needle: Needle, ordinal: int) -> tuple[range, int] | None:
    """The lines of the passage of a long answer that has an occurrence, and which of those in it; else None."""
    if (found := block.lazy(where)) is None:
        return None
    lazy, first = found
    starts = [start for start, _ in needle.spots(lazy.source)]
    if ordinal >= len(starts):
        return None  # it is in what has grown below
    number = lazy.passage_at(starts[ordinal])
    lines = lazy.lines_of(number)
    before = bisect_left(starts, lazy.passages[number].start)
    return range(first + lines.start, first + lines.stop), ordinal - before


def spans_in(block: TurnBlock, place: Place, needle: Needle) -> list[Span]:
    """What to mark in one line."""
    where = block.where(place)
    extent = block.extent(where) if where is not None else None
    if extent is None:
        return []
    part, first, last = extent
    low = high = place.at
    reach = max(needle.reach, _AROUND)
    before = after = 0
    while low > first and before < reach:
        low -= 1
        before += len(block.line_of(Place(part, low)).text) + 1
    while high + 1 < last and after < reach:
        high += 1
        after += len(block.line_of(Place(part, high)).text) + 1
    lines = [(at, block.line_of(Place(part, at))) for at in range(low, high + 1)]
    found = search_lines(lines, needle)
    return [(piece.start, piece.end) for stretches in found for piece in stretches if piece.at == place.at]


class Position(NamedTuple):
    """One of all occurrences."""

    turn_id: int
    where: Where
    ordinal: int
    """Of those in that part, from 0."""


class Findings:
    """All occurrences in one transcript, by number from 0; turns that are not laid out are known by counts alone."""

    def __init__(self, needle: Needle, found: Iterable[Occurrences], sides: frozenset[Side]) -> None:
        """`sides` have columns; what others said is not shown."""
        self.needle = needle
        self._hidden = {Where(name) for side in Side if side not in sides for name in (side, f"{side} thinking")}
        self._by_turn = {one.turn_id: shown for one in found if (shown := self._shown(one)).counts}
        self._count_all()

    def _shown(self, found: Occurrences) -> Occurrences:
        return replace(found, counts=tuple(each for each in found.counts if each[0] not in self._hidden))

    def _count_all(self) -> None:
        self._turns = sorted(self._by_turn.values(), key=lambda one: one.seq)
        self._starts: list[int] = []
        self.total = 0
        for one in self._turns:
            self._starts.append(self.total)
            self.total += one.total

    def update(self, changed: Iterable[Occurrences]) -> None:
        """Take what some turns have now."""
        for one in changed:
            shown = self._shown(one)
            if shown.counts:
                self._by_turn[one.turn_id] = shown
            else:
                self._by_turn.pop(one.turn_id, None)
        self._count_all()

    def position(self, number: int) -> Position:
        """What stands at a number."""
        n = bisect_right(self._starts, number) - 1
        left = number - self._starts[n]
        for where, count in self._turns[n].counts:
            if left < count:
                return Position(self._turns[n].turn_id, where, left)
            left -= count
        raise LookupError(f"there are {self.total} occurrences, not {number + 1}")

    def number_of(self, position: Position) -> int | None:
        """The number of a position, if it is still there."""
        for start, one in zip(self._starts, self._turns, strict=True):
            if one.turn_id == position.turn_id:
                for where, count in one.counts:
                    if where is position.where:
                        return start + min(position.ordinal, count - 1)
                    start += count
        return None

    def first_from(self, seq: int) -> int:
        """The number of the first one in a turn or after it; around to the first of all."""
        n = bisect_left(self._turns, seq, key=lambda one: one.seq)
        return self._starts[n] if n < len(self._turns) else 0


def place_of(where: Where) -> Side | None:
    """The side whose column has it; None for questions."""
    sides: Sequence[Side] = [side for side in Side if where.value.startswith(side.value)]
    return sides[0] if sides else None


def part_of(where: Where) -> Part:
    """The part of a turn that has it."""
    side = place_of(where)
    return Part.QUESTION if side is None else Part(side.value)
