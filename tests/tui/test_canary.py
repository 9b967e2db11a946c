"""A canary typed, streamed, searched for and copied in a confidential session, and what still holds it after.

No file at all below the home or the temporary directory may have it in clear, in UTF-8 or UTF-16, and the terminal
has nothing of it in its scrollback once the program is gone: whether nothing was kept or the vault was, and however
the program ended. What the vault kept is on no page of it, decrypted, once its sessions are deleted.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from storage.store import Store
from tests.backends.openai_server import ScriptedOpenAI, delta, says
from tests.storage.vault_pages import pages_in_clear
from tests.tui.confinement.confined import needs_linux
from tests.tui.keyring_program import KeyringProgram, keyring_program
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
        self.directory = directory
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
        self.terminal.start(self.command(*arguments), self.environment)
        self.terminal.wait_for(lambda screen: "CONFIDENTIAL" in screen, "a confidential session")

    def command(self, *arguments: str) -> str:
        """The line that starts the program and says at last how it ended."""
        words = " ".join(arguments)
        return f"sh -c 'echo $$ > {self.pid_file}; exec {sys.executable} -m tui {words}'; echo code=$?"

    def kill(self) -> None:
        """End the program as the system does when memory runs out, then leave its screen."""
        os.kill(self.pid, signal.SIGKILL)
        self.terminal.wait_for(lambda screen: "code=137" in screen, "the end")
        self.terminal.type("stty sane; tput rmcup")
        self.terminal.press("C-j")
        self.terminal.wait_for(lambda screen: STREAMED not in screen, "the ordinary screen")

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
    terminal.wait_for(lambda screen: screen.count(TYPED) >= 2, "what was found")
    terminal.press("Escape")
    terminal.wait_for(lambda screen: "Ctrl+R retry" in screen, "the chat again")
    terminal.type(DRAFT)
    terminal.wait_for(lambda screen: DRAFT in screen, "the draft")
    terminal.press("S-Home", "C-c")
    terminal.wait_for(lambda screen: "inside this program only" in screen, "the copy")


@pytest.mark.parametrize("end", ["quit", "kill"])
async def test_canary_of_an_unsaved_confidential_session_is_nowhere(home: Home, end: str) -> None:
    await _used_and_ended(home, end, "--no-save")
    assert_nowhere_in_clear(home)


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
                home.kill()
            else:
                home.terminal.press("C-q")
                home.terminal.wait_for(lambda screen: "Forget it" in screen, "the question")
                home.terminal.type("y")
                home.terminal.wait_for(lambda screen: "code=0" in screen, "the end")

        await asyncio.to_thread(work)
        assert TYPED in str(server.received[-1].body), "the control: the words were in use"


# What the vault keeps

BROKEN_KEY = """

def _broken(app: DuologueApp) -> None:
    prompt = app.screen.draft
    raise KeyError(prompt)

