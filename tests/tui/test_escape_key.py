"""Esc as terminals send it, through the parser that the program reads with."""

from __future__ import annotations

from textual import events

from tui.escape_key import QuickEscapeParser


def keys_from(*reads: str, more: bool = False) -> list[str]:
    class Parser(QuickEscapeParser):
        @staticmethod
        def more_comes(_seconds: float) -> bool:
            return more

    parser = Parser()
    return [message.key for data in reads for message in parser.feed(data) if isinstance(message, events.Key)]


def test_an_escape_that_nothing_follows_is_the_key() -> None:
    assert keys_from("\x1b") == ["escape"]
    assert keys_from("a\x1b", "b") == ["a", "escape", "b"]


def test_a_sequence_that_was_cut_in_two_is_one_key() -> None:
    assert keys_from("\x1b", "[A", more=True) == ["up"]


def test_sequences_that_come_whole_are_read_as_ever() -> None:
    assert keys_from("\x1b[A\x1b[27u\x1bOP") == ["up", "escape", "f1"]


def test_an_escape_within_a_marked_paste_is_no_key() -> None:
    assert keys_from("\x1b[200~text\x1b", "[201~", more=True) == []
