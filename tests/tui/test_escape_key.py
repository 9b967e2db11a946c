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


def test_a_paste_whose_end_mark_is_cut_in_two_and_comes_late_is_one_paste() -> None:
    class Parser(QuickEscapeParser):
        @staticmethod
        def more_comes(_seconds: float) -> bool:
            return False

    parser, messages = Parser(), list[object]()
    for data in ("\x1b[200~a ", "b\x1b", "[201", "~"):
        messages += parser.feed(data)
        parser._timeout_time = None if parser._timeout_time is None else 0.0
        messages += parser.tick()
    assert [message.text for message in messages if isinstance(message, events.Paste)] == ["a b"]
    assert not [message for message in messages if isinstance(message, events.Key)]
    messages += parser.feed("\x1b")
    assert isinstance(messages[-1], events.Key)
