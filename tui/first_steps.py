"""What a session needs before it can answer: looks for a model on this machine, and says what is missing and how to
get it. Only this machine is looked at, and nothing is put on a side that a person has filled or switched off.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from backends import Locality, ModelInfo
from backends.address import AddressRefused
from storage import Side
from tui.screens.chat import ChatScreen
from tui.services import FoundServer, Services, first_on_this_machine
from tui.widgets.first_run import Surroundings
from tui.widgets.side_titles import SideTitle

if TYPE_CHECKING:
    from conversation.engine import Conversation

LOOKING = SideTitle("Local", "looking on this machine", "")
NO_LOCAL_MODEL = SideTitle("Local", "no model yet", "F5 chooses one")
INSTALL_OLLAMA = (
    "Install Ollama from ollama.com, then run `ollama pull llama3.2:3b`. Ctrl+N finds it; F5 shows all models."
)
_TRIED = ("Ollama", "LM Studio", "llama-server")


class FirstSteps:
    """Fills the right side of the conversation on screen, and keeps the welcome up to date."""

    def __init__(self, services: Services, chat: ChatScreen) -> None:
        self._services = services
        self._chat = chat

    async def take(self) -> None:
        """Put a model of this machine on an empty right side; say what is missing.

        Raises `StoreError` (see `Conversation.use`).
        """
        conversation = self._chat.conversation
        if conversation is None:
            return
        if self._wants_local(conversation):
            self._chat.show_side_words(Side.RIGHT, LOOKING)
        servers = await self._found_servers()
        # Asked again: looking takes its time, and a person may have chosen or gone elsewhere meanwhile.
        if conversation is not self._chat.conversation:
            return
        if self._wants_local(conversation):
            await self._fill(conversation, [model for server in servers for model in server.models])
        await self.say_what_is_missing()

    async def say_what_is_missing(self) -> None:
        """Show the welcome while something is missing, and take it away when nothing is."""
        conversation = self._chat.conversation
        if conversation is None:
            return
        key = await self._services.key_state()
        has_local = any(one.locality is Locality.THIS_MACHINE for one in conversation.connectors.values())
        needs_key = any(one.spec.backend == "claude" for one in conversation.connectors.values())
        if has_local and (key.present or not needs_key):
            if conversation is self._chat.conversation:
                self._chat.hide_first_run()
            return
        files = await self._services.find_gguf_files()
        if conversation is not self._chat.conversation:
            return
        self._chat.show_first_run(
            Surroundings(
                key=key.words,
                key_present=key.present,
                keyring=key.keyring,
                servers_tried=_TRIED,
                local=self._chat.side_words(Side.RIGHT) if has_local else "",
                gguf_files=len(files),
                gguf_where=str(files[0].parent) if files else "",
                engine_missing=self._services.engine_missing() or "",
            )
        )

    async def _found_servers(self) -> Sequence[FoundServer]:
        try:
            return await self._services.find_servers_here()
        except AddressRefused as problem:
            self._chat.say(str(problem))
            return ()

    def _wants_local(self, conversation: Conversation) -> bool:
        return Side.RIGHT not in conversation.connectors and self._services.start.right != "off"

    async def _fill(self, conversation: Conversation, offered: list[ModelInfo]) -> None:
        model = first_on_this_machine(offered)
        if model is None:
            self._chat.show_side_words(Side.RIGHT, NO_LOCAL_MODEL)
            return
        await conversation.use(Side.RIGHT, self._services.connector(Side.RIGHT, str(model.spec)))
        self._chat.sides_changed()
