"""The guard: Python's own audit events, refused unless they are expected. It cannot be taken off again.

It holds Python code, that is almost everything that a dependency might do behind our back: a name looked up, a
connection, a datagram, a browser opened. What it does not hold is code below Python (ctypes, io_uring, an extension
with sockets of its own); the kernel's levels do. It is one per process, so threads of a resolver are held as well.

Confidential: only what was listed at the start, by literal address. Ordinary: what the program's own door dials, and
the names that it asked for; anything else is a surprise, is refused, and is told to whoever listens.

Measured with CPython 3.11 on two busy cores, by calling sys.audit 200,000 times with and without it: an event that is
none of ours costs 0.2 us, a connection 1 us, a name 3 us.
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import sys
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass


class EgressRefused(PermissionError):
    """Something tried to reach another machine and was not expected to."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One thing that was refused."""

    event: str
    """Python's name of the audit event."""
    host: str
    """An address, a name or a program. Foreign text."""
    port: int = 0


_vouched: ContextVar[str | None] = ContextVar("vouched", default=None)
"""The host that the door dials in this task."""

_CONNECTS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_ASKS = frozenset({"socket.getaddrinfo", "socket.gethostbyname"})
_ASKS_BACK = frozenset({"socket.gethostbyaddr", "socket.getnameinfo"})
"""The other way round: an address that is looked up is in the question."""
_OPENS = frozenset({"webbrowser.open"})
_STARTS = frozenset({"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "pty.spawn"})
_WATCHED = _CONNECTS | _ASKS | _ASKS_BACK | _OPENS | _STARTS | {"socket.bind"}


class Guard:
    """The policy of this process; `install` puts it in force."""

    def __init__(
        self,
        *,
        confidential: bool,
        targets: Iterable[tuple[str, int]] = (),
        may_start: Callable[[str], bool] = lambda _: True,
    ) -> None:
        """`targets`: hosts and ports that may be connected to. `may_start` decides on programs, by path."""
        self._confidential = confidential
        self._targets = set(targets)
        self._names = {_plain(host) for host, _ in self._targets if not _is_literal(host)}
        self._may_start = may_start
        self._installed = False
        self.refused: Callable[[Refusal], None] = lambda _: None
        """Hears of each refusal, in whichever thread it happened; must not block."""

    @property
    def confidential(self) -> bool:
        """True: only what was listed at the start."""
        return self._confidential

    def install(self) -> None:
        """From now on, until the process ends."""
        if not self._installed:
            self._installed = True
            sys.addaudithook(self._hook())

    @contextlib.contextmanager
    def vouching(self, host: str) -> Iterator[None]:
        """What this task connects to now is `host`, as the door dials it. Confidential: only if it was listed.

        A name is looked up in a thread of the resolver, to which no context reaches; so it is known from now on.
        """
        if not self._confidential:
            self._names.add(_plain(host))
        token = _vouched.set(host)
        try:
            yield
        finally:
            _vouched.reset(token)

    def _hook(self) -> Callable[[str, tuple[object, ...]], None]:
        """A function with all it needs in its own names: `id()` is audited, and Textual calls it 36,000 times before
        its first paint. 0.2 us each; as a method it took 0.6."""

        def hear(
            event: str,
            arguments: tuple[object, ...],
            watched: frozenset[str] = _WATCHED,
            judge: Callable[[str, tuple[object, ...]], None] = self._judge,
        ) -> None:
            if event in watched:
                judge(event, arguments)

        return hear

    def _judge(self, event: str, arguments: tuple[object, ...]) -> None:
        if event in _CONNECTS:
            self._check_connection(event, arguments[1])
        elif event in _ASKS or event in _ASKS_BACK:
            self._check_name(event, arguments[0])
        elif event == "socket.bind":
            self._check_listener(event, arguments[1])
        elif event in _OPENS:
            if self._confidential:
                self._refuse(Refusal(event, "a browser"))
        elif self._confidential:
            program = _program(arguments)
            if not self._may_start(program):
                self._refuse(Refusal(event, program))

    def _check_connection(self, event: str, address: object) -> None:
        if not isinstance(address, tuple) or len(address) < 2:
            return  # a unix socket, or one that is connected already
        host, port = str(address[0]), address[1] if isinstance(address[1], int) else 0
        vouched = _vouched.get()
        listed = (host, port) in self._targets or (vouched in self._names and (vouched, port) in self._targets)
        if listed or (vouched is not None and not self._confidential):
            return
        self._refuse(Refusal(event, host, port))

    def _check_listener(self, event: str, address: object) -> None:
        """Confidential: nobody from outside may call in either."""
        if self._confidential and isinstance(address, tuple) and not _is_loopback(str(address[0])):
            self._refuse(Refusal(event, str(address[0])))

    def _check_name(self, event: str, asked: object) -> None:
        host = asked[0] if isinstance(asked, tuple) and asked else asked
        name = host.decode("utf-8", "replace") if isinstance(host, bytes) else host
        if not isinstance(name, str) or not name:
            return  # this machine, any address
        if _is_loopback(name) if event in _ASKS_BACK else _is_literal(name):
            return  # nobody is asked; a connection is judged when it comes
        if _plain(name) in self._names:
            return
        self._refuse(Refusal(event, name))

    def _refuse(self, refusal: Refusal) -> None:
        self.refused(refusal)
        where = f"{refusal.host}:{refusal.port}" if refusal.port else refusal.host
        raise EgressRefused(errno.EACCES, f"This program does not reach {where} (refused at {refusal.event}).")


def _program(arguments: tuple[object, ...]) -> str:
    first = arguments[0] if arguments else ""
    if isinstance(first, (list, tuple)):
        first = first[0] if first else ""
    return first.decode("utf-8", "replace") if isinstance(first, bytes) else str(first)


def _plain(host: str) -> str:
    return host.strip("[]").rstrip(".").lower()


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]").partition("%")[0]).is_loopback
    except ValueError:
        return False
