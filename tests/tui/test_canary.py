"""A canary typed, streamed, searched for and copied in a confidential session, and what still holds it after.

The session is off the record, so no file at all below the home or the temporary directory may have them, in UTF-8 or
UTF-16, and the terminal has nothing of them in its scrollback once the program is gone.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backends.openai_server import ScriptedOpenAI, delta, says
from tests.tui.program import PROJECT
from tests.tui.tmux import Terminal, needs_tmux

pytestmark = [needs_tmux, pytest.mark.terminal]
TYPED, STREAMED, DRAFT = "canary-typed-7f3a", "canary-streamed-7f3a", "canary-draft-7f3a"
CANARIES = (TYPED, STREAMED, DRAFT)


def holders(*directories: Path) -> list[Path]:
    """Files with a canary in them, in any of the usual encodings."""
    needles = [one.encode(coding) for one in CANARIES for coding in ("utf-8", "utf-16-le", "utf-16-be")]
    files = [path for directory in directories for path in directory.rglob("*") if path.is_file()]
    return [path for path in files if any(needle in path.read_bytes() for needle in needles)]


class Home:
    """A person's home and temporary directory, and a terminal in which the program runs."""

    def __init__(self, directory: Path) -> None:
        self.home, self.temporary = directory / "home", directory / "tmp"
        self.home.mkdir()
        self.temporary.mkdir()
        (directory / "tmux").mkdir()
        self.terminal = Terminal(directory / "tmux", 120, 40)
        self.pid_file = directory / "pid"
        self.environment = {
            "HOME": str(self.home),
            "TMPDIR": str(self.temporary),
            "HISTFILE": "",
            "PYTHONPATH": str(PROJECT),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
            "OLLAMA_HOST": "127.0.0.1:9",
            "TEXTUAL_LOG": str(self.home / "textual.log"),
            "TEXTUAL_SCREENSHOT": "1",
            "TEXTUAL_SCREENSHOT_LOCATION": str(self.home),
            "ANTHROPIC_LOG": "debug",
            "TERM": "xterm-256color",
        }

    def start(self, *arguments: str) -> None:
        words = " ".join(arguments)
        command = f"sh -c 'echo $$ > {self.pid_file}; exec {sys.executable} -m tui {words}'; echo code=$?"
        self.terminal.start(command, self.environment)
        self.terminal.wait_for(lambda screen: "CONFIDENTIAL" in screen, "a confidential session")

    @property
    def pid(self) -> int:
        return int(self.pid_file.read_text())

    def scrollback(self) -> str:
        """All that the terminal remembers, both screens."""
        return self.terminal.history()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path)
    yield home
    home.terminal.close()


def use(home: Home) -> None:
    """Type, stream, search, copy."""
    terminal = home.terminal
    terminal.type(TYPED)
    terminal.press("Enter")
    terminal.wait_for(lambda screen: STREAMED in screen and "done" in screen, "the answer")
    terminal.press("C-f")
    terminal.wait_for(lambda screen: "Search" in screen, "the search")
    terminal.type(TYPED)
    terminal.press("Escape")
    terminal.wait_for(lambda screen: "Ctrl+R retry" in screen, "the chat again")
    terminal.type(DRAFT)
    terminal.wait_for(lambda screen: DRAFT in screen, "the draft")
    terminal.press("S-Home", "C-c")
    terminal.wait_for(lambda screen: "inside this program only" in screen, "the copy")


@pytest.mark.parametrize("end", ["quit", "kill"])
async def test_canary_of_an_unsaved_confidential_session_is_nowhere(home: Home, end: str) -> None:
    await _used_and_ended(home, end, "--no-save")
    assert holders(home.home, home.temporary) == []


async def _used_and_ended(home: Home, end: str, *arguments: str) -> None:
    async with ScriptedOpenAI(chat=says(delta(STREAMED), delta(finish="stop"), "[DONE]")).served() as server:
        model = f"openai:{server.address.url}#qwen3"

        def work() -> None:
            home.start(
                "--confidential",
                "--attest",
                server.address.display,
                *arguments,
                "--left",
                "off",
                "--right",
                f'"{model}"',
            )
            use(home)
            if end == "kill":
                os.kill(home.pid, signal.SIGKILL)
                home.terminal.wait_for(lambda screen: "code=137" in screen, "the end")
                home.terminal.type("stty sane; tput rmcup")
                home.terminal.press("C-j")
                home.terminal.wait_for(lambda screen: STREAMED not in screen, "the ordinary screen")
            else:
                home.terminal.press("C-q")
                home.terminal.wait_for(lambda screen: "Forget it" in screen, "the question")
                home.terminal.type("y")
                home.terminal.wait_for(lambda screen: "code=0" in screen, "the end")

        await asyncio.to_thread(work)
        assert TYPED in str(server.received[-1].body), "the control: the words were in use"
    remembered = home.scrollback()
    assert "code=" in remembered
    assert [one for one in CANARIES if one in remembered] == []
