"""Keeps what was said. Values live in `records`; all SQL in `store`; the one thread that writes in `thread`."""

from storage.records import (
    Choice,
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
    Vote,
)

__all__ = [
    "Choice",
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
    "Vote",
]
