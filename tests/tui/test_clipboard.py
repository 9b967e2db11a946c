"""Where copied text goes: to the terminal from ordinary sessions, nowhere from confidential ones without a yes."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.backends.openai_server import ScriptedOpenAI, delta, says
from tests.tui.program import Program
from tests.tui.raw_terminal import DEADLINE_SECONDS, RawTerminal, raw_terminal
from tests.tui.screen_text import until

pytestmark = pytest.mark.terminal
ANSWER = "words-of-the-answer"
TYPED = "typed-words"
EMPTY = "Type a question"
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
        await until(lambda: terminal.written.count(sent(TYPED)) == 2, seconds=DEADLINE_SECONDS)


async def test_confidential_copies_stay_inside_until_the_user_lets_one_out(tmp_path: Path) -> None:
    async with answered(tmp_path, "--confidential", "--off-the-record") as terminal:
        await press(terminal, COPY, "inside this program only")
        await press(terminal, CUT, EMPTY)
        await press(terminal, PASTE, TYPED)
        await press(terminal, SELECT_ALL + CUT, EMPTY)
        await press(terminal, "\t", ANSWER)  # to the transcript
        await press(terminal, "y", "Copied the right answer")
        await press(terminal, "\t", ANSWER)  # and back to the prompt
        assert b"\x1b]52" not in terminal.written

        # By the command, not the palette: that looks for commands while its keys come, so Enter may be early.
        for answer, count in (("n", 0), ("y", 1), ("n", 1)):
            await press(terminal, "/copy-out\r", "They are of a confidential session")
            assert terminal.written.count(b"\x1b]52") == max(0, count - (answer == "y"))
            await press(terminal, answer, "Copied the text" if answer == "y" else "It stays inside this program.")
            await until(partial(has_sent, terminal, count), seconds=DEADLINE_SECONDS)
            assert terminal.written.count(b"\x1b]52") == count
        assert sent(ANSWER) in terminal.written


def has_sent(terminal: RawTerminal, copies: int) -> bool:
    return terminal.written.count(b"\x1b]52") >= copies


async def press(terminal: RawTerminal, keys: str | bytes, words: str) -> None:
    """Send keys, and wait for what they bring onto the screen."""
    since = terminal.mark()
    terminal.type(keys)
    await terminal.wait_for(words, since)
