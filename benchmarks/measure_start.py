"""From starting the program to the first paint and to the first echo of a key, beside the floor in the same run."""

from __future__ import annotations

import time

from benchmarks import keys
from benchmarks.figures import median
from benchmarks.pseudo_terminal import PseudoTerminal
from benchmarks.report import Row, row
from benchmarks.workspace import APP_READY, FLOOR_READY, Workspace

PAINT_LIMIT = (600, 480)
RATIO_LIMIT = (1.5, 1.25)


def measure(workspace: Workspace, *, runs: int) -> list[Row]:
    """The program and the floor by turns, after one start of each that warms the file cache and does not count."""
    app: list[tuple[float, float]] = []
    floor: list[tuple[float, float]] = []
    for number in range(runs + 1):
        with workspace.start_floor() as program:
            floor_start = _start(program, FLOOR_READY)
        with workspace.start_app() as program:
            app_start = _start(program, APP_READY)
        if number:
            floor.append(floor_start)
            app.append(app_start)
        time.sleep(0.2)
    rows: list[Row] = []
    for index, what in enumerate(("first paint", "first echo of a key")):
        ours, theirs = median([one[index] for one in app]), median([one[index] for one in floor])
        assert ours is not None
        assert theirs is not None
        limit = PAINT_LIMIT if index == 0 else None
        rows += [
            row(f"start to {what}", ours, "ms", limit, n=runs, note=f"floor {theirs:.0f} ms"),
            row(f"start to {what}, times the floor", ours / theirs, "x", RATIO_LIMIT, n=runs),
        ]
    return rows


def _start(program: PseudoTerminal, ready: bytes) -> tuple[float, float]:
    """Milliseconds to the first paint, and to the echo of a key that is typed as soon as that has been seen."""
    painted = program.wait_for(ready)
    typed = time.monotonic()
    echoed = typed + keys.echo(program, keys.LETTERS[0]) / 1000
    return (painted - program.started) * 1000, (echoed - program.started) * 1000
