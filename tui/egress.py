"""Puts the guard and the door together: what this process may reach, and who hears of what it may not.

In a confidential process the guard is there already (`confinement`), and the door gets its connections from the
broker. In an ordinary one the guard goes up here: what the door dials is expected, everything else is a surprise of
some library, is refused, and is told.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from backends.route import Route, WayClosed, take
from tui.confinement.guard import Guard

if TYPE_CHECKING:
    from tui.confinement.barrier import Confinement
    from tui.confinement.broker import Broker


def hold(confinement: Confinement | None) -> Guard:
    """Put the guard in force, and lead the doors where it lets them; None for an ordinary process. For the entry."""
    guard = Guard(confidential=False) if confinement is None else confinement.guard
    guard.install()
    broker = None if confinement is None else confinement.broker
    take(Route(None if broker is None else _dialling(broker), guard.vouching))
    return guard


def _dialling(broker: Broker) -> Callable[[str, int, float], socket.socket]:
    from tui.confinement.broker import BrokerGone, DialRefused

    def dial(host: str, port: int, seconds: float) -> socket.socket:
        try:
            return broker.dial(host, port, seconds=seconds)
        except (BrokerGone, DialRefused) as error:
            raise WayClosed(error.strerror) from error

    return dial
