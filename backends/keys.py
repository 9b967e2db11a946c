"""API keys: from the dialog to the system's keyring, from the keyring to a client, and nowhere else.

A key belongs to one host and is never sent to another. It is looked for in this order:
given for this run, keyring, environment (for one host). Never in a file: a backend that would write one is refused.

An answer of the keyring that comes after its time limit is kept and served to the next one who asks.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NoReturn, TypeVar

from backends.errors import KeyRejected, MissingKey
from backends.system_keyring import KeyringProblem, KeyringWaiting, SystemKeyring

SERVICE = "duologue"
"""What our entries are filed under; the user name of each is the host."""
LONGEST_KEY = 1024
"""Characters. Keys have about a hundred; Windows keeps 1280 at most."""

_T = TypeVar("_T")


class ApiKey:
    """A key that shows itself only when asked to."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The key itself. Not for logs, messages or anything that is kept."""
        return self._text

    def __repr__(self) -> str:
        return "ApiKey(hidden)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ApiKey) and hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> NoReturn:
        raise TypeError("An API key is not written down.")


def checked_key(text: str) -> ApiKey:
    """The key in `text`, without the white space around it. Raises `KeyRejected` for what cannot be one."""
    key = text.strip()
    if not key:
        raise KeyRejected("The key is empty. Copy it from the provider's console and paste it here.")
    if len(key) > LONGEST_KEY:
        raise KeyRejected(f"That is {len(key):,} characters, far too long for a key. Copy only the key itself.")
    if not all("!" <= character <= "~" for character in key):
        raise KeyRejected(
            "The key has a space, a line break or a letter in it that no key has. Copy it once more, by itself."
        )
    return ApiKey(key)


@dataclass(frozen=True, slots=True)
class KeyStatus:
    """What there is for one host, without the key."""

    source: Literal["this run", "keyring", "environment", "none"]
    keyring: str
    """What people call the keyring that is used; empty if there is none."""
    problem: str
    """One sentence; empty if the keyring works."""


class ApiKeys:
    """The keys of this program, one for each host."""

    def __init__(self, *, environment: str | None, environment_host: str, timeout: float = 3.0) -> None:
        """`environment` is the value of ANTHROPIC_API_KEY, for `environment_host` alone; `timeout` in seconds."""
        self._environment = environment
        self._environment_host = environment_host
        self._this_run: dict[str, ApiKey] = {}
        self._keyring = SystemKeyring(SERVICE, timeout=timeout)
        self._known: dict[str, ApiKey] = {}
        """Keys as they were read last. Reading takes 40 ms and a conversation over the bus each time."""

    async def get(self, host: str) -> ApiKey:
        """The key for `host`.

        Raises `MissingKey` if there is none, `KeyringWaiting` if it may be in a keyring that does not answer, and
        `KeyRejected` if what the environment has cannot be a key.
        """
        if host in self._this_run:
            return self._this_run[host]
        try:
            key = await self._from_keyring(host)
            trouble = None
        except KeyringProblem as problem:
            key, trouble = None, problem
        key = key or self._from_environment(host)
        if key is not None:
            return key
        if isinstance(trouble, KeyringWaiting):
            raise trouble
        advice = "Press F9 for the key dialog, or run `duologue key set`"
        if host == self._environment_host:
            advice += ", or set ANTHROPIC_API_KEY"
        reason = f"{trouble} " if trouble else ""
        raise MissingKey(f"There is no API key for {host}. {reason}{advice}.") from trouble

    async def set(self, host: str, key: ApiKey) -> None:
        """Put the key into the keyring, and read it back. Raises `KeyringProblem`."""
        await self._ask(lambda: self._store_now(host, key))
        self._this_run.pop(host, None)

    async def delete(self, host: str) -> bool:
        """Forget the key for `host`; True if the keyring had one. Raises `KeyringProblem`."""
        self._this_run.pop(host, None)
        return await self._ask(lambda: self._delete_now(host))

    def use_for_this_run(self, host: str, key: ApiKey) -> None:
        """Use the key until the program ends, and write it nowhere."""
        self._this_run[host] = key

    async def status(self, host: str) -> KeyStatus:
        """Where the key for `host` would come from, and how the keyring is. Raises nothing."""
        stored, problem = None, ""
        try:
            stored = await self._from_keyring(host)
        except KeyringProblem as trouble:
            problem = str(trouble)
        source: Literal["this run", "keyring", "environment", "none"] = "none"
        if host in self._this_run:
            source = "this run"
        elif stored is not None:
            source = "keyring"
        elif host == self._environment_host and (self._environment or "").strip():
            source = "environment"
        return KeyStatus(source, self._keyring.name, problem)

    def _from_environment(self, host: str) -> ApiKey | None:
        if host != self._environment_host or not (self._environment or "").strip():
            return None
        try:
            return checked_key(self._environment or "")
        except KeyRejected as error:
            raise KeyRejected(f"ANTHROPIC_API_KEY does not hold a key. {error}") from None

    async def _from_keyring(self, host: str) -> ApiKey | None:
        known = self._known.get(host)
        return known if known is not None else await self._ask(lambda: self._get_now(host))

    async def _ask(self, call: Callable[[], _T]) -> _T:
        return await self._keyring.ask(
            call,
            waiting="Your keyring is waiting for its password. Give it where it asks, and try again; "
            "or use a key for this run only (F9).",
        )

    # In the keyring's thread

    def _get_now(self, host: str) -> ApiKey | None:
        if host in self._known:
            return self._known[host]
        text = self._keyring.get_now(host)
        if text is None:
            return None
        try:
            self._known[host] = checked_key(text)
        except KeyRejected:
            raise KeyringProblem(f"What the keyring holds for {host} is not a key. Store the key anew.") from None
        return self._known[host]

    def _store_now(self, host: str, key: ApiKey) -> None:
        self._known.pop(host, None)
        self._keyring.set_now(host, key.reveal())
        self._known[host] = key

    def _delete_now(self, host: str) -> bool:
        self._known.pop(host, None)
        return self._keyring.delete_now(host)
