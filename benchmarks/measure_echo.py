"""Key echo and CPU while nothing happens, and while the client libraries are imported right after the start."""

from __future__ import annotations

import time
from collections.abc import Callable

from benchmarks import keys
from benchmarks.figures import median, percentile
from benchmarks.loop_probe import Stop, stops
from benchmarks.report import Row, row
from benchmarks.workspace import APP_READY, FLOOR_READY, Workspace

IDLE_ECHO_LIMIT = (16, 10)
IDLE_CPU_LIMIT = (1, 0.3)
IMPORT_ECHO_LIMIT = (40, 25)
IMPORT_STOP_LIMIT = (50, 25)
AFTER_START = 3.0
"""Seconds after the first paint in which a first prompt is typed while the libraries are imported."""


def measure_idle(workspace: Workspace, *, key_count: int, idle_seconds: float) -> list[Row]:
    """Echo of keys and CPU of the program at rest, beside the floor's."""
    with workspace.start_floor() as floor:
        floor.wait_for(FLOOR_READY)
        floor.settle()
        floor_echoes = keys.echoes(floor, keys.times(key_count))
        floor_cpu = _idle_cpu(floor.cpu_seconds, idle_seconds, floor.settle)
    with workspace.start_ready_app() as app:
        echoes = keys.echoes(app, keys.times(key_count))
        cpu = _idle_cpu(app.cpu_seconds, idle_seconds, app.settle)
        memory = app.memory_mb()
    floor_p95 = percentile(floor_echoes, 0.95)
    return [
        row("key echo, idle, p50", percentile(echoes, 0.5), "ms", n=key_count),
        row(
            *("key echo, idle, p95", percentile(echoes, 0.95), "ms", IDLE_ECHO_LIMIT),
            n=key_count,
            note=f"floor {floor_p95:.0f} ms",
        ),
        row("key echo, idle, max", max(echoes), "ms", n=key_count),
        row("CPU, idle", cpu, "%", IDLE_CPU_LIMIT, note=f"over {idle_seconds:.0f} s; floor {floor_cpu:.2g} %"),
        row("memory, started and at rest", memory, "MB", note="both client libraries are loaded by then"),
    ]


def _idle_cpu(cpu_seconds: Callable[[], float], seconds: float, settle: Callable[[], None]) -> float:
    """Per cent of one core."""
    settle()
    before, begin = cpu_seconds(), time.monotonic()
    time.sleep(seconds)
    return (cpu_seconds() - before) / (time.monotonic() - begin) * 100


def measure_during_import(workspace: Workspace, *, runs: int) -> list[Row]:
    """A prompt that is typed in the first three seconds after the first paint."""
    echoes: list[float] = []
    longest: list[float] = []
    slices: list[float] = []
    modules = 0
    for number in range(runs):
        probe = workspace.directory / f"import-{number}.stops"
        with workspace.start_app(probe=probe) as app:
            painted = app.wait_for(APP_READY)
            typed = keys.echoes(app, keys.until(painted + AFTER_START))
            app.settle()
        echoes += typed
        after = [stop for stop in stops(probe) if painted < stop.at < painted + AFTER_START + 2]
        longest.append(max((stop.seconds for stop in after), default=0.0) * 1000)
        slices.append(max((stop.cpu for stop in after), default=0.0) * 1000)
        modules = max(modules, _loaded(after))
    loaded = f"{modules:,} modules were loaded meanwhile"
    return [
        row("key echo during the imports after the start, p50", percentile(echoes, 0.5), "ms", n=len(echoes)),
        row(
            *("key echo during the imports after the start, p95", percentile(echoes, 0.95), "ms", IMPORT_ECHO_LIMIT),
            n=len(echoes),
            note=loaded,
        ),
        row("longest stop of the event loop meanwhile", median(longest), "ms", IMPORT_STOP_LIMIT, n=runs),
        row("most CPU of the event loop at a stretch meanwhile", median(slices), "ms", n=runs),
    ]


def _loaded(after: list[Stop]) -> int:
    return max(stop.modules for stop in after) - min(stop.modules for stop in after) if after else 0
