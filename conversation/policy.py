"""Who may see a session's words. Pure functions; unknown means no.

A confidential session admits this machine, and hosts of the user's own network that they listed one by one in the
configuration. A private address that is not listed is not admitted: it may be anybody's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from backends import Connector, Locality
from backends.listener import Listener
from conversation.attested import Attested, named
from storage import Side

BY_YOUR_WORD = f"{Locality.THIS_MACHINE}, by your word"


def admits(connector: Connector, *, confidential: bool) -> bool:
    """True if this model may be asked in such a session, by what its address alone says.

    It is a first gate: the backend still has to prove for each request that it is answered there.
    """
    return answer_is_acceptable(connector, connector.locality, confidential=confidential)


def admitted(connectors: Mapping[Side, Connector], *, confidential: bool) -> dict[Side, Connector]:
    """The sides that may be asked."""
    return {side: one for side, one in connectors.items() if admits(one, confidential=confidential)}


def answer_is_acceptable(connector: Connector, locality: Locality, *, confidential: bool) -> bool:
    """True if an answer of this model from there may be taken.

    Asked when a backend has located it, before the prompt is sent.
    """
    if not confidential:
        return True
    match locality:
        case Locality.THIS_MACHINE:
            return True
        case Locality.YOUR_NETWORK:
            return connector.is_listed
        case Locality.CLOUD:
            return False
        case _:
            assert_never(locality)


def needs_word(
    connector: Connector, attested: Attested, listener: Listener | None = None, *, confidential: bool
) -> bool:
    """True if the user must say first that this server is on this machine.

    So it is where nothing can be verified, and where `listener`, the program behind the port, is one that passes on.
    """
    server = connector.server
    if not confidential or server is None or not server.is_here:
        return False
    if listener is not None and listener.passes_on:
        return not attested.covers(named(server), listener.program)
    return connector.is_unverifiable and named(server) not in attested


def place(connector: Connector, attested: Attested, *, confidential: bool) -> str:
    """Where a model is asked, in words, and on whose word in a confidential session."""
    server = connector.server
    if confidential and server is not None and server.is_here and named(server) in attested:
        return BY_YOUR_WORD
    return str(connector.locality)
