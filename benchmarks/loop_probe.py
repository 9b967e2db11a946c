"""Runs the program with a heartbeat on its event loop, and writes down when the heart stopped.

`python -m benchmarks.loop_probe FILE ARGUMENTS...` is `duologue ARGUMENTS...` otherwise. The event loop is made by a
policy of ours; nothing of the program is changed. The heartbeat costs about one per cent of a core, so only those
measurements that ask for the longest stop run this way.
"""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

BEAT = 0.005
"""Seconds between two beats."""
WORTH_NOTING = 0.005
"""Stops shorter than this are not written down."""


@dataclass(frozen=True, slots=True)
class Stop:
    """One time in which the event loop did nothing else."""

    at: float
    """When it was over, by `time.monotonic`."""
    seconds: float
    cpu: float
    """CPU seconds of the loop's own thread in it: what the program itself is to blame for, on a busy machine."""
    modules: int
    """How many modules were loaded then."""


def stops(file: Path) -> list[Stop]:
    """What a probe has written down so far."""
    lines = file.read_text(encoding="ascii").splitlines() if file.exists() else []
    fields = [line.split() for line in lines if line.count(" ") == 3]
    return [Stop(float(at), float(seconds), float(cpu), int(modules)) for at, seconds, cpu, modules in fields]


class _Heart:
    """Beats on one loop for as long as that runs."""

    def __init__(self, loop: asyncio.AbstractEventLoop, file: FileIO) -> None:
        self._loop = loop
        self._file = file
        self._at = time.monotonic()
        self._cpu = 0.0
        loop.call_soon(self._begin)

    def _begin(self) -> None:
        self._at, self._cpu = time.monotonic(), time.thread_time()
        self._loop.call_later(BEAT, self._beat)

    def _beat(self) -> None:
        at, cpu = time.monotonic(), time.thread_time()
        stop = at - self._at - BEAT
        if stop >= WORTH_NOTING:
            self._file.write(f"{at:.6f} {stop:.6f} {cpu - self._cpu:.6f} {len(sys.modules)}\n".encode())
        self._at, self._cpu = at, cpu
        self._loop.call_later(BEAT, self._beat)


class _Policy(asyncio.DefaultEventLoopPolicy):
    """The usual loops, each with a heart."""

    def __init__(self, file: FileIO) -> None:
        super().__init__()
        self._file = file

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        loop = super().new_event_loop()
        _Heart(loop, self._file)
        return loop


def main() -> int:
    """Run the program under the probe."""
    asyncio.set_event_loop_policy(_Policy(FileIO(sys.argv[1], "a")))
    from tui.cli import main as duologue

    return duologue(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
