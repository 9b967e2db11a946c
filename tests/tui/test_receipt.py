"""The last line of an answer, in words."""

from storage import Outcome, Receipt, Side
from tests.tui.turns import reply
from tui.rendering.receipt import receipt_items, remarks, seconds, thinking_words

FULL = Receipt(
    first_token_s=0.6, total_s=4.3, output_tokens=312, cost_usd=0.0042, context_used=6100, context_allowed=8192
)


def test_a_complete_answer_says_wait_speed_amount_money_and_context() -> None:
    one = reply(1, 1, Side.LEFT, "x", receipt=FULL)
    assert receipt_items(one) == ["0.6 s", "84 tok/s", "312 tok", "$0.0042", "74 % of 8k"]


def test_estimates_say_so_and_what_is_unknown_is_left_out() -> None:
    one = reply(1, 1, Side.LEFT, "x", receipt=Receipt(output_tokens=1240, estimated=True))
    assert receipt_items(one) == ["≈ 1.2k tok"]
    assert receipt_items(
        reply(1, 1, Side.LEFT, "x", receipt=Receipt(cost_usd=0.0, context_used=10, context_allowed=200_000))
    ) == ["<1 % of 200k"]


def test_an_end_that_was_not_complete_says_how_and_what_can_be_done() -> None:
    short = Receipt(output_tokens=41)
    ends = {
        Outcome.STOPPED: ["stopped by you", "41 tok", "Ctrl+R retry"],
        Outcome.FAILED: ["failed", "41 tok", "Ctrl+R retry"],
        Outcome.INTERRUPTED: ["interrupted when the program ended", "41 tok", "Ctrl+R retry"],
    }
    for outcome, items in ends.items():
        assert receipt_items(reply(1, 1, Side.LEFT, "x", outcome, receipt=short), retry=True) == items
        assert "Ctrl+R retry" not in receipt_items(reply(1, 1, Side.LEFT, "x", outcome, receipt=short))
    latched = reply(1, 1, Side.LEFT, "x", Outcome.STOPPED, note="The session became confidential.")
    assert receipt_items(latched)[0] == "stopped"
    assert remarks(latched) == ["The session became confidential."]


def test_variants_demo_and_early_ends_are_named() -> None:
    demo = reply(1, 1, Side.LEFT, "x", receipt=Receipt(stop_reason="length limit"), variant=2, model="demo:")
    assert receipt_items(demo, 3) == ["DEMO", "cut at its length limit", "\u2039 2/3 \u203a"]


def test_a_failure_tells_its_sentence_on_one_line() -> None:
    assert remarks(reply(1, 1, Side.LEFT, "", Outcome.FAILED, error="Bad\n\x1b[2J luck.")) == ["Bad ␛[2J luck."]
    assert remarks(reply(1, 1, Side.LEFT, "", Outcome.FAILED)) == ["The answer could not be had."]


def test_durations_and_thinking_in_words() -> None:
    assert [seconds(each) for each in (0.04, 0.6, 9.96, 59, 125)] == ["0.0 s", "0.6 s", "10 s", "59 s", "2 min 05 s"]
    thought = reply(1, 1, Side.LEFT, "x", receipt=Receipt(thinking_s=8.0, thinking_tokens=640))
    assert thinking_words(thought) == "thought for 8.0 s, 640 tok"
    assert thinking_words(reply(1, 1, Side.LEFT, "x")) == "thought"
