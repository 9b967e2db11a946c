"""The sessions that belong to the one on screen: what it was forked from, and its forks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from storage.forks import Kin
from tui.rendering.safe_text import content, one_line


class ForksScreen(Screen[str | None]):
    """Gives the id of the session to go to, or None."""

    DEFAULT_CSS = """
    ForksScreen {
        background: $background;
        padding: 0 1;
        & #name { height: 1; margin: 0 0 1 0; text-style: bold; }
        & OptionList {
            height: 1fr;
            border: none;
            padding: 0;
            background: $background;
            scrollbar-size-vertical: 1;
        }
        & OptionList:focus { border: none; background-tint: $background; }
        & OptionList > .option-list--option { padding: 0; }
        & OptionList > .option-list--option-highlighted {
            background: $block-cursor-background;
            color: $block-cursor-foreground;
            text-style: none;
        }
        & #foot { height: 1; color: $quiet; }
    }
    """

    BINDING_GROUP_TITLE = "Forks"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "leave", "Back", id="forks.leave")]

    def __init__(self, parent: Kin | None, forks: Sequence[Kin]) -> None:
        super().__init__()
        self._forked_from = parent
        self._forks = forks

    def compose(self) -> ComposeResult:
        """The parent first, then forks by the turn where they leave."""
        rows = [_row("forked from", self._forked_from)] if self._forked_from is not None else []
        rows += [_row("fork", fork) for fork in self._forks]
        yield Static("Forks of this session", id="name", markup=False)
        yield OptionList(*rows, id="forks", markup=False)
        yield Static("Enter go there · ↑↓ choose · Esc back", id="foot", markup=False)

    def on_mount(self) -> None:
        """The first is picked."""
        self.query_one(OptionList).focus()
        self.query_one(OptionList).action_first()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Give it to whoever asked."""
        event.stop()
        self.dismiss(event.option_id)

    def action_leave(self) -> None:
        """Go back."""
        self.dismiss(None)


def _row(relation: str, kin: Kin) -> Option:
    where = f"turn {kin.seq:,}" if kin.seq is not None else ""
    title = content(one_line(kin.title, 200) or "untitled").stylize("bold")
    return Option(Content.assemble((f"  {relation:<12}{where:>10}  ", "$quiet"), title), id=kin.session_id)
