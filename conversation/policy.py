"""Who may see a session's words. Pure functions; unknown means no.

A confidential session admits this machine, and hosts of the user's own network that they listed one by one in the
configuration. A private address that is not listed is not admitted: it may be anybody's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from backends import Connector, Locality
from storage import Side


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
