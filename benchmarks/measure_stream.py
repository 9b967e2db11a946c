"""Two streams at once: key echo, the way of a token to the screen, CPU, memory.

One measurement is one turn: the harness sends a prompt that names a script, both sides stream it, and what was drawn
is found in the terminal's output afterwards.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from benchmarks import keys
from benchmarks.figures import median, percentile
from benchmarks.loop_probe import stops
from benchmarks.pseudo_terminal import NeverSeen, PseudoTerminal
from benchmarks.report import Row, row
from benchmarks.sample_text import MARKER, Script, marker
from benchmarks.token_server import READING_SECONDS, StreamLog
from benchmarks.workspace import Workspace

ECHO_P95_LIMIT = (45, 33)
ECHO_P50_LIMIT = (12, 8)
ECHO_MAX_LIMIT = (150, 60)
ECHO_RATIO_LIMIT = (6, 4)
"""Times the echo at rest: what can be said on a busy machine."""
TOKEN_P50_LIMIT = (80, 60)
TOKEN_P95_LIMIT = (130, 100)
LAST_TOKEN_LIMIT = (0.25, 0.15)
CPU_LIMIT = (50, 35)
SLICE_LIMIT = (100, 50)
MEMORY_LIMIT = (40, 25)
MEMORY_TOKENS = 30_000
"""Length of the two answers for which the memory's limit is meant."""
FAST = 1000
"""Tokens a second and side from which the limits of key echo are meant."""
IDLE_KEYS = 40
LAST_TOKEN_AWAITED = 10.0
SPARE_SECONDS = 30.0
"""Added to the length of a stream before it is given up."""


@dataclass(frozen=True, slots=True)
class Take:
    """What one turn gave."""

    echoes: Sequence[float]
    """Milliseconds; empty when no keys were typed."""
    lags: Sequence[float]
    """Milliseconds from a marker's leaving to its being drawn, both sides."""
    last_lag: float | None
    """Seconds from the last token to its being drawn on the later side; None when it was never drawn."""
    never_drawn: int
    """Markers that scrolled by between two frames."""
    cpu_share: float
    """Per cent of one core between the first token and the last."""
    server_late: float
    """Milliseconds by which the server itself was late at most."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one start of the program gave."""

    idle: Sequence[float]
    """Echoes just before anything streamed, in milliseconds."""
    quiet: Take
    """The turn from which tokens and CPU are taken."""
    typed: Take
    """The turn during which keys were typed; the same one where streams are slow and long."""


def measure(workspace: Workspace, script: Script, *, runs: int, one_turn: bool = False) -> list[Row]:
    """Key echo, tokens and CPU. With `one_turn` keys are typed in the same turn that gives the other figures."""
    return _rows(script, [_run(workspace, script, one_turn=one_turn) for _ in range(runs)], one_turn=one_turn)


def _run(workspace: Workspace, script: Script, *, one_turn: bool) -> Run:
    with workspace.start_ready_app() as app:
        idle = keys.echoes(app, keys.times(IDLE_KEYS))
        typed = take(workspace, app, script, typed=True)
        if one_turn:
            return Run(idle, typed, typed)
        app.settle()
        return Run(idle, take(workspace, app, script, typed=False), typed)


def take(workspace: Workspace, app: PseudoTerminal, script: Script, *, typed: bool) -> Take:
    """One turn. Raises `NeverSeen` when it does not begin."""
    streams = workspace.next_streams()
    start = app.written
    keys.send_prompt(app, script.prompt)
    begun = max(app.wait_for(f"zq{stream}n".encode(), start=start) for stream in streams)
    cpu = app.cpu_seconds()
    seconds = script.tokens / script.rate
    echoes = keys.echoes(app, keys.until(begun + seconds - 0.3)) if typed else []
    logs = workspace.server.wait_for_end(streams, longest=seconds + READING_SECONDS + SPARE_SECONDS)
    used, ended = app.cpu_seconds() - cpu, time.monotonic()
    with suppress(NeverSeen):
        for log in logs:
            app.wait_for(marker(log.stream, max(log.departed)).encode(), start=start, longest=LAST_TOKEN_AWAITED)
    app.wait_until_quiet()
    drawn = _first_times(app, start)
    lags = [
        (drawn[log.stream, number] - left) * 1000
        for log in logs
        for number, left in log.departed.items()
        if (log.stream, number) in drawn
    ]
    return Take(
        echoes,
        lags,
        _last_lag(logs, drawn),
        sum(len(log.departed) for log in logs) - len(lags),
        used / max(0.1, ended - begun) * 100,
        max(log.latest_tick for log in logs) * 1000,
    )


def _first_times(app: PseudoTerminal, start: int) -> dict[tuple[int, int], float]:
    """When each marker was first written, by stream and number."""
    drawn: dict[tuple[int, int], float] = {}
    for found in re.finditer(MARKER, app.output(start)):
        drawn.setdefault((int(found[1]), int(found[2])), app.time_of(start + found.end() - 1))
    return drawn


