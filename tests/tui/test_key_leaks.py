"""A sentinel API key is nowhere but in the request: no file, no line of output, no child's environment, no crash."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from tests.backends.anthropic_server import in_turn, refuses, streams, whole
from tests.backends.scripted_server import Received, Reply, ScriptedServer
from tests.tui.program import PROJECT, Program
from tests.tui.raw_terminal import raw_terminal

KEY = "sk-ant-api03-SENTINEL-of-the-key_0123456789"
ANSWERS = whole("an answer")


def speaking() -> ScriptedServer:
    """Answers once, then refuses the key and quotes it, as careless gateways do."""
    refusal = refuses(403, "permission_error", f"The key {KEY} (Bearer {KEY}) may not do that")
    serve = in_turn(streams(*ANSWERS), refusal)

    async def handler(received: Received, reply: Reply) -> None:
        await serve(received, reply)

    return ScriptedServer(handler)


def asking(tmp_path: Path, server: ScriptedServer) -> Program:
    return Program(
        tmp_path,
        ANTHROPIC_BASE_URL=server.address.url,
        ANTHROPIC_API_KEY=KEY,
        ANTHROPIC_LOG="debug",
        PYTHONFAULTHANDLER="1",
        TEXTUAL="debug",
        TEXTUAL_LOG=str(tmp_path / "textual.log"),
    )


def holders(directory: Path) -> list[Path]:
    """The files that hold the key."""
    files = [path for path in directory.rglob("*") if path.is_file()]
    assert files, "the program wrote something"
    return [path for path in files if KEY.encode() in path.read_bytes()]


async def test_key_is_in_no_output_and_no_file_of_ask(tmp_path: Path) -> None:
    async with speaking() as server:
        program = asking(tmp_path, server)
        question = ("ask", "hi", "--left", "claude:claude-sonnet-5-5", "--right", "off")
        runs: list[tuple[str, ...]] = [
            question,
            (*question, "--json"),
            ("doctor",),
            ("sessions", "list", "--json"),
            ("key", "status"),
            ("ledger",),
        ]
        for arguments in runs:
            ended = await asyncio.to_thread(program.run, *arguments)
            assert KEY not in ended.out + ended.err
        assert KEY in str(server.received[0].headers), "the control: the key was in use"
    assert holders(tmp_path) == []


@pytest.mark.terminal
@pytest.mark.engine
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
async def test_key_is_in_no_byte_of_the_app_and_in_no_child(tmp_path: Path) -> None:
    async with speaking() as server:
        program = asking(tmp_path, server)
        command = program.command("--left", "claude:claude-sonnet-5-5", "--right", "demo:")
        async with raw_terminal(command, program.environment) as terminal:
            await terminal.wait_for("DEMO")
            terminal.type("hi\r")
            await terminal.wait_for("an answer")
            await terminal.wait_for("tok/s")
            look_at_processes(terminal.process.pid)
            terminal.type("again\r")
            await terminal.wait_for("may not")
        assert KEY.encode() not in terminal.written
        assert sum(KEY in str(one.headers) for one in server.received) >= 2
    assert holders(tmp_path) == []


def look_at_processes(pid: int) -> None:
    children = family(pid)
    assert children, "the embedded engine is a child"
    for child in children:
        for name in ("environ", "cmdline"):
            assert KEY.encode() not in Path(f"/proc/{child}/{name}").read_bytes(), (child, name)
    assert KEY.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()


def family(pid: int) -> list[int]:
    """The children of a process, and theirs."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += [int(child), *family(int(child))]
    return found


CRASH = """
import sys
sys.argv = ["duologue", "ask", "hi", "--left", "claude:claude-sonnet-5-5", "--right", "off"]
from backends import claude
from tui import cli
async def stream(self, request):
    key = await self._key()
    text = key.reveal()
    raise KeyError(text)
    yield
claude.ClaudeBackend.stream = stream
sys.exit(cli.main())
"""


async def test_crash_with_the_key_in_a_variable_and_in_the_message_does_not_tell_it(tmp_path: Path) -> None:
    async with speaking() as server:
        program = asking(tmp_path, server)
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", CRASH],
            env=dict(program.environment),
            cwd=PROJECT,
            capture_output=True,
            timeout=60,
            check=False,
        )
    assert b"a mistake in this program" in done.stderr
    assert KEY.encode() not in done.stdout + done.stderr
    assert holders(tmp_path) == []
