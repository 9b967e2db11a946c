"""A real terminal for tests: tmux on a private socket, keys in, screen out."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

needs_tmux = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
DEADLINE_SECONDS = 40.0


class Terminal:
    """One tmux server with one window of a fixed size."""

    def __init__(self, directory: Path, columns: int, rows: int) -> None:
        self._socket = directory / "tmux.sock"
        self._size = (str(columns), str(rows))

    def start(self, command: str, environment: Mapping[str, str]) -> None:
        """Run a shell command in the window; the window stays when it ends."""
        given = [part for name, value in environment.items() for part in ("-e", f"{name}={value}")]
        self._tmux(
            *("-f", "/dev/null", "new-session", "-d", "-x", self._size[0], "-y", self._size[1]), *given, "sh -i"
        )
        self._tmux("set-option", "-g", "remain-on-exit", "on")
        self.type(command)
        self.press("Enter")

    def type(self, text: str) -> None:
        """Type text literally."""
        self._tmux("send-keys", "-l", "--", text)

    def press(self, *keys: str) -> None:
        """Press keys by tmux's names."""
        self._tmux("send-keys", *keys)

    def screen(self) -> str:
        """What stands there now."""
        return self._tmux("capture-pane", "-p")

    def history(self) -> str:
        """What stands there now, after all that has scrolled away."""
        return self._tmux("capture-pane", "-p", "-S", "-")

    def wait_for(self, condition: Callable[[str], bool], what: str) -> str:
        """Wait until the screen satisfies a condition; fails with the screen after a deadline."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < deadline:
            if condition(screen := self.screen()):
                return screen
            time.sleep(0.05)
        pytest.fail(f"never seen: {what}\n{self.screen()}")

    def close(self) -> None:
        """End the server and everything in it."""
        subprocess.run(["tmux", "-S", str(self._socket), "kill-server"], check=False, capture_output=True)

    def _tmux(self, *words: str) -> str:
        # A size in the environment would overrule the window's own.
        env = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "TMUX")}
        command = ["tmux", "-S", str(self._socket), *words]
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=env)
        return done.stdout
