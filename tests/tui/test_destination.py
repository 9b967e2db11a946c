from __future__ import annotations

import pytest

from storage import Side
from tui.destination import SideFill, destination, fill

BOTH = {Side.LEFT: SideFill("Claude", 4_000, 200_000), Side.RIGHT: SideFill("Local", 6_000, 8_000)}
LOCAL = {Side.RIGHT: BOTH[Side.RIGHT]}


@pytest.mark.parametrize(
    ("sides", "confidential", "only", "words"),
    [
        (BOTH, False, None, "to both"),
        (BOTH, False, Side.LEFT, "to Claude only"),
        (BOTH, False, Side.RIGHT, "to Local only"),
        (LOCAL, False, None, "to Local only"),
        (LOCAL, False, Side.LEFT, "no model yet"),
        ({}, False, None, "no model yet"),
        (LOCAL, True, None, "local only: CONFIDENTIAL"),
        (BOTH, True, Side.RIGHT, "local only: CONFIDENTIAL"),
        ({}, True, None, "no local model yet: CONFIDENTIAL"),
    ],
)
def test_the_border_says_where_the_prompt_goes(
    sides: dict[Side, SideFill], confidential: bool, only: Side | None, words: str
) -> None:
    assert destination(sides, confidential=confidential, only=only) == words


def test_a_side_on_the_network_is_named_and_so_is_what_is_not_kept() -> None:
    network = SideFill("Network", is_network=True)
    assert destination({Side.LEFT: network}, confidential=True) == "your network only: CONFIDENTIAL"
    assert destination({Side.LEFT: network, **LOCAL}, confidential=True, off_record=True) == (
        "local and your network only: CONFIDENTIAL · OFF THE RECORD"
    )
    assert destination(BOTH, confidential=False, off_record=True) == "to both · OFF THE RECORD"


def test_an_empty_prompt_has_no_size() -> None:
    assert fill(BOTH, 0) == ""


def test_each_window_is_measured_with_what_is_in_it_already() -> None:
    assert fill(BOTH, 400) == "about 400 tokens | Claude 2% of 200k | Local 80% of 8k"


def test_a_prompt_that_does_not_fit_is_said_in_capitals_and_only_there() -> None:
    assert fill(BOTH, 2_001) == "about 2k tokens | Claude 3% of 200k | Local 100% of 8k TOO LONG"


def test_a_window_that_is_not_known_is_not_guessed() -> None:
    assert fill({Side.LEFT: SideFill("Claude"), Side.RIGHT: SideFill("Local", None, 8_000)}, 800) == (
        "about 800 tokens | Local 10% of 8k"
    )
