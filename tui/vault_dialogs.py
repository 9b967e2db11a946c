"""Asks in the app for what opens the vault: `vault_door`'s questions as dialogs."""

from __future__ import annotations

from collections.abc import Callable

from textual.app import App

from tui.vault_door import Trouble, Way


class VaultDialogs:
    """Dialogs over whatever is on screen."""

    def __init__(self, app: App[int], say: Callable[[str], None]) -> None:
        self._app = app
        self._say = say

    async def choose(self, trouble: Trouble) -> Way:
        """Which way to take."""
        from tui.screens.vault_shut import VaultShutScreen

        return await self._app.push_screen_wait(VaultShutScreen(trouble))

    async def passphrase(self, *, making: bool, trouble: str) -> str | None:
        """What opens the vault, or is to open it."""
        from tui.screens.passphrase import MAKE, OPEN, PassphraseScreen

        about = MAKE if making else OPEN
        return await self._app.push_screen_wait(PassphraseScreen(about, twice=making, trouble=trouble))

    async def recovery_key(self, *, trouble: str) -> str | None:
        """What was printed on paper."""
        from tui.screens.passphrase import RECOVER, PassphraseScreen

        return await self._app.push_screen_wait(PassphraseScreen(RECOVER, trouble=trouble))

    def tell(self, words: str) -> None:
        """In the line under the transcript."""
        self._say(words)
