"""What a file of conversations gives while it is read: sessions, their turns, and what is wrong, in its order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from storage.whole import WholeSession, WholeTurn


class Unreadable(Exception):
    """The file is none that can be imported, as one sentence that ends in what to do."""


@dataclass(frozen=True, slots=True)
class SessionRead:
    """A session; its turns follow."""

    whole: WholeSession


@dataclass(frozen=True, slots=True)
class TurnRead:
    """The next turn of the session before it."""

    whole: WholeTurn


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is left out."""

    where: str
    """ "conversation 17", "line 3", "byte 1,204,551"."""
    what: str


Event = SessionRead | TurnRead | Problem
Events = Iterator[Event]
