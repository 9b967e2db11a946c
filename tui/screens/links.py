"""The links of an answer, to choose one of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from tui.links import Link
from tui.rendering.safe_text import content


class LinkPicker(Screen[Link | None]):
    """Gives the link that was chosen, or None."""

    DEFAULT_CSS = """
    LinkPicker {
        background: $background;
        padding: 0 1;
        & #name { text-style: bold; height: 1; margin-bottom: 1; }
        & OptionList { height: 1fr; border: none; padding: 0; background: $background; }
        & OptionList:focus { border: none; background-tint: $background; }
        & OptionList > .option-list--option-highlighted {
            background: $block-cursor-background;
            color: $block-cursor-foreground;
            text-style: none;
        }
        & #foot { height: 1; color: $quiet; }
    }
    """

    BINDING_GROUP_TITLE = "Links"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Back", id="links.leave")]

    def __init__(self, links: Sequence[Link]) -> None:
        super().__init__()
        self._links = links

    def compose(self) -> ComposeResult:
        """The addresses as they would be opened."""
        yield Static("Links in this answer", id="name", markup=False)
        yield OptionList(*(Option(content(link.address)) for link in self._links), markup=False)
        yield Static("Enter choose · Esc back · nothing is opened without a question", id="foot", markup=False)

    def on_mount(self) -> None:
        """Let the arrows choose at once."""
        self.query_one(OptionList).focus()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Give it to whoever asked."""
        event.stop()
        self.dismiss(self._links[event.option_index])

    def action_leave(self) -> None:
        """Go back without a link."""
        self.dismiss(None)
