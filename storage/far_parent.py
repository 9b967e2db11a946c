"""Where a session was forked, while its parent is not in the same file.

A parent is a row; one that is elsewhere (in the other of the two stores, or was never imported) is kept in words, at
the beginning of the fork's `origin`: `fork:PARENT:SEQ`, then a colon and what else the origin says, if anything. When
the parent comes, `join` makes a row's link of it.
"""

from __future__ import annotations

from dataclasses import dataclass

from storage.database import Database

_FORK = "fork:"
_MOST_DIGITS = 18
"""Of a position; more would not fit SQLite's integers."""


@dataclass(frozen=True, slots=True)
class FarParent:
    """A parent that is not here."""

    session: str
    turn: int | None
    """The position after which the fork went its own way; None: its beginning."""
    origin: str = ""
    """What the fork's origin says besides."""

    def __str__(self) -> str:
        """As it stands in `origin`."""
        turn = "" if self.turn is None else self.turn
        return f"{_FORK}{self.session}:{turn}" + (f":{self.origin}" if self.origin else "")


def far_parent(origin: str) -> FarParent | None:
    """What an `origin` tells of a parent elsewhere; None if it tells of none."""
    if not origin.startswith(_FORK):
        return None
    session, _, rest = origin.removeprefix(_FORK).partition(":")
    turn, _, besides = rest.partition(":")
    if turn and not (turn.isascii() and turn.isdigit() and len(turn) <= _MOST_DIGITS):
        return None
    return FarParent(session, int(turn) if turn else None, besides)


def join(database: Database, session_id: str) -> None:
    """Tie a session that is whole now to its parent, and its forks to it, where those are here. In a transaction.

    What comes from a confidential session is confidential, whatever it was before.
    """
    for row in database.rows(
        "SELECT id, origin FROM sessions"
        " WHERE (id = ?1 AND origin GLOB 'fork:*') OR origin GLOB 'fork:' || ?1 || ':*'",
        (session_id,),
    ):
        far = far_parent(row["origin"])
        if far is not None and far.session != row["id"]:
            database.write(
                "UPDATE sessions SET origin = ?4, parent_id = ?2,"
                " confidential_since = coalesce(confidential_since,"
                "  (SELECT confidential_since FROM sessions WHERE id = ?2)),"
                " parent_turn_id = (SELECT id FROM turns WHERE session_id = ?2 AND seq = ?3)"
                " WHERE id = ?1 AND EXISTS (SELECT 1 FROM sessions WHERE id = ?2)",
                (row["id"], far.session, far.turn, far.origin),
            )