def _last_lag(logs: Sequence[StreamLog], drawn: dict[tuple[int, int], float]) -> float | None:
    lags = []
    for log in logs:
        at = drawn.get((log.stream, max(log.departed, default=0)))
        if at is None or not log.last:
            return None
        lags.append(at - log.last)
    return max(lags)


def _rows(script: Script, runs: Sequence[Run], *, one_turn: bool) -> list[Row]:
    at = _at(script)
    shares = [run.quiet.cpu_share for run in runs]
    share = sum(shares) / len(shares)
    with_keys = "keys typed meanwhile" if one_turn else "no keys typed"
    lasts = [run.quiet.last_lag for run in runs]
    never = (
        "" if all(lag is not None for lag in lasts) else f"not drawn within {LAST_TOKEN_AWAITED:.0f} s in every run"
    )
    return [
        *_echo_rows(script, runs),
        *_token_rows(at, [run.quiet for run in runs]),
        row(f"last token to screen, {at}", median(lasts), "s", LAST_TOKEN_LIMIT, n=len(runs), note=never),
        row(f"CPU, {at}", share, "%", CPU_LIMIT, n=len(runs), note=f"of one core, {with_keys}"),
        row(f"CPU per 1,000 tokens, {at}", share / 100 / (2 * script.rate) * 1000, "s", n=len(runs)),
    ]


def _echo_rows(script: Script, runs: Sequence[Run]) -> list[Row]:
    at, fast = _at(script), script.rate >= FAST
    count = sum(len(run.typed.echoes) for run in runs)
    rows = []
    for share, name, limit in (
        (0.5, "p50", ECHO_P50_LIMIT),
        (0.95, "p95", ECHO_P95_LIMIT),
        (1, "max", ECHO_MAX_LIMIT),
    ):
        value = median([percentile(run.typed.echoes, share) for run in runs])
        rows.append(row(f"key echo, {at}, {name}", value, "ms", limit if fast else None, n=count))
    idle = median([percentile(run.idle, 0.95) for run in runs])
    p95 = rows[1].value
    ratio = p95 / idle if p95 is not None and idle else None
    note = f"at rest just before: {idle:.0f} ms" if idle else ""
    return [*rows, row(f"key echo, {at}, p95, times at rest", ratio, "x", ECHO_RATIO_LIMIT, n=count, note=note)]


def _token_rows(at: str, takes: Sequence[Take]) -> list[Row]:
    note = f"server late by {max(take.server_late for take in takes):.0f} ms at most"
    if never := sum(take.never_drawn for take in takes):
        note += f"; {never} markers scrolled by undrawn"
    count = sum(len(take.lags) for take in takes)
    return [
        row(
            f"token to screen, {at}, {name}",
            median([percentile(take.lags, share) for take in takes]),
            *("ms", limit),
            n=count,
            note=note,
        )
        for share, name, limit in ((0.5, "p50", TOKEN_P50_LIMIT), (0.95, "p95", TOKEN_P95_LIMIT))
    ]


def measure_stops(workspace: Workspace, script: Script, *, runs: int) -> list[Row]:
    """How long the event loop is held while two answers begin, stream and end."""
    seconds: list[float] = []
    cpu: list[float] = []
    for number in range(runs):
        probe = workspace.directory / f"stream-{number}.stops"
        with workspace.start_ready_app(probe=probe) as app:
            begun = time.monotonic()
            take(workspace, app, script, typed=False)
        noted = [stop for stop in stops(probe) if stop.at > begun]
        seconds.append(max((stop.seconds for stop in noted), default=0) * 1000)
        cpu.append(max((stop.cpu for stop in noted), default=0) * 1000)
    at = _at(script)
    return [
        row(f"most CPU of the event loop at a stretch, {at}", median(cpu), "ms", SLICE_LIMIT, n=runs),
        row(f"longest stop of the event loop, {at}", median(seconds), "ms", n=runs),
    ]


def _at(script: Script) -> str:
    return f"two x {script.rate} tok/s, {script.kind}"


def measure_memory(workspace: Workspace, tokens: int, *, runs: int) -> list[Row]:
    """Resident memory after two long answers, against just started and at rest."""
    script = Script("mixed", 1000, tokens)
    grown: list[float] = []
    for _ in range(runs):
        with workspace.start_ready_app() as app:
            before = app.memory_mb()
            take(workspace, app, script, typed=False)
            app.settle()
            grown.append(app.memory_mb() - before)
    value = median(grown)
    assert value is not None
    limit = MEMORY_LIMIT if tokens >= MEMORY_TOKENS else None
    note = "" if limit else f"the limit is for {MEMORY_TOKENS:,} tokens on each side: full run"
    return [
        row(f"memory added by two answers of {tokens:,} tokens", value, "MB", limit, n=runs, note=note),
        row("memory per 1,000 tokens", value / (2 * tokens / 1000), "MB", n=runs),
    ]
