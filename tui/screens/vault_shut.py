"""Says why the vault of confidential sessions is shut, and lets a person choose what to do about it."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from tui.rendering.safe_text import content
from tui.vault_door import Trouble, Way

_WORDS = {
    Way.RETRY: "[r] Try again",
    Way.PASSPHRASE: "[p] Choose a passphrase",
    Way.RECOVERY: "[k] Use the recovery key",
    Way.MEMORY: "[m] Go on in memory only: nothing of this run is kept",
    Way.LEAVE: "[q] Quit",
}


class VaultShutScreen(ModalScreen[Way]):
    """Gives the way that was chosen. Esc is to quit: nothing confidential is shown without an answer."""

    DEFAULT_CSS = """
    VaultShutScreen {
        align: center middle;
        & #dialog {
            width: 72;
            max-width: 100%;
            height: auto;
            max-height: 100%;
            padding: 1 3;
            background: $panel;
        }
        & Static { height: auto; margin-bottom: 1; }
        & #title { text-style: bold; }
        & OptionList { height: auto; border: none; padding: 0; background: $panel; }
        & OptionList:focus { border: none; }
        &.-narrow { background: $background; align: left top; }
        &.-narrow #dialog { width: 1fr; padding: 1 2; background: $background; }
        &.-narrow OptionList { background: $background; }
    }
    """
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 - the base declares it an instance's

    BINDING_GROUP_TITLE = "Vault"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "take('RETRY')", "Try again", id="vault.retry"),
        Binding("p", "take('PASSPHRASE')", "Passphrase", id="vault.passphrase"),
        Binding("k", "take('RECOVERY')", "Recovery key", id="vault.recovery"),
        Binding("m", "take('MEMORY')", "Memory only", id="vault.memory"),
        Binding("q,escape,ctrl+q", "take('LEAVE')", "Quit", priority=True, id="vault.leave"),
    ]

    def __init__(self, trouble: Trouble) -> None:
        super().__init__()
        self._trouble = trouble

    def compose(self) -> ComposeResult:
        """Why, and the ways with their letters."""
        with VerticalScroll(id="dialog", can_focus=False):
            yield Static("The vault of confidential sessions is shut", id="title", markup=False)
            for sentence in self._trouble.sentences:
                yield Static(content(sentence))
            yield OptionList(*(Option(content(_WORDS[way]), id=way.name) for way in self._trouble.ways))

    def on_mount(self) -> None:
        """Let Enter take the first."""
        self.query_one(OptionList).focus()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Take it by Enter or click."""
        event.stop()
        if event.option.id is not None:
            self.action_take(event.option.id)

    def action_take(self, name: str) -> None:
        """Take it by its letter, if it is offered."""
        if (way := Way[name]) in self._trouble.ways:
            self.dismiss(way)
