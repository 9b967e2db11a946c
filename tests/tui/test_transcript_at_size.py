"""Answers of 30,000 tokens: whatever is done, a frame lays out some passages, and what is read stays put."""

import pytest
from textual.geometry import Region

from storage import Occurrences, Side, Where
from storage.needles import Literal
from tests.tui.test_lazy_lines import numbered
from tests.tui.turns import GuardedStage, Turns, answered
from tui.rendering.lazy_lines import LazyLines
from tui.widgets.transcript import Columns, Transcript

KINDS = ("line", "fence", "table", "list", "paragraphs")
IN_VIEW = 24
"""Passages that two columns of forty rows show at most."""


def lazy_sides(view: Transcript) -> list[LazyLines]:
    block = view._turns.block(0)
    found = [block.lazy(where) for where in (Where.LEFT, Where.RIGHT)]
    return [each[0] for each in found if each is not None]


def laid_out(view: Transcript) -> int:
    return sum(each.laid_out for each in lazy_sides(view))


def painted(view: Transcript) -> list[str]:
    width, height = view.outer_size
    return [strip.text.rstrip() for strip in view.render_lines(Region(0, 0, width, height))]


def long_view(kind: str) -> Transcript:
    text = numbered(kind, 12_000)
    return Transcript(Turns([answered(1, text, text)]), time_words=lambda _: "14:02")


@pytest.mark.parametrize("kind", KINDS)
async def test_no_act_lays_out_more_than_is_in_view(kind: str) -> None:
    view = long_view(kind)
    async with GuardedStage(view).run_test(size=(120, 40)) as pilot:
        view.focus()
        await pilot.pause()
        assert laid_out(view) <= IN_VIEW
        for key in ["pageup", "pageup", "up", "home", "pagedown", "end", "pageup"]:
            before = laid_out(view)
            await pilot.press(key)
            await pilot.pause()
            assert laid_out(view) - before <= IN_VIEW
            assert painted(view)[5].strip()
        await pilot.resize_terminal(90, 30)
        await pilot.pause()
        assert laid_out(view) <= 2 * IN_VIEW
        view.columns = Columns.LEFT
        await pilot.pause()
        assert laid_out(view) <= 2 * IN_VIEW


@pytest.mark.parametrize("kind", KINDS)
async def test_a_line_up_moves_the_text_by_one_line_wherever_the_view_is(kind: str) -> None:
    view = long_view(kind)
    async with GuardedStage(view).run_test(size=(120, 40)) as pilot:
        view.focus()
        await pilot.pause()
        for _ in range(30):
            before = painted(view)
            await pilot.press("up")
            await pilot.pause()
            assert painted(view)[1:-1] == before[:-2]


async def test_a_find_goes_to_a_place_in_a_long_answer_that_nobody_has_seen() -> None:
    view = long_view("paragraphs")
    async with GuardedStage(view).run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        found = Occurrences(1, 1, ((Where.LEFT, 1), (Where.RIGHT, 1)))
        view.show_found(Literal("word4321"), [found])
        await pilot.pause()
        assert any("word4321" in row for row in painted(view))
        assert laid_out(view) <= 2 * IN_VIEW


async def test_a_new_width_keeps_the_words_at_the_top() -> None:
    view = long_view("paragraphs")
    async with GuardedStage(view).run_test(size=(120, 40)) as pilot:
        view.focus()
        await pilot.pause()
        view.scroll_to(y=view.virtual_size.height // 2)
        await pilot.pause()
        top = next(row.split()[0] for row in painted(view) if row.strip())
        await pilot.resize_terminal(100, 40)
        await pilot.pause()
        assert any(top in row.split() for row in painted(view)[:4])
        assert view._turns.view.layout.columns[Side.LEFT].width < 50
