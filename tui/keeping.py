"""What a person does with the session on screen and its turns besides asking: names, tags, votes, notes, forks.

The same wishes for saved sessions come from the library; here they come from slash commands, the palette and keys in
the transcript, and end in one line above the prompt.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from textual.app import App

from conversation.engine import Conversation
from storage import Choice, Session, Turn
from tui.rendering.verdict import verdict
from tui.screens.chat import ChatScreen
from tui.session_wishes import Done, SessionWishes, named
from tui.switching import Switching, in_the_bin

_NO_SESSION = "This session has no turns yet, so there is nothing to keep."
_NO_TURN = "There is no turn yet."


class Keeping:
    """Acts on what is on screen. Every method may raise `StoreError`."""

    def __init__(self, app: App[int], chat: ChatScreen, switching: Switching) -> None:
        self._app = app
        self._chat = chat
        self._switching = switching

    async def do(self, name: str, argument: str = "") -> None:
        """Do one of `tui.actions.KEEPING`."""
        conversation = self._chat.conversation
        session = conversation.session if conversation is not None else None
        if conversation is None or session is None:
            self._chat.say(_NO_SESSION)
        elif name in ("rename", "star", "tag", "archive"):
            await self._change(conversation, session, name, argument)
        elif name == "delete":
            await self._delete(session)
        elif name == "forks":
            await self._go_to_kin(session)
        elif (turn := self._meant()) is None:
            self._chat.say(_NO_TURN)
        elif name == "note":
            await self._note(turn, argument)
        elif name == "fork":
            await self._fork(session, turn)
        elif name.startswith("marked"):
            await self._go_to_marked(session, turn, 1 if name == "marked_next" else -1)
        else:
            await self._vote(turn, Choice(name.removeprefix("vote_")))

    # The session

    async def _change(self, conversation: Conversation, session: Session, name: str, argument: str) -> None:
        catalogue = self._switching.library.catalogue
        wishes, summary = SessionWishes(self._app, catalogue), catalogue.summary(session.id)
        ways: dict[str, Callable[[], Awaitable[Done | None]]] = {
            "rename": lambda: wishes.rename(summary, argument),
            "tag": lambda: wishes.tags(summary, argument),
            "archive": lambda: wishes.archive(summary),
            "star": lambda: wishes.star(summary),
        }
        done = await ways[name]()
        await conversation.refresh()
        self._chat.session_changed()
        if done is not None:
            self._chat.say(done.words)

    async def _delete(self, session: Session) -> None:
        from tui.screens.confirm import Confirm

        if not self._switching.library.kept:
            self._chat.say("Nothing of this session is kept: it goes when you leave it.")
            return
        agreed = await self._app.push_screen_wait(
            Confirm(
                f"Put {named(session)} into the bin?",
                ["The bin is in the library: Ctrl+O, then F4. There u brings it back."],
                yes="Put it into the bin",
                no="Keep it",
                dangerous=False,
            )
        )
        if agreed and await self._switching.leave():
            await self._switching.library.catalogue.delete(session.id)
            await self._switching.show_new(confidential=session.confidential)
            self._chat.say(in_the_bin(session))

    async def _fork(self, session: Session, turn: Turn) -> None:
        if self._switching.apart:
            self._chat.say("A session off the record has no forks: nothing of it is kept.")
            return
        fork = await self._switching.library.catalogue.fork(turn.id)
        if await self._switching.change_to(fork):
            self._chat.say(f"A fork: it begins with the turns 1 to {turn.seq} of {named(session)}. /forks goes back.")

    async def _go_to_kin(self, session: Session) -> None:
        from tui.screens.forks import ForksScreen

        parent, forks = self._switching.library.catalogue.kin(session.id)
        if parent is None and not forks:
            self._chat.say("This session has no forks. f in the turns makes one.")
            return
        chosen = await self._app.push_screen_wait(ForksScreen(parent, forks))
        if chosen is not None:
            await self._switching.change_to(chosen)

    # Its turns

    def _meant(self) -> Turn | None:
        turn_id = self._chat.meant_turn
        return None if turn_id is None else self._switching.library.turn(turn_id)

    async def _vote(self, turn: Turn, choice: Choice) -> None:
        voted = await self._switching.library.marking.vote(turn.id, choice)
        self._chat.turn_changed(voted)
        words = "no vote" if voted.vote is None else verdict(voted.vote.choice)
        self._chat.say(f"Turn {turn.seq}: {words}." + (" The same key takes it back." if voted.vote else ""))

    async def _note(self, turn: Turn, text: str) -> None:
        from tui.screens.ask_line import AskLine

        written: str | None = text or None
        if written is None:
            line = AskLine(f"Your note on turn {turn.seq}", turn.note, about="An empty line removes it.")
            written = await self._app.push_screen_wait(line)
        if written is not None:
            self._chat.turn_changed(await self._switching.library.marking.note(turn.id, written))

    async def _go_to_marked(self, session: Session, turn: Turn, step: int) -> None:
        found = await self._switching.library.marking.next_marked(session.id, turn.seq, step)
        if found is None:
            where = "after" if step > 0 else "before"
            self._chat.say(f"No turn {where} turn {turn.seq} has a vote, a note or an unfinished answer.")
        else:
            self._chat.show_turn(found)
