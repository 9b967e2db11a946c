"""Where copied text goes: to the terminal from ordinary sessions, nowhere from confidential ones without a yes."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.backends.openai_server import ScriptedOpenAI, delta, says
from tests.tui.program import Program
from tests.tui.raw_terminal import RawTerminal, raw_terminal

pytestmark = pytest.mark.terminal
ANSWER = "words-of-the-answer"
TYPED = "typed-words"
COPY, CUT, PASTE = b"\x03", b"\x18", b"\x16"
SELECT_ALL = b"\x1b[1;2H"
"""Shift+Home."""


@asynccontextmanager
async def answered(tmp_path: Path, *arguments: str, **environment: str) -> AsyncIterator[RawTerminal]:
    """The app with one answered question, and words in the prompt box that are selected."""
    chat = says(delta(ANSWER), delta(finish="stop"), "[DONE]")
    async with ScriptedOpenAI(chat=chat).served() as server:
        program = Program(tmp_path, **environment)
        command = program.command(
            "--attest",
            server.address.display,
            "--left",
            "off",
            "--right",
            f"openai:{server.address.url}#qwen3",
            *arguments,
        )
        async with raw_terminal(command, program.environment) as terminal:
            await terminal.wait_for("local only: CONFIDENTIAL" if arguments else "qwen3")
            terminal.type("question\r")
            await terminal.wait_for("done")
            terminal.type(TYPED)
            await terminal.wait_for(TYPED)
            terminal.type(SELECT_ALL)
            yield terminal


def sent(words: str) -> bytes:
    return b"\x1b]52;c;" + base64.b64encode(words.encode())


async def test_ordinary_copy_goes_to_the_terminal_and_says_so(tmp_path: Path) -> None:
    async with answered(tmp_path) as terminal:
        terminal.type(COPY)
        await terminal.wait_for("to the terminal's clipboard.")
        assert sent(TYPED) in terminal.written


async def test_copy_over_ssh_is_asked_once_and_says_where_it_goes_before_it_goes(tmp_path: Path) -> None:
    async with answered(tmp_path, SSH_CONNECTION="192.0.2.1 1 192.0.2.2 22") as terminal:
        terminal.type(COPY)
        await terminal.wait_for("Keep it inside")
        assert "the machine that you" in terminal.shown
        assert b"\x1b]52" not in terminal.written
        terminal.type("y")
        await terminal.wait_for("Copied the text")
        assert terminal.written.count(sent(TYPED)) == 1
        terminal.type(CUT)
        await terminal.wait_for("Copied the text", terminal.mark())
        assert terminal.written.count(sent(TYPED)) == 2


async def test_confidential_copies_stay_inside_until_the_user_lets_one_out(tmp_path: Path) -> None:
    async with answered(tmp_path, "--confidential") as terminal:
        for key in (COPY, CUT):
            since = terminal.mark()
            terminal.type(key)
            await terminal.wait_for("inside this program only", since)
        since = terminal.mark()
        terminal.type(PASTE)
        await terminal.wait_for(TYPED, since)
        terminal.type(b"\t")  # to the transcript
        since = terminal.mark()
        terminal.type("y")
        await terminal.wait_for("inside this program only", since)
        assert b"\x1b]52" not in terminal.written

        terminal.type(b"\x10")
        await terminal.wait_for("Search for commands")
        for answer, count in (("n", 0), ("y", 1), ("n", 1)):
            terminal.type("Copy out")
            await terminal.wait_for("Put what was copied")
            since = terminal.mark()
            terminal.type("\r")
            await terminal.wait_for("They are of a confidential session", since)
            assert terminal.written.count(b"\x1b]52") == max(0, count - (answer == "y"))
            since = terminal.mark()
            terminal.type(answer)
            if answer == "y":
                await terminal.wait_for("to the terminal's clipboard.", since)
            terminal.type(b"\x10")
            await terminal.wait_for("Search for commands", since)
            assert terminal.written.count(b"\x1b]52") == count
        assert sent(ANSWER) in terminal.written
