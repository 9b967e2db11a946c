"""The transcript: turns in two columns, for the chat and for reading alike, and what a person does with them.

How turns are laid out, scrolled and painted is `TurnsView`'s business. Here is what streams, which is collected as it
comes and moved into the view by one frame timer, and what keys and the mouse do: sides, folds, copies, selections.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message
from textual.selection import Selection
from textual.strip import Strip

from storage import Side, Turn
from tui.rendering.found import MARKED_BACK
from tui.rendering.layout import Columns
from tui.rendering.source_copy import CodeBlocks, Copied, newest_answers
from tui.rendering.turn_block import Folds
from tui.rendering.turn_list import Spot, TurnSource
from tui.rendering.viewport import Held
from tui.widgets.cursor_view import CursorView
from tui.widgets.frame_timer import FrameTimer
from tui.widgets.transcript_selection import PartSelection, paragraph_at, placed_at, word_at
from tui.widgets.turns_view import ONE_COLUMN, local_time

__all__ = ["Columns", "Transcript", "TurnSource"]


class Transcript(CursorView):
    """Turns, the newest at the bottom."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "scroll_up", "Line up", show=False, id="transcript.line_up"),
        Binding("down", "scroll_down", "Line down", show=False, id="transcript.line_down"),
        Binding("pageup", "page_up", "Page up", show=False, id="transcript.page_up"),
        Binding("pagedown,space", "page_down", "Page down", show=False, id="transcript.page_down"),
        Binding("home", "scroll_home", "First question", show=False, id="transcript.home"),
        Binding("end", "scroll_end", "Newest text, and follow it", show=False, id="transcript.end"),
        Binding("left_curly_bracket", "question(-1)", "Question before", show=False, id="transcript.question_before"),
        Binding("right_curly_bracket", "question(1)", "Next question", show=False, id="transcript.question_after"),
        Binding("1", "pick('left')", "Pick the left side", show=False, id="transcript.pick_left"),
        Binding("2", "pick('right')", "Pick the right side", show=False, id="transcript.pick_right"),
        Binding("t", "thinking", "Show or fold thinking", show=False, id="transcript.thinking"),
        Binding("o", "whole_question", "Open or fold long questions", show=False, id="transcript.whole_question"),
        Binding("l", "screen.act('links')", "Open a link of the answer", show=False, id="transcript.links"),
        Binding(
            "comma", "variant(-1)", "Earlier answer, where there are several", show=False, id="transcript.earlier"
        ),
        Binding("full_stop", "variant(1)", "Later answer", show=False, id="transcript.later"),
        Binding("y", "copy", "Copy the answer or the selection", show=False, id="transcript.copy"),
        Binding(
            "c", "copy_code", "Copy a code block; again for the one before", show=False, id="transcript.copy_code"
        ),
    ]

    class SidePicked(Message):
        """Keys and prompts go to one side now, or to both again."""

        def __init__(self, side: Side | None) -> None:
            super().__init__()
            self.side = side

    class CopyRequested(Message):
        """Text for the clipboard, which is not the view's business; `what` says in words what it is."""

        def __init__(self, text: str, what: str) -> None:
            super().__init__()
            self.text = text
            self.what = what

    def __init__(
        self,
        source: TurnSource | None = None,
        *,
        columns: Columns = Columns.BOTH,
        time_words: Callable[[datetime], str] = local_time,
        unwrapped: bool = False,
        id: str | None = None,  # noqa: A002 - Textual's name for it
    ) -> None:
        """`time_words` says when a question was asked; `unwrapped`: wide code and tables are scrolled sideways."""
        super().__init__(source, columns=columns, time_words=time_words, unwrapped=unwrapped, id=id)
        self._code = CodeBlocks()
        self._frames: FrameTimer | None = None

    def on_mount(self) -> None:
        """Frames need the app."""
        self._frames = FrameTimer(self.app)
        self._frames.register(self.flush)
        if self.streaming:
            self._frames.wake()

    def on_unmount(self) -> None:
        """No frame after the end."""
        if self._frames is not None:
            self._frames.unregister(self.flush)

    def set_sides(self, left: bool, right: bool) -> None:
        """Say which sides take part; the others get no column."""
        sides = frozenset(side for side, shown in ((Side.LEFT, left), (Side.RIGHT, right)) if shown)
        if sides != self._sides:
            self._sides = sides
            if self._picked is not None and self._picked not in sides:
                self.pick(None)
            self._lay_out()

    # What streams

    def add_turn(self, turn: Turn) -> None:
        """Show a new last turn with open replies; the person just sent it, so it is followed."""
        index = self._turns.add(turn)
        self._painted.forget(index - 1)
        self.follow()
        self._wake()

    def add_variant(self, turn: Turn) -> None:
        """Show a retry: the latest variant of a side is an open reply now."""

        def add() -> None:
            for index in self._index_of(turn):
                self._turns.unfold(index, self._turns.folds(index)._replace(left=0, right=0))
            self._turns.add(turn)

        self._changed(add, self._index_of(turn))
        self._wake()

    def feed(self, reply_id: int, text: str, thinking: bool = False) -> None:
        """Collect the next piece of an answer as it came; the next frame shows it."""
        if self._turns.feed(reply_id, text, thinking=thinking):
            self._wake()

    def set_state(self, reply_id: int, words: str) -> None:
        """Say at the place of an answer what it waits for, while it is empty."""
        if self._turns.set_state(reply_id, words):
            self._wake()

    def settle(self, turn: Turn) -> None:
        """A reply of this turn has its outcome: its final form, and its receipt."""
        self._changed(lambda: self._turns.settle(turn), self._index_of(turn))
        self.recount(turn.id)

    def flush(self) -> bool:
        """Move what was collected into lines; called by the frame timer. True while something streams."""
        if not self.size or not len(self._turns):
            return self.streaming
        held = self._port.hold()
        back = MARKED_BACK if self.finding else 0
        changed = [(index, max(0, first - back)) for index, first in self._turns.flush()]
        for index, first in changed:
            self._painted.forget(index, first)
        if changed:
            self._after_growth(held, changed)
        if not self.streaming:
            self._update_scrollbar()
        return self.streaming

    def latest_words(self, side: Side, width: int) -> str:
        """The newest words of a side's answer that streams, on one line; empty if none does."""
        live = self._turns.latest_live(side)
        return live.latest_words(width) if live is not None else ""

    def _index_of(self, turn: Turn) -> list[int]:
        index = self._turns.index_of(turn.id)
        return [] if index is None else [index]

    def _wake(self) -> None:
        if self._frames is not None:
            self._frames.wake()

    def _after_growth(self, held: Held | None, changed: list[tuple[int, int]]) -> None:
        """Follow, or stay and say so; repaint from the first row that changed."""
        before = self._port.top
        self._stay(held)
        if not self._following and self._port.goes_on_below(changed[-1][0]):
            self._set_new_below(now=True)
        if self._port.top != before:
            self.refresh()
            return
        first = min(self._turns.row_of(Spot(index, row)) for index, row in changed) - self._port.first_row
        if first < self._port.height:
            self.refresh(Region(0, max(0, first), self.size.width, self._port.height - max(0, first)))

    def render_lines(self, crop: Region) -> list[Strip]:
        """Paint rows, and count the time towards the cost of a frame."""
        begin = time.perf_counter()
        strips = super().render_lines(crop)
        if self._frames is not None:
            self._frames.charge(time.perf_counter() - begin)
        return strips

    # Sides, folds, copies

    @property
    def picked(self) -> Side | None:
        """The side that keys and prompts go to; None: both."""
        return self._picked

    def pick(self, side: Side | None) -> None:
        """Pick a side, or none."""
        if side is not None and side not in self._sides:
            return
        if side is not self._picked:
            self._picked = side
            self._painted.clear()
            self.refresh()
            self.post_message(self.SidePicked(side))

    def action_pick(self, side: str) -> None:
        """Pick a side; picking it again picks none."""
        self.pick(None if self._picked == side else Side(side))

    def action_thinking(self) -> None:
        """Show the thinking of the turns in view, or fold it if it is shown."""
        shown = any(self._turns.folds(index).thinking for index in self._port.turns_in_view)
        self._fold(lambda index: self._turns.folds(index)._replace(thinking=not shown))

    def action_whole_question(self) -> None:
        """Show long questions in view as a whole, or fold them."""
        shown = any(self._turns.folds(index).question for index in self._port.turns_in_view)
        self._fold(lambda index: self._turns.folds(index)._replace(question=not shown))

    def action_variant(self, step: int) -> None:
        """Show another answer to the question that is meant: on the side that is meant, else on both."""
        turn_id = self.meant_turn
        index = None if turn_id is None else self._turns.index_of(turn_id)
        if index is None:
            return
        turn, before = self._turns.turn(index), self._turns.folds(index)
        sides = [self.cursor.side] if self.cursor is not None else self._copied_sides()
        folds = before
        for side in sides:
            numbers, shown = [each.variant for each in turn.variants(side)], folds.shown(turn, side)
            if shown is not None:
                at = max(0, min(numbers.index(shown.variant) + step, len(numbers) - 1))
                folds = folds.showing(side, numbers[at] if at + 1 < len(numbers) else 0)
        if folds != before:
            self._extent = None
            self._changed(partial(self._turns.unfold, index, folds), [index])
            self.recount(turn.id)

    def _fold(self, folds: Callable[[int], Folds]) -> None:
        turns = self._port.turns_in_view

        def unfold() -> None:
            for index in turns:
                self._turns.unfold(index, folds(index))

        self._changed(unfold, turns)

    def action_copy(self) -> None:
        """Copy the selection, else the answer under the cursor as the model wrote it, else the newest in view."""
        if self.text_selection is not None and (selected := self.get_selection(self.text_selection)) is not None:
            self.post_message(self.CopyRequested(selected[0], "the selection"))
            return
        if copies := self._picked_answers():
            text = "\n\n".join(copied.text for copied in copies)
            self.post_message(self.CopyRequested(text, " and ".join(copied.what for copied in copies)))

    @property
    def picked_answers(self) -> str:
        """The answer under the cursor as the model wrote it, else the newest in view."""
        return "\n\n".join(copied.text for copied in self._picked_answers())

    def _picked_answers(self) -> list[Copied]:
        under = self._copied_under_cursor(code=False)
        return [under] if under else newest_answers(self._newest_turns(), self._copied_sides())

    def action_copy_code(self) -> None:
        """Copy the code under the cursor, else the last block of the newest answer in view, then the ones before."""
        if (under := self._copied_under_cursor(code=True)) is not None:
            self.post_message(self.CopyRequested(*under))
        elif (copied := self._code.next(self._newest_turns(), self._copied_sides())) is not None:
            self.post_message(self.CopyRequested(*copied))

    def _newest_turns(self) -> Iterator[Turn]:
        return (self._turns.turn_as_shown(index) for index in reversed(self._port.turns_in_view))

    def _copied_sides(self) -> list[Side]:
        return [self._picked] if self._picked is not None else list(self._turns.view.layout.columns)

    # Selecting with the mouse

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """A selection stays in the part where it began; in one column there is only one."""
        found = placed_at(self._port, event.x, event.y)
        two_columns = self._turns.view.layout.rule is not None
        self._selected_parts = frozenset({found[1].part}) if found is not None and two_columns else ONE_COLUMN

    def on_click(self, event: events.Click) -> None:
        """Two clicks select a word, three a paragraph; Textual's own would select the whole transcript."""
        event.prevent_default()
        found = placed_at(self._port, event.x, event.y)
        if found is None or event.chain < 2:
            return
        spot, placed, at = found
        if event.chain == 2:
            selection = word_at(spot, placed, at)
        else:
            selection = paragraph_at(spot, placed, self._turns.block(spot.turn))
        if selection is not None:
            self.screen.selections = {self: selection}

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The selected text, as it was before it was wrapped."""
        text = PartSelection(selection, self._selected_parts).text(len(self._turns), self._turns.block)
        return text, "\n"
