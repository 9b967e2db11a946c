"""The vault of confidential sessions: how it is made, opened with one of three keys, and filled from the old file.

A vault's key is random and in the system's keyring, or comes of a passphrase. There is never a second vault or a new
key over one that exists: who has no key is told so, and nothing is written. What a confidential process does:

    vault = Vault(data_directory / "vault.db", VaultKeys())
    match vault.opened_with():
        case OpenedWith.NOTHING_YET:  key = await vault.create()                    # or create_with_passphrase(words)
        case OpenedWith.KEYRING:      key = await vault.key_from_keyring()          # or key_from_recovery(text)
        case OpenedWith.PASSPHRASE:   key = await vault.key_from_passphrase(words)  # or key_from_recovery(text)
    troubles = await bring_in(main_path, vault.path, key, now)     # finishes every move that was begun or marked
    store = StoreThread(vault.path, key=key, now=...)

`tui/vault_door.py` does it with a person to ask.

In an ordinary process, `Store.mark_confidential` is all: the session then waits for `bring_in`, and no program sends
a byte of it to a cloud. Ask `exists` there; it opens nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from backends.vault_keys import VaultKeys
from storage import files
from storage.database import Database
from storage.errors import Locked, StoreError, translate
from storage.store import Store
from storage.vault_key import OpenedWith, VaultKey, opened_with, salt_of

FILE_NAME = "vault.db"
_LOCK_SECONDS = 10.0


class VaultKeyMissing(StoreError):
    """There is a vault, and the keyring has no key for it."""


class VaultExists(StoreError):
    """A vault is there already; it is opened, not made."""


def exists(path: Path) -> bool:
    """True if there is a vault at `path`. Opens nothing; safe in any process at any time."""
    try:
        return path.stat().st_size > 0
    except OSError:
        return False


class Vault:
    """The one vault of a data directory. Ask before this process has its file open (see `salt_of`)."""

    def __init__(self, path: Path, keys: VaultKeys) -> None:
        self.path = path
        self._keys = keys

    def opened_with(self) -> OpenedWith:
        """What is asked for at the door. Raises `StoreError`."""
        return opened_with(self._salt_or_none())

    async def create(self) -> VaultKey:
        """Make the vault, with a random key that the keyring keeps and gave back.

        Raises `KeyringProblem` (offer a passphrase, or memory only), `VaultExists`, `StoreError`.
        """
        key = VaultKey.new()
        async with self._nobody_else_makes_one():
            await self._keys.create(key.name, key.reveal())
            await asyncio.to_thread(_make, self.path, key)
        return key

    async def create_with_passphrase(self, passphrase: str) -> VaultKey:
        """Make a vault that the passphrase opens. Raises `NotAVaultKey`, `VaultExists`, `StoreError`."""
        key = await asyncio.to_thread(VaultKey.from_new_passphrase, passphrase)
        async with self._nobody_else_makes_one():
            await asyncio.to_thread(_make, self.path, key)
        return key

    async def key_from_keyring(self) -> VaultKey:
        """The key that opens the vault. Raises `VaultKeyMissing`, `KeyringProblem`, `KeyringWaiting`, `WrongKey`."""
        salt = self._salt()
        found = await self._keys.get(salt.hex())
        if found is None:
            raise VaultKeyMissing(
                f"The keyring has no key for the vault {self.path}, and no other was made. Open it with your "
                "recovery key (duologue key recover), or bring back the keyring that has it."
            )
        return await self._proved(VaultKey(found, salt))

    async def key_from_passphrase(self, passphrase: str) -> VaultKey:
        """The key that opens the vault. Raises `WrongKey`, `StoreError`."""
        return await self._proved(await asyncio.to_thread(VaultKey.from_passphrase, passphrase, self._salt()))

    async def key_from_recovery(self, text: str) -> VaultKey:
        """The key that opens the vault, from what was printed; nothing is stored.

        Raises `NotAVaultKey` for a slip of the pen, `WrongKey`, `StoreError`.
        """
        return await self._proved(VaultKey.from_recovery_text(text, self._salt()))

    async def keep(self, key: VaultKey) -> None:
        """Put a key that opens the vault back into the keyring. Raises `KeyringProblem`."""
        await self._keys.create(key.name, key.reveal())

    def _salt_or_none(self) -> bytes | None:
        try:
            return salt_of(self.path)
        except OSError as error:
            raise translate(error, str(self.path)) from error

    def _salt(self) -> bytes:
        salt = self._salt_or_none()
        if salt is None:
            raise StoreError(f"There is no vault at {self.path}. Check DUOLOGUE_DATA_DIR, or bring the file back.")
        return salt

    async def _proved(self, key: VaultKey) -> VaultKey:
        await asyncio.to_thread(_prove, self.path, key)
        return key

    @asynccontextmanager
    async def _nobody_else_makes_one(self) -> AsyncGenerator[None, None]:
        """Of two programs that make the vault at once, the second finds the first one's."""
        from filelock import FileLock, Timeout

        try:
            files.make_folder(self.path.parent)
        except OSError as error:
            raise translate(error, str(self.path)) from error
        lock = FileLock(self.path.with_name(self.path.name + ".making"), mode=0o600, thread_local=False)
        try:
            await asyncio.to_thread(lock.acquire, timeout=_LOCK_SECONDS)
        except Timeout:
            raise Locked("Another window is making the vault. Answer it there, then try again.") from None
        try:
            if self.opened_with() is not OpenedWith.NOTHING_YET:
                raise VaultExists(f"There is a vault at {self.path} already. Open that one.")
            yield
        finally:
            lock.release()


async def bring_in(
    main: Path,
    vault: Path,
    key: VaultKey,
    now: Callable[[], datetime],
    *,
    patience: float = 5.0,
) -> list[StoreError]:
    """Move every confidential session of the ordinary file into the vault; what kept any of them from it.

    One that stays is latched and waits for the next call; nothing is lost, whenever the program is killed. Off the
    event loop: 0.1 s where nothing waits, 1 s for 1,000 turns. Raises `StoreError` if one of the files cannot be
    opened.
    """
    return await asyncio.to_thread(_bring_in, main, vault, key, now, patience)


def _bring_in(
    main: Path, vault: Path, key: VaultKey, now: Callable[[], datetime], patience: float
) -> list[StoreError]:
    if not exists(main):
        return []
    from storage.moving import move_all_latched

    ordinary = Store.open(main)
    try:
        confidential = Store.open(vault, key=key)
        try:
            troubles = move_all_latched(ordinary, confidential, now(), patience=patience)
            while confidential.index_changes():
                pass  # what came is found from now on, also by a reader
            return troubles
        finally:
            confidential.close()
    finally:
        ordinary.close()


def _make(path: Path, key: VaultKey) -> None:
    Store.open(path, key=key).close()


def _prove(path: Path, key: VaultKey) -> None:
    """Raises `WrongKey` where the key does not open the vault. A vault of an earlier version is fine."""
    Database.for_reading(path, key=key).close()
