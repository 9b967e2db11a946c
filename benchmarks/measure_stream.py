"""Two streams at once: key echo, the way of a token to the screen, CPU, memory.

One measurement is one turn: the harness sends a prompt that names a script, both sides stream it, and what was drawn
is found in the terminal's output afterwards. Keys are typed during some turns; CPU is taken from the others.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks import keys
from benchmarks.figures import median, percentile
from benchmarks.pseudo_terminal import PseudoTerminal
from benchmarks.report import Row, row
from benchmarks.sample_text import MARKER, Script
from benchmarks.token_server import READING_SECONDS, StreamLog
from benchmarks.workspace import Workspace

ECHO_P95_LIMIT = (45, 33)
ECHO_P50_LIMIT = (12, 8)
ECHO_MAX_LIMIT = (150, 60)
TOKEN_P50_LIMIT = (80, 60)
TOKEN_P95_LIMIT = (130, 100)
LAST_TOKEN_LIMIT = (0.25, 0.15)
CPU_LIMIT = (50, 35)
MEMORY_LIMIT = (40, 25)
MEMORY_TOKENS = 30_000
"""Length of the two answers for which the memory's limit is meant."""
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
    """Markers that scrolled by between two frames, or were lost."""
    cpu_share: float
    """Per cent of one core between the first token and the last."""
    server_late: float
    """Milliseconds by which the server itself was late at most."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Which turns are taken, and how often."""

    script: Script
    runs: int
    typed: bool = True


def measure(workspace: Workspace, plans: Sequence[Plan], *, memory_tokens: int, runs: int) -> list[Row]:
    """Rows for each plan, then memory."""
    rows = [one for plan in plans for one in _rows(plan, _takes(workspace, plan))]
    return rows + _memory(workspace, memory_tokens, runs)


def _takes(workspace: Workspace, plan: Plan) -> list[tuple[Take | None, Take]]:
    """For each run a fresh program, a quiet turn and then a turn with keys."""
    takes: list[tuple[Take | None, Take]] = []
    for _ in range(plan.runs):
        with workspace.start_ready_app() as app:
            quiet = take(workspace, app, plan.script, typed=False)
            app.settle()
            takes.append((take(workspace, app, plan.script, typed=True) if plan.typed else None, quiet))
    return takes


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
    used = app.cpu_seconds() - cpu
    app.wait_until_quiet()
    drawn = _first_times(app, start)
    lags = [
        (drawn[log.stream, number] - left) * 1000
        for log in logs
        for number, left in log.departed.items()
        if (log.stream, number) in drawn
    ]
    ended = max(log.disconnected for log in logs)
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


def _rows(plan: Plan, takes: Sequence[tuple[Take | None, Take]]) -> list[Row]:
    script = plan.script
    at = f"two x {script.rate} tok/s, {script.kind}"
    fast = script.rate >= 1000
    rows: list[Row] = []
    typed = [take for take, _ in takes if take is not None]
    if typed:
        samples = [take.echoes for take in typed]
        count = sum(len(sample) for sample in samples)
        for share, name, limit in (
            (0.5, "p50", ECHO_P50_LIMIT),
            (0.95, "p95", ECHO_P95_LIMIT),
            (1, "max", ECHO_MAX_LIMIT),
        ):
            value = median([percentile(sample, share) for sample in samples])
            rows.append(row(f"key echo, {at}, {name}", value, "ms", limit if fast else None, n=count))
    quiet = [take for _, take in takes]
    never = sum(take.never_drawn for take in quiet)
    note = f"server late by {max(take.server_late for take in quiet):.0f} ms at most"
    if never:
        note += f"; {never} markers were never drawn"
    count = sum(len(take.lags) for take in quiet)
    for share, name, limit in ((0.5, "p50", TOKEN_P50_LIMIT), (0.95, "p95", TOKEN_P95_LIMIT)):
        value = median([percentile(take.lags, share) for take in quiet])
        rows.append(row(f"token to screen, {at}, {name}", value, "ms", limit, n=count, note=note))
    lasts = [take.last_lag for take in quiet]
    why = "" if all(lag is not None for lag in lasts) else "the last token was not drawn in every run"
    share_of_cpu = median([take.cpu_share for take in quiet])
    assert share_of_cpu is not None
    return [
        *rows,
        row(f"last token to screen, {at}", median(lasts), "s", LAST_TOKEN_LIMIT, n=len(quiet), note=why),
        row(f"CPU, {at}", share_of_cpu, "%", CPU_LIMIT, n=len(quiet), note="of one core, no keys typed"),
        row(f"CPU per 1,000 tokens, {at}", share_of_cpu / 100 / (2 * script.rate) * 1000, "s", n=len(quiet)),
    ]


def _memory(workspace: Workspace, tokens: int, runs: int) -> list[Row]:
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
