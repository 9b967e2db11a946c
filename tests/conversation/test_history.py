from datetime import UTC, datetime

from backends import Message
from conversation.history import messages
from storage import Outcome, Receipt, Reply, Side, Turn

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def reply(
    number: int, side: Side, text: str, *, variant: int = 1, outcome: Outcome = Outcome.COMPLETE, stop: str = "end"
) -> Reply:
    return Reply(number, 1, side, variant, "demo:", outcome, NOW, text=text, receipt=Receipt(stop_reason=stop))


def turn(prompt: str, *replies: Reply, adopted: int | None = None) -> Turn:
    return Turn(1, "s", 1, prompt, NOW, tuple(replies), adopted)


def test_each_side_is_told_its_own_answers_only() -> None:
    earlier = [turn("q1", reply(1, Side.LEFT, "left answer"), reply(2, Side.RIGHT, "right answer"))]
    assert messages(earlier, Side.LEFT, "q2") == (
        Message("user", "q1"),
        Message("assistant", "left answer"),
        Message("user", "q2"),
    )
    assert Message("assistant", "right answer") in messages(earlier, Side.RIGHT, "q2")
    assert Message("assistant", "left answer") not in messages(earlier, Side.RIGHT, "q2")


def test_a_turn_that_a_side_did_not_answer_is_not_mentioned_to_it() -> None:
    earlier = [
        turn("only left", reply(1, Side.LEFT, "yes")),
        turn("failed", reply(2, Side.RIGHT, "", outcome=Outcome.FAILED)),
    ]
    assert messages(earlier, Side.RIGHT, "now") == (Message("user", "now"),)


def test_a_stopped_answer_is_told_as_far_as_it_came() -> None:
    earlier = [turn("q", reply(1, Side.LEFT, "half an", outcome=Outcome.STOPPED))]
    assert Message("assistant", "half an") in messages(earlier, Side.LEFT, "next")


def test_a_refused_turn_leaves_the_history() -> None:
    earlier = [turn("q", reply(1, Side.LEFT, "I will not", stop="refusal"))]
    assert messages(earlier, Side.LEFT, "next") == (Message("user", "next"),)


def test_the_newest_variant_with_text_is_told() -> None:
    earlier = [
        turn(
            "q",
            reply(1, Side.LEFT, "first"),
            reply(2, Side.LEFT, "second", variant=2),
            reply(3, Side.LEFT, "", variant=3, outcome=Outcome.FAILED),
        )
    ]
    assert messages(earlier, Side.LEFT, "next")[1] == Message("assistant", "second")


def test_an_adopted_answer_is_told_to_both_sides() -> None:
    earlier = [turn("q", reply(1, Side.LEFT, "left"), reply(2, Side.RIGHT, "right"), adopted=1)]
    assert messages(earlier, Side.RIGHT, "next")[1] == Message("assistant", "left")
