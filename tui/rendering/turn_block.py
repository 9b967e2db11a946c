"""One turn laid out: the question over the full width, the answers beneath it, side by side or one below the other.

A block knows rows, parts and lines, and no widget. A part is what a selection stays in: the question, the left
answer, the right answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from storage import Reply, Side, Turn, Where
from tui.rendering.answer import Answer, GrowingAnswer, LiveReply, label, not_asked, settled
from tui.rendering.layout import Column, Layout
from tui.rendering.lazy_lines import LazyLines, lazy_part
from tui.rendering.lines import FAINT, Ink, Line, Role, line, words, wrap
from tui.rendering.safe_text import clean
from tui.rendering.sideways import furthest
from tui.rendering.verdict import verdict
from tui.words import plural, short_spec

QUESTION_ROWS = 12
"""Rows of a question that are shown before it is folded."""

_QUESTION = Ink(Role.QUESTION, bold=True)


class Part(StrEnum):
    """A part of a turn."""

    QUESTION = "question"
    LEFT = "left"
    RIGHT = "right"


class Placed(NamedTuple):
    """A line at its place in a row."""

    part: Part
    at: int
    """Which line of the part."""
    x: int
    width: int
    line: Line
    offset: int = 0
    """Cells by which it is scrolled sideways."""


class Place(NamedTuple):
    """A row by what stands in it, which stays the same when rows above it come or go."""

    part: Part
    at: int


class View(NamedTuple):
    """How blocks are laid out now; a block made for another view is made anew."""

    layout: Layout
    time_words: Callable[[datetime], str]
    unwrapped: bool = False
    """Code and tables that are too wide are scrolled sideways and not wrapped."""


class Folds(NamedTuple):
    """What of a turn is unfolded, and which answers are shown of those that there are."""

    thinking: bool = False
    question: bool = False
    left: int = 0
    """The variant that is shown; 0 is the newest."""
    right: int = 0

    def variant(self, side: Side) -> int:
        """Which variant of a side is shown."""
        return self.left if side is Side.LEFT else self.right

    def showing(self, side: Side, variant: int) -> Folds:
        """The same with another variant of a side."""
        return self._replace(left=variant) if side is Side.LEFT else self._replace(right=variant)

    def shown(self, turn: Turn, side: Side) -> Reply | None:
        """The answer that is shown."""
        wanted = self.variant(side)
        return next((each for each in turn.variants(side) if each.variant == wanted), turn.latest(side))


@dataclass(slots=True)
class _Slid:
    """A block that was scrolled sideways: the lines first..last of a part."""

    part: Part
    first: int
    last: int
    offset: int = 0


class TurnBlock:
    """The rows of one turn."""

    def __init__(
        self, turn: Turn, view: View, folds: Folds, live: Mapping[int, LiveReply], *, retry: bool = False
    ) -> None:
        """`live` are the replies that still stream, by id; `retry`: its answers can be asked for again by a key."""
        self.turn = turn
        self._view = view
        self._layout = view.layout
        self._folds = folds
        self._live = live
        self._retry = retry
        self.question = _question(turn, view, unfolded=folds.question)
        self._answers: dict[Side, Answer] = {side: self._answer(side) for side in view.layout.columns}
        self._slid: list[_Slid] = []
        self._labels: dict[Side, Line] = {side: self._label(side) for side in view.layout.columns}

    @property
    def growing(self) -> bool:
        """Whether one of the answers on screen still streams."""
        return any(isinstance(answer, GrowingAnswer) for answer in self._answers.values())

    @property
    def height(self) -> int:
        """Rows, including the blank one before the question."""
        if self._layout.stacked:
            return self._top + sum(len(answer) + 2 for answer in self._answers.values()) - 1
        return self._top + max(len(answer) for answer in self._answers.values())

    @property
    def _top(self) -> int:
        """The first row of the answers."""
        return len(self.question) + 2

    def flush(self) -> int | None:
        """Bring growing answers up to date; the first row that changed, or None."""
        first: int | None = None
        for side, answer in self._answers.items():
            if isinstance(answer, GrowingAnswer):
                before, changed = len(answer), answer.flush()
                if changed < len(answer) or before != len(answer):
                    row = self.row_of(Place(Part(side), changed))
                    first = row if first is None else min(first, row)
        return first

    def settle(self, turn: Turn) -> None:
        """Take the turn's new value: replies that are no longer live get their final form, new variants a place."""
        before, self.turn = self.turn, turn
        self.question = _question(turn, self._view, unfolded=self._folds.question)
        for side, answer in self._answers.items():
            reply = turn.latest(side)
            if isinstance(answer, GrowingAnswer) and reply is not None and reply.id not in self._live:
                self._answers[side] = self._answer(side, answer.end(reply.text))
            elif not isinstance(answer, GrowingAnswer) and turn.variants(side) != before.variants(side):
                # Only then: laying out a long answer that has ended already stops the screen for 200 ms.
                self._answers[side] = self._answer(side)

    def fold(self, folds: Folds) -> None:
        """Show or fold parts, or other variants; words that are laid out already stay as they are."""
        before, self._folds = self._folds, folds
        self.question = _question(self.turn, self._view, unfolded=folds.question)
        for side in self._answers:
            if before.variant(side) != folds.variant(side):
                self._answers[side] = self._answer(side)
        self._lay_out_around_words()

    def lay_out(self, first: int, last: int, most: int, *, held: int) -> tuple[int, int]:
        """Lay out what the rows first..last show of long answers, the lowest first, `most` passages at a time.

        Returns how many passages were new, and the row at which the row `held` stands now.
        """
        place, new = self.place(held), 0
        at = place.at
        for side, answer in self._answers.items():
            lazy = lazy_part(answer.body)
            if lazy is None:
                continue
            head, start = len(answer.head), self.row_of(Place(Part(side), 0)) + len(answer.head)
            count, anchor = len(lazy), lazy.anchor(place.at - head)
            is_held = place.part.value == side and place.at >= head
            new += lazy.lay_out(first - start, last - start, most - new)
            if is_held and at < head + count:
                at = head + lazy.line_of(anchor)
            elif is_held:
                at += len(lazy) - count
        return new, held if place.part is Part.QUESTION or not new else self.row_of(Place(place.part, at))

    def passage_of(self, place: Place) -> tuple[int, float] | None:
        """Which passage of a long answer a line is in, and how far down in it; None for other lines."""
        answer = self._answers.get(Side(place.part.value)) if place.part is not Part.QUESTION else None
        lazy = lazy_part(answer.body) if answer is not None else None
        if answer is None or lazy is None or not 0 <= place.at - len(answer.head) < len(lazy):
            return None
        return lazy.passage_of(place.at - len(answer.head))

    def line_in_passage(self, part: Part, passage: tuple[int, float] | None) -> int | None:
        """The line of a part that `passage_of` was asked for, in another width."""
        answer = self._answers.get(Side(part.value)) if part is not Part.QUESTION else None
        lazy = lazy_part(answer.body) if answer is not None else None
        if answer is None or lazy is None or passage is None or passage[0] >= len(lazy.passages):
            return None
        number, share = passage
        lines = lazy.lay_out_passage(number)
        return len(answer.head) + lines.start + int(share * len(lines))

    def lazy(self, where: Where) -> tuple[LazyLines, int] | None:
        """The lines of an answer that is laid out only where it is looked at, and which line of its part is first."""
        if where not in (Where.LEFT, Where.RIGHT) or (answer := self._answers.get(Side(where.value))) is None:
            return None
        lazy = lazy_part(answer.body)
        return None if lazy is None else (lazy, len(answer.head))

    def offer_retry(self, *, offered: bool) -> None:
        """Its answers can be asked for again by a key, or no longer."""
        self._retry = offered
        self._lay_out_around_words()

    def _lay_out_around_words(self) -> None:
        for side, answer in self._answers.items():
            if isinstance(answer, GrowingAnswer):
                answer.unfold(unfolded=self._folds.thinking)
            else:
                self._answers[side] = self._answer(side, answer.body)

    def row(self, number: int) -> list[Placed]:
        """The lines that stand in a row, from left to right."""
        if number < self._top:
            at, column = number - 1, self._layout.question
            shown = 0 <= at < len(self.question)
            return [Placed(Part.QUESTION, at, column.x, column.width, self.question[at])] if shown else []
        if self._layout.stacked:
            return self._stacked(number)
        at = number - self._top
        return [
            self._placed(Part(side), at, column, self._answers[side][at])
            for side, column in self._layout.columns.items()
        ]

    def _placed(self, part: Part, at: int, column: Column, each: Line) -> Placed:
        offset = self._offset(part, at) if self._slid and each.kind is not None else 0
        return Placed(part, at, column.x, column.width, each, offset)

    # Sideways

    def _offset(self, part: Part, at: int) -> int:
        for slid in self._slid:
            if slid.part is part and slid.first <= at:
                while slid.last <= at and self._goes_on(part, slid.last):
                    slid.last += 1  # it streams, and has grown since
                if at < slid.last:
                    return slid.offset
        return 0

    def _goes_on(self, part: Part, at: int) -> bool:
        """Whether a line belongs to the block of the line before it."""
        if not 0 < at < self.lines_of(part):
            return False
        each, before = self.line_of(Place(part, at)), self.line_of(Place(part, at - 1))
        return each.kind is not None and each.kind is before.kind and not each.opens

    def block_start(self, place: Place) -> int:
        """The first line of the block that a line belongs to."""
        first = place.at
        while self._goes_on(place.part, first):
            first -= 1
        return first

    def slide(self, place: Place, by: int) -> bool:
        """Scroll the block of a line sideways by so many cells; False: it does not move."""
        if place.part is Part.QUESTION or place.at < 0 or self.line_of(place).kind is None:
            return False
        first, last = self.block_start(place), place.at
        while self._goes_on(place.part, last + 1):
            last += 1
        width = self._layout.columns[Side(place.part.value)].width
        most = max(furthest(self.line_of(Place(place.part, at)), width) for at in range(first, last + 1))
        slid = next((each for each in self._slid if (each.part, each.first) == (place.part, first)), None)
        if slid is None:
            slid = _Slid(place.part, first, last + 1)
            self._slid.append(slid)
        before, slid.offset = slid.offset, max(0, min(most, slid.offset + by))
        return slid.offset != before

    def _stacked(self, number: int) -> list[Placed]:
        place = self._stacked_place(number)
        side = Side(place.part.value)
        column, answer = self._layout.columns[side], self._answers[side]
        if place.at < 0:
            return [Placed(place.part, -1, column.x, column.width, self._labels[side])]
        return [self._placed(*place, column, answer[place.at])] if place.at < len(answer) else []

    def _stacked_place(self, number: int) -> Place:
        """In the stacked layout each answer has a label above it (line -1) and a blank row below it."""
        at, part = number - self._top, Part.LEFT
        for side, answer in self._answers.items():
            part = Part(side)
            if at <= len(answer) + 1:
                break
            at -= len(answer) + 2
        return Place(part, at - 1)

    def is_ruled(self, number: int) -> bool:
        """Whether the rule between the columns passes through a row."""
        return self._layout.rule is not None and number >= self._top

    def lines_of(self, part: Part) -> int:
        """How many lines a part has."""
        if part is Part.QUESTION:
            return len(self.question)
        answer = self._answers.get(Side(part.value))
        return len(answer) if answer is not None else 0

    def extent(self, where: Where) -> tuple[Part, int, int] | None:
        """The lines first..last of what was said there; None where it is folded away or has no column."""
        if where is Where.QUESTION:
            return Part.QUESTION, 0, len(self.question)
        side = Side(where.value.split()[0])
        answer = self._answers.get(side)
        if answer is None:
            return None
        head = len(answer.head)
        if where in (Where.LEFT, Where.RIGHT):
            return Part(side), head, head + len(answer.body)
        return (Part(side), 1, head) if self._folds.thinking and head > 1 else None

    def where(self, place: Place) -> Where | None:
        """What a line belongs to; None for labels, titles and receipts."""
        if place.part is Part.QUESTION:
            return Where.QUESTION
        for where in (Where(place.part.value), Where(f"{place.part} thinking")):
            extent = self.extent(where)
            if extent is not None and extent[1] <= place.at < extent[2]:
                return where
        return None

    def line_of(self, place: Place) -> Line:
        """One line of a part."""
        if place.part is Part.QUESTION:
            return self.question[place.at]
        return self._answers[Side(place.part.value)][place.at]

    def place(self, number: int) -> Place:
        """What stands in a row; `row_of` gives the row back."""
        if number < self._top:
            return Place(Part.QUESTION, number - 1)
        if self._layout.stacked:
            return self._stacked_place(number)
        at = number - self._top
        sides = [side for side, answer in self._answers.items() if at < len(answer)]
        return Place(Part((sides or list(self._answers))[0]), at)

    def row_of(self, place: Place) -> int:
        """The row in which a line of a part stands now."""
        if place.part is Part.QUESTION:
            return 1 + place.at
        row = self._top
        if self._layout.stacked:
            for side, answer in self._answers.items():
                row += 1
                if side == place.part.value:
                    break
                row += len(answer) + 1
        return row + place.at

    def _answer(self, side: Side, grown: Sequence[Line] | None = None) -> Answer:
        reply = self._folds.shown(self.turn, side)
        width = self._layout.columns[side].width
        if reply is None:
            return not_asked()
        if (live := self._live.get(reply.id)) is not None:
            return GrowingAnswer(live, width, unfolded=self._folds.thinking, unwrapped=self._view.unwrapped)
        variants = len(self.turn.variants(side))
        return settled(
            reply,
            variants,
            width,
            unfolded=self._folds.thinking,
            retry=self._retry,
            unwrapped=self._view.unwrapped,
            grown=grown,
        )

    def _label(self, side: Side) -> Line:
        reply = self._folds.shown(self.turn, side)
        return label(reply, short_spec(reply.model)) if reply is not None else words(f"{side.value} side", FAINT)


