"""Reads fields out of records that somebody else wrote.

Nothing is taken on trust: a field of another type is a problem of that record (`BadRecord`), told in a sentence, and
never a surprise further in. Unknown fields are passed over, so that a later version of a format can still be read.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

Fields = Mapping[str, object]


class BadRecord(Exception):
    """One record of a file cannot be taken; the message says why, and the rest of the file goes in."""


def record(value: object, what: str) -> Fields:
    """The value as a record. Raises `BadRecord`."""
    if not isinstance(value, dict):
        raise BadRecord(f"{what} is not an object")
    return value


def records(fields: Fields, name: str) -> Sequence[object]:
    """A list; missing or null is an empty one. Raises `BadRecord`."""
    value = fields.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise BadRecord(f"{name} is not a list")
    return value


def text(fields: Fields, name: str, default: str | None = None) -> str:
    """A text that must be there unless there is a default. Raises `BadRecord`."""
    value = optional_text(fields, name)
    if value is None:
        if default is None:
            raise BadRecord(f"{name} is missing")
        return default
    return value


def optional_text(fields: Fields, name: str) -> str | None:
    """A text, or None for null and missing. Raises `BadRecord`."""
    value = fields.get(name)
    if value is not None and not isinstance(value, str):
        raise BadRecord(f"{name} is not text")
    return value


def flag(fields: Fields, name: str) -> bool:
    """True or False; missing or null is False. Raises `BadRecord`."""
    value = fields.get(name)
    if value is not None and not isinstance(value, bool):
        raise BadRecord(f"{name} is neither true nor false")
    return bool(value)


def optional_integer(fields: Fields, name: str) -> int | None:
    """A whole number that fits 64 bits, or None. Raises `BadRecord`."""
    value = fields.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
        raise BadRecord(f"{name} is not a whole number")
    return value


def position(fields: Fields, name: str) -> int:
    """1, 2, 3 ... Raises `BadRecord`."""
    value = optional_integer(fields, name)
    if value is None or value < 1:
        raise BadRecord(f"{name} is not 1 or more")
    return value


def optional_number(fields: Fields, name: str) -> float | None:
    """A finite number, or None. Raises `BadRecord`."""
    value = fields.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or not math.isfinite(value):
        raise BadRecord(f"{name} is not a number")
    return float(value)


def time(fields: Fields, name: str) -> datetime:
    """A time that must be there. Raises `BadRecord`."""
    found = optional_time(fields, name)
    if found is None:
        raise BadRecord(f"{name} is missing")
    return found


def optional_time(fields: Fields, name: str) -> datetime | None:
    """ISO 8601 (without a zone: UTC), or seconds since 1970; None for null and missing. Raises `BadRecord`."""
    value = fields.get(name)
    if value is None:
        return None
    try:
        if isinstance(value, str):
            when = datetime.fromisoformat(value)
        else:
            when = datetime.fromtimestamp(optional_number(fields, name) or 0.0, UTC)
        return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise BadRecord(f"{name} is not a time") from error
