"""When a request is tried again by itself: visibly, a few times, and never for long.

Servers may ask for any patience (seen: `retry-after: 86400`); beyond the cap the error is shown instead of a silent
day of waiting.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from backends import BackendError

_LONGEST_TOLD = 30 * 24 * 3600
"""Seconds; more than a month is no advice."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how patiently."""

    attempts: int = 4
    """In all, the first one included."""
    cap_seconds: float = 60.0
    """A server that wants us to wait longer gets no further try."""
    first_wait_seconds: float = 2.0
    """Doubles with every attempt where the server names no time."""

    def wait(self, error: BackendError, attempt: int) -> float | None:
        """Seconds to wait after the `attempt`-th failure (1, 2 ...), or None to give up."""
        if not error.worth_retrying or attempt >= self.attempts:
            return None
        seconds = error.retry_after if error.retry_after is not None else self.first_wait_seconds * 2 ** (attempt - 1)
        return seconds if seconds <= self.cap_seconds else None

    def too_long_a_wait(self, error: BackendError) -> str | None:
        """The server's own wait in words, about, where it is too long for another try; else None."""
        seconds = error.retry_after
        if not error.worth_retrying or seconds is None or not self.cap_seconds < seconds < _LONGEST_TOLD:
            return None
        minutes = math.ceil(seconds / 60)
        return f"{minutes} minutes" if minutes < 120 else f"{round(minutes / 60)} hours"
