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
from tests.backends.openai_server import ScriptedOpenAI, delta, says
from tests.tui.confinement.confined import need, needs_linux
from tests.tui.keyring_program import KeyringProgram, keyring_program
from tests.tui.program import Program, json_of
from tests.tui.tmux import Terminal, needs_tmux
from tui.confinement.environment import cleaned
from tui.confinement.levels import Level
from tui.confinement.reexec import LONGEST_CARRIED
from tui.exit_codes import ExitCode
from tui.restart import Carried, kept_from_restarting
from tui.settings import load

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


def has(data: Path, model: Path) -> None:
    """Put a model into a data directory."""
    data.mkdir(exist_ok=True)
    os.link(model, data / model.name)


def levels_in_the_ledger(program: KeyringProgram) -> set[str]:
    assert not (program.data / "duologue.db").exists()
    with program.opened_vault() as store:
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
@pytest.mark.secret_service
@pytest.mark.parametrize("level", list(Level), ids=WORDS.get)
def test_embedded_engine_answers_at_every_level(tmp_path: Path, brief_demo_model: Path, level: Level) -> None:
    need(level)
    with keyring_program(tmp_path) as program:
        has(program.data, brief_demo_model)
        ended = program.run(
            *("ask", "--confidential", "--demo", "--json", "-"),
            piped=b"Who are you?",
            DUOLOGUE_CONFINEMENT=WORDS[level],
        )

        assert ended.code == ExitCode.OK, ended.err
        document = json_of(ended)
        assert document["confidential"]
        assert {side["outcome"] for side in document["sides"].values()} == {"complete"}
        assert levels_in_the_ledger(program) == {level.value}


@needs_linux
@pytest.mark.secret_service
@pytest.mark.parametrize("level", list(Level), ids=WORDS.get)
async def test_local_server_answers_at_every_level_whatever_the_environment_says(
    tmp_path: Path, level: Level
) -> None:
    need(level)
    hostile = {name: value for name, value in HOSTILE.items() if not name.startswith(("LD_", "PYTHON"))}
    environment = {**hostile, "DUOLOGUE_CONFINEMENT": WORDS[level]}
    with keyring_program(tmp_path, **environment) as program:
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
@pytest.mark.secret_service
def test_f8_restarts_with_the_same_session_and_draft(
    terminal: Terminal, brief_demo_model: Path, tmp_path: Path
) -> None:
    with keyring_program(tmp_path, HTTP_PROXY=HOSTILE["HTTP_PROXY"]) as program:
        has(program.data, brief_demo_model)
        _make_confidential_and_go_on(terminal, program, tmp_path)
        with program.opened_vault() as store:
            (found,) = store.sessions()
            assert found.turns == 2
        with closing(Store.open(program.data / "duologue.db", read_only=True)) as store:
            assert store.sessions_to_move() == []
            assert {one.session_id for one in store.requests()} <= {None}


def _make_confidential_and_go_on(terminal: Terminal, program: Program, tmp_path: Path) -> None:
    terminal.start(
        f"stty -g > {tmp_path}/before; {sys.executable} -m tui --demo; stty -g > {tmp_path}/after",
        program.environment,
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


@needs_linux
@needs_tmux
@pytest.mark.terminal
async def test_f8_takes_what_is_off_the_record_along_in_memory_alone(terminal: Terminal, tmp_path: Path) -> None:
    typed, streamed, draft = "canary-typed-5b2c", "canary-streamed-5b2c", "canary-draft-5b2c"
    program = Program(tmp_path, TMPDIR=str(tmp_path))
    async with ScriptedOpenAI(chat=says(delta(streamed), delta(finish="stop"), "[DONE]")).served() as server:
        program.configure(f'attested = ["127.0.0.1:{server.port}"]')
        environment = {name: value for name, value in program.environment.items() if name != "PYTHONWARNINGS"}

        def work() -> None:
            models = f"--left off --right 'openai:{server.address.url}#qwen3'"
            terminal.start(f"{sys.executable} -m tui --off-the-record {models}; echo code=$?", environment)
            terminal.wait_for(lambda screen: "OFF THE RECORD" in screen, "what is off the record")
            terminal.type(typed)
            terminal.press("Enter")
            terminal.wait_for(lambda screen: streamed in screen and "done" in screen, "the answer")
            terminal.type(draft)
            terminal.press("F8")
            terminal.wait_for(lambda screen: "without a network" in screen, "the question")
            terminal.press("y")
            restarted = ("kernel (", "OFF THE RECORD", typed, streamed, draft)
            terminal.wait_for(lambda screen: all(one in screen for one in restarted), "the same session")
            terminal.press("Enter")
            terminal.wait_for(lambda screen: screen.count(streamed) == 2, "the next turn")
            terminal.type("/ledger")
            terminal.press("Enter")
            terminal.wait_for(lambda screen: screen.count(f"127.0.0.1:{server.port}") >= 2, "both requests")
            terminal.press("Escape")
            terminal.wait_for(lambda screen: typed in screen, "the chat again")
            terminal.press("C-q")
            terminal.wait_for(lambda screen: "Forget this session?" in screen, "the question at the end")
            terminal.press("y")
            terminal.wait_for(lambda screen: "code=0" in screen, "the end")

        await asyncio.to_thread(work)
        assert typed in str(server.received[-1].body), "the history goes on"
    assert holders(tmp_path, b"-5b2c") == []
    assert holders(tmp_path, b"attested") == ["config.toml"], "the control: what is in a file is found"


def test_what_is_too_long_to_be_taken_along_is_said_in_words(program: Program) -> None:
    settings = load(dict(program.environment))

    assert kept_from_restarting(settings, LONGEST_CARRIED + 1).startswith("This session is kept in memory alone")


@needs_linux
def test_what_would_not_come_up_again_is_not_ended(program: Program) -> None:
    program.configure("require_kernel = true")

    assert "require_kernel = false" in kept_from_restarting(
        load({**program.environment, "DUOLOGUE_CONFINEMENT": "guard"}), 1
    )
    assert kept_from_restarting(load(dict(program.environment)), 1) == ""


def test_carried_words_are_read_back_and_not_shown() -> None:
    carried = Carried("a draft\nof two lines", b"SQLite\n\0", "01J")

    assert Carried.from_bytes(bytes(carried)) == carried
    assert Carried.from_bytes(b"") == Carried()
    assert "draft\n" not in repr(carried)
    assert "SQLite" not in repr(carried)


def holders(directory: Path, words: bytes) -> list[str]:
    """Names of the files with these words in them."""
    return [path.name for path in directory.rglob("*") if path.is_file() and words in path.read_bytes()]


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
