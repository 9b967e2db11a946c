"""The real program in confidential mode: how it gets there, what holds it, and that its models still answer."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from storage.store import Store
from tests.backends.openai_server import ScriptedOpenAI
from tests.engine_fixture import need_the_wheel
from tests.tui.confinement.confined import needs_linux
from tests.tui.program import Program, json_of
from tests.tui.tmux import Terminal, needs_tmux
from tui.confinement.environment import cleaned
from tui.confinement.levels import Level
from tui.exit_codes import ExitCode

WORDS = {Level.NAMESPACE: "namespace", Level.SECCOMP: "seccomp", Level.GUARD: "guard"}
HOSTILE = {
    "HTTP_PROXY": "http://198.51.100.66:3128",
    "all_proxy": "http://198.51.100.66:3128",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://198.51.100.66:4318",
    "TEXTUAL": "devtools",
    "TEXTUAL_LOG": "/nonexistent/keys.log",
    "SSLKEYLOGFILE": "/nonexistent/tls.log",
    "ANTHROPIC_BASE_URL": "http://198.51.100.66",
    "ANTHROPIC_API_KEY": "sk-ant-sentinel",
    "OLLAMA_HOST": "198.51.100.66:11434",
    "OLLAMA_API_KEY": "sentinel",
    "REQUESTS_CA_BUNDLE": "/nonexistent/ca.pem",
    "PYTHONSTARTUP": "/nonexistent/start.py",
    "PYTHONPATH": "/nonexistent",
    "LD_PRELOAD": "/nonexistent.so",
    "LD_AUDIT": "/nonexistent.so",
}


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


def levels_in_the_ledger(program: Program) -> set[str]:
    with closing(Store.open(program.data / "duologue.db", read_only=True)) as store:
        return {request.level for request in store.requests(None)}


def test_environment_keeps_the_terminal_and_the_keyring_and_nothing_hostile() -> None:
    kept = {
        "TERM": "xterm",
        "LC_ALL": "C",
        "HOME": "/h",
        "DBUS_SESSION_BUS_ADDRESS": "unix:path=/b",
        "DUOLOGUE_X": "y",
    }

    assert cleaned({**kept, **HOSTILE}) == kept


@needs_linux
@pytest.mark.engine
@pytest.mark.parametrize("level", list(Level), ids=WORDS.get)
def test_embedded_engine_answers_at_every_level(program: Program, level: Level) -> None:
    need_the_wheel()

    ended = program.run(
        *("ask", "--confidential", "--demo", "--json", "-"), piped=b"Who are you?", DUOLOGUE_CONFINEMENT=WORDS[level]
    )

    assert ended.code == ExitCode.OK, ended.err
    document = json_of(ended)
    assert document["confidential"]
    assert {side["outcome"] for side in document["sides"].values()} == {"complete"}
    assert levels_in_the_ledger(program) == {level.value}


@needs_linux
@pytest.mark.parametrize("level", list(Level), ids=WORDS.get)
async def test_local_server_answers_at_every_level_whatever_the_environment_says(
    tmp_path: Path, level: Level
) -> None:
    hostile = {name: value for name, value in HOSTILE.items() if not name.startswith(("LD_", "PYTHON"))}
    program = Program(tmp_path, **hostile, DUOLOGUE_CONFINEMENT=WORDS[level])
    async with ScriptedOpenAI().served() as server:
        program.configure(f'attested = ["localhost:{server.port}", "127.0.0.1:{server.port}"]')
        model = f"openai:http://localhost:{server.port}#x"
        asked = ("ask", "--confidential", "--left", "off", "--right", model, "--json", "-")

        ended = await asyncio.to_thread(program.run, *asked, piped=b"hi")

    assert ended.code == ExitCode.OK, ended.err
    assert json_of(ended)["sides"]["right"]["text"] == "Hello there."
    assert levels_in_the_ledger(program) == {level.value}


def test_kernel_that_is_required_and_cannot_be_had_opens_nothing(program: Program) -> None:
    program.configure("require_kernel = true")

    ended = program.run("ask", "--confidential", "--demo", "-", piped=b"hi", DUOLOGUE_CONFINEMENT="guard")

    assert ended.code == ExitCode.USAGE
    assert "require_kernel = false" in ended.err
    assert not (program.data / "duologue.db").exists()


def test_unknown_level_is_a_mistake_in_the_environment(program: Program) -> None:
    ended = program.run("doctor", DUOLOGUE_CONFINEMENT="none")

    assert ended.code == ExitCode.CONFIGURATION
    assert "namespace, seccomp, guard" in ended.err


def test_confidential_prompt_as_an_argument_is_refused_before_anything_starts(program: Program) -> None:
    ended = program.run("ask", "--confidential", "--demo", "my secret")

    assert ended.code == ExitCode.USAGE
    assert "my secret" not in ended.err


def test_entry_of_the_confidential_process_says_how_it_is_started(program: Program) -> None:
    import subprocess

    for words in ([], ["7"], ["x"], ["0"]):
        done = subprocess.run(
            [sys.executable, "-m", "tui.confined", *words],
            env=dict(program.environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == ExitCode.USAGE
        assert "duologue --confidential" in done.stderr


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    terminal = Terminal(tmp_path, 160, 250)  # as high as the longest answers
    yield terminal
    terminal.close()


@needs_linux
@needs_tmux
@pytest.mark.terminal
@pytest.mark.engine
def test_f8_restarts_with_the_same_session_and_draft(terminal: Terminal, tmp_path: Path) -> None:
    need_the_wheel()
    environment = {
        "DUOLOGUE_DATA_DIR": str(tmp_path / "data"),
        "DUOLOGUE_CONFIG_DIR": str(tmp_path / "config"),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        "HTTP_PROXY": HOSTILE["HTTP_PROXY"],
        "HOME": str(tmp_path),
    }
    terminal.start(
        f"stty -g > {tmp_path}/before; {sys.executable} -m tui --demo; stty -g > {tmp_path}/after", environment
    )
    terminal.wait_for(lambda screen: screen.count("DEMO") >= 2, "both demo sides")
    terminal.type("What are you?")
    terminal.press("Enter")
    terminal.wait_for(lambda screen: screen.count("done") == 2, "two finished answers")
    terminal.type("the draft that stays")
    terminal.press("F8")
    terminal.wait_for(lambda screen: "without a network" in screen, "the question")
    terminal.press("y")
    screen = terminal.wait_for(lambda screen: "CONFIDENTIAL" in screen.split("\n", 1)[0], "the confidential banner")

    assert re.search(r"CONFIDENTIAL · stays on this machine · kernel \((namespace|seccomp)\) · 0 bytes left", screen)
    terminal.wait_for(
        lambda screen: "the draft that stays" in screen and "What are you?" in screen, "session and draft"
    )
    process = next(one for one in processes("tui.confined") if b"HTTP_PROXY" not in one)
    assert b"DUOLOGUE_DATA_DIR" in process
    terminal.press("Enter")
    terminal.wait_for(lambda screen: "2 turns" in screen.split("\n", 1)[0], "the next turn")
    terminal.wait_for(lambda screen: screen.count(" done") == 2, "an answer without a network")
    terminal.press("C-q")
    terminal.wait_for(lambda _: (tmp_path / "after").exists(), "the end")
    assert (tmp_path / "after").read_text() == (tmp_path / "before").read_text()


def processes(name: str) -> list[bytes]:
    """Environments of the running processes that have `name` in their command line; b"" where they are hidden."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                if name.encode() in (entry / "cmdline").read_bytes():
                    found.append((entry / "environ").read_bytes())
            except PermissionError:
                found.append(b"DUOLOGUE_DATA_DIR")
            except OSError:
                continue
    return found or [os.fsencode("")]
