from __future__ import annotations

import math

import pytest

from backends import BackendError
from backends.errors import BrokenStream, KeyRejected, MissingKey, Overloaded, RateLimited, ServerFault
from conversation.retries import RetryPolicy


def test_the_wait_doubles_where_the_server_names_no_time() -> None:
    policy = RetryPolicy()
    assert [policy.wait(Overloaded("Busy."), attempt) for attempt in (1, 2, 3)] == [2.0, 4.0, 8.0]


def test_the_last_attempt_is_not_followed_by_another() -> None:
    assert RetryPolicy().wait(Overloaded("Busy."), 4) is None
    assert RetryPolicy(attempts=1).wait(Overloaded("Busy."), 1) is None


@pytest.mark.parametrize("kind", [RateLimited, Overloaded, ServerFault])
def test_the_time_that_a_server_names_is_kept(kind: type[BackendError]) -> None:
    assert RetryPolicy().wait(kind("Later.", retry_after=17), 1) == 17


@pytest.mark.parametrize("seconds", [60.1, 86_400, math.inf, math.nan])
def test_a_server_that_wants_more_patience_than_we_have_is_not_asked_again(seconds: float) -> None:
    assert RetryPolicy().wait(RateLimited("Later.", retry_after=seconds), 1) is None


def test_exactly_the_cap_is_still_waited_for() -> None:
    assert RetryPolicy(cap_seconds=60).wait(RateLimited("Later.", retry_after=60), 1) == 60


@pytest.mark.parametrize("error", [MissingKey("No key."), KeyRejected("Wrong."), BrokenStream("Broke off.")])
def test_what_would_fail_again_is_not_repeated(error: BackendError) -> None:
    assert RetryPolicy().wait(error, 1) is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(60, None), (61, "2 minutes"), (900, "15 minutes"), (86_400, "24 hours"), (math.inf, None), (math.nan, None)],
)
def test_a_wait_that_is_too_long_is_told_in_words(seconds: float, words: str | None) -> None:
    assert RetryPolicy().too_long_a_wait(RateLimited("Later.", retry_after=seconds)) == words
