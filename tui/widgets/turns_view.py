"""A view on turns that scrolls: their layout, which rows are seen, and painting them.

There is no widget per message and no Markdown widget: a key in the prompt makes Textual look at every widget of the
screen, so that a history of widgets would be paid for with every key. Here only the rows in view are laid out and
painted.

Two promises hold in everything below. The text under the reader's eye does not move, whatever is measured above it or
changes below (`Viewport` knows how). And the view follows new text only from the end; away from it, it says once that
there is more below.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from typing import Any, ClassVar

from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from storage import Side
from tui.rendering.blocks import Block
from tui.rendering.layout import Columns, layout_for, left_width
from tui.rendering.turn_block import Part, Placed, View
from tui.rendering.turn_list import Spot, TurnList, TurnSource
from tui.rendering.viewport import Held, Viewport
from tui.widgets.found_marks import FoundMarks
from tui.widgets.painted_rows import PaintedRows
from tui.widgets.painter import COMPONENTS, Mark, Marked, Painter, with_offsets
from tui.widgets.transcript_selection import PartSelection, row_number

FOLLOW_WITHIN = 2
"""Rows from the end within which scrolling down follows again; the exact end moves away while text streams."""
SCROLLBAR_EVERY = 0.33
"""Seconds between repaints of the scrollbar while following: it costs as much to paint as the text."""
NEW_TEXT = "↓ new text below · End"
ONE_COLUMN = frozenset(Part)
"""A selection stays in any of these where there is one column only."""


def local_time(asked: datetime) -> str:
    """When a question was asked, as a clock on the wall shows it."""
    return asked.astimezone().strftime("%H:%M")


class TurnsView(ScrollView, can_focus=True):
    """Turns, the newest at the bottom."""

    COMPONENT_CLASSES: ClassVar[set[str]] = COMPONENTS
    DEFAULT_CSS = """
    TurnsView {
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
        & > .transcript--found { color: $warning; text-style: bold underline; }
        & > .transcript--current { color: $warning; text-style: bold underline reverse; }
        & > .transcript--cursor { color: $accent; }
        & > .transcript--notice { color: $background; background: $quiet; }
    }
    """

    columns: reactive[Columns] = reactive(Columns.BOTH, init=False)
    """Both sides, one of them, or one below the other."""

    class FollowChanged(Message):
        """The view began or ceased to follow new text."""

        def __init__(self, *, following: bool) -> None:
            super().__init__()
            self.following = following

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
        super().__init__(id=id)
        self.set_reactive(TurnsView.columns, columns)
        self._time_words = time_words
        self._unwrapped = unwrapped
        self._sides = frozenset(Side)
        self._turns = TurnList(source, self._view())
        self._port = Viewport(self._turns)
        self._following = True
        self._new_below = False
        self._picked: Side | None = None
        self._selected_parts = ONE_COLUMN
        self._painted = PaintedRows()
        self._painter: Painter | None = None
        self._bar_painted = 0.0
        self._found: FoundMarks | None = None
        """What is looked for, while something is."""
        self.cursor: Block | None = None
        """What keys for copying and scrolling sideways mean; None: what is in view."""

    # What is shown

    def load(self, source: TurnSource) -> None:
        """Show other turns, from their end; what streamed is forgotten, and what was looked for."""
        self._unselect()
        self._found = self.cursor = None
        self._turns = TurnList(source, self._view())
        self._port = Viewport(self._turns, self._port.height)
        self._painted.clear()
        self.follow()

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

    @property
    def streaming(self) -> bool:
        """Whether a reply is open."""
        return self._turns.streaming

    def _changed(self, change: Callable[[], object], turns: Iterable[int]) -> None:
        """Change turns, and keep the text in view where it is."""
        held = self._port.hold()
        change()
        for index in turns:
            self._painted.forget(index)
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
        return View(layout_for(width, self.columns, self._sides), self._time_words, self._unwrapped)

    def _lay_out(self) -> None:
        """Lay the turns in view out anew, with the same text at the top."""
        held = self._port.hold()
        self._turns.lay_out(self._view())
        self._painted.clear()
        self._unselect()
        if self._following:
            self._port.show_end()
        else:
            self._port.restore(held, in_proportion=True)
        self._shown()
        self.refresh()

    def lay_out_turn(self, index: int, *, most: int) -> None:
        """Lay out what of a turn's long answers nobody has looked at, `most` passages; the view stays where it is."""
        self._port.lay_out(index, most=most)
        if self._following:
            self._port.show_end()
        self._shown()

    def _unselect(self) -> None:
        """A selection is places of lines, and these are gone."""
        if self.is_mounted and self.text_selection is not None:
            self.screen.clear_selection()

    def _shown(self) -> None:
        """Other rows are in view, or there are more of them: let go of old strips, and tell Textual where that is."""
        if changed := self._port.take_laid_out():
            for turn in changed:
                self._painted.forget(turn)
            self.refresh()
        self._painted.forget_all_but(frozenset(self._port.turns_in_view))
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
        self.set_reactive(TurnsView.virtual_size, Size(self.size.width, self._turns.heights.total))
        self.set_reactive(TurnsView.scroll_y, row)
        self.set_reactive(TurnsView.scroll_target_y, row)
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

    @property
    def turn_at_top(self) -> int:
        """Which turn is at the top of the view, counted from 0."""
        return self._port.top.turn

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

    # Painting

    def render_lines(self, crop: Region) -> list[Strip]:
        """Paint rows, past Textual's cache of styled lines."""
        self._painted.use_filters(self.get_line_filters(), self.background_colors[1])
        strips = [self._strip(y) for y in crop.line_range]
        if crop.column_span != (0, self.outer_size.width):
            strips = [strip.crop(*crop.column_span) for strip in strips]
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
            return self._painted.filtered(painter.notice(NEW_TEXT, width))
        if not 0 <= y < len(self._port.rows):
            return self._painted.filtered(painter.row([], width, None))
        spot = self._port.rows[y]
        return self._painted.strip(spot, partial(self._paint, painter, spot, width))

    def _paint(self, painter: Painter, spot: Spot, width: int) -> Strip:
        block = self._turns.block(spot.turn)
        rule = self._turns.view.layout.rule if block.is_ruled(spot.row) else None
        overlay = partial(self._marked, spot)
        cursor = partial(self._under_cursor, spot)
        return painter.row(block.row(spot.row), width, rule, picked=self._picked, overlay=overlay, cursor=cursor)

    def _under_cursor(self, spot: Spot, placed: Placed) -> bool:  # noqa: ARG002 - for views that have a cursor
        """Whether a line has the block cursor's bar in its margin."""
        return False

    def _marked(self, spot: Spot, placed: Placed) -> list[Marked]:
        """What of a line stands out."""
        marked = self._found.marked(self._turns, spot.turn, placed) if self._found is not None else []
        if (selection := self.text_selection) is not None:
            span = PartSelection(selection, self._selected_parts).span(spot, placed)
            marked += [(*span, Mark.SELECTED)] if span is not None else []
        return marked

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
        self._painted.clear()

    def selection_updated(self, selection: Selection | None) -> None:  # noqa: ARG002 - Textual's signature
        """Paint the rows in view again."""
        self._painted.clear()
        self.refresh()
