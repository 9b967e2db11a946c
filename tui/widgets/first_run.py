"""What is there and what is missing, on a machine where the program runs for the first time.

It shows values and posts what was chosen; finding things out and doing something about them is for the screen. The
facts may be set again as probes come back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Static

from tui.rendering.safe_text import content, one_line
from tui.words import plural

Choice = Literal["key", "ollama", "gguf", "demo"]
WIDE_COLUMNS = 100

WELCOME = "Welcome to Duologue. Two things make it complete; neither is needed to look around."
NOTHING_SENT = "Nothing has been sent anywhere. Type a question at any time; the side that is ready answers."
HOW_TO_CHOOSE = "Tab, then a letter; or click a line."
CHOOSE = "Press a letter. Tab goes back to the prompt."


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What was found on this machine, in words where people read it."""

    key: str = "no API key yet"
    key_present: bool = False
    keyring: str = ""
    """The keyring that could keep a key ("Secret Service"), or "" where there is none."""
    servers_tried: tuple[str, ...] = ()
    """Names of the servers that were looked for and did not answer."""
    local: str = ""
    """The local model that is ready, or "" where there is none."""
    gguf_files: int = 0
    gguf_where: str = ""
    """The folder they are in, as a person writes it."""
    engine_missing: str = ""
    """Why the embedded engine cannot run, or "" if it can."""


class _Offer(Static):
    """One thing that can be done: its letter and its words."""

    def __init__(self, choice: Choice, letter: str) -> None:
        super().__init__(classes="offer")
        self.choice = choice
        self.letter = letter
        self.possible = True

    def say(self, words: str, *, possible: bool = True) -> None:
        self.possible = possible
        style = "bold $primary" if possible else "$quiet"
        self.update(Content.assemble((f"[{self.letter}] ", style), content(words)))
        self.set_class(not possible, "-impossible")

    def on_click(self) -> None:
        if self.possible:
            self.post_message(FirstRun.Chosen(self.choice))


class FirstRun(Vertical, can_focus=True):
    """The welcome: two rows, Claude and the local model, each with its state and what can be done."""

    DEFAULT_CSS = """
    FirstRun {
        height: auto;
        padding: 1 1 0 1;
        & Static { height: auto; }
        & .row { height: auto; margin-top: 1; }
        & .row Vertical { height: auto; width: 1fr; }
        & .name { width: 16; padding-left: 2; text-style: bold; }
        & #claude { color: $side-left; }
        & #local { color: $side-right; }
        & .state { width: 33; padding-right: 2; }
        & .offer:hover { background: $panel; }
        & .offer.-impossible { color: $quiet; }
        & #nothing-sent { margin-top: 1; }
        & #how { color: $quiet; }
        &.-narrow .state { width: 1fr; padding-right: 0; }
        &.-narrow .row { layout: grid; grid-size: 2; grid-columns: 14 1fr; grid-rows: auto; grid-gutter: 0; }
        &.-narrow .name { padding-left: 0; }
        &.-narrow .row Vertical { column-span: 2; padding-left: 2; }
    }
    """

    BINDING_GROUP_TITLE = "First run"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("k", "choose('key')", "Paste a key", show=False, id="first_run.key"),
        Binding("o", "choose('ollama')", "How to install Ollama", show=False, id="first_run.ollama"),
        Binding("g", "choose('gguf')", "Use a GGUF file", show=False, id="first_run.gguf"),
        Binding("d", "choose('demo')", "Use the demo model", show=False, id="first_run.demo"),
    ]

    surroundings: reactive[Surroundings] = reactive(Surroundings(), init=False)

    @dataclass
    class Chosen(Message):
        """Somebody wants to do this."""

        choice: Choice

    def __init__(self, surroundings: Surroundings | None = None, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.set_reactive(FirstRun.surroundings, surroundings or Surroundings())
        self._key_state = Static(classes="state")
        self._local_state = Static(classes="state")
        self._offers = {
            offer.choice: offer
            for offer in (_Offer("key", "k"), _Offer("ollama", "o"), _Offer("gguf", "g"), _Offer("demo", "d"))
        }
        self._how = Static(HOW_TO_CHOOSE, id="how", markup=False)

    def compose(self) -> ComposeResult:
        """Two rows between two sentences."""
        yield Static(WELCOME, markup=False)
        with Horizontal(classes="row"):
            yield Static("Claude", classes="name", id="claude", markup=False)
            yield self._key_state
            with Vertical():
                yield self._offers["key"]
        with Horizontal(classes="row"):
            yield Static("Local model", classes="name", id="local", markup=False)
            yield self._local_state
            with Vertical():
                yield self._offers["ollama"]
                yield self._offers["gguf"]
                yield self._offers["demo"]
        yield Static(NOTHING_SENT, id="nothing-sent", markup=False)
        yield self._how

    def on_mount(self) -> None:
        """Show what is known so far."""
        self._show()

    def watch_surroundings(self) -> None:
        """Show what is known by now."""
        if self.is_mounted:
            self._show()

    def on_resize(self) -> None:
        """Put the offers under their state where columns are few."""
        self.set_class(self.app.size.width < WIDE_COLUMNS, "-narrow")

    def on_focus(self) -> None:
        """The letters work now."""
        self._how.update(CHOOSE)

    def on_blur(self) -> None:
        """The letters go to the prompt again."""
        self._how.update(HOW_TO_CHOOSE)

    def action_choose(self, choice: Choice) -> None:
        """Post the choice, if it is one that can be made."""
        if self._offers[choice].possible:
            self.post_message(self.Chosen(choice))

    def _show(self) -> None:
        found = self.surroundings
        self._key_state.update(content(one_line(found.key)))
        self._offers["key"].say(_key_offer(found))
        self._local_state.update(content(_local_state(found)))
        self._offers["ollama"].say("how to install Ollama, 2 commands")
        self._offers["ollama"].display = not found.local
        self._offers["gguf"].say(_gguf_offer(found), possible=not found.engine_missing)
        demo = "use the built-in DEMO model: real engine, silly text"
        if found.engine_missing:
            demo = f"the built-in DEMO model needs the engine: {one_line(found.engine_missing, 120)}"
        self._offers["demo"].say(demo, possible=not found.engine_missing)


def _key_offer(found: Surroundings) -> str:
    if found.key_present:
        return "use another key"
    if found.keyring:
        return f"paste a key into your OS keyring ({one_line(found.keyring)} found)"
    return "paste a key for this run (no keyring was found to keep it in)"


def _local_state(found: Surroundings) -> str:
    if found.local:
        return one_line(found.local)
    tried = ", ".join(one_line(server) for server in found.servers_tried)
    return "no server answers on this machine" + (f" (tried {tried})" if tried else "")


def _gguf_offer(found: Surroundings) -> str:
    if found.engine_missing:
        return "a GGUF file needs the engine too"
    if not found.gguf_files:
        return "use a GGUF file"
    where = f" in {one_line(found.gguf_where)}" if found.gguf_where else ""
    return f"use a GGUF file · {plural(found.gguf_files, 'file')} found{where}"
