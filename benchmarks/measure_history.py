"""Opening a saved session: from the key in the list of sessions to its end on the screen, and the memory it takes."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from benchmarks import seed_store
from benchmarks.figures import median
from benchmarks.report import Row, row
from benchmarks.workspace import SIDES, Workspace

LIMITS: Mapping[int, tuple[float, float]] = MappingProxyType(
    {100: (200, 120), 10_000: (200, 120), 100_000: (350, 200)}
)
"""Milliseconds, by turns."""
MEMORY_LIMITS: Mapping[int, tuple[float, float]] = MappingProxyType({10_000: (10, 5), 100_000: (20, 15)})
"""Megabytes, by turns."""
_SESSIONS_KEY = b"\x0f"  # Ctrl+O
_ENTER = b"\r"


def measure(workspace: Workspace, turn_counts: Sequence[int], *, runs: int) -> list[Row]:
    """Two rows for each length of the history."""
    rows: list[Row] = []
    for turns in turn_counts:
        data = workspace.new_data_directory()
        left, right = (workspace.server.spec(side) for side in SIDES)
        seed_store.seed(data, turns, left=left, right=right)
        opened = [_open(workspace, data) for _ in range(runs)]
        size = (data / seed_store.FILE_NAME).stat().st_size / 2**20
        cpu = median([used for _, _, used in opened])
        shutil.rmtree(data)
        rows += [
            row(
                *(
                    f"open {turns:,} turns, key to screen",
                    median([ms for ms, _, _ in opened]),
                    "ms",
                    LIMITS.get(turns),
                ),
                n=runs,
                note=f"{cpu:.0f} ms of CPU; a file of {size:,.0f} MB",
            ),
            row(
                *(f"memory added by opening {turns:,} turns", median([mb for _, mb, _ in opened]), "MB"),
                MEMORY_LIMITS.get(turns),
                n=runs,
            ),
        ]
    return rows


def _open(workspace: Workspace, data: Path) -> tuple[float, float, float]:
    """Milliseconds, megabytes and milliseconds of CPU, in a program just started."""
    with workspace.start_ready_app(data) as app:
        start = app.written
        app.write(_SESSIONS_KEY)
        app.wait_for(seed_store.TITLE.encode(), start=start)
        app.settle()
        before, start = app.memory_mb(), app.written
        cpu = app.cpu_seconds()
        pressed = app.write(_ENTER)
        seen = app.wait_for(seed_store.LAST_WORD.encode(), start=start)
        used = app.cpu_seconds() - cpu
        app.settle()
        return (seen - pressed) * 1000, app.memory_mb() - before, used * 1000
