"""Text as terminals send it that do not mark pastes, through the parser that the program reads with."""

from __future__ import annotations

import time
from collections.abc import Iterable

import pytest
from textual import events
from textual.message import Message

from tui.unmarked_paste import LONGEST_LINE_SENT, QUIET_SECONDS, UnmarkedPaste, UnmarkedPasteParser

LINE = "a line of more than sixty-four characters, as nobody types it at one stroke"


def read_by_the_program(*reads: str) -> list[str]:
    """Keys by name and pastes in quotes, for what the terminal sends; then a moment of silence."""
    parser = UnmarkedPasteParser()
    seen: list[str] = []
    for data in reads:
        seen += named(parser.feed(data))
        seen += named(parser.tick())
    time.sleep(QUIET_SECONDS * 1.2)
    return seen + named(parser.tick())


def named(messages: Iterable[Message]) -> list[str]:
    return [
        message.key if isinstance(message, events.Key) else f"{type(message).__name__} {message.text!r}"
        for message in messages
        if isinstance(message, events.Key | events.Paste)
    ]


def test_what_a_person_types_stays_keys() -> None:
    assert read_by_the_program("hi", "\r", "\x1b[A", "x\x1b[13;2u") == ["h", "i", "enter", "up", "x", "shift+enter"]


def test_a_run_of_characters_is_one_paste() -> None:
    text = (LINE + "\n") * 200
    reads = [text[at : at + 4096] for at in range(0, len(text), 4096)]
    assert read_by_the_program(*reads) == [f"UnmarkedPaste {text!r}"]


def test_a_line_that_a_script_types_is_sent_by_its_enter() -> None:
    assert read_by_the_program(LINE + "\r") == [f"UnmarkedPaste {LINE!r}", "enter"]
    assert read_by_the_program(LINE, "\r") == [f"UnmarkedPaste {LINE!r}", "enter"]


def test_a_long_paste_never_ends_in_an_enter() -> None:
    text = "x" * LONGEST_LINE_SENT + "\r"
    assert read_by_the_program(text) == [f"UnmarkedPaste {text!r}"]


def test_keys_around_a_run_keep_their_order() -> None:
    assert read_by_the_program("\x1b[A" + LINE + "\x11" + LINE) == [
        "up",
        f"UnmarkedPaste {LINE!r}",
        "ctrl+q",
        f"UnmarkedPaste {LINE!r}",
    ]


@pytest.mark.parametrize("cut", [1, 3, 6, 40, 100])
def test_a_marked_paste_is_left_to_textual(cut: int) -> None:
    sent = f"\x1b[200~{LINE}\r{LINE}\x1b[201~y"
    assert read_by_the_program(sent[:cut], sent[cut:]) == [f"Paste {LINE + chr(13) + LINE!r}", "y"]


def test_after_a_marked_paste_runs_are_found_again() -> None:
    assert read_by_the_program(f"\x1b[200~{LINE}\x1b[201~", LINE) == [f"Paste {LINE!r}", f"UnmarkedPaste {LINE!r}"]


def test_a_flood_of_mouse_moves_is_not_text() -> None:
    assert read_by_the_program("\x1b[<35;100;20M" * 20) == []


def test_the_end_of_input_hands_on_what_was_held() -> None:
    parser = UnmarkedPasteParser()
    assert named(parser.feed(LINE)) == []
    assert named(parser.feed("")) == [f"UnmarkedPaste {LINE!r}"]


def test_an_unmarked_paste_reaches_the_handlers_of_pastes() -> None:
    assert UnmarkedPaste("x").handler_name == events.Paste("x").handler_name
