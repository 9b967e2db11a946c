"""A terminal that goes away takes the program with it, and nothing else."""

from __future__ import annotations

import os
import pty
import signal
import sqlite3
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.engine_fixture import need_the_wheel

DEADLINE_SECONDS = 40.0


class InPty:
    """The demo in a pseudo-terminal, with some text of an answer on disk."""

    def __init__(self, directory: Path, *, controlling: bool) -> None:
        self.directory = directory
        self.ours, self.theirs = pty.openpty()
        self.attributes = termios.tcgetattr(self.theirs)
        self.seen = bytearray()
        os.set_blocking(self.ours, False)
        self.program = subprocess.Popen(
            [sys.executable, "-c", RUN, "tty" if controlling else "none"],
            stdin=self.theirs,
            stdout=self.theirs,
            stderr=self.theirs,
            start_new_session=True,
            env={
                **os.environ,
                "DUOLOGUE_DATA_DIR": str(directory),
                "DUOLOGUE_CONFIG_DIR": str(directory),
                "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
                "TERM": "xterm-256color",
                "COLUMNS": "120",
                "LINES": "40",
            },
        )

    def ask(self) -> None:
        self.wait_for(lambda: b"DEMO" in self.seen, "the demo sides")
        os.write(self.ours, b"What are you?\r")
        self.wait_for(lambda: some_text(self.directory), "text of an answer on disk")

    def wait_for(self, condition: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"never seen: {what}"
            try:
                self.seen.extend(os.read(self.ours, 65536))
            except BlockingIOError:
                time.sleep(0.02)


@pytest.fixture(params=[True, False], ids=["SIGHUP", "no controlling terminal"])
def in_pty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[InPty]:
    need_the_wheel()
    running = InPty(tmp_path, controlling=request.param)
    try:
        running.ask()
        yield running
    finally:
        running.program.kill()
        running.program.wait()
        for descriptor in (running.ours, running.theirs):
            with suppress(OSError):
                os.close(descriptor)


def test_the_program_ends_with_its_terminal_and_keeps_what_came(in_pty: InPty) -> None:
    os.close(in_pty.theirs)
    os.close(in_pty.ours)
    assert in_pty.program.wait(timeout=10) == 129
    assert some_text(in_pty.directory)


@pytest.mark.parametrize("in_pty", [True], indirect=True, ids=["kill"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGHUP, 129), (signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_the_terminal_as_it_was_and_settles_what_ran(in_pty: InPty, number: int, code: int) -> None:
    engine = children(in_pty.program.pid)
    assert engine
    in_pty.program.send_signal(number)
    in_pty.wait_for(lambda: in_pty.program.poll() is not None, "the end")
    assert in_pty.program.returncode == code
    in_pty.wait_for(lambda: b"\x1b[?1049l" in in_pty.seen, "the way back from the alternate screen")
    assert termios.tcgetattr(in_pty.theirs) == in_pty.attributes
    in_pty.wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in engine), "the end of the engine")
    assert outcomes(in_pty.directory) <= {"interrupted", "complete"}


def children(parent: int) -> list[int]:
    """Process ids of the direct children, from Linux's list of them."""
    path = Path(f"/proc/{parent}/task/{parent}/children")
    if not path.exists():
        pytest.skip("this system does not list children")
    return [int(pid) for pid in path.read_text().split()]


RUN = """
import fcntl, sys, termios
if sys.argv[1] == "tty":
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from tui.cli import main
sys.exit(main(["--demo"]))
"""


def outcomes(directory: Path) -> set[str]:
    """What became of the replies."""
    database = sqlite3.connect(f"file:{directory / 'duologue.db'}?mode=ro", uri=True)
    try:
        return {outcome for (outcome,) in database.execute("SELECT outcome FROM replies")}
    finally:
        database.close()


def some_text(directory: Path) -> int:
    """Characters of answers on disk so far."""
    try:
        database = sqlite3.connect(f"file:{directory / 'duologue.db'}?mode=ro", uri=True)
    except sqlite3.OperationalError:
        return 0
    try:
        parts = database.execute("SELECT coalesce(sum(length(text)), 0) FROM reply_parts").fetchone()[0]
        whole = database.execute("SELECT coalesce(sum(length(text)), 0) FROM replies").fetchone()[0]
        return int(parts) + int(whole)
    except sqlite3.OperationalError:
        return 0
    finally:
        database.close()
