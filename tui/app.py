"""The app: opens the store, puts models on the sides, opens screens, and leaves without losing anything.

What can wait comes after the first paint: the store, the search for local servers, the keyring, and last the client
libraries. Screens get values and plain callables (`Services`).
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, assert_never

from textual.app import App, SystemCommand
from textual.filter import LineFilter
from textual.screen import Screen

from backends import BackendError, Connector, Locality, ModelInfo
from backends.address import AddressRefused
from backends.spec import SpecError
from conversation.engine import Busy, Conversation, NothingToAsk
from conversation.library import Library
from storage import Side
from storage.errors import StoreError
from tui.actions import ACTIONS
from tui.gc_policy import GCPolicy
from tui.rendering.line_guard import LineGuard
from tui.screens.chat import ChatScreen
from tui.services import FoundServer, KeyState, Services
from tui.themes import FALLBACK_VARIABLES, THEMES
from tui.widgets.first_run import FirstRun, Surroundings
from tui.widgets.side_titles import SideTitle

if TYPE_CHECKING:
    from tui.screens.api_key import ApiKeyDialog

NO_LOCAL_MODEL = SideTitle("Local", "no model yet", "F5 chooses one")
INSTALL_OLLAMA = (
    "Install Ollama from ollama.com, then run `ollama pull llama3.2:3b`. Ctrl+N finds it; F5 shows all models."
)
SIDES = {"left": Side.LEFT, "right": Side.RIGHT}
LOOKING = SideTitle("Local", "looking on this machine", "")


class DuologueApp(App[int]):
    """One prompt, two answers."""

    TITLE = "Duologue"
    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "ctrl+p"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 - Textual declares it so

    def __init__(self, services: Services) -> None:
        super().__init__()
        self.services = services
        self.library: Library | None = None
        self._guard = LineGuard()
        self._chat = ChatScreen(services, self._act)
        self._servers: Sequence[FoundServer] = ()
        self._leaving = False

    # Life

    def on_mount(self) -> None:
        """The screen first; everything else when it has been painted."""
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = self.services.theme if self.services.theme in self.available_themes else THEMES[0].name
        self.set_keymap(dict(self.services.key_map))
        self.push_screen(self._chat)
        self._mind_signals()
        self.call_after_refresh(self._begin)

    def _mind_signals(self) -> None:
        """Leave in good order when the system or a closed terminal asks for it: replies settle, the store closes."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            with suppress(NotImplementedError, RuntimeError):  # Windows has no such handlers, a test's thread neither
                loop.add_signal_handler(number, self._end_by_signal, number)

    def _end_by_signal(self, number: int) -> None:
        self.exit(return_code=128 + number)

    def _begin(self) -> None:
        GCPolicy.settle()
        self.run_worker(self._open_store(), group="start", name="open the store")

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Our own colour names, for themes that do not have them."""
        return dict(FALLBACK_VARIABLES)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """The wall behind the door: no control character of anybody else reaches the terminal."""
        return [*super().get_line_filters(), self._guard]

    async def _open_store(self, *, keep: bool = True) -> None:
        try:
            self.library = await self.services.open_library(keep)
        except StoreError as problem:
            await self._offer_memory_only(problem)
            return
        await self._first_conversation(self.library)
        self.services.preload()

    async def _offer_memory_only(self, problem: StoreError) -> None:
        from tui.screens.confirm import Confirm

        anyway = await self.push_screen_wait(
            Confirm(
                "The conversation file cannot be opened",
                [str(problem), "You can go on without it: this run's sessions will then not be kept."],
                yes="Go on without saving",
                no="Quit",
            )
        )
        if anyway:
            await self._open_store(keep=False)
        else:
            self.exit(return_code=1)

    async def _first_conversation(self, library: Library) -> None:
        start = self.services.start
        session = start.session or (library.newest_session() if start.continue_last else None)
        if session is not None:
            conversation = await library.resume(session)
            if start.confidential:
                await conversation.make_confidential()
            self._show(conversation)
        else:
            await self._new_conversation(confidential=start.confidential)

    async def _new_conversation(self, *, confidential: bool = False) -> None:
        library = self._require_library()
        start, last = self.services.start, library.last_pair()
        chosen = {
            Side.LEFT: start.left or last.get(Side.LEFT) or self.services.default_left,
            Side.RIGHT: start.right or last.get(Side.RIGHT) or self.services.default_right,
        }
        if start.offline and start.left is None:
            chosen[Side.LEFT] = None
        pair = self._connectors(chosen)
        self._show(library.start(pair, confidential=confidential))
        await self._find_local()

    def _connectors(self, chosen: Mapping[Side, str | None]) -> dict[Side, Connector]:
        pair: dict[Side, Connector] = {}
        for side, text in chosen.items():
            if text is None or text == "off":
                continue
            try:
                pair[side] = self.services.connector(side, text)
            except (SpecError, AddressRefused) as problem:
                self._chat.say(str(problem))
        return pair

    def _show(self, conversation: Conversation) -> None:
        self._chat.open(self._require_library(), conversation)

    async def _find_local(self) -> None:
        """Look for models on this machine; put the first on the right side if that is empty; say what is missing."""
        conversation = self._chat.conversation
        if conversation is None:
            return
        wanted = Side.RIGHT not in conversation.connectors and self.services.start.right != "off"
        if wanted:
            self._chat.show_side_words(Side.RIGHT, LOOKING)
        try:
            self._servers = await self.services.find_servers()
        except AddressRefused as problem:
            self._chat.say(str(problem))
        model = _first_model(self._servers)
        if wanted and conversation is self._chat.conversation:
            if model is not None:
                await conversation.use(Side.RIGHT, self.services.connector(Side.RIGHT, str(model.spec)))
                self._chat.sides_changed()
            else:
                self._chat.show_side_words(Side.RIGHT, NO_LOCAL_MODEL)
        await self._say_what_is_missing(conversation)

    async def _say_what_is_missing(self, conversation: Conversation) -> None:
        key = await self.services.key_state()
        has_local = any(one.locality is Locality.THIS_MACHINE for one in conversation.connectors.values())
        needs_key = any(one.spec.backend == "claude" for one in conversation.connectors.values())
        complete = has_local and (key.present or not needs_key)
        if complete or conversation is not self._chat.conversation:
            return
        files = await self.services.find_gguf_files()
        self._chat.show_first_run(
            Surroundings(
                key=key.words,
                key_present=key.present,
                keyring=key.keyring,
                servers_tried=("Ollama", "LM Studio", "llama-server"),
                local=self._chat.side_words(Side.RIGHT) if has_local else "",
                gguf_files=len(files),
                gguf_where=str(files[0].parent) if files else "",
                engine_missing=self.services.engine_missing() or "",
            )
        )

    def on_first_run_chosen(self, event: FirstRun.Chosen) -> None:
        """The one step that gets what is missing."""
        match event.choice:
            case "key":
                self.action_key()
            case "demo":
                self.action_demo()
            case "gguf":
                self.action_models("right")
            case "ollama":
                self._chat.say(INSTALL_OLLAMA)
            case _:
                assert_never(event.choice)

    # Actions that open screens or change the whole program; the chat screen's keys come here through `_act`

    def _act(self, name: str, argument: str) -> bool:
        method = getattr(self, f"action_{name}", None) if name in _APP_ACTIONS else None
        if method is None:
            return False
        if argument and name in ("new_session", "models"):
            method(argument)
        else:
            method()
        return True

    def action_new_session(self, kind: str = "") -> None:
        """A new conversation; "confidential" makes it one from birth."""
        self.run_worker(self._leave_for_new(confidential=kind.strip() == "confidential"), group="switch")

    async def _leave_for_new(self, *, confidential: bool) -> None:
        if await self._left_current():
            await self._new_conversation(confidential=confidential)

    def action_sessions(self) -> None:
        """The list of saved sessions."""
        self.run_worker(self._open_saved(), group="switch")

    async def _open_saved(self) -> None:
        from tui.screens.sessions import SessionsScreen

        library = self._require_library()
        chosen = await self.push_screen_wait(
            SessionsScreen(library.summaries, library.count(), lambda: self.services.local_time(self.services.now()))
        )
        if chosen is not None and await self._left_current():
            try:
                self._show(await library.resume(chosen))
            except StoreError as problem:
                self._chat.say(str(problem))

    async def _left_current(self) -> bool:
        """Let go of the conversation on screen; asks while it is answering. False: the person stays."""
        conversation = self._chat.conversation
        if conversation is None:
            return True
        if self._chat.busy:
            from tui.screens.confirm import Confirm

            stop = await self.push_screen_wait(
                Confirm(
                    "An answer is still being written",
                    ["What has arrived is kept, and can be retried later."],
                    yes="Stop it and go on",
                    no="Stay here",
                )
            )
            if not stop:
                return False
        await self._keep_draft(conversation)
        await conversation.aclose()
        self._chat.clear_draft()
        return True

    async def _keep_draft(self, conversation: Conversation) -> None:
        try:
            await conversation.save_draft(self._chat.draft)
        except StoreError as problem:
            self._chat.say(str(problem))

    def action_confidential(self) -> None:
        """Fall the latch, after one question."""
        self.run_worker(self._make_confidential(), group="switch")

    async def _make_confidential(self) -> None:
        from tui.screens.confirm import Confirm

        conversation = self._chat.conversation
        if conversation is None:
            return
        if conversation.confidential:
            self._chat.say("This session is confidential already, and stays so.")
            return
        sent = self._require_library().cloud_turns(conversation)
        earlier = [f"{sent} of its turns were sent to a cloud already; that cannot be undone."] if sent else []
        agreed = await self.push_screen_wait(
            Confirm(
                "Make this session confidential?",
                [
                    "From now on only models on this machine see it. A request to a cloud that runs is cancelled.",
                    *earlier,
                    "This cannot be switched off again for this session.",
                ],
                yes="Make it confidential",
                no="Not now",
            )
        )
        if not agreed:
            return
        try:
            await conversation.make_confidential()
        except StoreError as problem:
            self._chat.say(f"The clouds are cut off, but the mark could not be stored: {problem}")
        self._chat.sides_changed()
        if not conversation.connectors:
            await self._find_local()

    def action_key(self) -> None:
        """The key dialog."""
        self.run_worker(self._ask_for_key(), group="dialog")

    async def _ask_for_key(self) -> None:
        state = await self.services.key_state()
        choice = await self.push_screen_wait(self._key_dialog(state))
        if choice is None:
            return
        try:
            if choice.keep:
                await self.services.keep_key(choice.text)
                self._chat.say("The key is in your keyring. Claude answers from the next prompt on.")
            else:
                self.services.use_key_for_this_run(choice.text)
                self._chat.say("The key is used until you quit, and kept nowhere.")
        except BackendError as problem:
            self._chat.say(str(problem))
            return
        if self._chat.conversation is not None:
            self._chat.hide_first_run()

    @staticmethod
    def _key_dialog(state: KeyState) -> ApiKeyDialog:
        from tui.screens.api_key import ApiKeyDialog

        usable = bool(state.keyring) and not state.problem
        words = state.problem or (f"{state.keyring} found" if usable else "no keyring found on this machine")
        return ApiKeyDialog(keyring=words, keyring_usable=usable, state=state.words)

    def action_models(self, wanted: str = "") -> None:
        """Choose a model for a side; `/model left ollama:llama3.1:8b` chooses it at once."""
        self.run_worker(self._choose_model(wanted), group="dialog")

    async def _choose_model(self, wanted: str) -> None:
        from tui.model_choice import choose_model

        conversation = self._chat.conversation
        if conversation is None:
            return
        words, _, spec = wanted.strip().partition(" ")
        if words and words not in SIDES:
            self._chat.say(f"Write /model left or /model right, and a model if you like, not {words}.")
            return
        side = SIDES.get(words) or self._chat.picked or Side.RIGHT
        chosen = spec.strip() or await choose_model(
            self, self.services, side, conversation.connectors.get(side), confidential=conversation.confidential
        )
        if chosen is not None:
            await self._put(conversation, side, chosen)

    async def _put(self, conversation: Conversation, side: Side, spec: str) -> None:
        try:
            await conversation.use(side, None if spec == "off" else self.services.connector(side, spec))
        except (SpecError, AddressRefused, NothingToAsk, Busy) as problem:
            self._chat.say(str(problem))
            return
        self._chat.sides_changed()

    def action_model_left(self) -> None:
        """Choose the left side's model."""
        self.action_models("left")

    def action_model_right(self) -> None:
        """Choose the right side's model."""
        self.action_models("right")

    def action_demo(self) -> None:
        """The built-in demo model on both sides."""
        self.run_worker(self._use_demo(), group="dialog")

    async def _use_demo(self) -> None:
        conversation = self._chat.conversation
        if conversation is None:
            return
        if (reason := self.services.engine_missing()) is not None:
            self._chat.say(reason)
            return
        for side in Side:
            await self._put(conversation, side, "demo:")
        self._chat.hide_first_run()
        self._chat.say("DEMO: a real engine with a tiny model that this program made itself. Its text is silly.")

    def action_help(self) -> None:
        """All keys that are active now."""
        from tui.screens.keys_help import KeysHelp, groups_of

        self.push_screen(KeysHelp(groups_of(self.screen.active_bindings)))

    def action_leave(self) -> None:
        """Quit; asks only while an answer is being written."""
        self.run_worker(self._leave(), group="leave", exclusive=True)

    async def _leave(self) -> None:
        if self._leaving:
            return
        if await self._left_current():
            self._leaving = True
            self.exit(return_code=0)

    async def action_quit(self) -> None:
        """Textual's own way out takes ours."""
        self.action_leave()

    def get_system_commands(self, _: Screen[object]) -> Iterable[SystemCommand]:
        """The palette: every action once, then the themes."""
        for action in ACTIONS:
            yield SystemCommand(action.title, action.help, lambda name=action.name: self._chat.act(name))
        for theme in (*(one.name for one in THEMES), "ansi-dark", "ansi-light"):
            if theme in self.available_themes:
                yield SystemCommand(
                    f"Theme: {theme}", "Change the colours for this run", lambda name=theme: self._use_theme(name)
                )

    def _use_theme(self, name: str) -> None:
        self.theme = name

    def _require_library(self) -> Library:
        if self.library is None:
            raise LookupError("The store is not open yet.")
        return self.library


_APP_ACTIONS = frozenset(
    {
        *("new_session", "sessions", "confidential", "key", "help", "leave"),
        *("models", "model_left", "model_right", "demo"),
    }
)


def _first_model(servers: Sequence[FoundServer]) -> ModelInfo | None:
    models = [model for server in servers for model in server.models]
    return next((model for model in models if model.loaded), models[0] if models else None)
