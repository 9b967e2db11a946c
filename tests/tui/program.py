"""The real program as a child process, in directories of its own and a clean environment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

PROJECT = Path(__file__).parent.parent.parent
DEADLINE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run of the program ended."""

    code: int
    out: str
    err: str


class Program:
    """`duologue` with its data and configuration under one directory."""

    def __init__(self, directory: Path, **environment: str) -> None:
        self.data = directory / "data"
        self.config = directory / "config"
        self.environment: Mapping[str, str] = {
            "PATH": os.defpath,
            "HOME": str(directory),
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(PROJECT),
            "PYTHONWARNINGS": "error",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
            # Nobody answers on port 9, so the tests meet no server that happens to run here.
            "OLLAMA_HOST": "127.0.0.1:9",
            "DUOLOGUE_DATA_DIR": str(self.data),
            "DUOLOGUE_CONFIG_DIR": str(self.config),
            **environment,
        }

    def configure(self, text: str) -> None:
        """Write the configuration."""
        self.config.mkdir(parents=True, exist_ok=True)
        (self.config / "config.toml").write_text(text)

    def run(self, *arguments: str, piped: bytes = b"", **environment: str) -> Ended:
        """Run it to its end, with `piped` as standard input."""
        done = subprocess.run(
            self.command(*arguments),
            input=piped,
            capture_output=True,
            env={**self.environment, **environment},
            timeout=DEADLINE_SECONDS,
            check=False,
        )
        return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())

    def start(self, *arguments: str, stdin: int | BinaryIO = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        """Start it, and leave the rest to the caller."""
        return subprocess.Popen(
            self.command(*arguments),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environment,
        )

    def command(self, *arguments: str) -> list[str]:
        """The words that start it."""
        return [sys.executable, "-m", "tui", *arguments]


def wait_for_output(process: subprocess.Popen[bytes], words: bytes) -> bytes:
    """Read standard output until `words` have come; what was read."""
    assert process.stdout is not None
    deadline = time.monotonic() + DEADLINE_SECONDS
    got = b""
    while words not in got:
        assert time.monotonic() < deadline, got
        piece = os.read(process.stdout.fileno(), 4096)
        assert piece, (got, process.stderr and process.stderr.read())
        got += piece
    return got


def end(process: subprocess.Popen[bytes], number: signal.Signals) -> Ended:
    """Send a signal, and wait for the end."""
    process.send_signal(number)
    out, err = process.communicate(timeout=DEADLINE_SECONDS)
    return Ended(process.returncode, out.decode(), err.decode())


def json_of(ended: Ended) -> Any:
    """Standard output as the one JSON document that it is."""
    import json

    return json.loads(ended.out)
