"""Starts the programs that are measured: each with empty directories of its own below one temporary directory."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from benchmarks import floor_app
from benchmarks.pseudo_terminal import PseudoTerminal
from benchmarks.server_process import ROOT, TokenServer

APP_READY = b"F1 keys"
"""Part of the top line: it is there with the first paint."""
FLOOR_READY = floor_app.READY.encode()
SIDES = ("left", "right")


@dataclass(frozen=True, slots=True)
class Workspace:
    """A temporary directory and a token server."""

    directory: Path
    server: TokenServer
    _numbers: count[int] = field(default_factory=lambda: count(1))

    def next_streams(self) -> list[int]:
        """The numbers that the server will give to the next two streams."""
        seen = len(self.server.log())
        return [seen, seen + 1]

    def new_data_directory(self) -> Path:
        """An empty one."""
        data = self.directory / f"data-{next(self._numbers)}"
        data.mkdir()
        return data

    def start_app(self, data: Path | None = None, *, probe: Path | None = None) -> PseudoTerminal:
        """Start the program with the token server on both sides; `probe` is the file for `loop_probe`."""
        module = ["-m", "tui"] if probe is None else ["-m", "benchmarks.loop_probe", str(probe)]
        pair = [part for side in SIDES for part in (f"--{side}", self.server.spec(side))]
        return self._start([*module, *pair], data or self.new_data_directory())

    def start_ready_app(self, data: Path | None = None, *, probe: Path | None = None) -> PseudoTerminal:
        """The same, once it has been painted, has imported what it imports then, and rests."""
        app = self.start_app(data, probe=probe)
        try:
            app.wait_for(APP_READY)
            app.settle()
        except BaseException:
            app.close()
            raise
        return app

    def start_floor(self) -> PseudoTerminal:
        """Start the bare Textual app."""
        # The rate of Textual's screen-update timer as the program sets it for itself.
        return self._start(["-m", "benchmarks.floor_app"], self.new_data_directory(), TEXTUAL_FPS="120")

    def _start(self, words: list[str], data: Path, **more: str) -> PseudoTerminal:
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "HOME": str(self.directory),
            "DUOLOGUE_DATA_DIR": str(data),
            "DUOLOGUE_CONFIG_DIR": str(data),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
            **more,
        }
        return PseudoTerminal([sys.executable, *words], environment, ROOT)
