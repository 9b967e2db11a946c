"""The transcript view, driven as a person would, judged by what stands on the screen."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from rich.cells import cell_len
from textual.geometry import Region
from textual.pilot import Pilot
from textual.strip import Strip

from storage import Outcome, Side, Turn
from storage.needles import Literal
from storage.occurrences import occurrences
from tests.tui.answers import ANSWERS, LEASE
from tests.tui.hostile import COMMANDING, HOSTILE
from tests.tui.screen_text import screen_lines, until
from tests.tui.turns import GuardedStage, Turns, answered, asked, reply, turn
from tui.rendering.heights import CHUNK
from tui.widgets.transcript import Columns, Transcript

LONG_LEFT = "\n\n".join(f"left paragraph {n} with some words in it" for n in range(40))
LONG_RIGHT = "\n\n".join(f"right paragraph {n}" for n in range(30))


@asynccontextmanager
async def shown(
    turns: list[Turn], *, size: tuple[int, int] = (100, 20), columns: Columns = Columns.BOTH
) -> AsyncIterator[tuple[GuardedStage, Transcript, Pilot[object]]]:
    view = Transcript(Turns(turns), columns=columns, time_words=lambda when: when.strftime("%H:%M"))
    app = GuardedStage(view)
    async with app.run_test(size=size) as pilot:
        view.focus()
        await pilot.pause()
        yield app, view, pilot


def painted(view: Transcript, y: int) -> Strip:
    return view.render_lines(Region(0, y, view.outer_size.width, 1))[0]


def is_ruled(view: Transcript, y: int) -> bool:
    if y >= len(view._port.rows):
        return False
    spot = view._port.rows[y]
    return view._turns.block(spot.turn).is_ruled(spot.row)


def streams(view: Transcript) -> bool:
    return view.streaming


def follows(view: Transcript) -> bool:
    return view.following


def picked(view: Transcript) -> Side | None:
    return view.picked


def text_rows(view: Transcript) -> list[str]:
    """The rows of the view but the last (where it says that there is more), without the scrollbar."""
    return [painted(view, y).text.rstrip() for y in range(view.outer_size.height - 1)]


def top_row(view: Transcript) -> str:
    return screen_lines(view.app).split("\n")[0]


def stopped(before: Turn, number: int, text: str, thinking: str = "") -> Turn:
    """The turn with one of its replies settled."""
    ended = [
        replace(each, outcome=Outcome.COMPLETE, text=text, thinking=thinking) if each.id == number else each
        for each in before.replies
    ]
    return replace(before, replies=tuple(ended))


def both_settled(before: Turn, left: str, right: str) -> Turn:
    ids = {each.side: each.id for each in before.replies}
    return stopped(stopped(before, ids[Side.LEFT], text=left), ids[Side.RIGHT], text=right)


# Layout


async def test_a_turn_stands_in_two_columns_under_its_question() -> None:
    async with shown([answered(1, "Hello **left**", "Hello right")], size=(60, 12)) as (app, _, _):
        assert screen_lines(app) == (
            "\n 1  question 1                                       14:02\n\n"
            " Hello left                  │ Hello right\n"
            "                             │\n"
            " 0.6 s · 312 tok             │ 0.6 s · 312 tok"
        )


@pytest.mark.parametrize("width", [80, 100, 119, 120, 161, 240])
async def test_the_rule_is_in_one_column_on_every_row_and_no_row_is_too_wide(width: int) -> None:
    turns = [answered(n, answer, answer) for n, answer in enumerate(ANSWERS, 1)]
    async with shown(turns, size=(width, 200)) as (_, view, pilot):
        rule = Transcript.left_width(width)
        seen = 0
        for _ in range(len(turns)):
            for y in range(200):
                strip = painted(view, y)
                assert strip.cell_length == width - 1
                assert sum(cell_len(segment.text) for segment in strip) == width - 1
                if "│" in strip.text or strip.text.strip():
                    cells = strip.crop(rule, rule + 1).text
                    seen += cells == "│"
                    assert cells == "│" or not is_ruled(view, y)
            await pilot.press("pageup")
        assert seen > 100


async def test_one_column_shows_one_side_and_stacked_shows_one_above_the_other() -> None:
    async with shown([answered(1)], size=(60, 16), columns=Columns.LEFT) as (app, view, pilot):
        assert "left answer" in screen_lines(app)
        assert "right answer" not in screen_lines(app)
        view.columns = Columns.RIGHT
        await pilot.pause()
        assert "left answer" not in screen_lines(app)
        view.columns = Columns.STACKED
        await pilot.pause()
        lines = screen_lines(app).split("\n")
        assert lines.index(" left answer") < lines.index(" right answer")
        assert lines.count(" llama3.1:8b") == 2


async def test_a_side_that_is_off_takes_no_column() -> None:
    async with shown([answered(1)], size=(60, 10)) as (app, view, pilot):
        view.set_sides(left=False, right=True)
        await pilot.pause()
        assert "│" not in screen_lines(app)
        assert "left answer" not in screen_lines(app)


async def test_a_side_that_was_not_asked_says_so() -> None:
    one = turn(1, "only left", reply(11, 1, Side.LEFT, "words"))
    async with shown([one], size=(60, 10)) as (app, _, _):
        assert "│ not asked" in screen_lines(app)


async def test_text_is_not_wider_than_a_hundred_cells() -> None:
    async with shown([answered(1, "word " * 200)], size=(240, 20), columns=Columns.LEFT) as (app, _, _):
        rows = [line for line in screen_lines(app).split("\n") if line.startswith(" word")]
        assert max(len(row) for row in rows) <= 101


# What streams


async def test_answers_grow_settle_and_end_as_the_whole() -> None:
    async with shown([answered(1)], size=(100, 60)) as (app, view, pilot):
        open_turn = asked(2)
        view.add_turn(open_turn)
        assert streams(view)
        await until(lambda: screen_lines(app).count("waiting") == 2)
        view.set_state(21, "loading model 40 %")
        await until(lambda: "loading model 40 %" in screen_lines(app))
        for n in range(0, len(LEASE), 37):
            view.feed(21, LEASE[n : n + 37], thinking=False)
            view.feed(22, f"word{n} ", thinking=False)
            view.flush()
        await until(lambda: "word0" in screen_lines(app))
        assert "Clause 7 sets three duties:" in screen_lines(app)
        assert view.latest_words(Side.RIGHT, 12).endswith("word" + str(n))
        assert cell_len(view.latest_words(Side.RIGHT, 12)) <= 12
        settled = both_settled(open_turn, LEASE, "short")
        view.settle(settled)
        assert not streams(view)
        await pilot.pause()
        live = screen_lines(app)
        view.load(Turns([answered(1), settled]))
        await pilot.pause()
        assert screen_lines(app) == live
        assert "waiting" not in live


async def test_frames_stop_when_nothing_streams() -> None:
    async with shown([answered(1)]) as (app, view, _):
        frames = view._frames
        assert frames is not None
        assert not frames.running
        open_turn = asked(2, Side.LEFT)
        view.add_turn(open_turn)
        await until(lambda: frames.running)
        view.feed(21, "hello", thinking=False)
        await until(lambda: "hello" in screen_lines(app))
        view.settle(stopped(open_turn, 21, text="hello"))
        await until(lambda: not frames.running)
        count = frames.frames
        await until(lambda: not frames.running)
        assert frames.frames == count


async def test_thinking_is_folded_and_unfolds_live_and_settled() -> None:
    async with shown([], size=(80, 24)) as (app, view, pilot):
        open_turn = asked(1, Side.LEFT)
        view.add_turn(open_turn)
        view.feed(11, "hmm, *let me* see", thinking=True)
        await until(lambda: "▸ thinking" in screen_lines(app))
        assert "hmm" not in screen_lines(app)
        await pilot.press("t")
        assert "hmm, let me see" in screen_lines(app)
        view.feed(11, "The answer", thinking=False)
        await until(lambda: "The answer" in screen_lines(app))
        assert "▾ thought" in screen_lines(app)
        done = stopped(open_turn, 11, text="The answer", thinking="hmm, *let me* see")
        done = replace(
            done,
            replies=(
                replace(
                    done.replies[0], receipt=replace(done.replies[0].receipt, thinking_s=8.2, thinking_tokens=640)
                ),
            ),
        )
        view.settle(done)
        await pilot.press("t")
        assert "▸ thought for 8.2 s, 640 tok" in screen_lines(app)
        assert "hmm" not in screen_lines(app)


async def test_an_answer_that_streams_is_copied_as_far_as_it_is() -> None:
    async with shown([], size=(80, 24)) as (app, view, pilot):
        view.add_turn(asked(1, Side.LEFT))
        view.feed(11, "so *far*", thinking=False)
        await until(lambda: "so far" in screen_lines(app))
        await pilot.press("y")
        assert app.posted(Transcript.CopyRequested)[-1].text == "so *far*"


async def test_only_the_last_turn_offers_a_retry() -> None:
    failed = turn(1, "q", reply(11, 1, Side.LEFT, "x", Outcome.FAILED, error="Broken."))
    async with shown([failed], size=(80, 24)) as (app, view, pilot):
        assert "Ctrl+R retry" in screen_lines(app)
        view.add_turn(asked(2, Side.LEFT))
        await pilot.pause()
        assert "Ctrl+R retry" not in screen_lines(app)


async def test_the_scrollbar_knows_how_much_there_is_once_a_stream_has_ended() -> None:
    async with shown([answered(n) for n in range(1, 4)], size=(80, 24)) as (_, view, _):
        open_turn = asked(4, Side.LEFT)
        view.add_turn(open_turn)
        for _ in range(20):
            view.feed(41, "a paragraph\n\n", thinking=False)
            view.flush()
        view.settle(stopped(open_turn, 41, "a paragraph\n\n" * 20))
        await until(lambda: not view.flush())
        bar = view.vertical_scrollbar
        assert bar.window_virtual_size == view.virtual_size.height == view._turns.heights.total
        assert bar.position == view.scroll_y == view.max_scroll_y


async def test_a_retry_during_a_stream_shows_only_the_new_variant() -> None:
    async with shown([], size=(80, 24)) as (app, view, _):
        first = asked(1)
        view.add_turn(first)
        view.feed(11, "left goes on", thinking=False)
        view.feed(12, "right was bad", thinking=False)
        first = stopped(first, 12, text="right was bad")
        view.settle(first)
        again = replace(first, replies=(*first.replies, reply(13, 1, Side.RIGHT, outcome=Outcome.OPEN, variant=2)))
        view.add_variant(again)
        view.feed(13, "right is better", thinking=False)
        view.feed(11, " and on", thinking=False)
        await until(lambda: "right is better" in screen_lines(app))
        assert "right was bad" not in screen_lines(app)
        assert "left goes on and on" in screen_lines(app)
        done = stopped(stopped(again, 13, text="right is better"), 11, text="left goes on and on")
        view.settle(done)
        await until(lambda: "\u2039 2/2 \u203a" in screen_lines(app))
        assert screen_lines(app).count("left goes on") == 1


async def test_text_for_a_hidden_side_is_there_when_it_is_shown() -> None:
    async with shown([], size=(80, 24), columns=Columns.LEFT) as (app, view, pilot):
        view.add_turn(asked(1))
        view.feed(12, "hidden words", thinking=False)
        view.flush()
        assert "hidden words" not in screen_lines(app)
        assert view.latest_words(Side.RIGHT, 30) == "hidden words"
        view.columns = Columns.RIGHT
        await pilot.pause()
        assert "hidden words" in screen_lines(app)


async def test_pieces_for_an_unknown_reply_are_ignored() -> None:
    async with shown([answered(1)]) as (_, view, _):
        view.feed(99, "nobody", thinking=False)
        view.set_state(99, "waiting")
        view.settle(answered(7))
        assert not view.streaming


# Scrolling


async def test_the_end_is_shown_first_and_ten_thousand_turns_open_at_the_cost_of_those_in_view() -> None:
    turns = [answered(n) for n in range(1, 10_001)]
    source = Turns(turns)
    view = Transcript(source)
    app = GuardedStage(view)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        assert "question 10000" in screen_lines(app)
        assert len(set(source.read)) <= 8
        begin = time.process_time()
        view.load(source)
        assert time.process_time() - begin < 1.0
        laid_out = view.laid_out
        view.focus()
        await pilot.press("home")
        assert "question 1 " in screen_lines(app)
        await pilot.press("end")
        assert "question 10000" in screen_lines(app)
        assert view.laid_out - laid_out <= 16
        assert source.sizes_read <= 10 * CHUNK  # in three layouts
        view.show_turn(5000)
        await pilot.pause()
        assert "question 5000" in screen_lines(app)
        view.show_turn(10_001)
        await pilot.pause()
        assert "question 5000" in screen_lines(app)


async def test_scrolling_up_shows_every_row_once_whatever_was_guessed() -> None:
    said = {n: [f"turn {n} row {k}" for k in range(n % 7 * 4)] for n in range(1, 30)}
    turns = [answered(n, "\n\n".join(rows) or "x") for n, rows in said.items()]
    async with shown(turns, size=(100, 20)) as (_, view, _):
        seen = [painted(view, y).text for y in range(20)]
        while view.scroll_y > 0:
            assert len(seen) < 2000
            view.action_scroll_up()
            seen.insert(0, painted(view, 0).text)
        found = re.findall(r"turn \d+ row \d+", "\n".join(seen))
        assert found == [row for rows in said.values() for row in rows]


async def test_page_up_moves_by_one_page_over_turns_that_were_guessed_wrong() -> None:
    turns = [answered(n, "\n".join(f"{n}.{k}" for k in range(50))) for n in range(1, 10)]
    async with shown(turns, size=(100, 20)) as (app, _, pilot):
        before = screen_lines(app).split("\n")
        await pilot.press("pageup")
        first = next(row for row in before if row.strip())
        assert first not in screen_lines(app).split("\n")[:-1]
        await pilot.press("down")
        assert screen_lines(app).split("\n")[-1] == before[0].rstrip() or before[0] in screen_lines(app)


async def test_the_view_follows_at_the_end_and_stays_put_away_from_it() -> None:
    async with shown([answered(n, LONG_LEFT) for n in range(1, 4)], size=(100, 20)) as (app, view, pilot):
        view.add_turn(asked(4, Side.LEFT))
        assert follows(view)
        for n in range(40):
            view.feed(41, f"new {n}\n\n", thinking=False)
            view.flush()
        await pilot.pause()
        assert "new 39" in screen_lines(app)
        assert "new text below" not in screen_lines(app)
        await pilot.press("pageup")
        assert not follows(view)
        assert [message.following for message in app.posted(Transcript.FollowChanged)] == [False]
        await pilot.pause()
        before = text_rows(view)
        for n in range(40, 80):
            view.feed(41, f"new {n}\n\n", thinking=False)
            view.flush()
        await pilot.pause()
        assert text_rows(view) == before
        assert screen_lines(app).count("↓ new text below · End") == 1
        await pilot.press("end")
        assert follows(view)
        assert "new 79" in screen_lines(app)
        assert "new text below" not in screen_lines(app)


async def test_settling_below_does_not_move_what_is_read() -> None:
    async with shown([answered(n, LONG_LEFT) for n in range(1, 4)], size=(100, 20)) as (_, view, pilot):
        open_turn = asked(4)
        view.add_turn(open_turn)
        view.feed(41, LONG_LEFT, thinking=False)
        view.flush()
        await pilot.press("pageup", "pageup", "pageup", "pageup", "pageup", "pageup")
        before = text_rows(view)
        view.settle(both_settled(open_turn, LONG_LEFT, LONG_RIGHT))
        await pilot.pause()
        assert text_rows(view) == before


async def test_a_growing_left_answer_does_not_push_the_right_one_away_when_stacked() -> None:
    async with shown([], size=(80, 20), columns=Columns.STACKED) as (_, view, pilot):
        view.add_turn(asked(1))
        view.feed(12, LONG_RIGHT, thinking=False)
        view.flush()
        await pilot.press("pageup", "up")
        assert top_row(view).strip().startswith("right paragraph")
        before = text_rows(view)
        view.feed(11, LONG_LEFT, thinking=False)
        view.flush()
        await pilot.pause()
        assert text_rows(view) == before


async def test_folding_and_layout_and_resize_keep_the_place() -> None:
    turns = [answered(n, LONG_LEFT, LONG_RIGHT) for n in range(1, 6)]
    async with shown(turns, size=(100, 20)) as (app, view, pilot):
        await pilot.press("pageup", "pageup", "pageup")
        while not top_row(view).strip().startswith("left paragraph"):
            await pilot.press("up")
        kept = re.findall(r"left paragraph \d+", top_row(view))[0]
        view.columns = Columns.LEFT
        await pilot.pause()
        assert kept in top_row(view)
        view.columns = Columns.STACKED
        await pilot.pause()
        assert kept in top_row(view)
        view.columns = Columns.BOTH
        await pilot.resize_terminal(140, 30)
        await pilot.pause()
        assert kept in top_row(view)
        app.theme = "textual-light"
        await pilot.pause()
        assert kept in top_row(view)


async def test_jumping_goes_from_question_to_question() -> None:
    async with shown([answered(n, LONG_LEFT) for n in range(1, 6)], size=(100, 20)) as (_, view, pilot):
        await pilot.press("left_curly_bracket")
        assert "question 5" in top_row(view)
        await pilot.press("left_curly_bracket", "left_curly_bracket")
        assert "question 3" in top_row(view)
        await pilot.press("right_curly_bracket")
        assert "question 4" in top_row(view)


async def test_a_long_question_is_folded_and_opens() -> None:
    long = turn(1, "\n".join(f"line {n}" for n in range(40)), reply(11, 1, Side.LEFT, "x"))
    async with shown([long], size=(80, 60)) as (app, _, pilot):
        assert "… 28 more lines · o opens" in screen_lines(app)
        assert "line 11" in screen_lines(app)
        assert "line 12" not in screen_lines(app)
        await pilot.press("o")
        assert "line 39" in screen_lines(app)


async def test_an_empty_transcript_takes_every_key() -> None:
    async with shown([]) as (app, view, pilot):
        await pilot.press(
            "up", "down", "pageup", "home", "end", "t", "o", "y", "c", "left_curly_bracket", "right_curly_bracket"
        )
        view.columns = Columns.STACKED
        await pilot.resize_terminal(60, 10)
        assert screen_lines(app) == ""


# Sides and copies


async def test_keys_pick_a_side_and_again_none() -> None:
    async with shown([answered(1)]) as (app, view, pilot):
        await pilot.press("1")
        assert picked(view) is Side.LEFT
        await pilot.press("2")
        assert picked(view) is Side.RIGHT
        await pilot.press("2")
        assert picked(view) is None
        assert [message.side for message in app.posted(Transcript.SidePicked)] == [Side.LEFT, Side.RIGHT, None]
        view.set_sides(left=True, right=False)
        view.pick(Side.RIGHT)
        assert picked(view) is None


async def test_copies_give_the_source_and_never_what_a_terminal_obeys() -> None:
    source = "# Title\n\na\ttabbed **bold** \x1b]0;x\x07\n\n```make\nall:\n\tcc x.c\n```\n\n```\nsecond\n```\n"
    async with shown([answered(3, source, "right")], size=(80, 40)) as (app, _, pilot):
        await pilot.press("1", "y")
        copied = app.posted(Transcript.CopyRequested)[-1]
        assert copied.text == source.replace("\x1b", "").replace("\x07", "")
        assert copied.what == "the left answer to question 3"
        await pilot.press("c")
        assert app.posted(Transcript.CopyRequested)[-1].text == "second\n"
        await pilot.press("c")
        copied = app.posted(Transcript.CopyRequested)[-1]
        assert (copied.text, copied.what) == ("all:\n\tcc x.c\n", "code block 1 of 2 (make)")
        await pilot.press("1", "y")
        copied = app.posted(Transcript.CopyRequested)[-1]
        assert copied.what == "the left answer to question 3 and the right answer to question 3"


async def select(pilot: Pilot[object], start: tuple[int, int], end: tuple[int, int]) -> None:
    await pilot.mouse_down(offset=start)
    await pilot.hover(offset=end)
    await pilot.mouse_up(offset=end)
    await pilot.pause()


async def test_a_selection_stays_in_its_column_over_turns_and_undoes_wraps() -> None:
    wrapped = "one two three four five six seven eight nine ten eleven twelve"
    turns = [answered(1, wrapped, "right 1 日本語"), answered(2, "second left", "right 2")]
    async with shown(turns, size=(60, 20)) as (app, _, pilot):
        rows = screen_lines(app).split("\n")
        first = next(y for y, row in enumerate(rows) if "one two" in row)
        last = next(y for y, row in enumerate(rows) if "second left" in row)
        await select(pilot, (1, first), (40, last))
        text = app.screen.get_selected_text()
        assert text is not None
        assert text.startswith(wrapped + "\n")
        assert text.endswith("second left")
        assert "right" not in text
        assert "question" not in text
        assert "│" not in text
        column = rows[first].index("right 1")
        await select(pilot, (column, first), (column + 12, last))
        assert (app.screen.get_selected_text() or "").startswith("right 1 日本語\n")
        assert (app.screen.get_selected_text() or "").endswith("right 2")


async def test_code_that_was_folded_is_copied_as_one_line() -> None:
    code = "x = '" + "a" * 60 + "'"
    async with shown([answered(1, f"```python\n{code}\ny = 1\n```")], size=(60, 20)) as (app, _, pilot):
        rows = screen_lines(app).split("\n")
        first = next(y for y, row in enumerate(rows) if "x = " in row)
        last = next(y for y, row in enumerate(rows) if "y = 1" in row)
        assert "↪" in rows[first + 1]
        await select(pilot, (1, first), (28, last))
        assert app.screen.get_selected_text() == f"{code}\ny = 1"


async def test_two_clicks_select_a_word_and_three_a_paragraph() -> None:
    turns = [answered(1, "one two three four five six seven eight nine", "right words")]
    async with shown(turns, size=(60, 20)) as (app, _, pilot):
        y = next(y for y, row in enumerate(screen_lines(app).split("\n")) if "one two" in row)
        await pilot.click(Transcript, offset=(6, y), times=2)
        assert app.screen.get_selected_text() == "two"
        await pilot.pause(0.6)
        await pilot.click(Transcript, offset=(6, y), times=3)
        assert app.screen.get_selected_text() == "one two three four five six seven eight nine"
        await pilot.pause(0.6)
        await pilot.click(offset=(6, y))
        assert not app.screen.get_selected_text()


async def test_a_selection_is_highlighted_and_copied_with_the_key() -> None:
    async with shown([answered(1, "some words here")], size=(60, 12)) as (app, view, pilot):
        y = next(y for y, row in enumerate(screen_lines(app).split("\n")) if "some words" in row)
        await select(pilot, (6, y), (10, y))
        assert app.screen.get_selected_text() == "words"
        selected = app.screen.get_component_rich_style("screen--selection").bgcolor
        marked = [s.text for s in painted(view, y) if s.style is not None and s.style.bgcolor == selected]
        assert marked == ["words"]
        await pilot.press("y")
        assert app.posted(Transcript.CopyRequested)[-1].text == "words"


async def test_a_click_on_a_link_opens_nothing() -> None:
    opened: list[str] = []
    async with shown([answered(1, "see [here](https://example.org/x) now")], size=(80, 12)) as (app, view, pilot):
        app.open_url = lambda url, **_: opened.append(url)  # type: ignore[method-assign]
        y = next(y for y, row in enumerate(screen_lines(app).split("\n")) if "see here (example.org)" in row)
        for x in range(1, 25, 3):
            await pilot.click(offset=(x, y))
        assert opened == []
        assert all(s.style is None or (s.style.link is None and not s.style.meta) for s in painted(view, y))


# Foreign text


async def test_nothing_hostile_reaches_the_screen_live_or_settled() -> None:
    text = "\n\n".join(HOSTILE) + "\n\n```\n" + "\n".join(HOSTILE) + "\n```\n"
    bad = turn(
        1,
        "\n".join(HOSTILE),
        reply(11, 1, Side.LEFT, text, thinking=text),
        reply(12, 1, Side.RIGHT, text, Outcome.FAILED, error=" ".join(HOSTILE), note="\x1b[2J", model="demo:\x1b[2J"),
    )
    async with shown([bad], size=(100, 300)) as (_, view, pilot):
        open_turn = asked(2)
        view.add_turn(open_turn)
        await pilot.press("t", "o")
        for n in range(0, len(text), 5):
            view.feed(21, text[n : n + 5], thinking=False)
            view.feed(22, text[n : n + 5], thinking=True)
            view.set_state(22, HOSTILE[n % len(HOSTILE)])
            view.flush()
        for columns in (Columns.BOTH, Columns.STACKED):
            view.columns = columns
            await pilot.pause()
            view.scroll_to(y=0)
            for y in range(300):
                assert not COMMANDING.search(painted(view, y).text)
        assert not COMMANDING.search(view.latest_words(Side.LEFT, 80))


# Cost


async def test_only_so_many_turns_stay_laid_out() -> None:
    from tui.rendering import turn_list

    turns = [answered(n) for n in range(1, 600)]
    async with shown(turns, size=(100, 40)) as (_, view, _):
        for _ in range(120):
            view.scroll_relative(y=-30)
        assert view.laid_out > turn_list.BLOCKS_KEPT
        assert len(view._turns._blocks) <= turn_list.BLOCKS_KEPT


async def test_a_theme_or_a_scroll_lays_nothing_out_again() -> None:
    async with shown([answered(n) for n in range(1, 50)]) as (app, view, pilot):
        await pilot.press("up", "up", "up")
        before = view.laid_out
        app.theme = "textual-light"
        await pilot.pause()
        await pilot.press("down", "down")
        assert view.laid_out == before


async def test_a_new_width_or_theme_touches_only_what_is_in_view() -> None:
    turns = [answered(n, LEASE, LEASE) for n in range(1, 500)]
    async with shown(turns, size=(100, 30)) as (app, view, pilot):
        for width in (90, 120, 80):
            before = view.laid_out
            await pilot.resize_terminal(width, 30)
            await pilot.pause()
            assert 0 < view.laid_out - before <= 4
        view.show_found(Literal("tenant"), [occurrences(each, Literal("tenant")) for each in turns])
        await pilot.pause()
        before = view.laid_out
        app.theme = "textual-light"
        await pilot.pause()
        view.end_find()
        await pilot.pause()
        assert view.laid_out == before


THREE = turn(
    1,
    "Which?",
    reply(11, 1, Side.LEFT, "only left"),
    reply(12, 1, Side.RIGHT, "first right"),
    reply(13, 1, Side.RIGHT, "second right", variant=2),
    reply(14, 1, Side.RIGHT, "third right", variant=3),
)


async def test_earlier_answers_are_shown_and_copied_one_by_one() -> None:
    async with shown([THREE]) as (app, _, pilot):
        assert "third right" in screen_lines(app)
        assert "\u2039 3/3 \u203a" in screen_lines(app)
        await pilot.press("comma")
        await pilot.pause()
        assert "second right" in screen_lines(app)
        assert "\u2039 2/3 \u203a" in screen_lines(app)
        assert "third right" not in screen_lines(app)
        assert "only left" in screen_lines(app)
        await pilot.press("comma", "comma", "2", "y")
        await until(lambda: app.posted(Transcript.CopyRequested))
        assert app.posted(Transcript.CopyRequested)[-1].text == "first right"
        await pilot.press("full_stop", "full_stop", "full_stop")
        await pilot.pause()
        assert "third right" in screen_lines(app)


async def test_a_retry_is_shown_though_an_earlier_answer_was() -> None:
    async with shown([THREE]) as (app, view, pilot):
        await pilot.press("comma")
        view.add_variant(
            replace(THREE, replies=(*THREE.replies, reply(15, 1, Side.RIGHT, outcome=Outcome.OPEN, variant=4)))
        )
        view.feed(15, "fourth right")
        await until(lambda: "fourth right" in screen_lines(app))
