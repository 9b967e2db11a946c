"""Counting what is looked for in one turn: of what is on the screen as of what is read from the store."""

from __future__ import annotations

from collections.abc import Iterable

from storage.needles import Needle
from storage.records import Occurrences, Side, Turn, Where

THINKING = {Side.LEFT: Where.LEFT_THINKING, Side.RIGHT: Where.RIGHT_THINKING}
ANSWER = {Side.LEFT: Where.LEFT, Side.RIGHT: Where.RIGHT}


def occurrences(turn: Turn, needle: Needle) -> Occurrences:
    """How often one turn has it, in the order of reading."""
    texts: list[tuple[Where, str]] = [(Where.QUESTION, turn.prompt)]
    for side in Side:
        if (reply := turn.latest(side)) is not None:
            texts += [(THINKING[side], reply.thinking), (ANSWER[side], reply.text)]
    return counted(turn.id, turn.seq, texts, needle)


def counted(turn_id: int, seq: int, texts: Iterable[tuple[Where, str]], needle: Needle) -> Occurrences:
    """The same for texts at their places."""
    return Occurrences(turn_id, seq, tuple((where, count) for where, text in texts if (count := needle.count(text))))
