"""Carrying a whole store out and in again: `sessions export --all` and `import` as JSONL, by the real command line.

What is asked of them is memory that does not grow with the store: the highest resident size of the process, as the
kernel gives it with its end (`wait4`). A small process stands between, because Linux counts what a process was before
its `exec`, too, and that would be this one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks import seed_store
from benchmarks.report import Row, row
from benchmarks.server_process import ROOT
from benchmarks.workspace import SIDES, Workspace

MEMORY_LIMIT = (150, 100)
"""MB."""
_TURNS_PER_SESSION = 20
_KILO = 1 if sys.platform == "darwin" else 1024
"""Bytes in the unit of `ru_maxrss`."""
_BETWEEN = """
import os, sys
_, status, used = os.wait4(os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ), 0)
print(used.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status) and 1)
"""


class CarryFailed(Exception):
    """The program did not do what it was told; its own words."""


@dataclass(frozen=True, slots=True)
class _Run:
    seconds: float
    peak_mb: float


def measure(workspace: Workspace, turns: int) -> list[Row]:
    """Four rows: seconds and memory, out and in. Raises `CarryFailed`."""
    full, empty = workspace.new_data_directory(), workspace.new_data_directory()
    left, right = (workspace.server.spec(side) for side in SIDES)
    seed_store.seed(full, turns, left=left, right=right, sessions=max(1, turns // _TURNS_PER_SESSION))
    file = workspace.directory / "carried.jsonl"
    out = _run(full, "export", "--all", "-o", str(file))
    size = file.stat().st_size
    into = _run(empty, "import", str(file))
    shutil.rmtree(full)
    shutil.rmtree(empty)
    file.unlink()
    what, note = f"of {turns:,} turns as JSONL", f"{size / 1e6:,.0f} MB"
    return [
        row(f"export {what}", out.seconds, "s", note=note),
        row(f"memory at most, export {what}", out.peak_mb, "MB", MEMORY_LIMIT),
        row(f"import {what}", into.seconds, "s", note=f"{note}; with the index for the search"),
        row(f"memory at most, import {what}", into.peak_mb, "MB", MEMORY_LIMIT),
    ]


def _run(data: Path, *words: str) -> _Run:
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "HOME": str(data),
        "DUOLOGUE_DATA_DIR": str(data),
        "DUOLOGUE_CONFIG_DIR": str(data),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
    }
    begun = time.perf_counter()
    ended = subprocess.run(
        [sys.executable, "-S", "-c", _BETWEEN, sys.executable, "-m", "tui", "sessions", *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - begun
    if ended.returncode:
        raise CarryFailed(f"sessions {words[0]} failed: {ended.stderr[:500]}")
    return _Run(seconds, int(ended.stdout.splitlines()[-1]) * _KILO / 1e6)
