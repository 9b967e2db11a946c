"""The app: opens the store and the screens, gives each action its worker, and leaves without losing anything.

What can wait comes after the first paint: the store, the search for local servers, the keyring, and last the client
libraries. Screens get values and plain callables (`Services`). Which conversation is on screen is decided in
`switching`, what is missing on a fresh machine in `first_steps`.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine, Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, assert_never

from textual.app import App, SystemCommand
from textual.filter import LineFilter
from textual.screen import Screen

from backends import BackendError
from backends.address import AddressRefused
from backends.spec import SpecError
from conversation.errors import Busy, NothingToAsk
from storage import Side
from storage.errors import StoreError
from tui import crash
from tui.actions import ACTIONS, KEEPING
from tui.first_steps import INSTALL_OLLAMA, FirstSteps
from tui.gc_policy import GCPolicy
from tui.rendering.line_guard import LineGuard
from tui.screens.chat import ChatScreen
from tui.services import Services
from tui.switching import Switching
from tui.themes import FALLBACK_VARIABLES, THEMES
from tui.widgets.first_run import FirstRun
from tui.widgets.transcript import Transcript

if TYPE_CHECKING:
    from conversation.engine import Conversation

SIDES = {"left": Side.LEFT, "right": Side.RIGHT}
EXPECTED = (StoreError, BackendError, SpecError, AddressRefused, NothingToAsk, Busy)
"""Errors whose text is fit to show. Whatever else a worker raises is a bug and ends the program."""
NEW_KINDS = frozenset({"confidential", "off-the-record"})
CTRL_C = "Esc stops the answers; Ctrl+Q quits. Ctrl+C copies what is selected."
_STARTS_ANEW = "The program starts itself anew without a network. This session and what you have typed stay; {place}"
_INTO_VAULT = "they go out of the ordinary file into the encrypted vault."
_IN_MEMORY = "they are in memory alone, as before."
_NO_RECOVERY = "There is no recovery key to show: the vault is shut, or its passphrase is its key."
_STAYS_CONFIDENTIAL = (
    "The new session is confidential too: this program has no network. For an ordinary one, quit and start duologue."
)
_NONE_ORDINARY = (
    "This program has no network, so it has confidential sessions only. For an ordinary one, quit and start duologue."
)
_NEW_HERE = "Start a new confidential session; for an ordinary one, quit and start duologue"
_LAST_SAVE_SECONDS = 1.0
"""How long a signal waits for the draft to be kept."""


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
        # Before the app runs: a theme that changes later has every rule parsed again (30 ms of the start).
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = services.theme if services.theme in self.available_themes else THEMES[0].name
        self._guard = LineGuard()
        self._chat = ChatScreen(services, self._act)
        self._first_steps = FirstSteps(services, self._chat)
        self._switching: Switching | None = None
        self._leaving = False
        self._editing = False
        """True while an editor has the terminal: its Ctrl+C is not meant for us."""
        self._copies_over_ssh = False
        """True once the user has agreed that copies go to the machine at the other end."""
        self._signal_loop: asyncio.AbstractEventLoop | None = None

    # Life

    def on_mount(self) -> None:
        """The screen first; everything else when it has been painted."""
        self.set_keymap(dict(self.services.key_map))
        self.push_screen(self._chat)
        self._mind_signals()
        self.services.hear_refusals(lambda words: self._chat.say(words) if self._chat.is_attached else None)
        self.call_after_refresh(self._begin)

    def end_at_hangup(self) -> bool:
        """Leave in good order, soon; False: the app does not run. Fit for a signal handler."""
        if self._signal_loop is None or self._signal_loop.is_closed():
            return False
        self._signal_loop.call_soon_threadsafe(self._end_by_signal, signal.SIGHUP)
        return True

    def _mind_signals(self) -> None:
        """Leave in good order when the system asks for it; for a terminal that is gone see `tui.hangup`."""
        loop = self._signal_loop = asyncio.get_running_loop()
        # The Ctrl+C of a terminal in raw mode is a key; a SIGINT comes from `kill`.
        for number in (signal.SIGTERM, signal.SIGINT):
            with suppress(NotImplementedError, RuntimeError):  # Windows has no such handlers, nor has a test's thread
                loop.add_signal_handler(number, self._end_by_signal, number)

    def _end_by_signal(self, number: int) -> None:
        if self._editing and number == signal.SIGINT:
            return
        self.run_worker(self._end(128 + number), group="leave")

    async def _end(self, code: int) -> None:
        conversation = self._chat.conversation
        try:
            if conversation is not None:
                async with asyncio.timeout(_LAST_SAVE_SECONDS):
                    await conversation.save_draft(self._chat.take_draft())
        except (StoreError, TimeoutError):
            pass  # nobody is there to be asked
        finally:
            self.exit(return_code=code)

    def _begin(self) -> None:
        GCPolicy.settle()
        self._do(self._open_store(), "start")

    def _do(self, work: Coroutine[None, None, None], group: str) -> None:
        self.run_worker(self._done_or_said(work), group=group)

    async def _done_or_said(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except EXPECTED as problem:
            self._chat.say(str(problem))

    def _handle_exception(self, error: Exception) -> None:
        """End because of a bug, and tell of it without the values of variables: prompts and keys are among them."""
        crash.tell(error)
        super()._handle_exception(error)

    def _fatal_error(self) -> None:
        """Textual's way to show the bug that `_handle_exception` has told."""
        self._close_messages_no_wait()

    def panic(self, *renderables: object) -> None:  # noqa: ARG002 - what is in them is not ours to show
        """End. Textual calls this with a traceback of its own, above all where it reads keys in a thread."""
        if self._exception is None:
            crash.tell(RuntimeError())
            self._return_code = 1
        self._close_messages_no_wait()

    def copy_to_clipboard(self, text: str) -> None:
        """Copy text, for every widget's keys: the one way to the terminal's clipboard."""
        self._copy(text, "the text")

    def on_transcript_copy_requested(self, event: Transcript.CopyRequested) -> None:
        """Copy out of the transcript."""
        self._copy(event.text, event.what)

    def _copy(self, text: str, what: str) -> None:
        from tui import clipboard

        self._clipboard = text
        if self._chat.confidential:
            self._chat.say(clipboard.kept_inside(what, text))
        elif self.services.over_ssh and not self._copies_over_ssh:
            self._do(self._let_out(text, what), "dialog")
        else:
            self._put_on_clipboard(text, what)

    def action_links(self) -> None:
        """Open a link of the answer under the cursor, else of the newest ones in view."""
        self._do(self._open_link(), "dialog")

    async def _open_link(self) -> None:
        from tui.link_choice import open_link

        words = await open_link(
            self,
            self.services,
            self._chat.picked_answers,
            confidential=self._chat.confidential,
            copy=lambda address: self._copy(address, "the address"),
        )
        if words:
            self._chat.say(words)

    def action_edit(self) -> None:
        """The draft in the user's own editor; in a confidential session after a question."""
        self._do(self._edit_draft(), "dialog")

    async def _edit_draft(self) -> None:
        from tui.editor_choice import edit_draft

        if self._editing:
            return
        self._editing = True
        try:
            self._chat.say(await edit_draft(self, self.services, self._chat, confidential=self._chat.confidential))
        finally:
            self._editing = False

    def action_export(self, wanted: str = "") -> None:
        """Write the session on screen into a file; `/export html ~/lease.html` asks no more than it must."""
        self._do(self._export(wanted), "dialog")

    async def _export(self, wanted: str) -> None:
        from tui import export_choice

        conversation = self._chat.conversation
        if self._switching is None or conversation is None or conversation.session is None:
            self._chat.say(export_choice.NOTHING)
            return
        catalogue, session_id = self._switching.library.catalogue, conversation.session.id
        if words := await export_choice.export_session(self, catalogue, session_id, wanted):
            self._chat.say(words)

    def action_screenshot(self, path: str = "") -> None:  # type: ignore[override]  # Textual's has a folder, too
        """A picture of the session on screen."""
        # The palette, and the prompt with the command in it, are still on screen.
        self.call_after_refresh(lambda: self._do(self._take_picture(path), "screenshot"))

    async def _take_picture(self, wanted: str) -> None:
        from tui import screenshot

        if self._chat.confidential or self.services.level:
            self._chat.say(screenshot.CONFIDENTIAL)
        elif self.screen is not self._chat:
            self._chat.say(screenshot.ELSEWHERE)
        else:
            self._chat.say(await screenshot.keep_picture(screenshot.picture(self), wanted, self.services.now()))

    def action_import(self, path: str = "") -> None:
        """Read conversations out of a file."""
        if self._switching is not None:
            self._do(self._import(self._switching, path), "import")

    async def _import(self, switching: Switching, path: str) -> None:
        from tui.import_choice import import_file

        if words := await import_file(self, switching.library.catalogue, path):
            self._chat.say(words)

    def action_copy_out(self) -> None:
        """Let out what was copied inside the program."""
        from tui import clipboard

        if self._clipboard:
            self._do(self._let_out(self._clipboard, "the text"), "dialog")
        else:
            self._chat.say(clipboard.NOTHING)

    async def _let_out(self, text: str, what: str) -> None:
        from tui import clipboard

        confidential, over_ssh = self._chat.confidential, self.services.over_ssh
        question = clipboard.may_it_leave(text, confidential=confidential, over_ssh=over_ssh)
        if not await self.push_screen_wait(question):
            self._chat.say(clipboard.STAYED)
            return
        if not confidential:
            self._copies_over_ssh = True
        self._put_on_clipboard(text, what)

    def _put_on_clipboard(self, text: str, what: str) -> None:
        from tui import clipboard

        super().copy_to_clipboard(text)
        self._chat.say(clipboard.went_out(what, text, over_ssh=self.services.over_ssh))

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Our own colour names, for themes that do not have them."""
        return dict(FALLBACK_VARIABLES)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """The wall behind the door: no control character of anybody else reaches the terminal."""
        return [*super().get_line_filters(), self._guard]

    async def _open_store(self, *, keep: bool = True) -> None:
        if keep and self.services.unlock is not None:
            from tui.vault_dialogs import VaultDialogs
            from tui.vault_door import VaultLeft

            try:
                keep = await self.services.unlock(VaultDialogs(self, self._chat.say))
            except VaultLeft:
                self.exit(return_code=0)
                return
        try:
            library = await self.services.open_library(keep, self._say_unsaved)
        except StoreError as problem:
            await self._offer_memory_only(problem)
            return
        self._switching = Switching(self, self.services, self._chat, library)
        await self._switching.show_first()
        self._say_slips()
        try:
            if self._chat.conversation is not None and self._chat.conversation.session is None:
                await self._first_steps.take()
        finally:
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

    def _say_unsaved(self, problem: StoreError) -> None:
        if self._chat.is_attached:
            self._chat.say(f"Not saved: {problem}")

    def _say_slips(self) -> None:
        """Mistakes in the configuration that only Textual's own lists can tell."""
        from tui.key_map import unknown_ids

        if self.services.theme not in self.available_themes:
            known = ", ".join(theme.name for theme in THEMES)
            self._chat.say(f"There is no theme {self.services.theme}. There are {known}, ansi-dark, ansi-light.")
        if unknown := unknown_ids(self.services.key_map):
            self._chat.say(
                f"[keys] in the configuration names what there is not: {', '.join(unknown)}. F1 lists keys."
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
        if name in KEEPING:
            self._keep(name, argument)
            return True
        method = getattr(self, f"action_{name}", None) if name in _APP_ACTIONS else None
        if method is None:
            return False
        if argument and name in ("new_session", "models", "export", "screenshot", "import"):
            method(argument)
        else:
            method()
        return True

    def _keep(self, name: str, argument: str) -> None:
        from tui.keeping import Keeping

        if self._switching is not None:
            self._do(Keeping(self, self._chat, self._switching).do(name, argument), "keep")

    def action_new_session(self, kind: str = "") -> None:
        """A new conversation; "confidential" and "off-the-record" make it so from birth, alone or together."""
        kinds = frozenset(kind.split())
        if kinds == {"ordinary"}:
            if self.services.level:
                self._chat.say(_NONE_ORDINARY)
                return
            kinds = frozenset()
        if unknown := kinds - NEW_KINDS:
            self._chat.say(f"There is no new {', '.join(sorted(unknown))}. Write /new confidential off-the-record.")
            return
        self._do(self._leave_for_new(kinds), "switch")

    async def _leave_for_new(self, kinds: frozenset[str]) -> None:
        if self._switching is not None and await self._switching.leave():
            if self.services.level and "confidential" not in kinds:
                self._chat.say(_STAYS_CONFIDENTIAL)
            await self._switching.show_new(confidential="confidential" in kinds, off_record="off-the-record" in kinds)
            await self._first_steps.take()

    def action_sessions(self) -> None:
        """The list of saved sessions."""
        if self._switching is not None:
            self._do(self._switching.show_saved(), "switch")

    def action_search(self) -> None:
        """Search in all saved sessions."""
        if self._switching is not None:
            self._do(self._switching.show_found(), "switch")

    def action_confidential(self) -> None:
        """Fall the latch, after one question."""
        self._do(self._make_confidential(), "switch")

    async def _make_confidential(self) -> None:
        from tui.screens.confirm import Confirm

        conversation = self._chat.conversation
        library = self._switching.library if self._switching is not None else None
        if conversation is None or library is None:
            return
        if conversation.confidential:
            self._chat.say("This session is confidential already, and stays so.")
            return
        sent = library.cloud_turns(conversation)
        earlier = [f"{sent} of its turns were sent to a cloud already; that cannot be undone."] if sent else []
        obstacle = await self._obstacle_to_restarting(conversation)
        agreed = await self.push_screen_wait(
            Confirm(
                "Make this session confidential?",
                [
                    "From now on only models on this machine see it. A request to a cloud that runs is cancelled.",
                    *(
                        [obstacle]
                        if obstacle
                        else [_STARTS_ANEW.format(place=_INTO_VAULT if library.kept else _IN_MEMORY)]
                        if self.services.restart is not None
                        else []
                    ),
                    *earlier,
                    "This cannot be switched off again for this session.",
                ],
                yes="Make it confidential",
                no="Not now",
            )
        )
        if not agreed:
            return
        asked = conversation.running
        try:
            await conversation.make_confidential()
        except StoreError as problem:
            self._chat.say(f"The clouds are cut off, but the mark could not be stored: {problem}")
        else:
            if not obstacle and await self._restart_with(conversation):
                return
            if asked - conversation.connectors.keys():
                self._chat.say("The request to a cloud was cancelled. What had arrived is kept with the session.")
        self._chat.sides_changed()
        if not conversation.connectors:
            await self._first_steps.take()

    async def _obstacle_to_restarting(self, conversation: Conversation) -> str:
        return "" if self._switching is None else await self._switching.kept_from_restarting(conversation)

    async def _restart_with(self, conversation: Conversation) -> bool:
        """Go on in a process without a network, with what stands in the prompt box. False: this one goes on."""
        if self._switching is None or self.services.restart is None:
            return False
        draft = self._chat.take_draft()
        conversation.stop()
        if conversation.session is not None:
            try:
                await conversation.save_draft(draft)
                draft = ""
            except StoreError:
                pass  # then it goes along in memory
        await conversation.aclose()
        return await self._switching.restart(conversation, draft)

    def action_recovery(self) -> None:
        """Show the vault's recovery key, after one question."""
        self._do(self._show_recovery_key(), "dialog")

    async def _show_recovery_key(self) -> None:
        from tui.screens.confirm import Confirm
        from tui.screens.recovery_key import RecoveryKeyScreen

        if self.services.recovery_text is None:
            self._chat.say(
                "The recovery key is shown in a confidential session alone: F8, or `duologue key recovery`."
            )
        elif not (text := self.services.recovery_text()):
            self._chat.say(_NO_RECOVERY)
        elif await self.push_screen_wait(
            Confirm(
                "Show the recovery key of the vault?",
                ["Whoever has it and the vault's file can read every confidential session. Is anybody looking?"],
                yes="Show it",
                no="Not now",
            )
        ):
            await self.push_screen_wait(RecoveryKeyScreen(text))

    def action_key(self) -> None:
        """The key dialog."""
        self._do(self._ask_for_key(), "dialog")

    async def _ask_for_key(self) -> None:
        from tui.key_choice import choose_key

        if words := await choose_key(self, self.services):
            self._chat.say(words)
            if self._chat.shows_first_run:
                await self._first_steps.say_what_is_missing()

    def action_models(self, wanted: str = "") -> None:
        """Choose a model for a side; `/model left ollama:llama3.1:8b` chooses it at once."""
        self._do(self._choose_model(wanted), "dialog")

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
        finally:
            self._chat.sides_changed()
        if self._switching is not None:
            self._switching.say_what_is_out_of_reach(conversation)
        if self._chat.shows_first_run:
            await self._first_steps.say_what_is_missing()

    def action_model_left(self) -> None:
        """Choose the left side's model."""
        self.action_models("left")

    def action_model_right(self) -> None:
        """Choose the right side's model."""
        self.action_models("right")

    def action_demo(self) -> None:
        """The built-in demo model on both sides."""
        self._do(self._use_demo(), "dialog")

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
        self._do(self._leave(), "leave")

    async def _leave(self) -> None:
        if self._leaving:
            return
        self._leaving = True
        try:
            if self._switching is None or await self._switching.leave():
                self.exit(return_code=0)
        finally:
            self._leaving = False

    def action_help_quit(self) -> None:
        """Ctrl+C, by Textual's name for it: many press it to get out, or to stop something."""
        self._chat.say(CTRL_C)

    async def action_quit(self) -> None:
        """Textual's own way out takes ours."""
        self.action_leave()

    def get_system_commands(self, _: Screen[object]) -> Iterable[SystemCommand]:
        """The palette: every action once, then the themes."""
        for action in ACTIONS:
            about = _NEW_HERE if action.name == "new_session" and self.services.level else action.help
            yield SystemCommand(action.title, about, lambda name=action.name: self._chat.act(name))
        for theme in (*(one.name for one in THEMES), "ansi-dark", "ansi-light"):
            if theme in self.available_themes:
                yield SystemCommand(
                    f"Theme: {theme}", "Change the colours for this run", lambda name=theme: self._use_theme(name)
                )

    def _use_theme(self, name: str) -> None:
        self.theme = name


_APP_ACTIONS = frozenset(
    {
        *("new_session", "sessions", "search", "confidential", "key", "help", "leave"),
        *("models", "model_left", "model_right", "demo", "copy_out", "links", "export", "screenshot"),
        *("import", "edit", "recovery"),
    }
)
