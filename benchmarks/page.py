"""The page with the results: words about how they came about, the table, and a chart."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from xml.sax.saxutils import escape

from benchmarks import machine
from benchmarks.report import Row, table, verdict

PAGE, CHART = "performance.md", "performance.svg"
_BUSY = 15.0

_WORDS = """\
# Performance

Written by `{command}` on {day}, in {minutes:.0f} minutes. Do not edit; run it again.

Measured from outside: the real program in a pseudo-terminal of 160 x 45, both sides connected to a server on loopback
that streams a known text at a known rate, one token per event. A key's echo is the time from writing the key to
reading it back; a token's way to the screen is the time from its leaving the server to its standing in the terminal's
output. *Floor* is a bare Textual app of the same shape (a view of plain lines, an editor, two status lines), measured
in the same run: nothing built on Textual can be faster.

**Machine:** {machine}. {busy}

*CPU pressure* is the share of the last ten seconds in which something waited for a CPU, our own processes included.
*must* and *stretch* are the project's own limits; *n* is the number of runs, or of single measurements where the
figure is a percentile (medians of runs otherwise). A search is measured at the thread that searches: the paint of
what it found is not in it.

![Each figure as a share of its limit]({chart})

{table}"""


def write(directory: Path, rows: Sequence[Row], *, command: str, minutes: float) -> None:
    """Write the page and its chart into an existing directory."""
    text = _WORDS.format(
        command=command,
        day=datetime.now(UTC).strftime("%Y-%m-%d"),
        minutes=minutes,
        machine=machine.in_words(),
        busy=_busy(rows),
        chart=CHART,
        table=table(rows),
    )
    (directory / PAGE).write_text(text, encoding="utf-8")
    (directory / CHART).write_text(chart(rows), encoding="utf-8")


def _busy(rows: Sequence[Row]) -> str:
    pressures = sorted(row.pressure for row in rows if row.pressure is not None)
    if not pressures:
        return "How busy it was with other work is not known."
    middle = pressures[len(pressures) // 2]
    if middle <= _BUSY:
        return "It was quiet otherwise."
    return (
        f"**It was busy with other work (CPU pressure {middle:.0f} % in the middle): figures in milliseconds are too "
        "high by an unknown factor, only ratios to the floor and CPU times hold.**"
    )


_LINE, _NAMES, _BARS = 18, 420, 360
_WIDEST = 2.0
"""Bars end at twice the limit."""
_LEGEND = (
    "Green: stretch reached. Blue: must reached. Red: missed. Shorter is better; bars end at twice the limit; "
    "the tick is the stretch."
)
_STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#333}.must{stroke:#888;stroke-dasharray:3 3}"
    ".stretch{fill:#2f7d5b}.reached{fill:#4a78b5}.missed{fill:#b5484a}.tick{stroke:#333;stroke-width:2}"
    "@media(prefers-color-scheme:dark){text{fill:#ccc}.tick{stroke:#ccc}}"
)


def chart(rows: Sequence[Row]) -> str:
    """An SVG with a bar for each row that has a limit: its share of what must be reached, a tick at the stretch."""
    limited = [row for row in rows if row.limit is not None and row.limit.must > 0 and row.value is not None]
    width, height = _NAMES + _BARS + 80, _LINE * (len(limited) + 3)
    at_limit = _NAMES + _BARS / _WIDEST
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
        "<title>Each figure as a share of its limit</title>",
        f"<style>{_STYLE}</style>",
        f'<line class="must" x1="{at_limit}" x2="{at_limit}" y1="{_LINE}" y2="{height - 2 * _LINE}"/>',
        f'<text x="{at_limit}" y="{_LINE - 4}" text-anchor="middle">must</text>',
        *(_bar(row, number) for number, row in enumerate(limited)),
        f'<text x="0" y="{height - _LINE / 2}">{_LEGEND}</text>',
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _bar(row: Row, number: int) -> str:
    assert row.limit is not None
    assert row.value is not None
    y = _LINE * (number + 1)
    share = row.value / row.limit.must
    length = min(share, _WIDEST) / _WIDEST * _BARS
    tick = _NAMES + row.limit.stretch / row.limit.must / _WIDEST * _BARS
    colour = {"stretch": "stretch", "must": "reached"}.get(verdict(row), "missed")
    return (
        f'<text x="{_NAMES - 8}" y="{y + 13}" text-anchor="end">{escape(row.what)}</text>'
        f'<rect class="{colour}" x="{_NAMES}" y="{y + 3}" width="{max(length, 1):.1f}" height="12"/>'
        f'<line class="tick" x1="{tick:.1f}" x2="{tick:.1f}" y1="{y + 2}" y2="{y + 16}"/>'
        f'<text x="{_NAMES + length + 6:.1f}" y="{y + 13}">{share:.0%}</text>'
    )
