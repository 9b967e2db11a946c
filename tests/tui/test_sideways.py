"""Wide code and tables, unwrapped: each line stays one line, and what does not fit is scrolled to."""

from __future__ import annotations

import pytest
from rich.cells import cell_len
from textual.geometry import Region

from storage import Side
from storage.needles import Literal
from tests.tui.answers import ANSWERS
from tests.tui.screen_text import screen_lines
from tests.tui.test_finding_view import look, marked, shown
from tests.tui.test_transcript import select
from tests.tui.turns import answered, asked
from tui.rendering.lines import Kind
from tui.rendering.markdown import render
from tui.rendering.sideways import MORE_AFTER as AFTER
from tui.rendering.sideways import MORE_BEFORE as BEFORE
from tui.widgets.transcript import Transcript

LONG = "abcdefghij" * 8
CODE = f"Words.\n\n```\n{LONG}\nshort\n```\n\n```\n日本語{'の長い行' * 12}終\n```\n"
TABLE = (
    "| " + " | ".join(f"heading {n}" for n in range(8)) + " |\n" + "|---" * 8 + "|\n" + "| cell words" * 8 + " |\n"
)


def rows_with(view: Transcript, words: str) -> list[str]:
    return [row.split("│")[0] for row in screen_lines(view.app).split("\n") if words in row]


async def test_wide_code_is_one_line_and_scrolls_with_marks_where_there_is_more() -> None:
    async with shown([answered(1, CODE, "right")], size=(60, 30)) as (app, view, pilot):
        assert "↪" in screen_lines(app)
        height = view.virtual_size.height
        await pilot.press("w")
        assert "↪" not in screen_lines(app)
        assert view.virtual_size.height < height
        assert rows_with(view, "abc") == [f"   {LONG[:24]}{AFTER} "]
        await pilot.press("shift+right")
        assert rows_with(view, "abc") == [f"   {BEFORE}{LONG[9:32]}{AFTER} "]
        assert rows_with(view, "hort") == []
        for _ in range(20):
            await pilot.press("shift+right")
        assert rows_with(view, "abc") == [f"   {BEFORE}{LONG[-24:]} "]
        assert "終" in screen_lines(app)
        for _ in range(20):
            await pilot.press("shift+left")
        assert rows_with(view, "abc") == [f"   {LONG[:24]}{AFTER} "]
        await pilot.press("w")
        assert view.virtual_size.height == height


async def test_the_first_key_sideways_unwraps_and_the_cursor_says_which_block_moves() -> None:
    async with shown([answered(1, CODE, CODE)], size=(60, 30)) as (app, view, pilot):
        await pilot.press("right_square_bracket", "shift+right")
        assert screen_lines(app).count(BEFORE) == 2
        await pilot.press("right_square_bracket", "shift+right")
        assert screen_lines(app).count(BEFORE) == 3
        view.leave_block()
        await pilot.press("2", "shift+right")
        assert screen_lines(app).count(BEFORE) == 6


async def test_a_wide_table_keeps_its_columns() -> None:
    async with shown([answered(1, TABLE, "right")], size=(60, 30)) as (app, _, pilot):
        assert "heading 0: cell words" in screen_lines(app).replace("• ", "")
        await pilot.press("w")
        assert "heading 0  │ head" in screen_lines(app)
        for _ in range(20):
            await pilot.press("shift+right")
        assert "heading 7" in screen_lines(app)


@pytest.mark.parametrize("width", [40, 61, 80])
async def test_no_row_is_too_wide_wherever_it_is_scrolled(width: int) -> None:
    turns = [answered(n, each, CODE + TABLE) for n, each in enumerate(ANSWERS, 1)]
    async with shown(turns, size=(width, 150)) as (_, view, pilot):
        await pilot.press("w")
        for _ in range(6):
            for y in range(150):
                strip = view.render_lines(Region(0, y, width, 1))[0]
                assert strip.cell_length == width - 1
                assert sum(cell_len(segment.text) for segment in strip) == width - 1
            await pilot.press("shift+right", "pageup")


async def test_what_streams_is_as_wide_and_a_block_that_grows_stays_scrolled() -> None:
    async with shown([], size=(60, 30)) as (_, view, pilot):
        view.add_turn(asked(1, Side.LEFT))
        view.feed(11, f"```\n{LONG}\n", thinking=False)
        view.flush()
        await pilot.press("w", "shift+right")
        view.feed(11, f"{LONG}\n", thinking=False)
        view.flush()
        await pilot.pause()
        assert rows_with(view, BEFORE) == [f"   {BEFORE}{LONG[9:32]}{AFTER} "] * 2


async def test_what_is_found_in_a_wide_line_is_scrolled_to() -> None:
    one = answered(1, f"```\n{LONG}needle{LONG}\n```\n", "right")
    async with shown([one], size=(60, 20)) as (_, view, pilot):
        await pilot.press("w")
        look(view, [one], Literal("needle"))
        await pilot.pause()
        assert marked(view, current=True) == ["needle"]


async def test_a_selection_and_a_copy_in_a_scrolled_block_give_the_source() -> None:
    async with shown([answered(1, CODE, "right")], size=(60, 30)) as (app, _, pilot):
        await pilot.press("w", "shift+right")
        y = next(y for y, row in enumerate(screen_lines(app).split("\n")) if BEFORE in row)
        await select(pilot, (5, y), (8, y))
        assert app.screen.get_selected_text() == LONG[10:14]
        await pilot.click(Transcript, offset=(8, y), times=2)
        assert app.screen.get_selected_text() == LONG
        app.screen.clear_selection()
        await pilot.press("right_square_bracket", "c")
        assert app.posted(Transcript.CopyRequested)[-1].text == f"{LONG}\nshort\n"


def test_only_code_and_tables_are_wider_than_their_column() -> None:
    for source in ANSWERS:
        for each in render(source, 38, unwrapped=True):
            assert each.width <= (1_000 if each.kind in (Kind.CODE, Kind.TABLE) else 38)
