"""Shows the recovery key of the vault, for paper. It is on screen alone: not to be selected, copied or logged."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

_GROUPS_A_LINE = 7
ABOUT = (
    "Write it on paper, and keep that away from this machine. If the keyring loses the vault's key, this opens it: "
    "the program asks for it then, and so does `duologue key recover`."
)


class RecoveryKeyScreen(ModalScreen[None]):
    """Stays until a key closes it."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    RecoveryKeyScreen {
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
        & .quiet { color: $quiet; margin-bottom: 0; }
        &.-narrow { background: $background; align: left top; }
        &.-narrow #dialog { width: 1fr; padding: 1 2; background: $background; }
    }
    """
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 - the base declares it an instance's
    BINDING_GROUP_TITLE = "Recovery key"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Put it away", id="recovery_key.leave")]

    def __init__(self, text: str) -> None:
        """`text`: the key as `VaultKey.recovery_text` writes it."""
        super().__init__()
        groups = text.split("-")
        lines = (groups[at : at + _GROUPS_A_LINE] for at in range(0, len(groups), _GROUPS_A_LINE))
        self._lines = "\n".join("-".join(line) for line in lines)

    def compose(self) -> ComposeResult:
        """What it is for, the key, how to put it away."""
        with VerticalScroll(id="dialog", can_focus=False):
            yield Static("The recovery key of the vault", id="title", markup=False)
            yield Static(ABOUT, markup=False)
            yield Static(self._lines, id="key", markup=False)
            yield Static("Esc put it away", classes="quiet", markup=False)

    def action_leave(self) -> None:
        """Put it away."""
        self.dismiss(None)
