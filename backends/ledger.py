"""Who writes down what leaves this process: one line per HTTP request.

Whoever asks a backend sets the ledger for its own task (`recorded`); the HTTP door reads it. It travels in a context
variable because two SDKs with no place for it stand in between. Nothing heavy is imported here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal, Protocol

from backends.base import Locality

Verdict = Literal["done", "failed", "refused"]


class Ledger(Protocol):
    """Keeps one line per request."""

    async def opened(self, *, purpose: str, host: str, port: int, locality: Locality) -> int:
        """A request is about to be sent; returns its row once the row is safe on disk, before the first byte goes."""

    def closed(
        self,
        row: int,
        *,
        verdict: Verdict,
        peer: str | None,
        sent: int,
        received: int,
        detail: str = "",
        left_to: str = "",
    ) -> None:
        """The request has ended. Never blocks.

        `peer` is the connected socket's other end; counts are bytes. `left_to`: the server itself told that this
        host answered instead of it.
        """


@dataclass(frozen=True, slots=True)
class Recording:
    """What the door needs to write a line."""

    ledger: Ledger
    purpose: str


_recording: ContextVar[Recording | None] = ContextVar("recording", default=None)


@contextmanager
def recorded(ledger: Ledger, purpose: str) -> Iterator[None]:
    """Have every request made inside, by this task, written to `ledger`.

    A request may name a purpose of its own ("preflight", "count") with `extensions={"purpose": ...}`.
    """
    token = _recording.set(Recording(ledger, purpose))
    try:
        yield
    finally:
        _recording.reset(token)


def current() -> Recording | None:
    """The recording of this task, or None where nobody records."""
    return _recording.get()
