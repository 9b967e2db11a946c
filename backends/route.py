"""How this process gets a connection, decided once by whoever put the program together; the door asks here.

A confidential process has no network of its own: a broker dials for it. Everywhere else the door dials itself, and
says beforehand that it does, so that the process's guard can tell it from a surprise. Confinement is a property of
the process, and so is this.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass


class DoorRefused(OSError):
    """Something was asked of a door that leads elsewhere; nothing was sent."""


class WayClosed(DoorRefused):
    """This process has no way to the address, whoever is there; the message says what to do."""


Dial = Callable[[str, int, float], socket.socket]
"""Host, port, seconds: a connected socket. Blocks; raises `WayClosed`, and `OSError` as connect(2) does."""


@dataclass(frozen=True, slots=True)
class Route:
    """The way to a server."""

    dial: Dial | None = None
    """None: the process dials itself."""
    vouching: Callable[[str], AbstractContextManager[None]] = lambda _: nullcontext()
    """For the time of its own dialling to this host."""


_route = Route()


def take(route: Route) -> None:
    """From now on every door of this process leads this way."""
    global _route
    _route = route


def taken() -> Route:
    """The way that doors lead."""
    return _route
