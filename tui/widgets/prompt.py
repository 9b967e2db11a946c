"""The one box in which a prompt is written, for both sides.

It takes text and gives `Prompt.Submitted`; what a leading "/" or "@" means is for the screen to say. Whatever enters
it (typed, pasted, recalled) is freed of characters that cannot be seen, so the prompt that is read is the prompt that
is sent. Large pastes stand aside behind a chip, see `tui.widgets.paste`.

Keys that are not ours to take go on to the screen: Esc and Tab always, Ctrl+C without a selection, PageUp and
PageDown while the prompt is one row.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.actions import SkipAction
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.document._document import EditResult, Location
from textual.document._edit import Edit
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import TextArea

from tui.rendering.safe_text import clean, content, one_line
from tui.terminal_keys import ENTER_WITH_MODIFIER
from tui.unmarked_paste import UnmarkedPaste
from tui.widgets.paste import Pastes, is_large

BURST_SECONDS = 0.005
"""Nobody types two keys within this time: they are a paste by a terminal that does not mark pastes, or a script."""
BURST_END_SECONDS = 0.06
"""An Enter that nothing follows within this time was the end of a burst, and means Enter."""

WIDE_COLUMNS = 100
_NARROW_ROWS = (1, 2, 3, 5)
_WIDE_ROWS = (3, 5, 7, 10)
"""Heights in rows. The box grows by steps because each change lays out the whole screen anew."""

NOTHING_TO_SEND = "Nothing to send yet: type a question first"

# Characters that `clean` would lose and a prompt needs: tabs (tables and code), and the joiners inside words of the
# Arabic and Indic scripts, where they belong to the spelling.
_NEEDED = re.compile("(\t|(?<=[\u0600-\u08ff\u0900-\u0dff])[\u200c\u200d](?=[\u0600-\u08ff\u0900-\u0dff]))")


def _seen(text: str) -> str:
    """`text` without anything that could not be seen in the box."""
    if _NEEDED.search(text) is None:
        return clean(text)
    return "".join(part if kept else clean(part) for kept, part in _alternating(_NEEDED.split(text)))


def _alternating(parts: Iterable[str]) -> Iterable[tuple[bool, str]]:
    """Pairs of (is a separator, part), for what `re.split` with one group gives."""
    return ((number % 2 == 1, part) for number, part in enumerate(parts))


class _Recall:
    """Earlier prompts, and what was made of them while looking through them."""

    def __init__(self) -> None:
        self._sent: list[str] = []
        self._edited: dict[int, str] = {}
        self._at = 0

    def load(self, sent: Iterable[str]) -> None:
        """Start over with these prompts, oldest first."""
        self._sent = []
        for text in sent:
            self.add(text)
        self._rewind()

    def add(self, text: str) -> None:
        """Remember one more prompt, unless it is the last one again."""
        if text and self._sent[-1:] != [text]:
            self._sent.append(text)
        self._rewind()

    def _rewind(self) -> None:
        self._edited.clear()
        self._at = len(self._sent)

    def step(self, by: int, current: str) -> str | None:
        """Keep `current` where we are and give the text `by` places further on, or None at the end."""
        target = self._at + by
        if not 0 <= target <= len(self._sent):
            return None
        self._edited[self._at] = current
        self._at = target
        return self._edited.get(target, self._sent[target] if target < len(self._sent) else "")


class Prompt(TextArea):
    """An editor of one to ten rows with the destination of its text in the border."""

    DEFAULT_CSS = """
    Prompt {
        height: auto;
        border: round $rule;
        border-title-color: $text;
        border-subtitle-color: $quiet;
        padding: 0 1;
        background: $background;
        scrollbar-size-vertical: 1;
        & .prompt--chip { color: $primary; background: $panel; }
        &:focus { border: round $quiet; }
        &.-confidential { border: round $confidential; border-title-color: $confidential; }
        &.-narrow { border: none; border-top: solid $rule; }
        &.-narrow:focus { border: none; border-top: solid $quiet; }
        &.-narrow.-confidential { border: none; border-top: solid $confidential; }
    }
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"prompt--chip"}

    BINDING_GROUP_TITLE = "Prompt"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "enter", "Send", id="prompt.send"),
        Binding("ctrl+j,alt+enter", "other_enter", "New line", id="prompt.newline"),
        Binding("shift+enter,ctrl+enter", "newline", "New line", show=False, id="prompt.newline_always"),
        Binding("f4", "toggle_compose_mode", "Swap Enter and Ctrl+J", show=False, id="prompt.compose_mode"),
        Binding("up", "cursor_up", "Row up; on the first row the earlier prompt", show=False, id="prompt.up"),
        Binding("down", "cursor_down", "Row down; on the last row the later prompt", show=False, id="prompt.down"),
    ]

    compose_mode = reactive(default=False, init=False)
    """True: Enter begins a new line, and Ctrl+J or Alt+Enter sends."""

    @dataclass
    class Submitted(Message):
        """A prompt is to be sent. The box is empty by now, so that a second Enter cannot send it twice."""

        prompt: Prompt
        text: str
        """Everything, pasted text in its place; never blank."""

        @property
        def control(self) -> Prompt:
            """The box it came from."""
            return self.prompt

    @dataclass
    class ComposeModeChanged(Message):
        """Enter and Ctrl+J have swapped their meaning; the hint may have to change."""

        prompt: Prompt
        compose_mode: bool

        @property
        def control(self) -> Prompt:
            """The box it came from."""
            return self.prompt

    def __init__(
        self,
        *,
        placeholder: str = "Ask both at once",
        compose_mode: bool = False,
        id: str | None = None,  # noqa: A002 - Textual's name for it
        classes: str | None = None,
    ) -> None:
        self._pastes = Pastes()  # before the base class, which edits while it is made
        self._recall = _Recall()
        self._destination = Content("to both")
        self._resting_placeholder = content(placeholder)
        self._last_key_time = 0.0
        self._pastes_are_marked = False
        super().__init__(id=id, classes=classes, highlight_cursor_line=False, placeholder=self._resting_placeholder)
        self.set_reactive(Prompt.compose_mode, compose_mode)
        # Each blink lays the whole box out anew: it is nearly all that the program would do at rest.
        self.cursor_blink = False

    # What the screen sets

    def set_destination(self, words: str, *, confidential: bool, fill: str = "") -> None:
        """Say in the border where the text will go, and behind it what that takes of each side's window."""
        style = "bold" if confidential else ""
        parts = [Content.styled(clean(one_line(words, 200)), style)]
        if fill:
            parts.append(content(one_line(fill, 200)))
        self._destination = Content(" · ").join(parts)
        self.set_class(confidential, "-confidential")
        self._draw_destination()

    def set_hint(self, words: str) -> None:
        """Say in the lower border what the keys do. There is no lower border below 100 columns."""
        self.border_subtitle = content(one_line(words, 200)) if words else None

    def load_history(self, sent: list[str]) -> None:
        """Earlier prompts for Up and Down, oldest first; they replace those known so far."""
        self._recall.load(sent)

    @property
    def draft(self) -> str:
        """What stands in the box, pasted text included. Setting it replaces all and forgets what could be undone."""
        return self._pastes.unfolded(self.text)

    @draft.setter
    def draft(self, text: str) -> None:
        self.load_text(text)
        self.move_cursor(self.document.end)

    def load_text(self, text: str) -> None:
        """Replace everything; a text too large to edit is folded."""
        self._pastes.forget()
        super().load_text(self._pastes.folded(_seen(text)))

    def clear(self) -> EditResult:
        """Empty the box, for good: pasted text is not kept to be undone."""
        result = super().clear()
        self.history.clear()
        self._pastes.forget()
        return result

    # Size

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        """Rows for the text: by steps, and with its border never over a third of the screen."""
        wide = viewport.width >= WIDE_COLUMNS
        steps = _WIDE_ROWS if wide else _NARROW_ROWS
        needed = self.wrapped_document.height
        rows = next((step for step in steps if step >= needed), steps[-1])
        return max(1, min(rows, viewport.height // 3 - (2 if wide else 1)))

    def on_resize(self) -> None:
        """Drop the box and keep one rule where columns are few."""
        self.set_class(self.app.size.width < WIDE_COLUMNS, "-narrow")
        self._draw_destination()

    def _draw_destination(self) -> None:
        # Textual sets a title off from the corners of a box, but not from a rule without corners.
        self.border_title = self._destination.pad(1, 1) if self.has_class("-narrow") else self._destination

    # Keys

    async def _on_key(self, event: events.Key) -> None:
        within_burst = not self._pastes_are_marked and event.time - self._last_key_time < BURST_SECONDS
        self._last_key_time = event.time
        if event.key in ENTER_WITH_MODIFIER or (within_burst and event.key in ("enter", "ctrl+j")):
            # At once, not through a binding: bindings run after the keys that are already waiting here, and the
            # new line would land behind the words that follow it.
            event.stop()
            event.prevent_default()
            self.action_newline()
            if event.key == "enter" and not self.compose_mode:
                self.set_timer(BURST_END_SECONDS, partial(self._end_burst, event.time))
        elif event.key == "enter" and "enter" in self.screen.active_bindings:
            event.prevent_default()  # the editor would take it for a new line before the binding is looked up

    def _end_burst(self, enter_time: float) -> None:
        """Take back the new line and send, if that Enter was the last key: a script typed a line and sent it."""
        row, column = self.cursor_location
        if self._last_key_time == enter_time and row > 0 and column == 0 and self.cursor_at_end_of_text:
            self.delete((row - 1, len(self.document[row - 1])), (row, 0))
            self.action_enter()

    def action_enter(self) -> None:
        """Send, or begin a new line in compose mode and after a backslash."""
        if self.compose_mode:
            self.action_newline()
        elif self._after_backslash():
            row, column = self.cursor_location
            self.replace("\n", (row, column - 1), (row, column), maintain_selection_offset=False)
        else:
            self._submit()

    def action_other_enter(self) -> None:
        """Begin a new line, or send in compose mode."""
        if self.compose_mode:
            self._submit()
        else:
            self.action_newline()

    def action_newline(self) -> None:
        """Begin a new line in any mode."""
        start, end = self.selection
        self.replace("\n", start, end, maintain_selection_offset=False)
        self.scroll_cursor_visible()

    def action_toggle_compose_mode(self) -> None:
        """Swap Enter and Ctrl+J."""
        self.compose_mode = not self.compose_mode

    def watch_compose_mode(self, compose_mode: bool) -> None:
        """Tell the screen."""
        self.post_message(self.ComposeModeChanged(self, compose_mode))

    def _after_backslash(self) -> bool:
        row, column = self.cursor_location
        return self.selection.is_empty and self.cursor_at_end_of_text and self.document[row][:column].endswith("\\")

    def _submit(self) -> None:
        text = self.draft.rstrip().lstrip("\n")
        if not text:
            self.clear()
            self.placeholder = Content(NOTHING_TO_SEND)
            return
        self.clear()
        self._recall.add(text)
        self.post_message(self.Submitted(self, text))

    def on_text_area_changed(self) -> None:
        """Take the quiet hint back once there is something to send."""
        if self.text:
            self.placeholder = self._resting_placeholder

    def action_cursor_up(self, select: bool = False) -> None:
        """Go up one row, or on the first row back to the prompt before."""
        if select or not self.selection.is_empty or self._cursor_row > 0 or not self._go(-1):
            super().action_cursor_up(select)

    def action_cursor_down(self, select: bool = False) -> None:
        """Go down one row, or on the last row forth to the prompt after."""
        last = self.wrapped_document.height - 1
        if select or not self.selection.is_empty or self._cursor_row < last or not self._go(1):
            super().action_cursor_down(select)

    @property
    def _cursor_row(self) -> int:
        return self.wrapped_document.location_to_offset(self.cursor_location).y

    def _go(self, by: int) -> bool:
        text = self._recall.step(by, self.draft)
        if text is None:
            return False
        self.draft = text
        if by < 0 and self.wrapped_document.height > 1:
            self.move_cursor((0, 0))  # so that the next Up goes on to the prompt before
        return True

    def action_cursor_page_up(self) -> None:
        """Go up one page; a prompt of one row leaves the key to the screen, for the answers."""
        if self.wrapped_document.height == 1:
            raise SkipAction
        super().action_cursor_page_up()

    def action_cursor_page_down(self) -> None:
        """Go down one page, likewise."""
        if self.wrapped_document.height == 1:
            raise SkipAction
        super().action_cursor_page_down()

    # Text that enters

    async def _on_paste(self, event: events.Paste) -> None:
        event.stop()
        event.prevent_default()
        self._pastes_are_marked = not isinstance(event, UnmarkedPaste)
        self.paste(event.text)

    def action_paste(self) -> None:
        """Paste what was last copied in this program."""
        self.paste(self.app.clipboard)

    def paste(self, text: str) -> None:
        """Put a text where the cursor is, in place of the selection; a large one as a chip."""
        text = _seen(text)
        start, end = self.selection
        shown = self._pastes.chip(text) if is_large(text) else text
        self.move_cursor(self.replace(shown, start, end, maintain_selection_offset=False).end_location)

    def edit(self, edit: Edit) -> EditResult:
        """Change the text: hidden characters stay out, and a chip goes as a whole or not at all."""
        start, end = sorted((edit.from_location, edit.to_location))
        start, end = self._around_chips(start, end)
        return super().edit(Edit(_seen(edit.text), start, end, edit.maintain_selection_offset))

    def _around_chips(self, start: Location, end: Location) -> tuple[Location, Location]:
        """Widen a range so that it cuts no chip; text typed inside a chip goes behind it."""
        if not self._pastes:
            return start, end
        insertion = start == end
        for left, right in self._pastes.spans(self.document[start[0]]):
            if left < start[1] < right:
                start = (start[0], right if insertion else left)
        if insertion:
            return start, start
        for left, right in self._pastes.spans(self.document[end[0]]):
            if left < end[1] < right:
                end = (end[0], right)
        return start, end

    def get_line(self, line_index: int) -> Text:
        """One line as it is drawn, chips marked."""
        line = super().get_line(line_index)
        for left, right in self._pastes.spans(line.plain):
            line.stylize(self.get_component_rich_style("prompt--chip", partial=True), left, right)
        return line
