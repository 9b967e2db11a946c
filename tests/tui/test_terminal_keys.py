"""Bytes as terminals send them, through Textual's own parser."""

from __future__ import annotations

import pytest
from textual import events
from textual._xterm_parser import XTermParser

from tui.terminal_keys import ENTER_WITH_MODIFIER, tell_alt_enter_from_enter


def keys_from(typed: str) -> list[str]:
    parser = XTermParser()
    return [message.key for message in parser.feed(typed) if isinstance(message, events.Key)]


@pytest.fixture(autouse=True)
def _alt_enter_known() -> None:
    tell_alt_enter_from_enter()


@pytest.mark.parametrize(
    ("typed", "key"),
    [
        ("\r", "enter"),
        ("\n", "ctrl+j"),
        ("\x1b\r", "alt+enter"),
        ("\x1b\n", "alt+enter"),
        ("\x1b[13u", "enter"),
        ("\x1b[13;2u", "shift+enter"),
        ("\x1b[13;3u", "alt+enter"),
        ("\x1b[13;5u", "ctrl+enter"),
    ],
)
def test_enter_and_its_modifiers_are_told_apart(typed: str, key: str) -> None:
    assert keys_from(typed) == [key]


@pytest.mark.parametrize("modifier", [2, 3, 5, 6])
def test_enter_reported_by_modify_other_keys_has_a_name_that_the_prompt_knows(modifier: int) -> None:
    [key] = keys_from(f"\x1b[27;{modifier};13~")
    assert key in ENTER_WITH_MODIFIER


def test_keys_after_alt_enter_are_read_as_ever() -> None:
    assert keys_from("a\x1b\rb\r") == ["a", "alt+enter", "b", "enter"]
