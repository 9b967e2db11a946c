"""Turns in which something is looked for: every occurrence is marked, and keys go from one to the next.

What is counted comes from outside, for only the store knows turns that were never laid out; turns of this run are
counted here, because they may be ahead of it. Whatever hides an occurrence is opened on the way to it: folded
thinking, a long question, the side that is not on screen.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from rich.cells import cell_len
from textual.binding import Binding, BindingType
from textual.message import Message

from storage import Occurrences, Side, Where
from storage.needles import Needle
from storage.occurrences import occurrences
from tui.rendering.found import Findings, Position, Stretch, occurrences_in, part_of, passage_with, place_of
from tui.rendering.layout import Columns
from tui.rendering.turn_block import Part, Place, TurnBlock
from tui.rendering.turn_list import Spot
from tui.widgets.found_marks import FoundMarks
from tui.widgets.turns_view import TurnsView


class FindingView(TurnsView):
    """A view on turns in which a person looks for something."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "find", "Find in this session", show=False, id="transcript.find"),
        Binding("n", "find_next(1)", "Next place found", show=False, id="transcript.find_next"),
        Binding("N", "find_next(-1)", "Place found before", show=False, id="transcript.find_before"),
    ]

    class FindAsked(Message):
        """A person wants to look for something."""

    class FoundMoved(Message):
        """Another occurrence is the current one, or there are more or fewer of them."""

        def __init__(self, number: int | None, total: int, *, shown: bool) -> None:
            """`number` counts from 0; `shown`: it is in the text and not in markup that the screen leaves out."""
            super().__init__()
            self.number = number
            self.total = total
            self.shown = shown

    class SideNeeded(Message):
        """The view shows this side now, because what was found is there."""

        def __init__(self, side: Side) -> None:
            super().__init__()
            self.side = side

    def action_find(self) -> None:
        """Ask for a line to type into."""
        self.post_message(self.FindAsked())

    def show_found(
        self, needle: Needle, found: Iterable[Occurrences], near: tuple[int, Where | None] | None = None
    ) -> None:
        """Mark occurrences, and go to the first one from the top of the view on, or near a turn and part of it."""
        findings = Findings(needle, found, self._sides)
        findings.update(occurrences(turn, needle) for turn in self._turns.turns_of_this_run())
        self._found = FoundMarks(findings)
        self._painted.clear()
        self.refresh()
        if findings.total:
            self._go_to(self._first(findings, near))
        else:
            self._tell_found()

    def _first(self, findings: Findings, near: tuple[int, Where | None] | None) -> Position:
        index = self._port.top.turn
        if near is not None:
            turn_id, where = near
            if where is not None and (at := findings.number_of(Position(turn_id, where, 0))) is not None:
                return findings.position(at)
            near_index = self._turns.index_of(turn_id)
            index = index if near_index is None else near_index
        return findings.position(findings.first_from(self._turns.block(index).turn.seq))

    def end_find(self) -> None:
        """Mark nothing any more; the view stays where it is."""
        if self._found is not None:
            self._found = None
            self._painted.clear()
            self.refresh()

    @property
    def finding(self) -> bool:
        """Whether something is looked for."""
        return self._found is not None

    def action_find_next(self, step: int) -> None:
        """To the occurrence after the current one or before it; from the last on to the first."""
        if self._found is None:
            return
        findings = self._found.findings
        if self.streaming:
            findings.update(occurrences(turn, findings.needle) for turn in self._turns.turns_of_this_run())
        if not findings.total:
            self._tell_found()
            return
        number = self._found.number
        wanted = (
            findings.first_from(self._turns.block(self._port.top.turn).turn.seq)
            if number is None
            else (number + step) % findings.total
        )
        self._go_to(findings.position(wanted))

    def recount(self, turn_id: int) -> None:
        """A turn of this run has changed."""
        if self._found is not None and (index := self._turns.index_of(turn_id)) is not None:
            findings = self._found.findings
            findings.update([occurrences(self._turns.turn_so_far(index), findings.needle)])
            self._found.forget_lines()
            self._tell_found()

    def _tell_found(self) -> None:
        if self._found is not None:
            shown = self._found.current is None or bool(self._found.stretches(self._turns))
            self.post_message(self.FoundMoved(self._found.number, self._found.findings.total, shown=shown))

    def _go_to(self, position: Position) -> None:
        index = self._turns.index_of(position.turn_id)
        if self._found is None or index is None:
            return
        self._open(position, index)
        before = self._found.current
        self._lay_out_around(position, index)
        self._found.go(position)
        stretches = self._found.stretches(self._turns)
        block = self._turns.block(index)
        self._slide_into_view(block, part_of(position.where), stretches)
        extent = block.extent(position.where)
        first = extent[1] if extent is not None else 0
        row = block.row_of(Place(part_of(position.where), stretches[0].at if stretches else first))
        self._bring_into_view(Spot(index, min(row, block.height - 1)))
        for each in {index, self._turns.index_of(before.turn_id) if before is not None else index}:
            self._painted.forget(index if each is None else each)
        self.refresh()
        self._tell_found()

    def _lay_out_around(self, position: Position, index: int) -> None:
        """Lay out the passage of a long answer that it is in, and those beside it."""
        if self._found is None:
            return
        block, needle = self._turns.block(index), self._found.findings.needle
        if (found := passage_with(block, position.where, needle, position.ordinal)) is not None:
            lines, part = found[0], part_of(position.where)
            first, last = (block.row_of(Place(part, at)) for at in (lines.start, lines.stop))
            self._port.lay_out(index, first - 1, last)
            self._shown()

    def _open(self, position: Position, index: int) -> None:
        """Show what hides it."""
        side = place_of(position.where)
        if side is not None and side not in self._turns.view.layout.columns:
            self.columns = Columns(side.value)
            self.post_message(self.SideNeeded(side))
        folds = self._turns.folds(index)
        wanted = folds
        if position.where in (Where.LEFT_THINKING, Where.RIGHT_THINKING):
            wanted = folds._replace(thinking=True)
        elif position.where is Where.QUESTION and not folds.question and self._found is not None:
            seen = occurrences_in(self._turns.block(index), Where.QUESTION, self._found.findings.needle)
            wanted = folds._replace(question=position.ordinal >= len(seen))
        if wanted != folds:
            self._changed(lambda: self._turns.unfold(index, wanted), [index])

    def _slide_into_view(self, block: TurnBlock, part: Part, stretches: Sequence[Stretch]) -> None:
        """Scroll a wide line sideways to what was found in it."""
        if not stretches or block.line_of(Place(part, stretches[0].at)).kind is None:
            return
        at, _, end = stretches[0]
        placed = next((each for each in block.row(block.row_of(Place(part, at))) if each.part is part), None)
        if placed is not None and placed.line.width > placed.width:
            wanted = cell_len(placed.line.text[:end]) - placed.width * 3 // 4
            block.slide(Place(part, at), max(0, wanted) - placed.offset)

    def _bring_into_view(self, spot: Spot) -> None:
        """Scroll only if it is not in view, and leave some lines above it."""
        hidden = spot not in self._port.rows or (self._new_below and spot == self._port.rows[-1])
        if hidden:
            self._port.show(self._turns.walk(spot, -(self._port.height // 3)))
            self._scrolled(down=False)
        if self.streaming:
            self._set_following(now=False)
