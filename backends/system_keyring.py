"""The system's keyring: the only door to `keyring`, for API keys and for the vault's key.

Keyrings hang: one that waits for its password, or a service that is dead but connected, never answers. So everything,
the import included, happens in one daemon thread. A thread of `asyncio.to_thread` would keep the process from ending.
Whoever asks gets an answer within the time limit. Only backends that are known to encrypt are used, and what is
written is read back: one that is switched off "works" and keeps nothing.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Final, NoReturn, TypeVar

from backends.errors import BackendError

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

TIMEOUT = 3.0
"""Seconds to wait for a keyring."""

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


class SystemKeyring:
    """Secrets of one service. The methods named `*_now` may hang for ever: they are for `ask` alone."""

    def __init__(self, service: str, *, timeout: float = TIMEOUT) -> None:
        self.name = ""
        """What people call it; empty until it is found."""
        self._service = service
        self._timeout = timeout
        self._thread = _DaemonThread()
        self._backend: KeyringBackend | None = None

    async def ask(self, call: Callable[[], _T], *, waiting: str) -> _T:
        """What `call` gives, made in the keyring's thread.

        Raises `KeyringWaiting` with the given words past the time limit, and what `call` raises. A call that has not
        begun by then is withdrawn; one that has begun goes on.
        """
        if self._thread.busy_for() > self._timeout:
            raise KeyringWaiting(waiting)
        answer = asyncio.wrap_future(self._thread.submit(call))
        try:
            return await asyncio.wait_for(answer, self._timeout)
        except TimeoutError:
            raise KeyringWaiting(waiting) from None

    def get_now(self, user: str) -> str | None:
        """The secret, or None. Raises `KeyringProblem`."""
        backend = self._opened()
        return _translated(lambda: backend.get_password(self._service, user))

    def set_now(self, user: str, secret: str) -> None:
        """Store the secret and read it back. Raises `KeyringProblem`."""
        backend = self._opened()
        _translated(lambda: backend.set_password(self._service, user, secret))
        if self.get_now(user) != secret:
            raise KeyringProblem("The keyring took the key but does not give it back. Use a key for this run only.")

    def delete_now(self, user: str) -> bool:
        """Forget the secret; True if there was one. Raises `KeyringProblem`."""
        if self.get_now(user) is None:
            return False
        backend = self._opened()
        _translated(lambda: backend.delete_password(self._service, user))
        return True

    def _opened(self) -> KeyringBackend:
        if self._backend is None:
            self._backend, self.name = _translated(_encrypting_backend)
        return self._backend


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
