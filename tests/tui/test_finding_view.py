"""Finding inside a transcript: marked everywhere, counted over all turns, and reached wherever it hides."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.geometry import Region
from textual.pilot import Pilot

from storage import Outcome, Side, Turn, Where
from storage.needles import Literal, Needle, Words
from storage.occurrences import occurrences
from tests.tui.answers import ANSWERS
from tests.tui.screen_text import screen_lines, until
from tests.tui.turns import GuardedStage, Turns, answered, asked, reply, turn
from tui.rendering.found import search_lines
from tui.rendering.markdown import render
from tui.widgets.transcript import Columns, Transcript


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


def look(view: Transcript, turns: Iterable[Turn], needle: Needle) -> None:
    view.show_found(needle, [occurrences(each, needle) for each in turns])


def marked(view: Transcript, *, current: bool = False) -> list[str]:
    """What stands out on the screen as found; the current one alone, if wanted."""
    found: list[str] = []
    for y in range(view.outer_size.height):
        joined = ""
        for segment in view.render_lines(Region(0, y, view.outer_size.width, 1))[0]:
            style = segment.style
            stands_out = style is not None and style.underline and style.bold and (style.reverse or not current)
            if stands_out:
                joined += segment.text
            elif joined:
                found.append(joined)
                joined = ""
        found += [joined] if joined else []
    return found


def told(app: GuardedStage) -> tuple[int | None, int]:
    last = app.posted(Transcript.FoundMoved)[-1]
    return last.number, last.total


async def test_every_place_in_view_is_marked_and_the_current_one_otherwise_than_by_colour() -> None:
    turns = [answered(1, "the Lease and a *lease*", "`léase` it"), answered(2, "none", "a lease")]
    async with shown(turns) as (app, view, pilot):
        look(view, turns, Literal("LEASE"))
        await pilot.pause()
        assert marked(view) == ["Lease", "lease", "léase", "lease"]
        assert marked(view, current=True) == ["Lease"]
        assert told(app) == (0, 4)
        for number, words in ((1, "lease"), (2, "léase"), (3, "lease"), (0, "Lease")):
            await pilot.press("n")
            assert told(app) == (number, 4)
            assert marked(view, current=True) == [words]
        await pilot.press("N")
        assert told(app) == (3, 4)
        view.end_find()
        assert marked(view) == []


async def test_places_in_turns_that_were_never_laid_out_are_counted_and_reached() -> None:
    turns = [answered(n, f"paragraph\n\n{'needle' if n % 50 == 0 else 'hay'} {n}") for n in range(1, 1001)]
    async with shown(turns) as (app, view, pilot):
        look(view, turns, Literal("needle"))
        await pilot.pause()
        assert told(app) == (19, 20)
        before = view.laid_out
        await pilot.press("n")
        assert told(app) == (0, 20)
        assert "needle 50" in screen_lines(app)
        await pilot.press("n", "n", "n")
        assert "needle 200" in screen_lines(app)
        assert view.laid_out - before < 100


async def test_what_is_folded_or_hidden_is_opened_on_the_way() -> None:
    long = "\n".join(f"line {n}" for n in range(30)) + "\nneedle in the question"
    one = turn(
        1,
        long,
        reply(11, 1, Side.LEFT, "left needle", thinking="a needle in thought"),
        reply(12, 1, Side.RIGHT, "right needle"),
    )
    async with shown([one], size=(80, 60), columns=Columns.LEFT) as (app, view, pilot):
        assert "needle in" not in screen_lines(app)
        look(view, [one], Literal("needle"))
        await pilot.pause()
        assert "needle in the question" in screen_lines(app)
        await pilot.press("n")
        assert "a needle in thought" in screen_lines(app)
        await pilot.press("n")
        assert marked(view, current=True) == ["needle"]
        await pilot.press("n")
        assert "right needle" in screen_lines(app)
        assert app.posted(Transcript.SideNeeded)[-1].side is Side.RIGHT
        assert told(app) == (3, 4)


async def test_a_place_over_wrapped_lines_is_marked_on_each_of_them() -> None:
    turns = [
        answered(1, "one two three four five six seven eight nine ten eleven twelve", "日本語の長いテキスト" * 6)
    ]
    async with shown(turns, size=(60, 20)) as (_, view, pilot):
        look(view, turns, Literal("four five six"))
        await pilot.pause()
        assert " ".join(marked(view)) == "four five six"
        look(view, turns, Literal("テキスト日本語"))
        await pilot.pause()
        assert "".join(marked(view)) == "テキスト日本語" * 5
        await pilot.resize_terminal(100, 20)
        await pilot.pause()
        assert "".join(marked(view)) == "テキスト日本語" * 5


async def test_what_streams_is_marked_as_it_comes_and_counted_when_it_has_ended() -> None:
    async with shown([answered(1)]) as (app, view, pilot):
        open_turn = asked(2, Side.LEFT)
        view.add_turn(open_turn)
        look(view, [answered(1)], Literal("needle and thread"))
        for piece in ("a nee", "dle and ", "thread, and a needle", " and thread"):
            view.feed(21, piece, thinking=False)
            view.flush()
        await until(lambda: "".join(marked(view)) == "needle and thread" * 2)
        text = "a needle and thread, and a needle and thread"
        ended = turn(2, "question 2", reply(21, 2, Side.LEFT, text, Outcome.COMPLETE))
        view.settle(ended)
        await pilot.pause()
        assert told(app)[1] == 2
        await pilot.press("n")
        assert told(app) == (0, 2)


async def test_a_step_while_answers_stream_stays_where_it_went() -> None:
    turns = [answered(1, "needle"), *(answered(n, "hay\n\n" * 9) for n in range(2, 9))]
    async with shown(turns) as (app, view, pilot):
        view.add_turn(asked(9, Side.LEFT))
        look(view, turns, Literal("needle"))
        await pilot.pause()
        assert "needle" in screen_lines(app)
        for _ in range(5):
            view.feed(91, "more\n\n" * 20, thinking=False)
            view.flush()
        assert "needle" in screen_lines(app)
        assert not view.following


async def test_a_hit_is_gone_to_where_it_is_and_markup_is_told_apart() -> None:
    turns = [answered(1, "lease"), answered(2, "a **lease**", "no lease"), answered(3, "lease")]
    async with shown(turns, size=(80, 40)) as (app, view, pilot):
        needle = Words('"no lea*" lease')
        view.show_found(needle, [occurrences(each, needle) for each in turns], (2, Where.RIGHT))
        await pilot.pause()
        assert told(app) == (2, 4)
        look(view, turns, Literal("**lease"))
        await pilot.pause()
        assert told(app) == (0, 1)
        assert not app.posted(Transcript.FoundMoved)[-1].shown
        look(view, turns, Literal("nowhere"))
        await pilot.pause()
        assert told(app) == (None, 0)
        await pilot.press("n", "N")


async def test_a_side_without_a_column_is_not_counted() -> None:
    turns = [answered(1, "lease", "lease lease")]
    async with shown(turns) as (app, view, pilot):
        view.set_sides(left=True, right=False)
        look(view, turns, Literal("lease"))
        await pilot.pause()
        assert told(app) == (0, 1)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(ANSWERS), st.sampled_from([20, 38, 57, 100]), st.integers(0, 400), st.integers(1, 60))
def test_any_piece_of_what_is_shown_is_found_where_it_stands(
    source: str, width: int, start: int, length: int
) -> None:
    lines = render(source, width)
    text = " ".join(each.text for each in lines if each.text)[start : start + length].split("  ")[0].strip()
    for found in search_lines(enumerate(lines), Literal(text)):
        for piece in found:
            assert 0 <= piece.start < piece.end <= len(lines[piece.at].text)
            assert piece.start >= lines[piece.at].lead


@pytest.mark.parametrize(
    "typed", ["x" * 10_000, "🚀" * 500, "((((", "AND OR NOT", "\x1b[31m", "%_%", "a" * 3 + "\u0301"]
)
async def test_no_text_is_too_odd_to_be_looked_for(typed: str) -> None:
    turns = [answered(n, each, each) for n, each in enumerate(ANSWERS, 1)]
    async with shown(turns) as (app, view, pilot):
        for needle in (Literal(typed), Words(typed)):
            look(view, turns, needle)
            await pilot.press("n", "N")
        assert screen_lines(app)
