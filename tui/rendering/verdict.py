"""A person's vote on the two answers of a turn, in words."""

from __future__ import annotations

from typing import assert_never

from storage import Choice


def verdict(choice: Choice) -> str:
    """A vote in words."""
    match choice:
        case Choice.LEFT:
            return "the left answer is better"
        case Choice.RIGHT:
            return "the right answer is better"
        case Choice.TIE:
            return "both are equally good"
        case Choice.NEITHER:
            return "neither is good"
        case _:
            assert_never(choice)
