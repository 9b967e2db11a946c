"""Who may see a session's words. Pure functions; unknown means no."""

from __future__ import annotations

from collections.abc import Mapping

from backends import Connector, Locality
from storage import Side


def admits(connector: Connector, *, confidential: bool) -> bool:
    """True if this model may be asked in such a session, by what its address alone says.

    It is a first gate: the backend still has to prove for each request that this machine answers.
    """
    return not confidential or connector.locality is Locality.THIS_MACHINE


def admitted(connectors: Mapping[Side, Connector], *, confidential: bool) -> dict[Side, Connector]:
    """The sides that may be asked."""
    return {side: one for side, one in connectors.items() if admits(one, confidential=confidential)}


def answer_is_acceptable(locality: Locality, *, confidential: bool) -> bool:
    """True if an answer from there may be taken; asked when a backend has located it, before the prompt is sent."""
    return not confidential or locality is Locality.THIS_MACHINE
