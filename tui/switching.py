"""Which conversation is on screen: the first one, a new one, a saved one, and letting go of the one before.

Nothing is lost on the way: running answers settle first, and what stands in the prompt box or in the queue is kept
with its session before another one comes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from textual.app import App

from backends import Connector
from backends.address import AddressRefused
from backends.spec import SpecError
from conversation.errors import NothingToAsk
from storage import Hit, Session, Side
from storage.errors import NotFound, StoreError
from tui.restart import Carried, Restart, other_start
from tui.screens.chat import ChatScreen
from tui.services import Services
from tui.session_wishes import named

if TYPE_CHECKING:
    from conversation.engine import Conversation
    from conversation.library import Library

_ORDINARY = "That is an ordinary session, and this program has no network. To open it, quit and start duologue."
_WAITS = (
    "The vault is shut. That session is not lost: it is in the vault, or, if it just became confidential, waits "
    "hidden in the ordinary file until the vault opens. What you write now is in memory only, gone when you leave."
)
VAULT_NOTICE = "The vault holds confidential sessions. F8 opens it (the program restarts without a network)."


class Switching:
    """Brings conversations onto the chat screen."""

    def __init__(self, app: App[int], services: Services, chat: ChatScreen, library: Library) -> None:
        self._app = app
        self._services = services
        self._chat = chat
        self._library = library
        self._off_record: Library | None = None
        """In memory, while the session on screen is one that is not kept and the others are."""
        self._left: Library | None = None
        """The same, until another session is on screen: what is drawn is still read from it."""

    @property
    def library(self) -> Library:
        """The one that holds the session on screen."""
        return self._off_record or self._library

    @property
    def apart(self) -> bool:
        """True while the session on screen is off the record and the others are not: it has a store of its own."""
        return self._off_record is not None

    async def show_first(self) -> None:
        """The session that the command line names, else a new one."""
        start = self._services.start
        try:
            session = self._library.newest_session() if start.continue_last else None
            if start.session is not None:
                is_beginning = self._services.unlock is not None  # the vault was shut when the command line was read
                session = self._library.whole_id(start.session) if is_beginning else start.session
            if session is not None:
                await self._show_or_restart(await self._taken_up(session))
                self._chat.give_back(self._services.draft)
                return
        except StoreError as problem:
            is_shut = isinstance(problem, NotFound) and self._services.unlock is not None and not self._library.kept
            self._chat.say(_WAITS if is_shut else str(problem))
        await self.show_new(confidential=start.confidential)
        self._chat.give_back(self._services.draft)
        if self._services.listing and self._library.newest_session() is not None:
            await self.show_saved()

    async def show_new(self, *, confidential: bool, off_record: bool = False) -> None:
        """A new conversation: the models of the command line, else the configured ones, else of the last session.

        `off_record`: in a store of its own, in memory, that is forgotten with it. Raises `StoreError`.
        """
        if off_record and self._library.kept:
            self._off_record = await self._services.open_library(False, self._say_unsaved)  # noqa: FBT003 - not ours to name
        services, start, last = self._services, self._services.start, self._library.last_pair()
        chosen = {
            Side.LEFT: start.left or services.configured_left or last.get(Side.LEFT) or services.usual_left,
            Side.RIGHT: start.right or services.configured_right or last.get(Side.RIGHT),
        }
        if start.offline and start.left is None:
            chosen[Side.LEFT] = None
        confidential = confidential or bool(self._services.level)
        await self._show_or_restart(self.library.start(self._connectors(chosen), confidential=confidential))

    async def show_saved(self) -> None:
        """One that the person picks from the list. Raises `StoreError`."""
        from tui.screens.sessions import OPEN_VAULT, SessionsScreen

        leads_to_vault = self._vault_is_elsewhere
        chosen = await self._app.push_screen_wait(
            SessionsScreen(
                self._library.catalogue,
                lambda: self._services.local_time(self._services.now()),
                local_time=self._services.local_time,
                aside=VAULT_NOTICE if leads_to_vault else "",
                leads_to_vault=leads_to_vault,
            )
        )
        if chosen == OPEN_VAULT:
            await self._restart_into_vault()
        elif chosen is None:
            await self._follow_changes()
        else:
            await self._show_at(chosen.session_id, chosen.hit, chosen.words)

    @property
    def _vault_is_elsewhere(self) -> bool:
        """True if another process would show more sessions than this one. Raises `StoreError`."""
        return self._services.restart is not None and (self._services.vault_exists() or self._library.anything_waits)

    async def _restart_into_vault(self) -> None:
        if self._services.restart is not None and await self.leave():
            self._services.restart(Restart(carried=Carried(listing=True)))
            self._app.exit(return_code=0)

    async def _follow_changes(self) -> None:
        """Show what was done in the library to the session on screen; one in the bin makes room for a new one."""
        conversation = self._chat.conversation
        if conversation is None or conversation.session is None or self._off_record is not None:
            return
        session = conversation.session
        try:
            await conversation.refresh()
            gone = conversation.session.deleted is not None
        except NotFound:
            gone = True
        if not gone:
            self._chat.session_changed()
        elif await self.leave():
            await self.show_new(confidential=conversation.confidential)
            self._chat.say(in_the_bin(session))

    async def show_found(self) -> None:
        """One in which the person finds words, at the turn that has them. Raises `StoreError`."""
        from tui.screens.search import SearchScreen

        found = await self._app.push_screen_wait(
            SearchScreen(
                lambda query, limit, offset, thinking: self._library.search(
                    query, limit=limit, offset=offset, thinking=thinking
                ),
                lambda: self._services.local_time(self._services.now()),
                local_time=self._services.local_time,
            )
        )
        if found is None:
            return
        hit, query = found
        await self._show_at(hit.session_id, hit, query)

    async def _show_at(self, session: str, hit: Hit | None, query: str) -> None:
        """Bring a session onto the screen, and in it the place where the words of `query` were found."""
        shown = self._chat.conversation
        is_on_screen = shown is not None and shown.session is not None and shown.session.id == session
        if (is_on_screen or await self.change_to(session)) and hit is not None:
            self._chat.show_hit(hit, query)

    async def change_to(self, session: str) -> bool:
        """Bring a saved session onto the screen; False: the person stays, or another process shows it."""
        await self._library.resume(session)  # where it cannot be had, the one on screen stays
        if not await self.leave():
            return False
        return await self._show_or_restart(await self._library.resume(session))

    async def leave(self) -> bool:
        """Let go of the conversation on screen; asks while it is answering. False: the person stays."""
        conversation = self._chat.conversation
        if conversation is None:
            return True
        if self._chat.busy and not await self._asked(
            "An answer is still being written",
            "What has arrived is kept, and can be retried later.",
            yes="Stop it and go on",
        ):
            return False
        if self._is_forgotten(conversation) and not await self._asked(
            "Forget this session?", "It is off the record: when you leave it, nothing of it remains.", yes="Forget it"
        ):
            return False
        draft = self._chat.take_draft()
        conversation.stop()
        try:
            await conversation.save_draft(draft)
        except StoreError as problem:
            if draft.strip() and not await self._asked(
                "The text in the prompt box cannot be kept", str(problem), yes="Go on without it"
            ):
                self._chat.give_back(draft)
                return False
        await conversation.aclose()
        self._left, self._off_record = self._off_record, None
        return True

    def _is_forgotten(self, conversation: Conversation) -> bool:
        """True if leaving loses something that was said off the record."""
        off_record = self._off_record is not None or self._services.start.off_record
        return off_record and conversation.session is not None

    def _say_unsaved(self, problem: StoreError) -> None:
        if self._chat.is_attached:
            self._chat.say(f"Not saved: {problem}")

    async def _taken_up(self, session: str) -> Conversation:
        start = self._services.start
        conversation = await self._library.resume(session)
        if start.confidential:
            await conversation.make_confidential()
        named = {Side.LEFT: start.left, Side.RIGHT: start.right}
        connectors = self._connectors(named)
        for side, text in named.items():
            if text == "off" or side in connectors:
                try:
                    await conversation.use(side, connectors.get(side))
                except NothingToAsk as problem:
                    self._chat.say(str(problem))
        return conversation

    async def _asked(self, question: str, about: str, *, yes: str) -> bool:
        from tui.screens.confirm import Confirm

        answer = await self._app.push_screen_wait(Confirm(question, [about], yes=yes, no="Stay here"))
        return answer is True

    def _connectors(self, chosen: Mapping[Side, str | None]) -> dict[Side, Connector]:
        pair: dict[Side, Connector] = {}
        for side, text in chosen.items():
            if text is None or text == "off":
                continue
            try:
                pair[side] = self._services.connector(side, text)
            except (SpecError, AddressRefused) as problem:
                self._chat.say(str(problem))
        return pair

    async def _show_or_restart(self, conversation: Conversation) -> bool:
        """Bring it onto the screen; False: it is confidential and this process is not, so another one shows it."""
        if (
            conversation.confidential
            and not await self.kept_from_restarting(conversation)
            and await self.restart(conversation)
        ):
            return False
        if self._services.level and not conversation.confidential:
            self._chat.say(_ORDINARY)
            return False
        self._chat.open(self.library, conversation)
        self.say_what_is_out_of_reach(conversation)
        if self._left is not None:
            left, self._left = self._left, None
            self._services.forget_library(left)
        return True

    def say_what_is_out_of_reach(self, conversation: Conversation) -> None:
        """Name the models whose servers a confidential process was not told of, and how to start one that is."""
        if not self._services.level:
            return
        session = conversation.session.id if conversation.session is not None and self.library.kept else None
        found = [
            _out_of_reach(address, session, side, str(connector.spec))
            for side, connector in conversation.connectors.items()
            if (address := self._services.out_of_reach(connector))
        ]
        if found:
            self._chat.say(" ".join(found))

    async def kept_from_restarting(self, conversation: Conversation) -> str:
        """Why this conversation cannot go on in a confidential process, in words; "" if it can, and for one that is
        saved or has no turns yet: nothing of it could be lost on the way."""
        if self._services.kept_from_restarting is None or self.library.kept or conversation.session is None:
            return ""
        return await self._services.kept_from_restarting(self.library.bytes_in_memory())

    async def restart(self, conversation: Conversation, draft: str = "") -> bool:
        """End the app, and go on with this conversation in a confidential process. False: no need, or no way.

        What could be stored is stored; `draft` is what could not. Ask `kept_from_restarting` before. Raises
        `StoreError`.
        """
        if self._services.restart is None:
            return False
        self._services.restart(await self._way_on(conversation, draft))
        self._app.exit(return_code=0)
        return True

    async def _way_on(self, conversation: Conversation, draft: str) -> Restart:
        session, pair, kept = conversation.session, conversation.connectors, self.library.kept
        models = {side: str(pair[side].spec) if side in pair else None for side in Side}
        return Restart(
            session=session.id if session is not None and kept else None,
            left=models[Side.LEFT],
            right=models[Side.RIGHT],
            off_record=not kept,
            carried=Carried(draft, listing=self._wants_list(session, draft))
            if session is None or kept
            else Carried(draft, await self.library.memory(), session.id),
        )

    def _wants_list(self, session: Session | None, draft: str) -> bool:
        """True where there is nothing to go on with but what is in the vault."""
        return session is None and self.library.kept and not draft.strip() and self._vault_is_elsewhere


def in_the_bin(session: Session) -> str:
    """What is said on a new session when the one before went to the bin."""
    return f"{named(session)} is in the bin: Ctrl+O, F4 shows it, u brings it back. This is a new session."


def _out_of_reach(address: str, session: str | None, side: Side, spec: str) -> str:
    return (
        f"{spec} is out of reach: this program was not told of {address} when it gave up its network. "
        f"F5 chooses another model on this machine; or quit and start {other_start(session, side, spec)}"
    )
