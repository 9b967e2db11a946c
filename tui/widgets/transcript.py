"""The transcript: one line-API view that lays turns out in two columns, for the chat and for reading alike.

There is no widget per message and no Markdown widget: a key in the prompt makes Textual look at every widget of the
screen, so that a history of widgets would be paid for with every key. Here only the rows in view are laid out and
painted, and what streams is moved in by one frame timer.

Two promises hold in everything below. The text under the reader's eye does not move, whatever is measured above it or
streams below (`Viewport` knows how). And the view follows new text only from the end; away from it, it says once that
there is more below.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any, ClassVar

from rich.cells import cell_len
from textual import events
from textual.binding import Binding, BindingType
from textual.color import Color
from textual.filter import LineFilter
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from storage import Side, Turn
from tui.rendering.layout import Columns, layout_for, left_width
from tui.rendering.source_copy import CodeBlocks, newest_answers
from tui.rendering.turn_block import Folds, Part, Placed, View
from tui.rendering.turn_list import Spot, TurnList, TurnSource
from tui.rendering.viewport import Held, Viewport
from tui.widgets.frame_timer import FrameTimer
from tui.widgets.painter import COMPONENTS, Painter, with_offsets
from tui.widgets.transcript_selection import PartSelection, paragraph_at, row_number, word_at

__all__ = ["Columns", "Transcript", "TurnSource"]

FOLLOW_WITHIN = 2
"""Rows from the end within which scrolling down follows again; the exact end moves away while text streams."""
SCROLLBAR_EVERY = 0.33
"""Seconds between repaints of the scrollbar while following: it costs as much to paint as the text."""
NEW_TEXT = "↓ new text below · End"
_ONE_COLUMN = frozenset(Part)


def _local_time(asked: datetime) -> str:
    return asked.astimezone().strftime("%H:%M")


class Transcript(ScrollView, can_focus=True):
    """Turns, the newest at the bottom."""

    COMPONENT_CLASSES: ClassVar[set[str]] = COMPONENTS
    DEFAULT_CSS = """
    Transcript {
        width: 1fr;
        height: 1fr;
        overflow-x: hidden;
        overflow-y: scroll;
        scrollbar-size-vertical: 1;
        scrollbar-background: $background;
        scrollbar-background-hover: $background;
        scrollbar-background-active: $background;
        scrollbar-color: $rule;
        scrollbar-color-hover: $quiet;
        scrollbar-color-active: $quiet;

        & > .transcript--dim { color: $quiet; }
        & > .transcript--rule { color: $rule; }
        & > .transcript--marker { color: $quiet; }
        & > .transcript--code { color: $foreground; }
        & > .transcript--link { color: $foreground; }
        & > .transcript--left { color: $side-left; }
        & > .transcript--right { color: $side-right; }
        & > .transcript--error { color: $error; }
        & > .transcript--demo { color: $warning; }
        & > .transcript--keyword { color: $accent; }
        & > .transcript--string { color: $success; }
        & > .transcript--number { color: $warning; }
        & > .transcript--comment { color: $quiet; text-style: italic; }
        & > .transcript--function { text-style: bold; }
        & > .transcript--builtin { color: $accent; }
        & > .transcript--notice { color: $background; background: $quiet; }
    }
    """
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
        Binding("y", "copy", "Copy the answer or the selection", show=False, id="transcript.copy"),
        Binding(
            "c", "copy_code", "Copy a code block; again for the one before", show=False, id="transcript.copy_code"
        ),
    ]

    columns: reactive[Columns] = reactive(Columns.BOTH, init=False)
    """Both sides, one of them, or one below the other."""

    class FollowChanged(Message):
        """The view began or ceased to follow new text."""

        def __init__(self, *, following: bool) -> None:
            super().__init__()
            self.following = following

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
        time_words: Callable[[datetime], str] = _local_time,
        id: str | None = None,  # noqa: A002 - Textual's name for it
    ) -> None:
        """`time_words` says when a question was asked."""
        super().__init__(id=id)
        self.set_reactive(Transcript.columns, columns)
        self._time_words = time_words
        self._sides = frozenset(Side)
        self._turns = TurnList(source, self._view())
        self._port = Viewport(self._turns)
        self._following = True
        self._new_below = False
        self._picked: Side | None = None
        self._code = CodeBlocks()
        self._selected_parts = _ONE_COLUMN
        self._strips: dict[int, dict[int, Strip]] = {}
        """Painted rows of the turns in view."""
        self._painter: Painter | None = None
        self._filters: Sequence[LineFilter] = ()
        self._background = Color(0, 0, 0)
        self._frames: FrameTimer | None = None
        self._bar_painted = 0.0

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

    # What is shown

    def load(self, source: TurnSource) -> None:
        """Show other turns, from their end; what streamed is forgotten."""
        self._unselect()
        self._turns = TurnList(source, self._view())
        self._port = Viewport(self._turns, self._port.height)
        self._strips.clear()
        self.follow()

    def set_sides(self, left: bool, right: bool) -> None:
        """Say which sides take part; the others get no column."""
        sides = frozenset(side for side, shown in ((Side.LEFT, left), (Side.RIGHT, right)) if shown)
        if sides != self._sides:
            self._sides = sides
            if self._picked is not None and self._picked not in sides:
                self.pick(None)
            self._lay_out()

    def watch_columns(self) -> None:
        """Lay out what is visible in the new columns."""
        self._lay_out()

    @staticmethod
    def left_width(width: int) -> int:
        """Cells before the rule, for a view of `width` cells with two columns."""
        return left_width(width)

    @property
    def laid_out(self) -> int:
        """How many turns were laid out so far; opening ten thousand lays out only those in view."""
        return self._turns.laid_out

    # What streams

    @property
    def streaming(self) -> bool:
        """Whether a reply is open."""
        return self._turns.streaming

    def add_turn(self, turn: Turn) -> None:
        """Show a new last turn with open replies; the person just sent it, so it is followed."""
        index = self._turns.add(turn)
        self._strips.pop(index - 1, None)
        self.follow()
        self._wake()

    def add_variant(self, turn: Turn) -> None:
        """Show a retry: the latest variant of a side is an open reply now."""
        self._changed(lambda: self._turns.add(turn), self._index_of(turn))
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

    def flush(self) -> bool:
        """Move what was collected into lines; called by the frame timer. True while something streams."""
        if not self.size or not len(self._turns):
            return self.streaming
        held = self._port.hold()
        changed = self._turns.flush()
        for index, first in changed:
            strips = self._strips.get(index, {})
            for row in [row for row in strips if row >= first]:
                del strips[row]
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

    def _changed(self, change: Callable[[], object], turns: Iterable[int]) -> None:
        """Change turns, and keep the text in view where it is."""
        held = self._port.hold()
        change()
        for index in turns:
            self._strips.pop(index, None)
        self._stay(held)
        self.refresh()

    def _stay(self, held: Held | None) -> None:
        """After a change: at the end if it is followed, else where the reader was."""
        if self._following:
            self._port.show_end()
        else:
            self._port.restore(held)
        self._shown()

    # Layout

    def on_resize(self) -> None:
        """Another width lays out anew what is in view; another height only shows more or less."""
        held = self._port.hold()
        self._port.height = self.scrollable_content_region.height
        if self._turns.view.layout.width != self.outer_size.width:
            self._lay_out()
        else:
            self._stay(held)
            self.refresh()

    def _view(self) -> View:
        # What has not been on the screen yet will be as wide as that: a guess that spares the second layout.
        width = self.outer_size.width or (self.app.size.width if self.is_attached else 80)
        return View(layout_for(width, self.columns, self._sides), self._time_words)

    def _lay_out(self) -> None:
        """Lay the turns in view out anew, with the same text at the top."""
        held = self._port.hold()
        self._turns.lay_out(self._view())
        self._strips.clear()
        self._unselect()
        if self._following:
            self._port.show_end()
        else:
            self._port.restore(held, in_proportion=True)
        self._shown()
        self.refresh()

    def _unselect(self) -> None:
        """A selection is places of lines, and these are gone."""
        if self.is_mounted and self.text_selection is not None:
            self.screen.clear_selection()

    def _shown(self) -> None:
        """Other rows are in view, or there are more of them: let go of old strips, and tell Textual where that is."""
        in_view = set(self._port.turns_in_view)
        for index in [index for index in self._strips if index not in in_view]:
            del self._strips[index]
        if self._new_below and not self._port.rows_below:
            self._set_new_below(now=False)
        self._tell_scroll()

    # Scrolling

    @property
    def following(self) -> bool:
        """Whether new text is followed."""
        return self._following

    def follow(self) -> None:
        """Go to the newest text and follow it."""
        self._set_following(now=True)
        self._port.show_end()
        self._shown()
        self.refresh()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """A person scrolled: go there by exact rows as far as they are near, by guessed heights otherwise."""
        if self._port.height:
            self._port.show_row(round(new_value))
            self._scrolled(down=new_value > old_value)

    def _scrolled(self, *, down: bool) -> None:
        self._shown()
        below = self._port.rows_below
        # Going up always leaves the end: otherwise the next frame would take the reader back.
        self._set_following(now=not below or (down and below <= FOLLOW_WITHIN))
        self.refresh()

    def _tell_scroll(self) -> None:
        """Let Textual know the size and the position.

        Assigning `virtual_size` would lay out and repaint the whole screen with every new line; see the tests that
        hold this against the pinned version.
        """
        row = self._port.first_row
        self.set_reactive(Transcript.virtual_size, Size(self.size.width, self._turns.heights.total))
        self.set_reactive(Transcript.scroll_y, row)
        self.set_reactive(Transcript.scroll_target_y, row)
        if not (self.streaming and self._following) or time.monotonic() - self._bar_painted > SCROLLBAR_EVERY:
            self._update_scrollbar()

    def _update_scrollbar(self) -> None:
        self._bar_painted = time.monotonic()
        self._scroll_update(self.virtual_size)
        if self.show_vertical_scrollbar:
            self.vertical_scrollbar.position = self.scroll_y

    def scroll_to(self, x: float | None = None, y: float | None = None, **options: Any) -> None:
        """Scroll at once: an animation would go on to a row number that has moved meanwhile."""
        super().scroll_to(x, y, **{**options, "animate": False})

    def _set_following(self, *, now: bool) -> None:
        if now:
            self._set_new_below(now=False)
        if now != self._following:
            self._following = now
            self.post_message(self.FollowChanged(following=now))

    def _set_new_below(self, *, now: bool) -> None:
        if now != self._new_below:
            self._new_below = now
            self.refresh(Region(0, max(0, self._port.height - 1), self.size.width, 1))

    def action_scroll_end(self) -> None:
        """To the newest text."""
        self.follow()

    def action_scroll_home(self) -> None:
        """To the first question."""
        self._port.show(Spot(0, 0))
        self._scrolled(down=False)

    def show_turn(self, turn_id: int) -> None:
        """Put the question of this turn at the top of the view; nothing happens if it is not here."""
        index = self._turns.index_of(turn_id)
        if index is not None:
            self._port.show(Spot(index, 1))
            self._scrolled(down=False)

    def action_question(self, step: int) -> None:
        """To a question before or after the one at the top of the view."""
        turn, row = self._port.top
        if step < 0 and row <= 1:
            turn -= 1
        elif step > 0:
            turn += 1
        if turn >= len(self._turns):
            self.follow()
        else:
            self._port.show(Spot(max(0, turn), 1 if turn >= 0 else 0))
            self._scrolled(down=False)

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
            self._strips.clear()
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

    def _fold(self, folds: Callable[[int], Folds]) -> None:
        turns = self._port.turns_in_view

        def unfold() -> None:
            for index in turns:
                self._turns.unfold(index, folds(index))

        self._changed(unfold, turns)

    def action_copy(self) -> None:
        """Copy the selection; else the newest answer in view as the model wrote it, of the picked side or both."""
        if self.text_selection is not None and (selected := self.get_selection(self.text_selection)) is not None:
            self.post_message(self.CopyRequested(selected[0], "the selection"))
            return
        copies = newest_answers(self._newest_turns(), self._copied_sides())
        if copies:
            text = "\n\n".join(copied.text for copied in copies)
            self.post_message(self.CopyRequested(text, " and ".join(copied.what for copied in copies)))

    def action_copy_code(self) -> None:
        """Copy the last code block of the newest answer in view; again: the one before it."""
        if (copied := self._code.next(self._newest_turns(), self._copied_sides())) is not None:
            self.post_message(self.CopyRequested(*copied))

    def _newest_turns(self) -> Iterator[Turn]:
        return (self._turns.turn_so_far(index) for index in reversed(self._port.turns_in_view))

    def _copied_sides(self) -> list[Side]:
        return [self._picked] if self._picked is not None else list(self._turns.view.layout.columns)

    # Selecting with the mouse

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """A selection stays in the part where it began; in one column there is only one."""
        found = self._placed_at(event.x, event.y)
        two_columns = self._turns.view.layout.rule is not None
        self._selected_parts = frozenset({found[1].part}) if found is not None and two_columns else _ONE_COLUMN

    def on_click(self, event: events.Click) -> None:
        """Two clicks select a word, three a paragraph; Textual's own would select the whole transcript."""
        event.prevent_default()
        found = self._placed_at(event.x, event.y)
        if found is None or event.chain < 2:
            return
        spot, placed, at = found
        if event.chain == 2:
            selection = word_at(spot, placed, at)
        else:
            selection = paragraph_at(spot, placed, self._turns.block(spot.turn))
        if selection is not None:
            self.screen.selections = {self: selection}

    def _placed_at(self, x: int, y: int) -> tuple[Spot, Placed, int] | None:
        """The line at a place of the view, and which of its characters."""
        if not 0 <= y < len(self._port.rows):
            return None
        spot = self._port.rows[y]
        row = self._turns.block(spot.turn).row(spot.row)
        placed = next((each for each in reversed(row) if x >= each.x - 1), row[0] if row else None)
        if placed is None or placed.at < 0:
            return None
        at = 0
        cells = placed.x
        for at, character in enumerate(placed.line.text):  # noqa: B007 - where it stopped is the result
            cells += cell_len(character)
            if cells > x:
                break
        return spot, placed, at

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The selected text, as it was before it was wrapped."""
        text = PartSelection(selection, self._selected_parts).text(len(self._turns), self._turns.block)
        return text, "\n"

    def selection_updated(self, selection: Selection | None) -> None:  # noqa: ARG002 - Textual's signature
        """Paint the rows in view again."""
        self._strips.clear()
        self.refresh()

    # Painting

    def render_lines(self, crop: Region) -> list[Strip]:
        """Paint rows; the view has no border, padding or opacity, so Textual's cache of styled lines adds nothing."""
        begin = time.perf_counter()
        self._filters, self._background = self.get_line_filters(), self.background_colors[1]
        strips = [self._strip(y) for y in crop.line_range]
        if crop.column_span != (0, self.outer_size.width):
            strips = [strip.crop(*crop.column_span) for strip in strips]
        if self._frames is not None:
            self._frames.charge(time.perf_counter() - begin)
        return strips

    def render_line(self, y: int) -> Strip:
        """A row as the mouse sees it: every character knows its place. Not used for painting."""
        width = self.size.width
        if not 0 <= y < len(self._port.rows):
            return Strip.blank(width)
        spot = self._port.rows[y]
        return with_offsets(self._turns.block(spot.turn).row(spot.row), width, row_number(spot))

    def _strip(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        painter = self._painter = self._painter or self._new_painter()
        if self._new_below and y == self._port.height - 1:
            return self._filtered(painter.notice(NEW_TEXT, width))
        if not 0 <= y < len(self._port.rows):
            return self._filtered(painter.row([], width, None))
        spot = self._port.rows[y]
        strips = self._strips.setdefault(spot.turn, {})
        strip = strips.get(spot.row)
        if strip is None:
            strip = strips[spot.row] = self._filtered(self._painted(painter, spot, width))
        return strip

    def _painted(self, painter: Painter, spot: Spot, width: int) -> Strip:
        block = self._turns.block(spot.turn)
        rule = self._turns.view.layout.rule if block.is_ruled(spot.row) else None
        selection = self.text_selection
        selected = PartSelection(selection, self._selected_parts) if selection is not None else None
        highlight = partial(selected.span, spot) if selected is not None else None
        return painter.row(block.row(spot.row), width, rule, picked=self._picked, highlight=highlight)

    def _filtered(self, strip: Strip) -> Strip:
        """What Textual's cache would do: the app's line filters, the guard against control characters among them."""
        for line_filter in self._filters:
            strip = strip.apply_filter(line_filter, self._background)
        return strip

    def _new_painter(self) -> Painter:
        return Painter(
            self.rich_style,
            lambda name: self.get_component_rich_style(name, partial=True),
            self.screen.get_component_rich_style("screen--selection"),
        )

    def notify_style_update(self) -> None:
        """Another theme: the same lines in other colours."""
        super().notify_style_update()
        self._painter = None
        self._strips.clear()
