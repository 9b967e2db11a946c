"""Asks for an API key. The key goes from here to whoever opened the dialog, and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.reactive import reactive
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from tui.rendering.safe_text import content, one_line

WHERE_TO_GET_ONE = "console.anthropic.com, under API keys"
USUAL_START = "sk-ant-"

MISSING = "Paste a key first, or press Esc to go on without one."
IMPOSSIBLE = "No key has spaces or such characters in it. Copy it once more and paste it here."
UNUSUAL = f"Anthropic's keys start with {USUAL_START}, this one does not. Enter once more takes it all the same."


@dataclass(frozen=True, slots=True)
class KeyChoice:
    """A key, and what is to become of it."""

    text: str = field(repr=False)
    keep: bool
    """True: into the keyring. False: for this run only."""


class _KeyInput(Input):
    """Takes a key and does not give it away again: nothing is copied or cut out of it."""

    def action_copy(self) -> None:
        """Do nothing: a key on the clipboard is a key in other programs' hands."""

    def action_cut(self) -> None:
        """Likewise."""


class _Stay(Vertical, can_focus=True):
    """How long the key stays: in the keyring, or for this run."""

    BINDING_GROUP_TITLE = "How long the key stays"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space,left,right", "swap", "The other choice", show=False, id="api_key.swap"),
        Binding("enter", "screen.take", "Take the key", show=False, id="api_key.take"),
    ]
    keep = reactive(default=False)

    def __init__(self, keyring: str, *, possible: bool) -> None:
        super().__init__()
        self._keyring = one_line(keyring, 200)
        self._possible = possible
        self._in_keyring = Static(id="in-keyring")
        self._this_run = Static(id="this-run")
        self.keep = possible

    def compose(self) -> ComposeResult:
        yield self._in_keyring
        yield self._this_run

    def watch_keep(self) -> None:
        on, off = ("(•) ", "( ) ") if self.keep else ("( ) ", "(•) ")
        first = "keep it in the keyring" if self._possible else "it cannot be kept"
        self._in_keyring.update(Content.assemble(on, first, (" · ", "$quiet"), content(self._keyring)))
        self._in_keyring.set_class(not self._possible, "quiet")
        self._this_run.update(Content(off + "use it for this run only"))

    def action_swap(self) -> None:
        self.keep = self._possible and not self.keep

    def on_click(self, event: events.Click) -> None:
        self.keep = self._possible and event.widget is self._in_keyring


class ApiKeyDialog(ModalScreen[KeyChoice | None]):
    """Gives the key and where it belongs, or None when it was left."""

    DEFAULT_CSS = """
    ApiKeyDialog {
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
        & .quiet { color: $quiet; }
        & #problem { color: $error; }
        & Input { border: none; border-bottom: solid $rule; height: 2; padding: 0; background: $panel; }
        & Input { margin-bottom: 1; }
        & Input:focus { border: none; border-bottom: solid $quiet; }
        & _Stay { height: auto; margin-bottom: 1; }
        & _Stay Static { margin-bottom: 0; }
        & _Stay:focus { background: $block-cursor-background; color: $block-cursor-foreground; }
        & #keys { margin-bottom: 0; }
        &.-narrow { background: $background; align: left top; }
        &.-narrow #dialog { width: 1fr; padding: 1 2; background: $background; }
        &.-narrow Input { background: $background; }
    }
    """
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 - the base declares it an instance's

    BINDING_GROUP_TITLE = "API key"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Go on without a key", id="api_key.leave"),
        Binding("down", "app.focus_next", "To the choice", show=False, id="api_key.next"),
        Binding("up", "app.focus_previous", "To the key", show=False, id="api_key.previous"),
    ]

    def __init__(self, *, keyring: str, keyring_usable: bool, state: str = "") -> None:
        """Take what is known, in words: about the keyring ("Secret Service found"), about a key there is already."""
        super().__init__()
        self._keyring = keyring
        self._keyring_usable = keyring_usable
        self._state = state
        self._unusual_taken = ""

    def compose(self) -> ComposeResult:
        """Where the key goes, the key, and how long it stays."""
        with VerticalScroll(id="dialog", can_focus=False):
            yield Static("Your Anthropic API key", id="title", markup=False)
            yield Static(
                "The key goes to Anthropic with your prompts, and to no one else. It is in no file of this program, "
                "in no log and in no conversation.",
                markup=False,
            )
            if self._state:
                yield Static(content(one_line(f"At present: {self._state}", 200)), classes="quiet", id="state")
            yield _KeyInput(password=True, placeholder="paste it here; it is not shown", id="key")
            yield _Stay(self._keyring, possible=self._keyring_usable)
            problem = Static("", id="problem", markup=False)
            problem.display = False
            yield problem
            yield Static(f"No key yet? {WHERE_TO_GET_ONE}", classes="quiet", markup=False)
            yield Static(
                "Enter take it · Tab, then Space: how long · Esc go on without",
                classes="quiet",
                id="keys",
                markup=False,
            )

    def on_mount(self) -> None:
        """Be ready for the paste."""
        self.query_one("#key", Input).focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Take a complaint back while the key is being mended."""
        event.stop()
        self._complain("")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take the key with Enter."""
        event.stop()
        self.action_take()

    def action_take(self) -> None:
        """Give the key to whoever asked, unless it can be none."""
        key = self.query_one("#key", Input).value.strip()
        if not key:
            self._complain(MISSING)
        elif not (key.isascii() and key.isprintable() and " " not in key):
            self._complain(IMPOSSIBLE)
        elif not key.startswith(USUAL_START) and self._unusual_taken != key:
            self._unusual_taken = key
            self._complain(UNUSUAL)
        else:
            self.dismiss(KeyChoice(key, keep=self.query_one(_Stay).keep))

    def action_leave(self) -> None:
        """Go on without a key."""
        self.dismiss(None)

    def _complain(self, words: str) -> None:
        problem = self.query_one("#problem", Static)
        problem.update(words)
        problem.display = bool(words)
