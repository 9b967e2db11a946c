"""The store that a command works on: the ordinary file; in a confidential process the vault, opened on the terminal.

A confidential process reads and writes the vault alone. On the way in, whatever waits in the ordinary file is moved.
"""

from __future__ import annotations

import asyncio
import getpass
import signal
import warnings

from conversation.vault import bring_in, exists
from storage.errors import StoreError
from storage.store import Store
from storage.vault_key import VaultKey
from tui.commands.output import say
from tui.vault_door import Trouble, Way, vault_key
from tui.wiring import Wiring


class VaultShut(StoreError):
    """Nobody could be asked for what opens the vault."""


def open_saved(wiring: Wiring, *, read_only: bool = True) -> Store:
    """The saved sessions of this process; whoever opens them closes them.

    In a confidential process without a vault, and with nothing that waits for one, they are none, in memory. Raises
    `StoreError`; in a confidential process after the person was asked, on the terminal, for what opens the vault.
    """
    if wiring.confinement is None:
        return Store.open(wiring.settings.database, read_only=read_only)
    if read_only and not exists(wiring.settings.vault) and not wiring.anything_waits():
        return Store.open(None)
    return Store.open(wiring.settings.vault, key=asyncio.run(unlock(wiring)), read_only=read_only)


async def unlock(wiring: Wiring) -> VaultKey:
    """The key of the vault, with everything in it that belongs there. Raises `StoreError`."""
    key = await vault_key(wiring.vault(), TerminalAsker())
    if key is None:
        raise VaultShut("Nothing was opened.")
    for trouble in await bring_in(wiring.settings.database, wiring.settings.vault, key, wiring.now):
        say(str(trouble))
    return key


class TerminalAsker:
    """Asks for a passphrase on the terminal, wherever input and output go; offers no other choice."""

    async def choose(self, trouble: Trouble) -> Way:
        """A passphrase for a new vault, where there is a terminal. Raises `VaultShut`."""
        if Way.PASSPHRASE in trouble.ways and _has_terminal():
            for sentence in trouble.sentences:
                say(sentence)
            return Way.PASSPHRASE
        raise VaultShut(
            " ".join(trouble.sentences)
            + " Nothing was opened and nothing was asked. duologue --confidential shows what can be done; "
            "--off-the-record keeps nothing on disk and needs no vault."
        )

    async def passphrase(self, *, making: bool, trouble: str) -> str | None:
        """Read it without an echo, twice where it is new. Raises `VaultShut`."""
        if trouble:
            say(trouble)
        if not making:
            return _hidden("Passphrase of the vault (not shown): ")
        words = _hidden("Passphrase for the new vault (not shown): ")
        if words and _hidden("The same once more: ") != words:
            say("The two are not the same.")
            return await self.passphrase(making=True, trouble="")
        return words

    async def recovery_key(self, *, trouble: str) -> str | None:
        """Read it without an echo. Raises `VaultShut`."""
        if trouble:
            say(trouble)
        return _hidden("Recovery key of the vault (not shown): ")

    def tell(self, words: str) -> None:
        """On standard error."""
        say(words)


def _has_terminal() -> bool:
    try:
        with open("/dev/tty", "rb"):  # noqa: PTH123 - not a file
            return True
    except OSError:
        return False


def _hidden(prompt: str) -> str | None:
    """What is typed, None for an empty line. Raises `VaultShut` where nobody can type."""
    # Of an event loop Ctrl+C asks for a cancellation, which would wait for the line to be typed.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with warnings.catch_warnings():
            # Where the echo cannot be switched off getpass warns and goes on, with the words on the screen.
            warnings.simplefilter("error", getpass.GetPassWarning)
            return getpass.getpass(prompt) or None
    except (EOFError, getpass.GetPassWarning):
        raise VaultShut(
            "The vault is opened with a passphrase, and there is no terminal to type it on. Run this in a terminal, "
            "or add --off-the-record, which keeps nothing on disk."
        ) from None
    finally:
        signal.signal(signal.SIGINT, before)
