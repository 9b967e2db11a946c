"""The rows of one turn, and the way from a row to what stands in it and back."""

from dataclasses import replace

import pytest

from storage import Outcome, Side
from tests.tui.answers import CODE, LEASE
from tests.tui.turns import answered, asked, reply, turn
from tui.rendering.answer import RENDERED_AT_ONCE, LiveReply
from tui.rendering.layout import Columns, layout_for, left_width
from tui.rendering.turn_block import Folds, TurnBlock, View

BOTH = frozenset(Side)


def view(columns: Columns = Columns.BOTH, width: int = 100) -> View:
    return View(layout_for(width, columns, BOTH), lambda when: when.strftime("%H:%M"))


def rows(block: TurnBlock) -> list[str]:
    block.lay_out(0, 1 << 24, 1 << 24, held=0)
    return ["|".join(placed.line.text for placed in block.row(number)) for number in range(block.height)]


@pytest.mark.parametrize("columns", Columns)
def test_a_row_and_its_place_are_the_same(columns: Columns) -> None:
    block = TurnBlock(answered(1, LEASE, CODE), view(columns), Folds(), {})
    assert [block.row_of(block.place(number)) for number in range(block.height)] == list(range(block.height))


@pytest.mark.parametrize("columns", Columns)
def test_every_line_of_every_part_stands_in_exactly_one_row(columns: Columns) -> None:
    block = TurnBlock(answered(1, LEASE, CODE), view(columns), Folds(), {})
    seen = [(placed.part, placed.at) for number in range(block.height) for placed in block.row(number)]
    real = [each for each in seen if 0 <= each[1] < block.lines_of(each[0])]
    parts = {part for part, _ in real}
    assert sorted(real) == sorted((part, at) for part in parts for at in range(block.lines_of(part)))


def test_columns_leave_a_margin_and_meet_at_the_rule() -> None:
    for width in range(30, 260, 7):
        layout = layout_for(width, Columns.BOTH, BOTH)
        left, right = layout.columns[Side.LEFT], layout.columns[Side.RIGHT]
        assert layout.rule == left_width(width)
        assert left.x + left.width < layout.rule < right.x - 1
        assert right.x + right.width < width
        assert max(left.width, right.width) <= 100


def test_one_side_alone_takes_the_width_whatever_is_asked_for() -> None:
    for columns in Columns:
        layout = layout_for(120, columns, frozenset({Side.RIGHT}))
        assert list(layout.columns) == [Side.RIGHT]
        assert layout.columns[Side.RIGHT].width == 100


def test_a_live_answer_says_what_it_waits_for_until_words_come() -> None:
    opened = asked(1)
    live = {each.id: LiveReply(each) for each in opened.replies}
    block = TurnBlock(opened, view(), Folds(), live)
    assert rows(block)[3] == "waiting|waiting"
    live[11].state = "Rate limited.\nTrying again in 7 s"
    assert block.flush() == 3
    assert rows(block)[3:5] == ["Rate limited.|waiting", "Trying again in 7 s|"]
    live[11].feed("some words", thinking=False)
    assert block.flush() == 3
    assert rows(block)[3:] == ["some words|waiting"]
    assert block.flush() is None


def test_a_failed_answer_keeps_its_words_and_tells_its_error() -> None:
    failed = turn(1, "q", reply(11, 1, Side.LEFT, "partial", Outcome.FAILED, error="It broke. Try again."))
    block = TurnBlock(failed, view(Columns.LEFT), Folds(), {}, retry=True)
    assert rows(block)[3:] == ["partial", "", "It broke. Try again.", "failed · 312 tok · Ctrl+R retry"]


def test_an_adopted_answer_is_said_under_the_question() -> None:
    adopted = replace(answered(1), adopted_reply_id=12)
    assert rows(TurnBlock(adopted, view(), Folds(), {}))[2] == "   right answer adopted on both sides"


def test_an_empty_answer_says_so() -> None:
    block = TurnBlock(answered(1, "", " \n"), view(), Folds(), {})
    assert rows(block)[3] == "(an empty answer)|(an empty answer)"


def test_items_of_a_receipt_are_not_torn_in_a_narrow_column() -> None:
    block = TurnBlock(answered(1), view(width=30), Folds(), {})
    assert rows(block)[-2:] == ["0.6 s|0.6 s", "312 tok|312 tok"]


def test_a_long_answer_looks_the_same_grown_and_read_again() -> None:
    text = (LEASE + "\n" + CODE.removesuffix("```rust\nfn main() {\n    let s: List<String> = vec![];\n") + "\n") * 12
    opened = asked(1, Side.LEFT)
    live = {11: LiveReply(opened.replies[0])}
    block = TurnBlock(opened, view(Columns.LEFT), Folds(), live)
    for start in range(0, len(text), 333):
        live[11].feed(text[start : start + 333], thinking=False)
        block.flush()
    live.clear()
    done = answered(1, text)
    block.settle(done)
    assert rows(block) == rows(TurnBlock(done, view(Columns.LEFT), Folds(), {}))
    assert len(text) > RENDERED_AT_ONCE


def test_an_answer_that_has_ended_is_not_laid_out_again_when_the_other_ends() -> None:
    opened, done = asked(1), answered(1)
    live = {each.id: LiveReply(each) for each in opened.replies}
    block = TurnBlock(opened, view(), Folds(), live)
    del live[11]
    block.settle(replace(opened, replies=(done.replies[0], opened.replies[1])))
    [left, _] = block.row(3)
    del live[12]
    block.settle(done)
    [left_again, right] = block.row(3)
    assert left_again.line is left.line
    assert right.line.text == "right answer"
    block.settle(replace(done, replies=(reply(11, 1, Side.LEFT, "other words"), done.replies[1])))
    assert rows(block)[3] == "other words|right answer"


def test_words_are_not_laid_out_again_by_a_fold_or_when_another_turn_comes() -> None:
    said = replace(answered(1, LEASE).replies[0], thinking="hmm")
    block = TurnBlock(turn(1, "q", said), view(Columns.LEFT), Folds(), {}, retry=True)
    before, height = rows(block), block.height
    words_laid_out = [placed.line for number in range(5, 9) for placed in block.row(number)]
    block.offer_retry(offered=False)
    block.fold(Folds(thinking=True))
    assert block.height == height + 1
    assert [placed.line for number in range(6, 10) for placed in block.row(number)] == words_laid_out
    assert block.row(6)[0].line is words_laid_out[0]
    block.fold(Folds())
    block.offer_retry(offered=True)
    assert rows(block) == before


def test_an_answer_that_ends_as_other_words_than_arrived_shows_those() -> None:
    opened = asked(1, Side.LEFT)
    live = {11: LiveReply(opened.replies[0])}
    block = TurnBlock(opened, view(Columns.LEFT), Folds(), live)
    live[11].feed("what came", thinking=False)
    block.flush()
    live.clear()
    block.settle(answered(1, "stored words " * 2000))
    assert "what came" not in rows(block)
    assert rows(block)[3].startswith("stored words")
