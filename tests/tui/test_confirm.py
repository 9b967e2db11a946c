"""A question with two answers, by keys."""

from __future__ import annotations

import pytest

from tests.tui.screen_text import Stage, screen_lines
from tui.screens.confirm import Confirm


def question(*, dangerous: bool = True) -> Confirm:
    return Confirm(
        "Make this session confidential?",
        [
            "From now on only models on this machine answer. This cannot be undone.",
            "2 earlier turns were sent to Claude [/and] stay marked so.",
        ],
        yes="Make it confidential",
        no="Keep it as it is",
        dangerous=dangerous,
    )


@pytest.mark.parametrize(
    ("keys", "dangerous", "answer"),
    [
        (["y"], True, True),
        (["n"], False, False),
        (["escape"], False, False),
        (["enter"], True, False),
        (["enter"], False, True),
        (["left", "enter"], True, True),
        (["tab", "enter"], True, True),
    ],
)
async def test_keys_answer(keys: list[str], dangerous: bool, answer: bool) -> None:
    app, answers = Stage(), list[bool | None]()
    async with app.run_test() as pilot:
        app.push_screen(question(dangerous=dangerous), answers.append)
        await pilot.pause()
        await pilot.press(*keys)
        await pilot.pause()
        assert answers == [answer]


async def test_click_answers() -> None:
    app, answers = Stage(), list[bool | None]()
    async with app.run_test(size=(120, 40)) as pilot:
        app.push_screen(question(), answers.append)
        await pilot.pause()
        await pilot.click("#yes")
        await pilot.pause()
        assert answers == [True]


@pytest.mark.parametrize("size", [(120, 40), (80, 24), (20, 5)])
async def test_question_and_answers_are_in_view(size: tuple[int, int]) -> None:
    app = Stage()
    async with app.run_test(size=size) as pilot:
        app.push_screen(question())
        await pilot.pause()
        lines = screen_lines(app)
        if size[0] >= 80:
            assert "Make this session confidential?" in lines
            assert "Claude [/and] stay marked so." in lines
            assert "  [y] Make it confidential" in lines
            assert "▸ [n] Keep it as it is" in lines
        assert lines
