"""While answers stream a person does anything at all: nothing is shown twice or lost, and what is read stays put."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from textual.geometry import Region

from storage import Outcome, Side, Turn
from tests.tui.turns import GuardedStage, Turns, answered, asked, reply
from tui.rendering.turn_block import Part
from tui.widgets.transcript import Columns, Transcript

LONG = "\n\n".join(f"older paragraph {n} with some words in it" for n in range(40))


def rows(view: Transcript) -> list[str]:
    """What is painted, without the last row, where it may say that there is more below."""
    height, width = view.outer_size.height, view.outer_size.width
    return [strip.text.rstrip() for strip in view.render_lines(Region(0, 0, width, height - 1))]


def painted_anew(view: Transcript) -> list[str]:
    view._painted.clear()
    return rows(view)


def words_of(view: Transcript, index: int, side: Side) -> list[str]:
    """The words that one side's answer shows, from its first row to its last, its own name for each of them."""
    view.lay_out_turn(index, most=100_000)
    block = view._turns.block(index)
    part, mark = Part(side.value), f"{side.value}word"
    lines = [placed.line.text for row in range(block.height) for placed in block.row(row) if placed.part is part]
    return [word for line in lines for word in line.split() if word.startswith(mark)]


def words(side: Side, first: int, count: int) -> list[str]:
    return [f"{side.value}word{number}" for number in range(first, first + count)]


class Stream:
    """One turn of two answers that says numbered words, in paragraphs."""

    def __init__(self, view: Transcript, number: int = 4) -> None:
        self.view = view
        self.turn: Turn = asked(number)
        self.said = {Side.LEFT: 0, Side.RIGHT: 0}
        self.replies = {each.side: each for each in self.turn.replies}
        self.text = {Side.LEFT: "", Side.RIGHT: ""}
        view.add_turn(self.turn)

    def say(self, count: int) -> None:
        for side in Side:
            piece = " ".join(words(side, self.said[side], count)) + ("\n\n" if self.said[side] % 3 else " ")
            self.said[side] += count
            self.text[side] += piece
            self.view.feed(self.replies[side].id, piece, thinking=False)
        self.view.flush()

    def settle(self, side: Side) -> None:
        done = replace(self.replies[side], outcome=Outcome.COMPLETE, text=self.text[side])
        kept = tuple(done if each.id == done.id else each for each in self.turn.replies)
        self.turn = replace(self.turn, replies=kept)
        self.view.settle(self.turn)

    def retry(self, side: Side) -> None:
        self.settle(side)
        variant = len(self.turn.variants(side)) + 1
        new = reply(
            100 + 10 * variant + (side is Side.RIGHT), self.turn.id, side, outcome=Outcome.OPEN, variant=variant
        )
        self.turn = replace(self.turn, replies=(*self.turn.replies, new))
        self.replies[side], self.said[side], self.text[side] = new, 0, ""
        self.view.add_variant(self.turn)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_nothing_is_shown_twice_or_lost_whatever_is_done_during_a_stream(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - what a person does, not a secret
    view = Transcript(Turns([answered(n, LONG) for n in range(1, 4)]), time_words=lambda _: "14:02")
    app = GuardedStage(view)
    async with app.run_test(size=(100, 20)) as pilot:
        view.focus()
        await pilot.pause()
        stream = Stream(view)

        async def another_theme() -> None:
            app.theme = chance.choice(["textual-light", "nord", "textual-dark"])

        async def other_columns() -> None:
            view.columns = chance.choice(list(Columns))

        async def retry() -> None:
            stream.retry(chance.choice(list(Side)))

        async def other_size() -> None:
            await pilot.resize_terminal(chance.choice([60, 100, 140]), chance.choice([12, 20, 40]))

        async def key() -> None:
            await pilot.press(chance.choice(["pageup", "pagedown", "up", "end", "home", "t", "o"]))

        acts: list[Callable[[], Awaitable[None]]] = [another_theme, other_columns, retry, other_size, key, key]
        for _ in range(18):
            stream.say(chance.randint(1, 30))
            await chance.choice(acts)()
            stream.say(chance.randint(1, 30))
            await pilot.pause()
            for side in view._turns.view.layout.columns:
                assert words_of(view, 3, side) == words(side, 0, stream.said[side])
            assert rows(view) == painted_anew(view)
        for side in Side:
            stream.settle(side)
        view.columns = Columns.BOTH
        await pilot.pause()
        for side in Side:
            assert words_of(view, 3, side) == words(side, 0, stream.said[side])
        assert not view.flush()
        assert view.scroll_y == view._port.first_row


async def test_another_conversation_during_a_stream_shows_nothing_of_the_one_before() -> None:
    view = Transcript(Turns([answered(1)]), time_words=lambda _: "14:02")
    async with GuardedStage(view).run_test(size=(100, 20)) as pilot:
        stream = Stream(view)
        stream.say(10)
        view.load(Turns([answered(7, "a fork of it")]))
        stream.say(10)
        await pilot.pause()
        assert "leftword" not in "\n".join(rows(view))
        assert "a fork of it" in "\n".join(rows(view))
        assert not view.streaming


@pytest.mark.parametrize("seed", [1, 2])
async def test_scrolling_during_a_stream_never_moves_the_text_under_the_eye(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - what a person does, not a secret
    view = Transcript(Turns([answered(n, LONG) for n in range(1, 30)]), time_words=lambda _: "14:02")
    async with GuardedStage(view).run_test(size=(100, 20)) as pilot:
        view.focus()
        await pilot.pause()
        stream = Stream(view, 30)
        stream.say(200)
        await pilot.press("pageup")
        for _ in range(15):
            await pilot.press(chance.choice(["pageup", "up", "up", "left_curly_bracket", "down"]))
            if view.following:
                await pilot.press("pageup")
            await pilot.pause()
            before = rows(view)
            stream.say(chance.randint(1, 60))
            await pilot.pause()
            assert rows(view) == before
        before = rows(view)
        stream.settle(Side.LEFT)
        stream.settle(Side.RIGHT)
        await pilot.pause()
        assert rows(view) == before
