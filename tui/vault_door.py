"""How a confidential process gets the key of its vault, whatever stands in the way: app and command line alike.

Who is asked is an `Asker`: dialogs in the app, the terminal without a screen. There is no plain file as a way out.
What cannot be opened stays as it is, and the person chooses: try again, another key, nothing on disk, or leave.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol, assert_never

from backends.system_keyring import KeyringProblem
from conversation.vault import Vault, VaultExists, VaultKeyMissing
from storage.errors import StoreError, WrongKey
from storage.vault_key import NotAVaultKey, OpenedWith, VaultKey

CREATED = (
    "The vault of confidential sessions was made, and its key is in your keyring. If the key is lost, so are all "
    "confidential sessions: nobody can bring them back. `duologue key recovery` prints a recovery key for paper."
)
MADE_BY_WORDS = (
    "The vault of confidential sessions was made. Its passphrase is its only key: if it is lost, so are all "
    "confidential sessions, and nobody can bring them back."
)
NO_RECOVERY_KEY = (
    "The vault is opened with a passphrase, which is its key: there is no recovery key beside it. Write the "
    "passphrase on paper and keep that away from this machine."
)
MOVING = "Moving what became confidential into the vault: about a second for 1,000 turns."
MOVED = "What became confidential is in the vault now, and no longer in the ordinary file."
MEMORY_ONLY = "The vault stays shut: what you write now is in memory only, and forgotten when you leave."
KEPT = "The vault is open, and its key is in your keyring again."
_NO_KEY_YET = (
    "The vault of confidential sessions needs a key, and no keyring keeps one now. You can choose a passphrase "
    "instead, or keep nothing on disk. A plain file is not offered."
)


class Way(Enum):
    """What a person can choose where the vault does not open."""

    RETRY = auto()
    PASSPHRASE = auto()
    RECOVERY = auto()
    MEMORY = auto()
    """Nothing on disk in this run."""
    LEAVE = auto()


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why the vault is shut, in sentences fit to show, and what can be done."""

    sentences: Sequence[str]
    ways: Sequence[Way]


class Asker(Protocol):
    """Somebody who can be asked. An answer of None goes back to the choice before."""

    async def choose(self, trouble: Trouble) -> Way:
        """Which way to take."""
        ...

    async def passphrase(self, *, making: bool, trouble: str) -> str | None:
        """What opens the vault, or is to open it; not shown."""
        ...

    async def recovery_key(self, *, trouble: str) -> str | None:
        """What was printed on paper; not shown."""
        ...

    def tell(self, words: str) -> None:
        """Say something that needs no answer."""
        ...


class Recalled:
    """An asker that knows what was told last: one line takes the place of the one before."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker
        self.last = ""

    async def choose(self, trouble: Trouble) -> Way:
        """Pass it on."""
        return await self._asker.choose(trouble)

    async def passphrase(self, *, making: bool, trouble: str) -> str | None:
        """Pass it on."""
        return await self._asker.passphrase(making=making, trouble=trouble)

    async def recovery_key(self, *, trouble: str) -> str | None:
        """Pass it on."""
        return await self._asker.recovery_key(trouble=trouble)

    def tell(self, words: str) -> None:
        """Pass it on, and remember it."""
        self.last = words
        self._asker.tell(words)


class VaultLeft(Exception):
    """The person chose to leave instead."""


async def vault_key(vault: Vault, asker: Asker) -> VaultKey | None:
    """The key that opens the vault, which is made if there is none; None: nothing is to be kept on disk.

    Raises `VaultLeft`, and what the asker raises.
    """
    while True:
        try:
            return await _attempt(vault, asker)
        except (_Again, VaultExists):  # another window may just have made it
            continue


class _Again(Exception):
    """Begin once more."""


async def _attempt(vault: Vault, asker: Asker) -> VaultKey | None:
    try:
        key = await _without_a_choice(vault, asker)
    except VaultExists:
        raise
    except (KeyringProblem, StoreError) as problem:
        trouble = _trouble(problem, vault)
    else:
        if key is not None:
            return key
        trouble = _SHUT
    match await asker.choose(trouble):
        case Way.RETRY:
            raise _Again
        case Way.PASSPHRASE:
            key = await _made_with_passphrase(vault, asker)
        case Way.RECOVERY:
            key = await _from_recovery_key(vault, asker)
        case Way.MEMORY:
            return None
        case Way.LEAVE:
            raise VaultLeft
        case never:
            assert_never(never)
    if key is None:
        raise _Again
    return key


async def _without_a_choice(vault: Vault, asker: Asker) -> VaultKey | None:
    """The key, where all goes well; None if no passphrase was given. Raises `KeyringProblem`, `StoreError`."""
    match vault.opened_with():
        case OpenedWith.NOTHING_YET:
            key = await vault.create()
            asker.tell(CREATED)
            return key
        case OpenedWith.KEYRING:
            return await vault.key_from_keyring()
        case OpenedWith.PASSPHRASE:
            return await _from_passphrase(vault, asker)
        case never:
            assert_never(never)


async def _from_passphrase(vault: Vault, asker: Asker) -> VaultKey | None:
    trouble = ""
    while (words := await asker.passphrase(making=False, trouble=trouble)) is not None:
        try:
            return await vault.key_from_passphrase(words)
        except WrongKey as problem:
            trouble = str(problem)
    return None


async def _made_with_passphrase(vault: Vault, asker: Asker) -> VaultKey | None:
    trouble = ""
    while (words := await asker.passphrase(making=True, trouble=trouble)) is not None:
        try:
            key = await vault.create_with_passphrase(words)
        except NotAVaultKey as problem:
            trouble = str(problem)
        else:
            asker.tell(MADE_BY_WORDS)
            return key
    return None


async def _from_recovery_key(vault: Vault, asker: Asker) -> VaultKey | None:
    trouble = ""
    while (text := await asker.recovery_key(trouble=trouble)) is not None:
        try:
            key = await vault.key_from_recovery(text)
        except (NotAVaultKey, WrongKey) as problem:
            trouble = str(problem)
            continue
        with suppress(KeyringProblem):
            await vault.keep(key)
            asker.tell(KEPT)
        return key
    return None


_SHUT = Trouble(
    ("The vault is opened with a passphrase, and none was given.",),
    (Way.RETRY, Way.MEMORY, Way.LEAVE),
)


def _trouble(problem: KeyringProblem | StoreError, vault: Vault) -> Trouble:
    try:
        is_new = vault.opened_with() is OpenedWith.NOTHING_YET
    except StoreError:
        is_new = False
    if is_new and isinstance(problem, KeyringProblem):
        return Trouble((str(problem), _NO_KEY_YET), (Way.RETRY, Way.PASSPHRASE, Way.MEMORY, Way.LEAVE))
    if isinstance(problem, KeyringProblem | VaultKeyMissing | WrongKey):
        return Trouble((str(problem),), (Way.RETRY, Way.RECOVERY, Way.MEMORY, Way.LEAVE))
    return Trouble((str(problem),), (Way.RETRY, Way.MEMORY, Way.LEAVE))
