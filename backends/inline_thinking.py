"""Takes reasoning out of answers that carry it inline, as `<think>...</think>` before the answer proper.

LM Studio and others do so by a setting of the user, and no field tells. Only an answer that begins with the tag is
treated so: a tag later on is something the model talks about.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum, auto

from backends.base import TextDelta, ThinkingDelta

_OPEN, _CLOSE = "<think>", "</think>"


class _Place(Enum):
    BEGINNING = auto()
    BEFORE_THINKING = auto()
    THINKING = auto()
    BEFORE_ANSWER = auto()
    ANSWER = auto()


class InlineThinking:
    """Splits one streamed answer; tags may arrive in any number of pieces."""

    def __init__(self) -> None:
        self._place = _Place.BEGINNING
        self._held = ""
        """Text whose nature the next piece decides."""

    def feed(self, piece: str) -> Iterator[TextDelta | ThinkingDelta]:
        """What is known now that `piece` has come."""
        self._held += piece
        if self._place is _Place.BEGINNING:
            self._open()
        if self._place is _Place.BEFORE_THINKING:
            self._skip_space(_Place.THINKING)
        if self._place is _Place.THINKING:
            yield from self._think()
        if self._place is _Place.BEFORE_ANSWER:
            self._skip_space(_Place.ANSWER)
        if self._place is _Place.ANSWER and self._held:
            text, self._held = self._held, ""
            yield TextDelta(text)

    def flush(self) -> Iterator[TextDelta | ThinkingDelta]:
        """What was held when the answer ended."""
        held, self._held = self._held, ""
        if held:
            yield ThinkingDelta(held) if self._place is _Place.THINKING else TextDelta(held)

    def _open(self) -> None:
        begun = self._held.lstrip()
        if begun.startswith(_OPEN):
            self._place = _Place.BEFORE_THINKING
            self._held = begun.removeprefix(_OPEN)
        elif not _OPEN.startswith(begun):
            self._place = _Place.ANSWER

    def _skip_space(self, then: _Place) -> None:
        self._held = self._held.lstrip()
        if self._held:
            self._place = then

    def _think(self) -> Iterator[ThinkingDelta]:
        thought, closed, rest = self._held.partition(_CLOSE)
        if closed:
            self._place = _Place.BEFORE_ANSWER
            self._held = rest
        else:
            kept = next((n for n in range(len(_CLOSE) - 1, 0, -1) if thought.endswith(_CLOSE[:n])), 0)
            thought, self._held = thought[: len(thought) - kept], thought[len(thought) - kept :]
        if thought:
            yield ThinkingDelta(thought)
