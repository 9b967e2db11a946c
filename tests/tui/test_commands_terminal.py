"""`duologue ask` and `sessions show` on a terminal: what a person sees, and what cannot command the terminal."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.backends.openai_server import ScriptedOpenAI, delta, says, sse
from tests.backends.scripted_server import Received, Reply
from tests.tui.hostile import COMMANDING, HOSTILE
from tests.tui.program import Program
from tui.exit_codes import ExitCode

DIM = re.compile("\x1b\\[2m(.*)\x1b\\[22m")
WIDTH = 60


@dataclass(frozen=True, slots=True)
class Seen:
    """What a run wrote to the terminal, line ends as the program wrote them."""

    code: int
    text: str


def on_terminal(program: Program, *arguments: str, **environment: str) -> Seen:
    """Run the program with output and errors on one terminal."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, WIDTH, 0, 0))
    with subprocess.Popen(
        program.command(*arguments),
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env={**program.environment, "TERM": "xterm-256color", **environment},
    ) as process:
        os.close(theirs)
        written = b""
        with suppress(OSError):  # Linux tells so that the last writer has closed its end
            while piece := os.read(ours, 65536):
                written += piece
        code = process.wait()
    os.close(ours)
    return Seen(code, written.decode().replace("\r\n", "\n"))


def left_standing(text: str) -> list[str]:
    """The lines as a person sees them in the end: what a carriage return led back over is written over."""
    return ["".join(part.rstrip() for part in line.split("\r")[-1:]) for line in text.split("\n")]


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


async def test_hostile_answer_cannot_command_the_terminal(program: Program) -> None:
    chunks = [delta(words) for words in HOSTILE if words != "\ud800"]
    async with ScriptedOpenAI(chat=says(*chunks, delta(finish="stop"))).served() as server:
        model = f"openai:{server.address.url}#x"
        asked = await asyncio.to_thread(on_terminal, program, "ask", "hi", "--left", model, "--right", "off")
    (session,) = (line.split()[0] for line in program.run("sessions", "list").out.splitlines())
    shown = await asyncio.to_thread(on_terminal, program, "sessions", "show", session)

    assert asked.code == shown.code == ExitCode.OK
    for seen in (asked, shown):
        rest = DIM.sub(r"\1", seen.text).replace("\r", "").replace("\n", "")
        assert COMMANDING.search(rest) is None
    assert "[/nope]" in asked.text


async def test_receipt_is_dim_unless_colour_is_unwanted(program: Program) -> None:
    async with ScriptedOpenAI().served() as server:
        ask = ("ask", "hi", "--left", f"openai:{server.address.url}#x", "--right", "off")
        dim = await asyncio.to_thread(on_terminal, program, *ask)
        plain = await asyncio.to_thread(lambda: on_terminal(program, *ask, NO_COLOR="1"))

    assert "tok" in (DIM.search(dim.text) or [""])[0]
    assert "\x1b" not in plain.text
    assert "tok" in plain.text


async def test_what_a_side_does_is_told_and_taken_back(program: Program) -> None:
    let_go = asyncio.Event()

    async def slow(_: Received, reply: Reply) -> None:
        await let_go.wait()
        await reply.start("text/event-stream")
        await reply.chunk(sse(delta("Here."), delta(finish="stop")))
        await reply.end()

    async with ScriptedOpenAI(chat=slow).served() as server:
        asking = asyncio.to_thread(
            on_terminal, program, "ask", "hi", "--left", f"openai:{server.address.url}#x", "--right", "off"
        )
        async with asyncio.TaskGroup() as group:
            seen = group.create_task(asking)
            while "/v1/chat/completions" not in server.paths:
                await asyncio.sleep(0.01)
            let_go.set()

    text = seen.result().text
    assert "Local: waiting" in text
    lines = left_standing(text)
    assert lines[:2] == ["Local (x, this machine):", "Here."]
    assert not any("waiting" in line for line in lines)
    assert all(len(part) < WIDTH for part in re.split("[\r\n]", text) if "waiting" in part)


async def test_failure_is_told_once(program: Program) -> None:
    seen = on_terminal(program, "ask", "hi", "--left", "openai:http://127.0.0.1:9#x", "--right", "off")

    assert seen.code == ExitCode.INCOMPLETE
    assert seen.text.count("Nobody answers") == 1
