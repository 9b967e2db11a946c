"""Keeps what was said. Values live in `records`; all SQL in `store`; the one thread that writes in `thread`."""

from storage.records import (
    Found,
    Hit,
    NewReply,
    Outcome,
    Place,
    Receipt,
    Reply,
    RequestRecord,
    Session,
    SessionSummary,
    Settlement,
    Side,
    Turn,
    TurnSize,
)

__all__ = [
    "Found",
    "Hit",
    "NewReply",
    "Outcome",
    "Place",
    "Receipt",
    "Reply",
    "RequestRecord",
    "Session",
    "SessionSummary",
    "Settlement",
    "Side",
    "Turn",
    "TurnSize",
]
