"""Turns with a block cursor: keys go from answer to answer and from code to code, and say what is copied.

The cursor is a bar in the margin, so it needs no colour and moves no text. Without one the keys begin at what is in
view.
"""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType

from storage import Side
from tui.rendering.blocks import Block, Extent, blocks_of, extent_of
from tui.rendering.sideways import STEP
from tui.rendering.source_copy import Copied, answer_source, code_source
from tui.rendering.turn_block import Part, Place, Placed, TurnBlock
from tui.rendering.turn_list import Spot
from tui.widgets.finding_view import FindingView

TURNS_LOOKED_THROUGH = 60
"""Turns that one key passes at most on its way to a block: each has to be laid out, in some 3 ms."""

PASSAGES_LOOKED_THROUGH = 300
"""Passages of long answers that one key lays out at most, to find the code in them: up to a second, for answers of
megabytes; code further on is found by scrolling to it."""


class CursorView(FindingView):
    """A view on turns in which a person goes from block to block."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "block(1)", "Next answer or code block", show=False, id="transcript.block_after"),
        Binding("k", "block(-1)", "Answer or code block before", show=False, id="transcript.block_before"),
        Binding("right_square_bracket", "block(1, True)", "Next code block", show=False, id="transcript.code_after"),
        Binding(
            "left_square_bracket", "block(-1, True)", "Code block before", show=False, id="transcript.code_before"
        ),
        Binding(
            "shift+right", "sideways(1)", "Wide code and tables: to the right", show=False, id="transcript.right"
        ),
        Binding("shift+left", "sideways(-1)", "Wide code and tables: to the left", show=False, id="transcript.left"),
        Binding(
            "g", "screen.act('questions')", "Go to a question by the outline", show=False, id="transcript.outline"
        ),
        Binding(
            "less_than_sign",
            "screen.act('vote_left')",
            "Vote: left is better",
            show=False,
            id="transcript.left_better",
        ),
        Binding(
            "greater_than_sign",
            "screen.act('vote_right')",
            "Vote: right is better",
            show=False,
            id="transcript.right_better",
        ),
        Binding(
            "equals_sign", "screen.act('vote_tie')", "Vote: both are equally good", show=False, id="transcript.tie"
        ),
        Binding("minus", "screen.act('vote_neither')", "Vote: neither is good", show=False, id="transcript.neither"),
        Binding("a", "screen.act('note')", "Your note on the turn", show=False, id="transcript.note"),
        Binding(
            "f", "screen.act('fork')", "Fork: go on from the turn in a new session", show=False, id="transcript.fork"
        ),
        Binding(
            "m",
            "screen.act('marked_next')",
            "Next turn with a vote, note or unfinished answer",
            show=False,
            id="transcript.marked_after",
        ),
        Binding("M", "screen.act('marked_before')", "Marked turn before", show=False, id="transcript.marked_before"),
        Binding("w", "wrap", "Wrap wide code and tables, or scroll them", show=False, id="transcript.wrap"),
    ]

    _extent: tuple[TurnBlock, int, Block, Extent | None] | None = None
    """The lines under the cursor as they were found in that turn of that height: they are asked for with each row."""

    def action_block(self, step: int, code_only: bool = False) -> None:
        """To the block after the cursor or before it; where there is none, the cursor stays."""
        found = self._next_block(step, code_only=code_only)
        if found is not None:
            self._put_cursor(found)

    @property
    def meant_turn(self) -> int | None:
        """The id of the turn under the cursor; without one, of the newest at the end, else of the first in view."""
        if self.cursor is not None:
            return self.cursor.turn_id
        in_view = self._port.turns_in_view
        if not in_view:
            return None
        if self.following:
            return self._turns.turn(in_view[-1]).id
        begun = (spot.turn for spot in self._port.rows if spot.row == 1)
        return self._turns.turn(next(begun, in_view[0])).id

    def action_wrap(self) -> None:
        """Wrap what is too wide, or leave it as wide as it is."""
        self._unwrapped = not self._unwrapped
        self._lay_out()

    def action_sideways(self, step: int) -> None:
        """Scroll what is too wide: the block under the cursor, else all in view. The first time it is unwrapped."""
        if not self._unwrapped:
            self.action_wrap()
        moved: set[int] = set()
        done: set[tuple[int, Part, int]] = set()
        for spot in self._port.rows:
            block = self._turns.block(spot.turn)
            for placed in block.row(spot.row):
                if placed.line.kind is None or not self._is_meant(spot, placed):
                    continue
                first = block.block_start(Place(placed.part, placed.at))
                if (spot.turn, placed.part, first) not in done:
                    done.add((spot.turn, placed.part, first))
                    if block.slide(Place(placed.part, placed.at), step * STEP):
                        moved.add(spot.turn)
        for index in moved:
            self._painted.forget(index)
        self.refresh()

    def _is_meant(self, spot: Spot, placed: Placed) -> bool:
        if self.cursor is not None:
            return self._under_cursor(spot, placed)
        return self._picked is None or placed.part is Part(self._picked.value)

    def on_mouse_scroll_right(self, event: events.MouseScrollRight) -> None:
        """A wheel that goes sideways."""
        event.stop()
        self.action_sideways(1)

    def on_mouse_scroll_left(self, event: events.MouseScrollLeft) -> None:
        """A wheel that goes sideways."""
        event.stop()
        self.action_sideways(-1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """With Shift a wheel goes sideways."""
        if event.shift:
            event.stop()
            event.prevent_default()
            self.action_sideways(1)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """With Shift a wheel goes sideways."""
        if event.shift:
            event.stop()
            event.prevent_default()
            self.action_sideways(-1)

    def leave_block(self) -> bool:
        """Take the cursor away; False: there was none."""
        was_there = self.cursor is not None
        if was_there:
            self._put_cursor(None)
        return was_there

    def _next_block(self, step: int, *, code_only: bool) -> Block | None:
        if not len(self._turns) or not self._port.rows:
            return None
        at = self._turns.index_of(self.cursor.turn_id) if self.cursor is not None else None
        if at is None:
            in_view = self._port.turns_in_view
            index, ahead = (in_view[0], True) if step > 0 else (in_view[-1], True)
        else:
            index, ahead = at, False
        for _ in range(TURNS_LOOKED_THROUGH):
            if not 0 <= index < len(self._turns):
                return None
            self.lay_out_turn(index, most=PASSAGES_LOOKED_THROUGH)
            blocks = blocks_of(self._turns.block(index), self._cursor_sides())
            if not ahead and self.cursor is not None:
                place = blocks.index(self.cursor) if self.cursor in blocks else -1 if step > 0 else len(blocks)
                blocks = blocks[place + 1 :] if step > 0 else blocks[: max(0, place)]
            blocks = [block for block in blocks if block.code is not None] if code_only else blocks
            if blocks:
                return blocks[0 if step > 0 else -1]
            index, ahead = index + step, True
        return None

    def _cursor_sides(self) -> list[Side]:
        return [self._picked] if self._picked is not None else list(self._turns.view.layout.columns)

    def _put_cursor(self, block: Block | None) -> None:
        for each in (self.cursor, block):
            if each is not None and (index := self._turns.index_of(each.turn_id)) is not None:
                self._painted.forget(index)
        self.cursor = block
        if block is not None and (index := self._turns.index_of(block.turn_id)) is not None:
            turn = self._turns.block(index)
            if (extent := extent_of(turn, block)) is not None:
                self._bring_into_view(Spot(index, turn.row_of(Place(extent.part, extent.first))))
        self.refresh()

    def _cursor_extent(self, index: int) -> Extent | None:
        """The lines under the cursor in a turn."""
        if self.cursor is None or self._turns.index_of(self.cursor.turn_id) != index:
            return None
        turn = self._turns.block(index)
        if (known := self._extent) is None or known[:3] != (turn, turn.height, self.cursor):
            known = self._extent = (turn, turn.height, self.cursor, extent_of(turn, self.cursor))
        return known[3]

    def _under_cursor(self, spot: Spot, placed: Placed) -> bool:
        extent = self._cursor_extent(spot.turn)
        return extent is not None and placed.part is extent.part and extent.first <= placed.at < extent.last

    def _copied_under_cursor(self, *, code: bool) -> Copied | None:
        """The source of what is under the cursor; None where there is nothing, or no code though that is wanted."""
        index = self._turns.index_of(self.cursor.turn_id) if self.cursor is not None else None
        if self.cursor is None or index is None:
            return None
        turn = self._turns.turn_as_shown(index)
        reply = turn.latest(self.cursor.side)
        if reply is None or not reply.text:
            return None
        if code:
            return code_source(reply, number=self.cursor.code) if self.cursor.code is not None else None
        return answer_source(reply, turn.seq)
