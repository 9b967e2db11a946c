"""A pseudo-terminal that keeps every byte that the program writes to it, for what a screen does not show."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

DEADLINE_SECONDS = 40.0
_SEQUENCE = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[()][A-Z0-9]|\x1b[=>78]")


class RawTerminal:
    """The master's side of a terminal with a program in it."""

    def __init__(self, process: subprocess.Popen[bytes], master: int) -> None:
        self.process = process
        self._master = master
        self.written = b""
        """Everything so far, as it came."""

    def read(self) -> None:
        """Take what is there; called by the event loop."""
        try:
            piece = os.read(self._master, 65536)
        except OSError:  # EIO: the other side is closed
            piece = b""
        self.written += piece
        if not piece:
            asyncio.get_running_loop().remove_reader(self._master)

    def type(self, data: str | bytes) -> None:
        """Send keys as a terminal would."""
        os.write(self._master, data if isinstance(data, bytes) else data.encode())

    @property
    def shown(self) -> str:
        """The text without escape sequences, in the order in which it was drawn."""
        return _text(self.written)

    def mark(self) -> int:
        """A place in what was written, to look only at what comes after it."""
        return len(self.written)

    async def wait_for(self, words: str, since: int = 0) -> None:
        """Wait until the words have been drawn."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while words not in _text(self.written[since:]):
                assert self.process.poll() is None, self.shown[-2000:]
                await asyncio.sleep(0.03)

    async def ended(self) -> int:
        """Wait for the end of the program; its exit code."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while self.process.poll() is None:
                await asyncio.sleep(0.03)
        await asyncio.sleep(0.05)  # what is still in the terminal
        return self.process.returncode


@asynccontextmanager
async def raw_terminal(
    command: Sequence[str], environment: Mapping[str, str], *, columns: int = 120, rows: int = 40
) -> AsyncIterator[RawTerminal]:
    """Run a command in a terminal of its own; it is killed at the end if it still runs."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    process = subprocess.Popen(  # noqa: ASYNC220 - it is started, not waited for
        command,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={"TERM": "xterm-256color", **environment},
        start_new_session=True,
    )
    os.close(slave)
    terminal = RawTerminal(process, master)
    loop = asyncio.get_running_loop()
    loop.add_reader(master, terminal.read)
    try:
        yield terminal
    finally:
        if process.poll() is None:
            process.kill()
        await asyncio.to_thread(process.wait)
        loop.remove_reader(master)
        os.close(master)


def _text(written: bytes) -> str:
    return _SEQUENCE.sub(b"", written).decode(errors="replace")