def _question(turn: Turn, view: View, *, unfolded: bool) -> list[Line]:
    """The heading: number, words, and the time at the right end of its first row."""
    number, asked = f"{turn.seq}  ", view.time_words(turn.asked)
    column = view.layout.question
    room = max(8, column.width - len(asked) - 2)
    lines = wrap([(clean(turn.prompt).strip("\n"), _QUESTION)], room, [(number, FAINT)], [(" " * len(number), FAINT)])
    more = len(lines) - QUESTION_ROWS
    if more > 1 and not unfolded:
        lines = [*lines[:QUESTION_ROWS], words(f"{' ' * len(number)}… {more} more lines · o opens", FAINT)]
    first = lines[0]
    lines[0] = line([*first.runs, (" " * (column.width - first.width - len(asked)), Ink()), (asked, FAINT)])
    if (adopted := _adopted(turn)) is not None:
        lines.append(words(f"{' ' * len(number)}{adopted.side.value} answer adopted on both sides", FAINT))
    return [*lines, *_marks(turn, column.width, " " * len(number))]


def _marks(turn: Turn, width: int, indent: str) -> list[Line]:
    """What the person has added to a turn."""
    marks: list[Line] = []
    if turn.vote is not None:
        marks.append(words(f"{indent}your vote: {verdict(turn.vote.choice)}", FAINT))
    if turn.forks:
        marks.append(words(f"{indent}{plural(turn.forks, 'fork')} from here · /forks", FAINT))
    if turn.note:
        note = [("your note: ", FAINT), (clean(turn.note).strip("\n"), Ink())]
        marks += wrap(note, max(8, width), [(indent, FAINT)], [(indent, FAINT)])
    return marks


def _adopted(turn: Turn) -> Reply | None:
    return next((reply for reply in turn.replies if reply.id == turn.adopted_reply_id), None)
