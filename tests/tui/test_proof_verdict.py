"""What the proof says in one line, and what it calls unexpected, level by level."""

from __future__ import annotations

import pytest

from tui.confinement.levels import Level
from tui.proof import Proof, Trial, Verdict

REFUSED = Trial("TCP", Verdict.REFUSED, "by the guard", below_python=False)
SENT = Trial("UDP", Verdict.SENT, "the kernel took 3 bytes", below_python=False)
SENT_BELOW = Trial("UDP by io_uring", Verdict.SENT, "the kernel took 3 bytes", below_python=True)
ABSENT = Trial("uvloop", Verdict.ABSENT, "it is not installed", below_python=True)
HERE = Trial("a unix socket", Verdict.HERE, "a desktop program", below_python=False)


def proof(level: Level | None, *trials: Trial) -> Proof:
    return Proof(level, trials, seconds=1.0)


@pytest.mark.parametrize("level", [Level.NAMESPACE, Level.SECCOMP])
def test_under_the_kernel_whatever_is_sent_is_unexpected(level: Level) -> None:
    seen = proof(level, REFUSED, SENT, SENT_BELOW)
    assert seen.unexpected == [SENT, SENT_BELOW]
    assert not seen.known_exceptions
    assert seen.sum_in_words().endswith("3 ways out tried, 1 refused, 2 sent. 2 should have been refused.")


def test_under_the_guard_what_does_not_pass_through_python_is_a_known_exception() -> None:
    seen = proof(Level.GUARD, REFUSED, SENT_BELOW)
    assert not seen.unexpected
    assert seen.known_exceptions == [SENT_BELOW]
    assert "so this level does not hold them" in seen.sum_in_words()


def test_under_the_guard_what_passes_through_python_is_unexpected() -> None:
    assert proof(Level.GUARD, SENT, SENT_BELOW).unexpected == [SENT]


def test_what_is_not_there_is_not_tried_and_what_stays_here_is_told() -> None:
    words = proof(Level.SECCOMP, REFUSED, ABSENT, HERE).sum_in_words()
    assert words == "kernel (seccomp): 2 ways out tried, 1 refused, 0 sent, 1 to a program on this machine."
