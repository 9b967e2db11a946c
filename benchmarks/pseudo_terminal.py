"""A program in a pseudo-terminal of its own: keys in, bytes out, each piece with the time it was written.

There is no terminal emulator: what was drawn is looked for as a word in the raw output, which costs nothing and
misses nothing. Every wait has an end, and closing kills the program's whole process group.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import threading
import time
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks import machine

COLUMNS, ROWS = 160, 45
LONGEST_WAIT = 30.0


class NeverSeen(Exception):
    """The program did not write a word in time; the message ends with the last that it wrote."""


class PseudoTerminal:
    """One running program. Times are `time.monotonic`, which all processes of the machine share."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], directory: Path) -> None:
        """Start the command in `directory`; nothing else of this process's environment reaches it."""
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self._output = bytearray()
        self._ends: list[int] = []
        self._times: list[float] = []
        self._arrived = threading.Condition()
        self._reading = threading.Event()
        self._reading.set()
        self._closing = False
        self.started = time.monotonic()
        """When the program was started."""
        self._process = subprocess.Popen(
            list(command),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=directory,
            env=dict(environment),
            start_new_session=True,
        )
        os.close(slave)
        self._reader = threading.Thread(target=self._read, name="pseudo-terminal", daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Kill the program and all it started. Safe to call twice."""
        if self._closing:
            return
        self._closing = True
        self._reading.set()
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # it has ended by itself
        self._process.wait(LONGEST_WAIT)
        self._reader.join(LONGEST_WAIT)
        os.close(self._master)

    # The program from outside

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def cpu_seconds(self) -> float:
        """CPU time used so far. Raises `OSError` when it has ended."""
        return machine.cpu_seconds(self._process.pid)

    def memory_mb(self) -> float:
        """Resident memory. Raises `OSError` when it has ended."""
        return machine.memory_mb(self._process.pid)

    def settle(self, *, longest: float = 15.0) -> None:
        """Wait until it does nothing: under 5 per cent of a core, twice in a row; at most `longest` seconds."""
        deadline, calm = time.monotonic() + longest, 0
        while calm < 2 and time.monotonic() < deadline:
            before = self.cpu_seconds()
            time.sleep(0.6)
            calm = calm + 1 if self.cpu_seconds() - before < 0.03 else 0

    # Keys

    def write(self, keys: bytes) -> float:
        """Type; gives the time just before."""
        at = time.monotonic()
        os.write(self._master, keys)
        return at

    # Output

    @property
    def written(self) -> int:
        """How many bytes have come so far: a place from which to look on."""
        return len(self._output)

    def output(self, start: int = 0) -> bytes:
        """All that has come since `start`."""
        with self._arrived:
            return bytes(self._output[start:])

    def time_of(self, place: int) -> float:
        """When the byte at this place came."""
        return self._times[bisect_right(self._ends, place)]

    def wait_for(self, word: bytes, *, start: int = 0, longest: float = LONGEST_WAIT) -> float:
        """When the word came first after `start`. Raises `NeverSeen`."""
        deadline, looked = time.monotonic() + longest, start
        with self._arrived:
            while (found := self._output.find(word, looked)) < 0:
                looked = max(start, len(self._output) - len(word) + 1)
                left = deadline - time.monotonic()
                if left <= 0 or not (self._reader.is_alive() or self._output.find(word, looked) >= 0):
                    tail = bytes(self._output[-300:])
                    raise NeverSeen(f"{word!r} was not written within {longest:.0f} s; the end: {tail!r}")
                self._arrived.wait(min(left, 1.0))
            return self.time_of(found + len(word) - 1)

    def wait_until_quiet(self, seconds: float = 0.3, *, longest: float = 5.0) -> None:
        """Wait until nothing has been written for so long (a cursor blinks every 0.5 s); at most `longest`."""
        deadline = time.monotonic() + longest
        while time.monotonic() < deadline and self._times and time.monotonic() - self._times[-1] < seconds:
            time.sleep(0.05)

    def stop_reading(self) -> None:
        """From now on the terminal takes nothing, as one that hangs."""
        self._reading.clear()

    def read_on(self) -> None:
        """Take what has piled up, and all that follows."""
        self._reading.set()

    def _read(self) -> None:
        while not self._closing:
            self._reading.wait()
            if not select.select([self._master], [], [], 0.2)[0]:
                continue
            try:
                data = os.read(self._master, 65536)
            except OSError:
                data = b""  # Linux says EIO when the last one who wrote has closed
            at = time.monotonic()
            with self._arrived:
                if not data:
                    self._arrived.notify_all()
                    return
                self._output += data
                self._ends.append(len(self._output))
                self._times.append(at)
                self._arrived.notify_all()
