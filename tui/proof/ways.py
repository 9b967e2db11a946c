"""What a way out is, and where all of them lead: to nobody."""

from __future__ import annotations

import errno
import os
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

V4, V6 = "198.51.100.66", "2001:db8::66"
NAME = "duologue-proof.invalid"
PORT = 443
WORDS = b"duologue tries whether this gets out"


class NotHere(Exception):
    """This machine or installation does not have the way; the message says what is missing."""


class ToAProgramHere(Exception):
    """It went to another program on this machine, not away from it."""


@dataclass(frozen=True, slots=True)
class Outside:
    """What the process outside holds ready, so that reaching out to it can be tried."""

    process_id: int
    server: tuple[str, int]
    """A server on loopback whose every answer is a redirect to `V4`; the one place that may be dialled."""
    datagram: int
    """Number of a UDP socket of that process, which it uses for nothing."""
    abstract: str
    """Name of a unix socket that it listens on, in the abstract namespace."""
    dial: Callable[[str, int], socket.socket] | None = None
    """How the child gets a connection from its broker; None: it has no broker."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way out. `attempt` returns what was seen when the kernel took it, and raises what refused it."""

    name: str
    attempt: Callable[[Outside], str]
    below_python: bool = False


def begun(connecting: socket.socket, address: tuple[str, int]) -> str:
    """Begin a TCP connection without waiting for an answer; raises what refuses it."""
    with connecting:
        connecting.setblocking(False)  # noqa: FBT003 - the name is the socket's
        number = connecting.connect_ex(address)
        if number not in (0, errno.EINPROGRESS):
            raise OSError(number, os.strerror(number))
    return "the kernel began the connection"


def program() -> list[str]:
    """One that ends with 0 if the kernel began a connection for it, else with the number of the error."""
    return ["/bin/sh", "-c", 'exec "$0" "$@"', *interpreter()]


def interpreter() -> list[str]:
    """The same, by the program that runs the embedded engine as well."""
    script = (
        "import socket,sys\n"
        "try:\n s=socket.socket();s.setblocking(0)\n"
        "except OSError as e: sys.exit(e.errno)\n"
        f"n=s.connect_ex(({V4!r},{PORT}))\n"
        f"sys.exit(0 if n in (0,{errno.EINPROGRESS}) else n)"
    )
    return [sys.executable, "-I", "-S", "-c", script]


def ended(code: int) -> str:
    """What the end of that program says; raises `OSError` for its error."""
    if code:
        raise OSError(code, os.strerror(code) if 0 < code < 255 else "the program was ended")
    return "the kernel began the connection of the program that was started"


def packets_sent() -> int:
    """How many packets left through the interfaces of this network, without loopback. Raises `NotHere`."""
    try:
        lines = Path("/proc/self/net/dev").read_text().splitlines()[2:]
    except FileNotFoundError:
        raise NotHere("this system does not tell how many packets left") from None
    counters = (line.partition(":") for line in lines)
    return sum(int(numbers.split()[9]) for name, _, numbers in counters if name.strip() != "lo")
