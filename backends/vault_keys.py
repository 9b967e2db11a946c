"""The key of a vault in the system's keyring, and nowhere else.

An entry's name is the vault's own (the salt of its file), so a vault that was moved or copied finds its key, and the
key of one vault never replaces another's. Values are the hexadecimal form of the key's 32 bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from backends.system_keyring import TIMEOUT, KeyringProblem, SystemKeyring

SERVICE = "duologue-vault"

_T = TypeVar("_T")


class VaultKeys:
    """The keys of this user's vaults."""

    def __init__(self, *, timeout: float = TIMEOUT) -> None:
        """`timeout` in seconds, for each call; a call past it may be made again."""
        self._keyring = SystemKeyring(SERVICE, timeout=timeout)

    async def get(self, vault: str) -> bytes | None:
        """The key of the vault of that name; None if there is none. Raises `KeyringProblem`, `KeyringWaiting`."""
        text = await self._ask(lambda: self._keyring.get_now(vault))
        if text is None:
            return None
        try:
            return bytes.fromhex(text)
        except ValueError:
            raise KeyringProblem(
                "What the keyring holds for the vault is not a key. Open the vault with its recovery key."
            ) from None

    async def create(self, vault: str, key: bytes) -> None:
        """Store the key and read it back. Raises `KeyringProblem`, also where another key is there already."""
        await self._ask(lambda: self._create_now(vault, key.hex()))

    async def delete(self, vault: str) -> bool:
        """Forget the key; True if there was one. Raises `KeyringProblem`."""
        return await self._ask(lambda: self._keyring.delete_now(vault))

    def _create_now(self, vault: str, text: str) -> None:
        there = self._keyring.get_now(vault)
        if there not in (None, text):
            raise KeyringProblem("The keyring has another key for this vault, which was left as it is. Try that one.")
        if there is None:
            self._keyring.set_now(vault, text)

    async def _ask(self, call: Callable[[], _T]) -> _T:
        return await self._keyring.ask(
            call,
            waiting="Your keyring is waiting for its password. Give it where it asks, and try again; "
            "until then the vault stays shut.",
        )
