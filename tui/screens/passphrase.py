"""Asks for what opens a vault: once to open it, twice to make it. It goes to its opener alone."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from storage.vault_key import SHORTEST_PASSPHRASE

MAKE = (
    "There is no keyring that could keep the vault's key, so a passphrase opens the vault instead. Nobody can bring "
    "it back: a passphrase that is lost means that all confidential sessions are lost. Four or five words are good."
)
OPEN = "It is opened with the passphrase that you chose when it was made."
RECOVER = (
    "Write the recovery key that you printed: 14 groups of 4 letters and digits. Capitals and hyphens do not matter."
)
SHORT = f"Write at least {SHORTEST_PASSPHRASE} characters."
DIFFERENT = "The two are not the same. Write the second as the first, or the first anew (Shift+Tab)."


class PassphraseScreen(ModalScreen[str | None]):
    """Gives what was written, or None after Esc. Nothing of it is shown."""

    DEFAULT_CSS = """
    PassphraseScreen {
        align: center middle;
        & #dialog {
            width: 76;
            max-width: 100%;
            height: auto;
            max-height: 100%;
            padding: 1 3;
            background: $panel;
        }
        & Static { height: auto; margin-bottom: 1; }
        & #title { text-style: bold; }
        & .quiet { color: $quiet; margin-bottom: 0; }
        & #trouble { color: $error; }
        & Input { border: none; border-bottom: solid $rule; height: 2; padding: 0; background: $panel; }
        & Input { margin-bottom: 1; }
        & Input:focus { border: none; border-bottom: solid $quiet; }
        &.-narrow { background: $background; align: left top; }
        &.-narrow #dialog { width: 1fr; padding: 1 2; background: $background; }
        &.-narrow Input { background: $background; }
    }
    """
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 - the base declares it an instance's

    BINDING_GROUP_TITLE = "Passphrase"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Back", id="passphrase.leave")]

    def __init__(self, about: str, *, twice: bool = False, trouble: str = "") -> None:
        """`about`: what is asked for. `twice`: it is to open a new vault. `trouble`: why the one before did not."""
        super().__init__()
        self._about = about
        self._heading = "A passphrase for the vault" if twice else "The vault of confidential sessions"
        self._making = twice
        self._first = _HiddenInput(placeholder="it is not shown", password=True, id="first")
        self._second = _HiddenInput(placeholder="the same once more", password=True, id="second")
        self._trouble = Static(trouble, id="trouble", markup=False)
        self._trouble.display = bool(trouble)

    def compose(self) -> ComposeResult:
        """What it is for, one line or two to write in, what is wrong, the keys."""
        with VerticalScroll(id="dialog", can_focus=False):
            yield Static(self._heading, id="title", markup=False)
            yield Static(self._about, markup=False)
            yield self._first
            if self._making:
                yield self._second
            yield self._trouble
            yield Static("Enter go on · Esc back", classes="quiet", markup=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Go to the second line, or end with what was written."""
        event.stop()
        words = self._first.value
        if self._making and len(words) < SHORTEST_PASSPHRASE:
            self._say(SHORT)
            self._first.focus()
        elif self._making and event.input is self._first:
            self._say("")
            self._second.focus()
        elif self._making and words != self._second.value:
            self._say(DIFFERENT)
            self._second.value = ""
        elif words:
            self.dismiss(words)

    def _say(self, trouble: str) -> None:
        self._trouble.update(trouble)
        self._trouble.display = bool(trouble)

    def action_leave(self) -> None:
        """Give nothing."""
        self.dismiss(None)


class _HiddenInput(Input):
    """Takes words and does not give them away again."""

    def action_copy(self) -> None:
        """Do nothing."""

    def action_cut(self) -> None:
        """Likewise."""
