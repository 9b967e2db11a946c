"""The real program in a terminal, fed with text that tries to command it: the bytes that come out are Textual's own.

Every way in which foreign text comes in is used once with harmless words and once with hostile ones. Whatever escape
sequence the hostile run writes, the harmless one writes as well, colours and positions aside.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.backends.openai_server import ScriptedOpenAI, delta, sse, streams, usage
from tests.backends.scripted_server import Received, Reply
from tests.tui.hostile import HOSTILE
from tests.tui.program import Program
from tests.tui.raw_terminal import RawTerminal, raw_terminal

pytestmark = pytest.mark.terminal
CSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
OSC = re.compile(r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
MOVES_AND_COLOURS = re.compile(r"\x1b\[[0-9;:]*[mH]")
TEXT_CONTROLS = re.compile(
    "[\x00-\x06\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029\U000e0000-\U000e007f]"
)
"""Not LF, CR, TAB and BEL, which Textual writes."""
SILENCE = 0.3
"""Seconds. A lone Esc is told from the beginning of a key by what does not follow it, and so is a paste's end."""
PALETTE, SESSIONS, SEARCH, ESCAPE = b"\x10", b"\x0f", b"\x06", b"\x1b"


def said(words: tuple[str, ...], end: str) -> Callable[[Received, Reply], object]:
    """An answer and its thinking in deltas of single characters, so that each sequence is torn at each byte."""
    text = "\n\n".join(
        [*words, *(f"# {word}\n- {word}\n\n```{word[:3]}\n{word}\n```\n|{word}|b|\n|-|-|\n|x|y|" for word in words)]
    )
    chunks = [json.dumps(delta(character)) for character in text]
    thoughts = [json.dumps(delta(None, reasoning_content=word)) for word in words]
    return streams(sse(*thoughts, *chunks), sse(delta(end), delta(finish="stop"), usage(), "[DONE]"))


async def shown(directory: Path, words: tuple[str, ...]) -> RawTerminal:
    """What the program writes on a tour through its screens with these words in every place."""
    everything = " ".join(words)
    refused = {"error": {"message": everything, "type": everything, "code": everything}}

    async def refusing(_: Received, reply: Reply) -> None:
        await reply.json(refused, 400)

    chat = said(words, "\n\nENDED")
    with_models = {"/v1/models": {"data": [{"id": everything, "max_model_len": 4096}, {"id": "x" * 5000}]}}
    async with (
        ScriptedOpenAI(pages=with_models, chat=chat).served() as good,  # type: ignore[arg-type]
        ScriptedOpenAI(pages=with_models, chat=refusing).served() as bad,
    ):
        program = Program(directory)
        model = "".join(character for character in everything[:60] if character.isprintable()) or "x"
        left, right = f"openai:{good.address.url}#{model}", f"openai:{bad.address.url}#x"
        asked = ("ask", "-", "--left", left, "--right", right, "--json")
        await asyncio.to_thread(program.run, *asked, piped=everything.encode(errors="replace"))
        async with raw_terminal(program.command("--left", left, "--right", right), program.environment) as terminal:
            await terminal.wait_for("Ctrl+J newline")
            terminal.type(b"\x1b[200~" + everything.replace("\x1b", "\x1b ").encode(errors="replace") + b"\x1b[201~")
            await asyncio.sleep(SILENCE)
            terminal.type(b"\r")
            await terminal.wait_for("ENDED")
            for keys, words_there in (
                (SESSIONS, "Sessions"),
                (SEARCH, "Search"),
                (PALETTE, "Search for commands"),
            ):
                since = terminal.mark()
                terminal.type(keys)
                await terminal.wait_for(words_there, since)
                terminal.type("[/nope] x")
                await asyncio.sleep(SILENCE)
                terminal.type(ESCAPE)
                await asyncio.sleep(SILENCE)
            terminal.type(b"\x11")
            assert await terminal.ended() == 0
    return terminal


def sequences(terminal: RawTerminal) -> set[str]:
    text = terminal.written.decode(errors="replace")
    return {each for each in CSI.findall(text) if not MOVES_AND_COLOURS.fullmatch(each)}


def commands(terminal: RawTerminal) -> set[str]:
    """To the terminal itself; Textual's are about the shape of the mouse pointer."""
    return set(OSC.findall(terminal.written.decode(errors="replace")))


def remainder(terminal: RawTerminal) -> str:
    return OSC.sub("", CSI.sub("", terminal.written.decode()))


async def test_hostile_words_write_no_sequence_that_harmless_ones_do_not(tmp_path: Path) -> None:
    for name in ("harmless", "hostile"):
        (tmp_path / name).mkdir()
    # One after the other: beside another program, what is typed comes in pieces that are told apart by their pauses.
    harmless = await shown(tmp_path / "harmless", ("words", "more words"))
    hostile = await shown(tmp_path / "hostile", HOSTILE)
    assert "ENDED" in hostile.shown
    assert sequences(hostile) <= sequences(harmless)
    assert commands(hostile) <= commands(harmless)
    rest, control = remainder(hostile), remainder(harmless)
    allowed = set(TEXT_CONTROLS.findall(control))
    assert set(TEXT_CONTROLS.findall(rest)) <= allowed, "nothing but what Textual writes anyway"
    assert rest.count("\x07") <= control.count("\x07") + 1
