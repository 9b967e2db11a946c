"""What a find marks in the view: every occurrence, and the one that the keys have gone to.

The current one is remembered by its number within its part, because lines move when the width or a fold changes.
"""

from __future__ import annotations

from tui.rendering.found import Findings, Position, Stretch, occurrence_in, part_of, spans_in
from tui.rendering.turn_block import Place, Placed, TurnBlock
from tui.rendering.turn_list import TurnList
from tui.widgets.painter import Mark, Marked


class FoundMarks:
    """The occurrences of one find, and which of them is the current one."""

    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        self.current: Position | None = None
        self._stretches: tuple[TurnBlock, list[Stretch]] | None = None
        """Where the current one stands in that block."""

    @property
    def number(self) -> int | None:
        """The number of the current one from 0."""
        return self.findings.number_of(self.current) if self.current is not None else None

    def go(self, position: Position) -> None:
        """Make it the current one."""
        self.current, self._stretches = position, None

    def forget_lines(self) -> None:
        """Lines were made anew."""
        self._stretches = None

    def stretches(self, turns: TurnList) -> list[Stretch]:
        """Where the current one stands; nowhere if it is in markup that is not shown."""
        if self.current is None or (index := turns.index_of(self.current.turn_id)) is None:
            return []
        block = turns.block(index)
        if self._stretches is None or self._stretches[0] is not block:
            current, needle = self.current, self.findings.needle
            self._stretches = block, occurrence_in(block, current.where, needle, current.ordinal)
        return self._stretches[1]

    def marked(self, turns: TurnList, turn: int, placed: Placed) -> list[Marked]:
        """What to mark in a line of a turn."""
        if placed.at < 0:
            return []
        spans = spans_in(turns.block(turn), Place(placed.part, placed.at), self.findings.needle)
        marked: list[Marked] = [(start, end, Mark.FOUND) for start, end in spans]
        current = self.current
        if current is not None and turn == turns.index_of(current.turn_id) and placed.part is part_of(current.where):
            marked += [(each.start, each.end, Mark.CURRENT) for each in self.stretches(turns) if each.at == placed.at]
        return marked
