"""`python -m benchmarks`: measures everything, prints a table, and writes the page when asked.

--quick        fewer runs and shorter answers: under five minutes
--only NAME    one part, may be given several times
--write DIR    write performance.md and performance.svg there, as in docs/
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

from benchmarks import (
    machine,
    measure_carry,
    measure_door,
    measure_echo,
    measure_flush,
    measure_history,
    measure_library,
    measure_search,
    measure_stall,
    measure_start,
    measure_stop,
    measure_stream,
    page,
)
from benchmarks.pseudo_terminal import NeverSeen
from benchmarks.report import Row, row, table
from benchmarks.sample_text import Script
from benchmarks.server_process import TokenServer
from benchmarks.workspace import Workspace

QUICK_SECONDS, FULL_SECONDS = 290, 45 * 60
"""After so long the run is ended, whatever it is doing; parts that are not done yet are shown as not measured."""


class TimeIsUp(Exception):
    """The whole run took too long."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured."""

    starts: int
    keys: int
    idle_seconds: float
    imports: int
    stream_runs: int
    tokens: int
    """Length of an answer at 200 and 1000 tokens a second."""
    slow_tokens: int
    """Length of an answer at 50 tokens a second."""
    history: tuple[int, ...]
    history_runs: int
    searched: int
    """Turns of the store that is searched."""
    flush: tuple[int, ...]
    stalls: int
    stops: int
    requests: int
    """Batches of requests through the door."""
    carried: int
    """Turns of the store that is exported and imported."""


QUICK = Sizes(3, 60, 5, 1, 1, 3_000, 300, (100, 10_000), 1, 10_000, (1_000, 50_000), 1, 3, 20, 5_000)
FULL = Sizes(
    *(15, 200, 20, 5, 3, 30_000, 3_000, (100, 10_000, 100_000), 5, 100_000),
    *((1_000, 5_000, 20_000, 50_000), 3, 15, 100, 100_000),
)

Part = Callable[[Workspace, Sizes], list[Row]]


def _stream(workspace: Workspace, sizes: Sizes) -> list[Row]:
    mixed, code = Script("mixed", 1000, sizes.tokens), Script("code", 1000, sizes.tokens)
    return [
        *measure_stream.measure(workspace, Script("mixed", 50, sizes.slow_tokens), runs=1, one_turn=True),
        *measure_stream.measure(workspace, Script("mixed", 200, sizes.tokens), runs=1, one_turn=True),
        *measure_stream.measure(workspace, mixed, runs=sizes.stream_runs),
        *measure_stream.measure(workspace, code, runs=sizes.stream_runs),
        *measure_stream.measure_stops(workspace, mixed, runs=sizes.stream_runs),
        *measure_stream.measure_memory(workspace, sizes.tokens, runs=sizes.stream_runs),
    ]


PARTS: dict[str, Part] = {
    "start": lambda workspace, sizes: measure_start.measure(workspace, runs=sizes.starts),
    "idle": lambda workspace, sizes: measure_echo.measure_idle(
        workspace, key_count=sizes.keys, idle_seconds=sizes.idle_seconds
    ),
    "import": lambda workspace, sizes: measure_echo.measure_during_import(workspace, runs=sizes.imports),
    "stream": _stream,
    "stall": lambda workspace, sizes: measure_stall.measure(workspace, runs=sizes.stalls),
    "stop": lambda workspace, sizes: measure_stop.measure(workspace, runs=sizes.stops),
    "history": lambda workspace, sizes: measure_history.measure(workspace, sizes.history, runs=sizes.history_runs),
    "search": lambda workspace, sizes: measure_search.measure(workspace, sizes.searched),
    "library": lambda workspace, sizes: measure_library.measure(workspace, sizes.searched),
    "carry": lambda workspace, sizes: measure_carry.measure(workspace, sizes.carried),
    "door": lambda _, sizes: measure_door.measure(sizes.requests),
    "flush": lambda _, sizes: measure_flush.measure(sizes.flush),
}


def main() -> int:
    """Measure; 1 when time was up or a part failed, missed limits do not count."""
    arguments = _arguments()
    sizes = QUICK if arguments.quick else FULL
    signal.signal(signal.SIGALRM, _time_is_up)
    signal.alarm(QUICK_SECONDS if arguments.quick else FULL_SECONDS)
    rows: list[Row] = []
    waiting = list(arguments.only or PARTS)
    failed = False
    begun = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="duologue-bench-") as directory, TokenServer() as server:
            workspace = Workspace(Path(directory), server)
            while waiting:
                name = waiting[0]
                print(f"{name} ...", file=sys.stderr, flush=True)
                try:
                    made = PARTS[name](workspace, sizes)
                except NeverSeen as error:
                    made, failed = [row(name, None, "", note="the program did not answer")], True
                    print(f"  {error}", file=sys.stderr)
                rows += made
                waiting.pop(0)
                print(table(made), flush=True)
    except TimeIsUp:
        failed = True
        missing = [row(name, None, "", note="time was up") for name in waiting]
        rows += missing
        print(table(missing), flush=True)
    finally:
        signal.alarm(0)
    minutes = (time.monotonic() - begun) / 60
    print(f"{machine.in_words()}; {minutes:.1f} minutes", file=sys.stderr)
    if arguments.write is not None:
        page.write(arguments.write, rows, command=_command(arguments), minutes=minutes)
    return int(failed)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure the program.")
    parser.add_argument("--quick", action="store_true", help="fewer runs and shorter answers: under five minutes")
    parser.add_argument("--only", action="append", choices=PARTS, metavar="NAME", help=f"one of {', '.join(PARTS)}")
    parser.add_argument("--write", type=Path, metavar="DIR", help="write performance.md and performance.svg there")
    return parser.parse_args()


def _command(arguments: argparse.Namespace) -> str:
    words = ["python -m benchmarks", "--quick" if arguments.quick else ""]
    words += [f"--only {name}" for name in arguments.only or ()]
    return " ".join(filter(None, [*words, "--write docs"]))


def _time_is_up(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 - the shape of a signal handler
    raise TimeIsUp


if __name__ == "__main__":
    sys.exit(main())
