"""Esc while two answers stream: how long until both servers are left alone."""

from __future__ import annotations

import random
import time

from benchmarks import keys
from benchmarks.figures import median
from benchmarks.pseudo_terminal import PseudoTerminal
from benchmarks.report import Row, row
from benchmarks.sample_text import Script
from benchmarks.workspace import Workspace

LIMIT = (100, 50)
SCRIPT = Script("mixed", 200, 8_000)
ESCAPES = {
    "as terminals with the kitty protocol send it": b"\x1b[27u",
    "as a single byte": b"\x1b",
}
"""A single byte may be the beginning of another key. Textual looks whether more has come only every 100 ms."""
_LONGEST = 10.0


def measure(workspace: Workspace, *, runs: int) -> list[Row]:
    """One row for each way in which Esc arrives."""
    chance = random.Random(11)
    rows: list[Row] = []
    with workspace.start_ready_app() as app:
        for way, escape in ESCAPES.items():
            taken = [_stopped(workspace, app, escape, chance.uniform(0.3, 0.6)) for _ in range(runs)]
            known = [value for value in taken if value is not None]
            why = "" if len(known) == runs else f"not within {_LONGEST:.0f} s in {runs - len(known)} of {runs} runs"
            rows.append(row(f"Esc, {way}, to both connections closed", median(known), "ms", LIMIT, n=runs, note=why))
    return rows


def _stopped(workspace: Workspace, app: PseudoTerminal, escape: bytes, after: float) -> float | None:
    """Milliseconds to the later of the two ends; None if one did not come."""
    streams = workspace.next_streams()
    start = app.written
    keys.send_prompt(app, SCRIPT.prompt)
    for stream in streams:
        app.wait_for(f"zq{stream}n".encode(), start=start)
    time.sleep(after)
    pressed = app.write(escape)
    logs = workspace.server.wait_for_end(streams, longest=_LONGEST)
    app.wait_until_quiet()
    if not all(log.disconnected for log in logs):
        return None
    return (max(log.disconnected for log in logs) - pressed) * 1000
