"""A terminal that goes away takes the program with it, and nothing else."""

from __future__ import annotations

import os
import pty
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engine_fixture import need_the_wheel

DEADLINE_SECONDS = 40.0


def wait_for(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"never seen: {what}"
        time.sleep(0.02)


@pytest.mark.parametrize("controlling", [True, False], ids=["SIGHUP", "no controlling terminal"])
def test_the_program_ends_with_its_terminal_and_keeps_what_came(tmp_path: Path, *, controlling: bool) -> None:
    need_the_wheel()
    ours, theirs = pty.openpty()
    program = subprocess.Popen(
        [sys.executable, "-c", RUN, "tty" if controlling else "none"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env={
            **os.environ,
            "DUOLOGUE_DATA_DIR": str(tmp_path),
            "DUOLOGUE_CONFIG_DIR": str(tmp_path),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
            "TERM": "xterm-256color",
            "COLUMNS": "120",
            "LINES": "40",
        },
    )
    os.close(theirs)
    seen = bytearray()

    def reading(condition: Callable[[], object]) -> Callable[[], object]:
        os.set_blocking(ours, False)

        def read_and_look() -> object:
            try:
                seen.extend(os.read(ours, 65536))
            except BlockingIOError:
                pass
            return condition()

        return read_and_look

    try:
        wait_for(reading(lambda: b"DEMO" in seen), "the demo sides")
        os.write(ours, b"What are you?\r")
        wait_for(reading(lambda: some_text(tmp_path)), "text of an answer on disk")
        os.close(ours)
        assert program.wait(timeout=10) == 129
    finally:
        program.kill()
        program.wait()
    assert some_text(tmp_path)


RUN = """
import fcntl, sys, termios
if sys.argv[1] == "tty":
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from tui.cli import main
sys.exit(main(["--demo"]))
"""


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
