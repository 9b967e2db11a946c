"""Filters of the list of sessions, to pick from; each choice puts its word into the filter line or takes it out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from tui.filter_words import Choice, Group, toggled
from tui.rendering.columns import column
from tui.rendering.safe_text import content, one_line

_WORD = 18
_MEANS = 30


class FilterPicker(ModalScreen[None]):
    """Changes a line by and by; the list behind it follows."""

    DEFAULT_CSS = """
    FilterPicker {
        align: right top;
        & #dialog { width: 60; max-width: 100%; height: auto; max-height: 100%; padding: 1 2; background: $panel; }
        & OptionList {
            height: auto;
            max-height: 100h;
            border: none;
            padding: 0;
            background: $panel;
            scrollbar-size-vertical: 1;
        }
        & OptionList:focus { border: none; background-tint: $panel; }
        & OptionList > .option-list--option { padding: 0; }
        & OptionList > .option-list--option-disabled { color: $quiet; }
        & OptionList > .option-list--option-highlighted {
            background: $block-cursor-background;
            color: $block-cursor-foreground;
            text-style: none;
        }
        & #keys { color: $quiet; height: 1; margin-top: 1; }
        &.-narrow #dialog { width: 1fr; }
    }
    """
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 - the base declares it an instance's

    BINDING_GROUP_TITLE = "Filters"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f4", "leave", "Back to the list", id="filters.leave"),
        Binding("space", "pick", "Pick, or pick no more", id="filters.pick"),
    ]

    def __init__(self, groups: Sequence[Group], line: str, changed: Callable[[str], None]) -> None:
        """`changed` hears of the new line after each choice."""
        super().__init__()
        self._groups = groups
        self._line = line
        self._changed = changed
        self._list = OptionList(id="filters", markup=False)

    def compose(self) -> ComposeResult:
        """The choices, group by group, and the keys."""
        with Vertical(id="dialog"):
            yield self._list
            yield Static("Enter or Space pick · Esc back", id="keys", markup=False)

    def on_mount(self) -> None:
        """As many as there is room for."""
        self._list.styles.max_height = max(3, self.app.size.height - 5)
        self._fill()
        self._list.action_first()
        self._list.focus()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """One word more or less."""
        event.stop()
        if event.option_id is None:
            return
        self._line = toggled(self._line, event.option_id, self._groups)
        at = self._list.highlighted
        self._fill()
        self._list.highlighted = at
        self._changed(self._line)

    def action_pick(self) -> None:
        """The same by the space bar."""
        self._list.action_select()

    def action_leave(self) -> None:
        """Back to the list; what was picked stays."""
        self.dismiss(None)

    def _fill(self) -> None:
        picked = frozenset(self._line.split())
        self._list.clear_options()
        for group in self._groups:
            self._list.add_option(Option(content(group.title).stylize("$quiet"), disabled=True))
            for choice in group.choices:
                self._list.add_option(Option(_words(choice, picked=choice.word in picked), id=choice.word))


def _words(choice: Choice, *, picked: bool) -> Content:
    name, means = one_line(choice.word, 60), one_line(choice.means, _MEANS + 30)
    width = max(_WORD, len(name))
    return Content.assemble("  ✓ " if picked else "    ", column(name, width), "  ", content(means).stylize("$quiet"))
