"""Results as rows, and the rows as a Markdown table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks import machine


@dataclass(frozen=True, slots=True)
class Limit:
    """What a figure must not exceed, and what it should not; in the row's unit."""

    must: float
    stretch: float


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. Smaller is better, in every row."""

    what: str
    value: float | None
    """None: it could not be measured; `note` says why."""
    unit: str
    """ms, s, x (times another figure), %, MB ..."""
    limit: Limit | None = None
    n: int = 1
    """Runs, or single measurements where the figure is a percentile."""
    note: str = ""
    pressure: float | None = None
    """`machine.cpu_pressure` when the row was made."""


def row(
    what: str, value: float | None, unit: str, limit: tuple[float, float] | None = None, *, n: int = 1, note: str = ""
) -> Row:
    """A row made now. `limit` is must and stretch."""
    why = note or ("not measured" if value is None else "")
    return Row(what, value, unit, Limit(*limit) if limit else None, n, why, machine.cpu_pressure())


def verdict(row: Row) -> str:
    """How a figure stands to its limit, in one or two words."""
    if row.value is None:
        return "not measured"
    if row.limit is None:
        return ""
    if row.value <= row.limit.stretch:
        return "stretch"
    return "must" if row.value <= row.limit.must else "**missed**"


def table(rows: Sequence[Row]) -> str:
    """A Markdown table of all rows."""
    head = ["what", "value", "must", "stretch", "reached", "n", "CPU pressure", "remarks"]
    lines = [head, ["---", "---:", "---:", "---:", "---", "---:", "---:", "---"], *(_cells(row) for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def _cells(row: Row) -> list[str]:
    return [
        row.what,
        _figure(row.value, row.unit),
        _figure(row.limit.must, row.unit) if row.limit else "",
        _figure(row.limit.stretch, row.unit) if row.limit else "",
        verdict(row),
        str(row.n) if row.value is not None else "",
        "" if row.pressure is None else f"{row.pressure:.0f} %",
        row.note,
    ]


def _figure(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    text = f"{value:,.{digits}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return f"{text} {unit}"