DuologueApp.action_layout = _broken
_APP_ACTIONS |= {"layout"}
"""


def with_a_broken_key(directory: Path) -> Path:
    """The program as it is, but for F3, which stumbles over the draft; gives the folder to start it from."""
    broken = directory / "broken"
    (broken / "tui").mkdir(parents=True)
    for package in ("backends", "conversation", "storage"):
        (broken / package).symlink_to(PROJECT / package)
    for part in (PROJECT / "tui").iterdir():
        (broken / "tui" / part.name).symlink_to(part)
    app = broken / "tui" / "app.py"
    app.unlink()
    app.write_text((PROJECT / "tui" / "app.py").read_text() + BROKEN_KEY)
    return broken


def find_and_leave_an_export(home: Home) -> None:
    """What `use` has not done yet; it needs an empty prompt."""
    terminal = home.terminal
    terminal.press("F7")
    terminal.type(TYPED)
    terminal.wait_for(lambda screen: "1 of" in screen, "what was found")
    terminal.press("Escape")
    terminal.wait_for(lambda screen: "Esc close" not in screen, "the end of it")
    terminal.type("/export")
    terminal.press("Enter")
    terminal.wait_for(lambda screen: "Export this session" in screen, "the dialog")
    terminal.press("Escape")
    terminal.wait_for(lambda screen: "Nothing was exported" in screen, "the chat again")


def crash(home: Home) -> None:
    home.terminal.press("F3")
    screen = home.terminal.wait_for(lambda screen: "code=1" in screen, "the end")
    assert "a mistake in this program (KeyError)" in screen


def assert_nowhere_in_clear(home: Home) -> None:
    """In no file, and in nothing that the terminal remembers."""
    assert holders(home.home, home.temporary) == []
    remembered = home.scrollback()
    assert "code=" in remembered
    assert [one for one in CANARIES if one in remembered] == []


@needs_linux
@pytest.mark.secret_service
async def test_canary_of_the_vault_is_nowhere_in_clear_and_once_deleted_nowhere_at_all(home: Home) -> None:
    async with ScriptedOpenAI(chat=says(delta(STREAMED), delta(finish="stop"), "[DONE]")).served() as server:
        with keyring_program(home.home, **kept_apart(home)) as program:
            program.configure(f'attested = ["{server.address.display}"]')
            models = f'--left off --right "openai:{server.address.url}#qwen3"'
            await asyncio.to_thread(_crashed_killed_and_switched, home, program, models)
            await asyncio.to_thread(_deleted, program)
            assert_nowhere_in_clear(home)
    assert TYPED in str(server.received[-1].body), "the control: the words were in use"


def kept_apart(home: Home) -> dict[str, str]:
    """What the home's environment has besides a program's own."""
    own = ("HOME", "PYTHONPATH", "PYTHON_KEYRING_BACKEND")
    return {name: value for name, value in home.environment.items() if name not in own}


def _crashed_killed_and_switched(home: Home, program: KeyringProgram, models: str) -> None:
    terminal = home.terminal
    broken = with_a_broken_key(home.directory)
    home.environment = {**program.environment, "PYTHONPATH": str(broken)}
    terminal.start(f"cd {broken}; {home.command('--confidential', models)}", home.environment)
    terminal.wait_for(lambda screen: "CONFIDENTIAL" in screen, "a confidential session")
    terminal.wait_for(lambda screen: "its key is in your keyring" in screen, "the vault")
    terminal.type(TYPED)
    terminal.press("Enter")
    terminal.wait_for(lambda screen: STREAMED in screen and "done" in screen, "the answer")
    find_and_leave_an_export(home)
    use(home)
    crash(home)
    assert_nowhere_in_clear(home)

    again(home, "--confidential", models)
    terminal.wait_for(lambda screen: "CONFIDENTIAL" in screen, "a confidential session")
    use(home)
    home.kill()
    assert_nowhere_in_clear(home)

    again(home, models)
    terminal.wait_for(lambda screen: "Ctrl+J newline" in screen, "an ordinary session")
    use_openly(home)
    assert holders(home.home), "the control: an ordinary session is in clear"
    terminal.press("F8")
    terminal.wait_for(lambda screen: "without a network" in screen, "the question")
    terminal.press("y")
    terminal.wait_for(lambda screen: "kernel (" in screen and DRAFT in screen and TYPED in screen, "the same session")
    terminal.press("C-q")
    terminal.wait_for(lambda screen: "code=0" in screen, "the end")
    assert_nowhere_in_clear(home)


def again(home: Home, *arguments: str) -> None:
    """Start it once more in the same terminal, which forgets how the run before ended."""
    home.terminal.type("clear")
    home.terminal.press("Enter")
    home.terminal.wait_for(lambda screen: "code=" not in screen, "an empty screen")
    home.terminal.type(home.command(*arguments))
    home.terminal.press("Enter")


def use_openly(home: Home) -> None:
    terminal = home.terminal
    terminal.type(TYPED)
    terminal.press("Enter")
    terminal.wait_for(lambda screen: STREAMED in screen and "done" in screen, "the answer")
    terminal.type(DRAFT)
    terminal.wait_for(lambda screen: DRAFT in screen, "the draft")


def _deleted(program: KeyringProgram) -> None:
    """Delete everything in the vault, and look at its pages before and after."""
    key = program.vault_key()
    with closing(Store.open(program.vault, key=key)) as store:
        ids = [one.session.id for one in store.sessions()]
    assert len(ids) == 3
    before = pages_in_clear(program.vault, key)
    assert all(one.encode() in before for one in CANARIES), "the control: the vault has them"
    assert program.run("sessions", "delete", "--confidential", *ids).code == 0
    assert program.run("sessions", "empty-bin", "--confidential", "--yes").code == 0
    assert not program.vault.with_name("vault.db-wal").exists()
    after = pages_in_clear(program.vault, key)
    assert [one for one in (*CANARIES, "7f3a") if one.encode() in after] == []
