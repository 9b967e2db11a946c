"""What each side is told of the past, and how much of it is read."""

from datetime import UTC, datetime

from backends import Message
from conversation.history import messages
from storage import NewReply, Outcome, PastReply, PastTurn, Receipt, Settlement, Side
from storage.store import Store

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def reply(number: int, side: Side, text: str, *, variant: int = 1, stop: str = "end") -> PastReply:
    return PastReply(number, side, variant, text, stop)


def turn(prompt: str, *replies: PastReply, adopted: int | None = None) -> PastTurn:
    return PastTurn(prompt, replies, adopted)


def test_each_side_is_told_its_own_answers_only() -> None:
    earlier = [turn("q1", reply(1, Side.LEFT, "left answer"), reply(2, Side.RIGHT, "right answer"))]
    assert messages(earlier, Side.LEFT) == (
        Message("user", "q1"),
        Message("assistant", "left answer"),
    )
    assert Message("assistant", "right answer") in messages(earlier, Side.RIGHT)
    assert Message("assistant", "left answer") not in messages(earlier, Side.RIGHT)


def test_a_turn_that_a_side_did_not_answer_is_not_mentioned_to_it() -> None:
    earlier = [
        turn("only left", reply(1, Side.LEFT, "yes")),
        turn("failed", reply(2, Side.RIGHT, "")),
    ]
    assert messages(earlier, Side.RIGHT) == ()


def test_a_stopped_answer_is_told_as_far_as_it_came() -> None:
    earlier = [turn("q", reply(1, Side.LEFT, "half an"))]
    assert Message("assistant", "half an") in messages(earlier, Side.LEFT)


def test_a_refused_turn_leaves_the_history() -> None:
    earlier = [turn("q", reply(1, Side.LEFT, "I will not", stop="refusal"))]
    assert messages(earlier, Side.LEFT) == ()


def test_the_newest_variant_with_text_is_told() -> None:
    earlier = [
        turn(
            "q",
            reply(1, Side.LEFT, "first"),
            reply(2, Side.LEFT, "second", variant=2),
            reply(3, Side.LEFT, "", variant=3),
        )
    ]
    assert messages(earlier, Side.LEFT)[1] == Message("assistant", "second")


def test_an_adopted_answer_is_told_to_both_sides() -> None:
    earlier = [turn("q", reply(1, Side.LEFT, "left"), reply(2, Side.RIGHT, "right"), adopted=1)]
    assert messages(earlier, Side.RIGHT)[1] == Message("assistant", "left")


def saved(store: Store, session_id: str, prompt: str, text: str) -> int:
    """A settled turn on the left, and an open one on the right; returns its id."""
    opened = store.open_turn(session_id, prompt, NOW, [NewReply(side, "demo:") for side in Side])
    store.append_parts([(reply.id, text, "thoughts") for reply in opened.replies])
    settlement = Settlement(Outcome.COMPLETE, ended=NOW, receipt=Receipt(stop_reason="end"))
    store.settle_reply(opened.replies[0].id, settlement)
    return opened.id


def test_the_newest_turns_are_read_as_far_as_they_fit() -> None:
    store = Store.open(None)
    session = store.create_session(left="demo:", right="demo:", created=NOW)
    ids = [saved(store, session.id, f"q{n}", "x" * 100) for n in range(5)]
    past = store.past_turns(session.id, at_most=3 * 102)
    assert [each.prompt for each in past] == ["q2", "q3", "q4"]
    assert [[(each.side, each.text) for each in turn.replies] for turn in past] == [[(Side.LEFT, "x" * 100)]] * 3
    assert [each.prompt for each in store.past_turns(session.id, at_most=10_000, before=ids[2])] == ["q0", "q1"]
    store.adopt(ids[0], store.turn(ids[0]).replies[1].id)
    assert store.past_turns(session.id, at_most=10_000)[0].adopted_reply_id is not None
    assert store.past_turns("nowhere", at_most=10_000) == []
    store.close()
