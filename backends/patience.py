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
    """Holds one answer to its `Patience`. Starts at construction.

    Only time spent waiting on the server counts towards the silence; a slow reader on our side does not.
    """

    def __init__(self, patience: Patience, server: str) -> None:
        self._patience = patience
        self._server = server
        self._end = time.monotonic() + patience.total
        self._silence = patience.first_content
        """Seconds that the server may still be silent."""
        self._text = 0
        self._events = 0

    async def wait(self, step: Awaitable[T]) -> T:
        """The result of `step`; raises `TimedOut` when a limit passes first."""
        start = time.monotonic()
        allowed = min(self._silence, self._end - start)
        try:
            async with asyncio.timeout(max(0.0, allowed)):
                result = await step
        except TimeoutError as error:
            raise self._timed_out() from error
        finally:
            self._silence -= time.monotonic() - start
        # The timeout only cancels a step that waits; a server that always has more to say is caught here.
        if self._silence <= 0 or time.monotonic() >= self._end:
            raise self._timed_out()
        return result

    def progressed(self) -> None:
        """The server showed that it is at work (reading the prompt, loading): the wait for content starts anew."""
        self._silence = self._patience.first_content

    def expect_within(self, seconds: float) -> None:
        """The answer has ended, so what may still follow has less time."""
        self._silence = min(self._silence, seconds)

    def received(self, text: str) -> None:
        """Count a piece of text or thinking; raises `BrokenStream` when the answer outgrows its limit."""
        self._text += len(text)
        if text:
            self._silence = self._patience.idle
        if self._text > self._patience.text:
            raise self._outgrown(self._patience.text, "characters")

    def event(self) -> None:
        """Count one piece of any kind; raises `BrokenStream` when there are too many."""
        self._events += 1
        if self._events > self._patience.events:
            raise self._outgrown(self._patience.events, "pieces")

    def _outgrown(self, limit: int, unit: str) -> BrokenStream:
        return BrokenStream(
            f"{self._server} sent more than {limit:,} {unit}, so the answer was cut there. Ask for less at once."
        )

    def _timed_out(self) -> TimedOut:
        if time.monotonic() >= self._end:
            seconds = f"{self._patience.total:g} seconds"
            return TimedOut(f"{self._server} was still not done after {seconds}. Ask for less at once.")
        if self._text:
            return TimedOut(f"{self._server} sent nothing more for {self._patience.idle:g} seconds. Retry.")
        seconds = f"{self._patience.first_content:g} seconds"
        return TimedOut(f"{self._server} gave no answer for {seconds}. See whether it is busy or stuck, then retry.")
