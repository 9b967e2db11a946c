"""API keys: from the dialog to the system's keyring, from the keyring to a client, and nowhere else.

The only door to `keyring`. A key belongs to one host and is never sent to another. It is looked for in this order:
given for this run, keyring, environment (for one host). Never in a file: a backend that would write one is refused.

Keyrings hang: one that waits for its password, or a service that is dead but connected, never answers. So everything,
the import included, happens in one daemon thread. A thread of `asyncio.to_thread` would keep the process from ending.
Whoever asks gets an answer within the time limit; an answer that comes later is kept and served to the next one.
"""

from __future__ import annotations

import asyncio
import hmac
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, NoReturn, TypeVar

from backends.errors import BackendError, KeyRejected, MissingKey

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

SERVICE = "duologue"
"""What our entries are filed under; the user name of each is the host."""
LONGEST_KEY = 1024
"""Characters. Keys have about a hundred; Windows keeps 1280 at most."""

_T = TypeVar("_T")

_ENCRYPTING: Final = {
    "keyring.backends.SecretService.Keyring": "Secret Service",
    "keyring.backends.libsecret.Keyring": "Secret Service",
    "keyring.backends.kwallet.DBusKeyring": "KWallet",
    "keyring.backends.kwallet.DBusKeyringKWallet4": "KWallet",
    "keyring.backends.macOS.Keyring": "macOS Keychain",
    "keyring.backends.Windows.WinVaultKeyring": "Windows Credential Manager",
}
"""The backends that are trusted with a key, and what people call them."""


class KeyringProblem(BackendError):
    """The keyring cannot be used: none, locked, refused, or it failed."""

    kind = "keyring-problem"


class KeyringWaiting(KeyringProblem):
    """The keyring has not answered; most likely it waits for its password."""


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
        self._timeout = timeout
        self._this_run: dict[str, ApiKey] = {}
        self._keyring = _Keyring()
        self._thread = _DaemonThread()

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
        await self._ask(lambda: self._keyring.set(host, key))
        self._this_run.pop(host, None)

    async def delete(self, host: str) -> bool:
        """Forget the key for `host`; True if the keyring had one. Raises `KeyringProblem`."""
        self._this_run.pop(host, None)
        return await self._ask(lambda: self._keyring.delete(host))

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
        known = self._keyring.known.get(host)
        return known if known is not None else await self._ask(lambda: self._keyring.get(host))

    async def _ask(self, call: Callable[[], _T]) -> _T:
        waiting = (
            "Your keyring is waiting for its password. Give it where it asks, and try again; "
            "or use a key for this run only (F9)."
        )
        if self._thread.busy_for() > self._timeout:
            raise KeyringWaiting(waiting)
        # Past the time limit a call that has not begun is withdrawn; one that has begun goes on.
        answer = asyncio.wrap_future(self._thread.submit(call))
        try:
            return await asyncio.wait_for(answer, self._timeout)
        except TimeoutError:
            raise KeyringWaiting(waiting) from None


class _DaemonThread:
    """Makes calls one after the other in a thread that does not keep the process from ending."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._busy_since: float | None = None

    def busy_for(self) -> float:
        """Seconds that the present call has taken; 0 if there is none."""
        since = self._busy_since
        return 0.0 if since is None else time.monotonic() - since

    def submit(self, call: Callable[[], _T]) -> Future[_T]:
        """Make the call when those before it are done."""
        answer: Future[_T] = Future()

        def make_call() -> None:
            if not answer.set_running_or_notify_cancel():
                return
            try:
                result = call()
            except BaseException as error:  # noqa: BLE001  # handed on to whoever waits
                answer.set_exception(error)
            else:
                answer.set_result(result)

        self._calls.put(make_call)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="keyring", daemon=True)
            self._thread.start()
        return answer

    def _run(self) -> NoReturn:
        while True:
            call = self._calls.get()
            self._busy_since = time.monotonic()
            try:
                call()
            finally:
                self._busy_since = None


class _Keyring:
    """The system's keyring, synchronous. Each method may hang for ever, and raises `KeyringProblem`."""

    def __init__(self) -> None:
        self.name = ""
        """What people call it; empty until it is found."""
        self.known: dict[str, ApiKey] = {}
        """Keys as they were read last. Reading takes 40 ms and a conversation over the bus each time."""
        self._backend: KeyringBackend | None = None

    def get(self, host: str) -> ApiKey | None:
        if host in self.known:
            return self.known[host]
        backend = self._opened()
        text = _translated(lambda: backend.get_password(SERVICE, host))
        if text is None:
            return None
        try:
            self.known[host] = checked_key(text)
        except KeyRejected:
            raise KeyringProblem(f"What the keyring holds for {host} is not a key. Store the key anew.") from None
        return self.known[host]

    def set(self, host: str, key: ApiKey) -> None:
        backend = self._opened()
        self.known.pop(host, None)
        _translated(lambda: backend.set_password(SERVICE, host, key.reveal()))
        if _translated(lambda: backend.get_password(SERVICE, host)) != key.reveal():
            raise KeyringProblem("The keyring took the key but does not give it back. Use a key for this run only.")
        self.known[host] = key

    def delete(self, host: str) -> bool:
        backend = self._opened()
        self.known.pop(host, None)
        if _translated(lambda: backend.get_password(SERVICE, host)) is None:
            return False
        _translated(lambda: backend.delete_password(SERVICE, host))
        return True

    def _opened(self) -> KeyringBackend:
        if self._backend is None:
            self._backend, self.name = _translated(_encrypting_backend)
        return self._backend


def _encrypting_backend() -> tuple[KeyringBackend, str]:
    import keyring
    from keyring.backends.chainer import ChainerBackend

    chosen = keyring.get_keyring()
    # A chain may end in a backend that writes plain files; only its encrypting members are used.
    candidates = list(chosen.backends) if isinstance(chosen, ChainerBackend) else [chosen]
    for backend in candidates:
        name = _ENCRYPTING.get(_class_name(backend))
        if name is not None and backend.priority >= 1:
            return backend, name
    match _class_name(chosen):
        case "keyring.backends.fail.Keyring" | "keyring.backends.chainer.ChainerBackend":
            raise KeyringProblem("This system has no keyring that can be used.")
        case "keyring.backends.null.Keyring":
            raise KeyringProblem("The keyring is switched off (PYTHON_KEYRING_BACKEND or keyringrc.cfg says so).")
        case other:
            raise KeyringProblem(f"The keyring backend {other} is refused: it is not known to encrypt.")


def _class_name(backend: KeyringBackend) -> str:
    return f"{type(backend).__module__}.{type(backend).__qualname__}"


def _translated(call: Callable[[], _T]) -> _T:
    """The call's result. Whatever goes wrong in a keyring becomes a `KeyringProblem`, without the foreign words."""
    try:
        return call()
    except KeyringProblem:
        raise
    except ImportError as error:
        module = error.name or "of that name"
        raise KeyringProblem(
            f"The keyring backend cannot be loaded: there is no module {module} (see PYTHON_KEYRING_BACKEND)."
        ) from error
    except Exception as error:  # backends raise what their buses and systems raise, KeyringError or not
        if type(error).__name__ in ("KeyringLocked", "PromptDismissedException", "LockedException"):
            raise KeyringProblem("Your keyring is locked, and was not unlocked.") from error
        raise KeyringProblem(f"The keyring failed ({type(error).__name__}).") from error
