"""The broker: a small child in the host's network that dials for the confidential process, which has none.

It is forked before the process has a second thread and before the barrier is up, knows from its birth where it may
dial, and can do nothing else: it holds no file, no terminal and no database, starts nothing and listens nowhere. What
it hands over is a connected socket (SCM_RIGHTS), so answers flow at full speed and do not pass through it.

The protocol, one SOCK_SEQPACKET message each way:

    asked    JSON [host, port, seconds], with one descriptor: the socket on which the answer is awaited
    answer   "ok" with one descriptor, the connected socket; or a sentence that says why not

Every request brings the socket for its own answer, so answers cannot be mixed up, and one that nobody waits for any
more goes nowhere. Whatever else comes is dropped. The end of the connection is the end of the broker.

A connected TCP socket can be disconnected and connected elsewhere, and a socket keeps the network that it was born
in. So sockets to this machine are bound to the loopback device first: from there no route leads out.
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import json
import os
import signal
import socket
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn

from tui.confinement import filters, linux
from tui.confinement.process import hide_memory

_OK = b"ok"
_LONGEST = 4096
_MOST_SECONDS = 30.0
_GONE = (
    "The part of the program that connects to local models has ended, so no new connection can be made. "
    "What streams goes on; quit and start again for the next question."
)


class DialRefused(ConnectionRefusedError):
    """The broker does not dial this address; it was not told of it when the program started."""


class BrokerGone(ConnectionError):
    """The broker has ended."""


@dataclass(frozen=True, slots=True)
class Target:
    """One place that may be dialled."""

    host: str
    """A literal loopback address, or exactly as the user listed it: a literal address or a name of their network."""
    port: int

    @property
    def on_this_machine(self) -> bool:
        """True for a literal loopback address."""
        return _is_loopback(self.host)

    @property
    def is_name(self) -> bool:
        """True if dialling it asks a resolver."""
        try:
            ipaddress.ip_address(self.host)
        except ValueError:
            return True
        return False


class Broker:
    """The confidential process's end of the broker."""

    def __init__(self, control: socket.socket, process_id: int, targets: frozenset[Target]) -> None:
        self.process_id = process_id
        self.targets = targets
        self._control = control

    def dial(self, host: str, port: int, *, seconds: float = 5.0) -> socket.socket:
        """A socket that is connected to there; the caller closes it. Waits, at most a little longer than `seconds`.

        Raises `DialRefused` for what the broker was not told of at its birth, `BrokerGone`, and `OSError` as
        connect(2) does.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours:
            with theirs:
                try:
                    socket.send_fds(self._control, [json.dumps([host, port, seconds]).encode()], [theirs.fileno()])
                except OSError as error:
                    raise BrokerGone(errno.EPIPE, _GONE) from error
            ours.settimeout(min(seconds, _MOST_SECONDS) + 1.0)
            try:
                words, descriptors, _, _ = socket.recv_fds(ours, _LONGEST, 1)
            except TimeoutError:
                raise
            except OSError as error:
                raise BrokerGone(errno.EPIPE, _GONE) from error
        if words == _OK and len(descriptors) == 1:
            return socket.socket(fileno=descriptors[0])
        for descriptor in descriptors:
            os.close(descriptor)
        raise _as_error(words)

    def close(self) -> None:
        """End the broker; a program that ends does it as well."""
        self._control.close()


def start(targets: Iterable[Target]) -> Broker:
    """Fork the broker. Only while the process has one thread, and before any barrier.

    Raises `ValueError` if the process has threads already: a fork would copy locks that nobody opens again.
    """
    if threading.active_count() > 1:
        raise ValueError("The broker is forked before the first thread.")
    allowed = frozenset(targets)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    parent = os.getpid()
    process_id = os.fork()
    if process_id == 0:
        _live(theirs, allowed, parent)
    theirs.close()
    return Broker(ours, process_id, allowed)


def _live(control: socket.socket, allowed: frozenset[Target], parent: int) -> NoReturn:
    try:
        _let_go_of_everything_but(control.fileno())
        linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == parent:
            hide_memory()
            with contextlib.suppress(OSError):  # a processor without a filter; its parent is told by the level
                linux.install_filter(filters.connections_only(with_names=any(one.is_name for one in allowed)))
            _serve(control, allowed)
    finally:
        os._exit(0)  # never back into the program that was copied here


def _let_go_of_everything_but(kept: int) -> None:
    os.setsid()  # Ctrl+C in the terminal is for the program
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    os.closerange(3, kept)
    os.closerange(kept + 1, os.sysconf("SC_OPEN_MAX"))


def _serve(control: socket.socket, allowed: frozenset[Target]) -> None:
    while True:
        asked, descriptors, _, _ = socket.recv_fds(control, _LONGEST, 1)
        if not descriptors:
            if not asked:
                return
            continue
        # A thread each: a host of the user's network that does not answer must not keep others waiting.
        threading.Thread(target=_answer, args=(asked, socket.socket(fileno=descriptors[0]), allowed)).start()


def _answer(asked: bytes, reply: socket.socket, allowed: frozenset[Target]) -> None:
    with reply, contextlib.suppress(OSError):  # nobody waits for it any more
        try:
            host, port, seconds = json.loads(asked)
            target = Target(str(host), int(port))
            if target not in allowed:
                raise DialRefused(errno.EACCES, _not_told_of(target))
            with _connected(target, max(0.1, min(float(seconds), _MOST_SECONDS))) as dialled:
                socket.send_fds(reply, [_OK], [dialled.fileno()])
        except OSError as error:
            reply.send(json.dumps([error.errno or errno.EIO, error.strerror or str(error)]).encode()[:_LONGEST])
        except (ValueError, TypeError, RecursionError):
            reply.send(json.dumps([errno.EINVAL, "This was no request."]).encode())


def _connected(target: Target, seconds: float) -> socket.socket:
    """A connection whose other end was looked at."""
    problem: OSError | None = None
    for family, address in _addresses(target):
        dialled = socket.socket(family, socket.SOCK_STREAM)
        try:
            dialled.settimeout(seconds)
            if target.on_this_machine:
                _bind_to_loopback(dialled)
            dialled.connect(address)
            peer = dialled.getpeername()[0]
            if peer != address[0] or (target.on_this_machine and not _is_loopback(peer)):
                raise DialRefused(errno.EACCES, f"{target.host} led to {peer}.")
            dialled.settimeout(None)
        except OSError as error:
            dialled.close()
            problem = error
        else:
            return dialled
    raise problem or OSError(errno.EHOSTUNREACH, f"{target.host} has no address.")


def _addresses(target: Target) -> list[tuple[socket.AddressFamily, tuple[str, int]]]:
    if not target.is_name:
        family = socket.AF_INET6 if ":" in target.host else socket.AF_INET
        return [(family, (target.host, target.port))]
    found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    return [(family, (str(address[0]), target.port)) for family, _, _, _, address in found]


def _bind_to_loopback(dialled: socket.socket) -> None:
    """Best effort: before Linux 5.7 it takes rights, and there the filters and the guard stand alone."""
    with contextlib.suppress(PermissionError):
        dialled.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo")


def _as_error(words: bytes) -> OSError:
    if not words:
        return BrokerGone(errno.EPIPE, _GONE)
    try:
        number, said = json.loads(words)
    except ValueError:
        return BrokerGone(errno.EPROTO, _GONE)
    if number == errno.EACCES:
        return DialRefused(number, said)
    return OSError(number, said)  # becomes ConnectionRefusedError, TimeoutError ... by its number


def _not_told_of(target: Target) -> str:
    return (
        f"{target.host}:{target.port} was not named when confidential mode began, so it cannot be reached from it. "
        "Put it into the configuration or on the command line (--right), and start again."
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
