"""What a conversation refuses, each with what to do about it. Light to import: a screen has to know them at once.

NothingToAsk     nobody is there to answer
└── WordNeeded   the user has not vouched for the server yet
Busy             that side still answers
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from conversation.attested import named

if TYPE_CHECKING:
    from backends import Connector
    from backends.address import ServerAddress
    from backends.listener import Listener


class NothingToAsk(Exception):
    """No admitted side is there to answer; the message says what to do."""


class WordNeeded(NothingToAsk):
    """What answers at an address of this machine cannot be verified, and the user has not vouched for it yet."""

    def __init__(self, connector: Connector, server: ServerAddress, listener: Listener | None) -> None:
        self.name = named(server)
        """HOST:PORT."""
        self.is_lmstudio = connector.spec.backend == "lmstudio"
        self.program = listener.program if listener else ""
        """Who listens there (foreign text), "" where that is not known."""
        self.passes_on = listener is not None and listener.passes_on
        super().__init__(
            f"This session is confidential, and nothing proves that what answers at {self.name} is on this machine. "
            f'If it is, say so with --attest {self.name}, or add attested = ["{self.name}"] to the configuration.'
        )


class Busy(Exception):
    """That side still answers."""
