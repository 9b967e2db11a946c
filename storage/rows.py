"""Between a row of a table and a record: times as text, the receipt's columns, a session."""

from __future__ import annotations

import sqlite3
from dataclasses import fields
from datetime import UTC, datetime

from storage.database import Value
from storage.records import Receipt, Session

RECEIPT_COLUMNS = tuple(field.name for field in fields(Receipt))
"""The replies table has a column of the same name for each."""


def time_text(when: datetime) -> str:
    """UTC to the millisecond, as 2026-03-01T09:30:00.000Z: sorts by time. Raises ValueError for a naive time."""
    if when.tzinfo is None:
        raise ValueError("A stored time needs its time zone.")
    return when.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def optional_time_text(when: datetime | None) -> str | None:
    """As `time_text`; None stays None."""
    return None if when is None else time_text(when)


def time(text: str) -> datetime:
    """What `time_text` wrote."""
    return datetime.fromisoformat(text)


def optional_time(text: str | None) -> datetime | None:
    """As `time`; None stays None."""
    return None if text is None else time(text)


def session(row: sqlite3.Row) -> Session:
    """A whole row of the sessions table."""
    return Session(
        id=row["id"],
        title=row["title"],
        created=time(row["created"]),
        updated=time(row["updated"]),
        left=row["left_model"],
        right=row["right_model"],
        confidential_since=optional_time(row["confidential_since"]),
        system_prompt=row["system_prompt"],
        parent_id=row["parent_id"],
        parent_turn_id=row["parent_turn_id"],
        draft=row["draft"],
        starred=bool(row["starred"]),
        archived=optional_time(row["archived_at"]),
        deleted=optional_time(row["deleted_at"]),
        origin=row["origin"],
    )


def receipt(row: sqlite3.Row) -> Receipt:
    """The receipt in a row of the replies table."""
    values = {name: row[name] for name in RECEIPT_COLUMNS}
    values["estimated"] = bool(values["estimated"])
    return Receipt(**values)


def receipt_values(receipt: Receipt) -> tuple[Value, ...]:
    """The receipt in the order of `RECEIPT_COLUMNS`."""
    return tuple(getattr(receipt, name) for name in RECEIPT_COLUMNS)
