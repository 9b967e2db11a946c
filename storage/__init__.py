"""Keeps what was said. Values live in `records`; all SQL in `store`; the one thread that writes in `thread`."""

from storage.records import (
    NewReply,
    Outcome,
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
    "NewReply",
    "Outcome",
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
