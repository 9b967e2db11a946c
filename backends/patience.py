"""How long an answer may take and how much it may hold, the same for every backend.

A server may be silent, drip one byte at a time, ping for ever, or never stop writing. Timeouts of an HTTP library do
not help there: they start anew at each byte. So every wait on a server goes through `Watch.wait`, which measures on
the monotonic clock since the last *content*, and every piece of text is counted before it is passed on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TypeVar

from backends.errors import BrokenStream, TimedOut

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Patience:
    """The limits of one answer. Times in seconds, sizes in characters or bytes as told."""

    connect: float = 10.0
    """To get a connection."""
    first_content: float = 300.0
    """From sending to the first piece of text or thinking: a large model may have to be loaded from disk first."""
    idle: float = 60.0
    """Between two pieces. Pings and empty pieces are not content."""
    total: float = 1800.0
    """The whole answer."""
    text: int = 8_000_000
    """Characters of text and thinking together."""
    events: int = 200_000
    """Pieces of any kind."""
    line: int = 1_000_000
    """Bytes of one line, or of one reply that is not streamed."""


CLOUD = Patience(first_content=60.0)
"""Nothing is loaded from a disk there."""


class Watch:
    """Holds one answer to its `Patience`. Starts at construction."""

    def __init__(self, patience: Patience, server: str) -> None:
        self._patience = patience
        self._server = server
        self._end = time.monotonic() + patience.total
        self._next = time.monotonic() + patience.first_content
        self._text = 0
        self._events = 0

    async def wait(self, step: Awaitable[T]) -> T:
        """The result of `step`; raises `TimedOut` when a limit passes first."""
        try:
            # This only cancels a step that waits: a server that always has more to say is caught below.
            async with asyncio.timeout(max(0.0, self._left())):
                result = await step
        except TimeoutError as error:
            raise self._timed_out() from error
        if self._left() <= 0:
            raise self._timed_out()
        return result

    def progressed(self) -> None:
        """The server showed that it is at work (reading the prompt, loading): the wait for content starts anew."""
        self._next = time.monotonic() + self._patience.first_content

    def received(self, text: str) -> None:
        """Count a piece of text or thinking; raises `BrokenStream` when the answer outgrows its limit."""
        self._text += len(text)
        if text:
            self._next = time.monotonic() + self._patience.idle
        if self._text > self._patience.text:
            raise BrokenStream(
                f"{self._server} sent more than {self._patience.text:,} characters, so the answer was cut there. "
                "Retry, or ask for less at once."
            )

    def event(self) -> None:
        """Count one piece of any kind; raises `BrokenStream` when there are too many."""
        self._events += 1
        if self._events > self._patience.events:
            raise BrokenStream(
                f"{self._server} sent more than {self._patience.events:,} pieces, so the answer was cut there. "
                "Retry, or ask for less at once."
            )

    def _left(self) -> float:
        return min(self._end, self._next) - time.monotonic()

    def _timed_out(self) -> TimedOut:
        if self._end <= self._next:
            return TimedOut(
                f"{self._server} was still answering after {self._patience.total:g} seconds. Ask for less at once."
            )
        seconds = self._patience.first_content if not self._text else self._patience.idle
        what = "gave no answer" if not self._text else "sent nothing more"
        return TimedOut(
            f"{self._server} {what} for {seconds:g} seconds. See whether it is busy or stuck, then retry."
        )
