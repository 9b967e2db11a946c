"""The block cursor: keys go from answer to answer and from code to code, and what is under it is copied."""

from __future__ import annotations

from storage import Side
from tests.tui.screen_text import screen_lines
from tests.tui.test_finding_view import shown
from tests.tui.turns import answered, asked
from tui.rendering.blocks import Block
from tui.widgets.transcript import Columns, Transcript

CODE = "Two:\n\n```python\nx = 1\ny = 2\n```\n```sh\nls\n```\n\nand words.\n"


def barred(view: Transcript) -> list[str]:
    """The rows that have the bar, without it."""
    return [row for row in screen_lines(view.app).split("\n") if "▌" in row]


async def test_the_cursor_goes_through_answers_and_code_in_the_order_of_reading() -> None:
    async with shown([answered(1, CODE, "right words"), answered(2, "last", CODE)], size=(100, 40)) as (
        _,
        view,
        pilot,
    ):
        wanted = [
            *(Block(1, Side.LEFT), Block(1, Side.LEFT, 0), Block(1, Side.LEFT, 1), Block(1, Side.RIGHT)),
            *(Block(2, Side.LEFT), Block(2, Side.RIGHT), Block(2, Side.RIGHT, 0), Block(2, Side.RIGHT, 1)),
        ]
        for block in wanted:
            await pilot.press("j")
            assert view.cursor == block
        await pilot.press("j")
        assert view.cursor == wanted[-1]
        for block in reversed(wanted[:-1]):
            await pilot.press("k")
            assert view.cursor == block
        for key, block in (("]", wanted[1]), ("]", wanted[2]), ("]", wanted[6]), ("[", wanted[2])):
            await pilot.press({"]": "right_square_bracket", "[": "left_square_bracket"}[key])
            assert view.cursor == block


async def test_the_bar_stands_beside_what_is_under_the_cursor_and_moves_no_text() -> None:
    async with shown([answered(1, CODE, "right words")], size=(100, 40)) as (app, view, pilot):
        before = screen_lines(app)
        await pilot.press("right_square_bracket")
        assert [row.split("│")[0].strip(" ▌") for row in barred(view)] == ["x = 1", "y = 2"]
        assert screen_lines(app).replace("▌", " ") == before
        await pilot.press("right_square_bracket")
        assert [row.split("│")[0].strip(" ▌") for row in barred(view)] == ["ls"]
        await pilot.press("j")
        assert [row.split("│")[1] for row in barred(view)] == ["▌right words"]
        view.leave_block()
        await pilot.pause()
        assert screen_lines(app) == before


async def test_what_is_under_the_cursor_is_copied_as_it_was_written() -> None:
    async with shown([answered(1, CODE, "right words"), answered(2)], size=(100, 40)) as (app, _, pilot):
        await pilot.press("right_square_bracket", "c")
        copied = app.posted(Transcript.CopyRequested)[-1]
        assert (copied.text, copied.what) == ("x = 1\ny = 2\n", "code block 1 of 2 (python)")
        await pilot.press("j", "c")
        assert app.posted(Transcript.CopyRequested)[-1].text == "ls\n"
        await pilot.press("y")
        assert app.posted(Transcript.CopyRequested)[-1].text == CODE


async def test_the_cursor_comes_into_view_and_outlives_a_new_width_and_a_stream() -> None:
    turns = [answered(n, f"answer {n}\n\n" + "words\n\n" * 12, f"```\ncode {n}\n```") for n in range(1, 40)]
    async with shown(turns, size=(100, 20)) as (app, view, pilot):
        for _ in range(12):
            await pilot.press("left_square_bracket")
        assert any("code 28" in row for row in barred(view))
        await pilot.resize_terminal(60, 20)
        await pilot.pause()
        assert any("code 28" in row for row in barred(view))
        view.columns = Columns.STACKED
        await pilot.pause()
        view.add_turn(asked(40, Side.LEFT))
        view.feed(401, "```\none\n", thinking=False)
        view.flush()
        await pilot.press("right_square_bracket")
        assert view.cursor is not None
        for _ in range(12):
            await pilot.press("right_square_bracket")
        view.feed(401, "two\n", thinking=False)
        view.flush()
        await pilot.pause()
        assert [row.strip(" ▌") for row in barred(view)] == ["one", "two"]
        assert "one" in screen_lines(app)


async def test_a_picked_side_keeps_the_cursor_to_itself_and_nothing_has_no_cursor() -> None:
    async with shown([answered(1, CODE, "right"), answered(2, "left", "right")], size=(100, 40)) as (_, view, pilot):
        await pilot.press("2", "j", "j")
        assert view.cursor == Block(2, Side.RIGHT)
    async with shown([]) as (_, view, pilot):
        await pilot.press("j", "k", "right_square_bracket", "left_square_bracket")
        assert view.cursor is None
