"""What the copy keys give: the answer as the model wrote it, or one of its code blocks; never the lines on screen.

Tabs and every visible character stay as they are. What a terminal would obey when it is pasted (controls, bidi
overrides, tags) is left out, because people paste into shells.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import NamedTuple

from storage import Reply, Side, Turn
from tui.rendering.code import language_of
from tui.rendering.markdown import parse

_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\U000e0000-\U000e0fff]")


class Copied(NamedTuple):
    """Something to copy."""

    text: str
    what: str
    """In words: "the left answer to question 3"."""


def for_clipboard(text: str) -> str:
    """The text without what a terminal would obey."""
    return _OBEYED.sub("", text.replace("\r\n", "\n"))


def answer_source(reply: Reply, number: int) -> Copied:
    """A whole answer; `number` is its question's."""
    return Copied(for_clipboard(reply.text), f"the {reply.side.value} answer to question {number}")


def code_source(reply: Reply, back: int = 0, *, number: int | None = None) -> Copied | None:
    """One code block of an answer, counted from its end (0 is the last) and around; None if it has none.

    `number` counts from its beginning instead.
    """
    blocks = [token for token in parse(reply.text.replace("\r\n", "\n")) if token.type in ("fence", "code_block")]
    if not blocks:
        return None
    at = len(blocks) - 1 - back % len(blocks) if number is None else min(number, len(blocks) - 1)
    language = language_of(blocks[at].info)
    named = f" ({language})" if language.isalnum() else ""
    return Copied(for_clipboard(blocks[at].content), f"code block {at + 1} of {len(blocks)}{named}")


def newest_answers(turns: Iterable[Turn], sides: Collection[Side]) -> list[Copied]:
    """The answers of the first turn that has words on one of these sides; `turns` are the newest first."""
    for turn in turns:
        replies = [turn.latest(side) for side in sides]
        found = [answer_source(reply, turn.seq) for reply in replies if reply is not None and reply.text]
        if found:
            return found
    return []


class CodeBlocks:
    """Gives the code blocks of the newest answer that has any, from the last one back, one with each call."""

    def __init__(self) -> None:
        self._given: tuple[int, int] | None = None
        """The reply, and how many blocks from its end were given."""

    def next(self, turns: Iterable[Turn], sides: Collection[Side]) -> Copied | None:
        """The next block; None where there is no code. `turns` are the newest first."""
        for turn in turns:
            for side in reversed(list(sides)):
                reply = turn.latest(side)
                if reply is None:
                    continue
                back = self._given[1] if self._given is not None and self._given[0] == reply.id else 0
                copied = code_source(reply, back)
                if copied is not None:
                    self._given = reply.id, back + 1
                    return copied
        return None
