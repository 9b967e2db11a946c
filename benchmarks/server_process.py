"""The token server as the harness sees it: a child process, its port, and its log."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.token_server import StreamLog

ROOT = Path(__file__).resolve().parent.parent
_ANSWER_SECONDS = 10.0


class TokenServer:
    """One running token server; leaving its block ends it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.token_server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate(timeout=_ANSWER_SECONDS)

    def spec(self, model: str) -> str:
        """The model as the program's command line takes it."""
        return f"openai:http://127.0.0.1:{self.port}#{model}"

    def log(self) -> list[StreamLog]:
        """All streams so far, oldest first."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_ANSWER_SECONDS)
        try:
            connection.request("GET", "/log")
            entries = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        for entry in entries:
            entry["departed"] = {int(number): at for number, at in entry["departed"].items()}
        return [StreamLog(**entry) for entry in entries]

    def wait_for_end(self, streams: list[int], *, longest: float) -> list[StreamLog]:
        """The logs of these streams once the other end is gone from all of them, or after `longest` seconds."""
        deadline = time.monotonic() + longest
        while True:
            logs = [log for log in self.log() if log.stream in streams]
            if all(log.disconnected for log in logs) or time.monotonic() > deadline:
                return logs
            time.sleep(0.1)
