"""What trying the ways out has shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from tui.confinement.levels import Level


class Verdict(Enum):
    """How one way out ended; the value is what people read."""

    REFUSED = "refused"
    SENT = "sent"
    """The kernel took it for another machine."""
    HERE = "on this machine"
    """It reached another program on this machine; what that program does is its own."""
    ABSENT = "not here"
    """This machine or this installation does not have that way."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One way out, tried."""

    way: str
    verdict: Verdict
    words: str
    """Who refused, or what was seen."""
    below_python: bool
    """It does not pass through this Python's own sockets, so the process guard does not see it."""


@dataclass(frozen=True, slots=True)
class Proof:
    """All of them, under one level."""

    level: Level | None
    """None: without any layer, for comparison."""
    trials: Sequence[Trial]
    seconds: float
    reasons: Sequence[str] = ()
    """Why a stronger level could not be had."""

    @property
    def unexpected(self) -> Sequence[Trial]:
        """What got out although this level promises that it does not."""
        if self.level is not None and self.level.is_kernel:
            return self.with_verdict(Verdict.SENT)
        return [trial for trial in self.with_verdict(Verdict.SENT) if not trial.below_python]

    @property
    def known_exceptions(self) -> Sequence[Trial]:
        """What got out, and is known to at this level."""
        unexpected = self.unexpected
        return [trial for trial in self.with_verdict(Verdict.SENT) if trial not in unexpected]

    def with_verdict(self, verdict: Verdict) -> Sequence[Trial]:
        """The trials that ended so."""
        return [trial for trial in self.trials if trial.verdict is verdict]

    def sum_in_words(self) -> str:
        """One line with the level that was reached."""
        held = "without any layer" if self.level is None else self.level.value
        tried = len(self.trials) - len(self.with_verdict(Verdict.ABSENT))
        refused, sent = len(self.with_verdict(Verdict.REFUSED)), len(self.with_verdict(Verdict.SENT))
        line = f"{held}: {tried} ways out tried, {refused} refused, {sent} sent"
        if here := len(self.with_verdict(Verdict.HERE)):
            line += f", {here} to a program on this machine"
        if self.unexpected:
            return f"{line}. {len(self.unexpected)} should have been refused."
        if self.known_exceptions:
            return f"{line}. All that were sent do not pass through Python, so this level does not hold them."
        return f"{line}."
