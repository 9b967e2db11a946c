"""The outline of a session: questions of any number, read as they are seen, and Enter goes to one."""

from __future__ import annotations

from collections.abc import Sequence

from storage import Question
from tests.tui.hostile import COMMANDING, HOSTILE
from tests.tui.screen_text import Stage, screen_lines, until
from tui.screens.questions import QuestionsScreen
from tui.widgets.paged_list import PAGE_ROWS


class Outline(Stage):
    def __init__(self, total: int, at: int = 0, prompts: Sequence[str] = ()) -> None:
        super().__init__()
        self.total, self.at, self.prompts = total, at, prompts
        self.read: list[int] = []
        self.chosen: list[int | None] = []

    def on_mount(self) -> None:
        self.push_screen(QuestionsScreen(self.rows, self.total, self.at), self.chosen.append)

    def rows(self, first: int, count: int) -> list[Question]:
        self.read.append(first)
        return [
            Question(1000 + n, n + 1, self.prompts[n] if self.prompts else f"question {n + 1}", "failed" * (n == 3))
            for n in range(first, min(self.total, first + count))
        ]


async def test_enter_goes_to_the_picked_question() -> None:
    app = Outline(20)
    async with app.run_test(size=(60, 20)) as pilot:
        await pilot.pause()
        assert "20 questions" in screen_lines(app)
        assert next(row for row in screen_lines(app).split("\n") if "question 4" in row).endswith("failed")
        await pilot.press("down", "j", "up", "enter")
        await until(lambda: app.chosen)
        assert app.chosen == [1001]


async def test_ten_thousand_questions_are_read_where_they_are_looked_at() -> None:
    app = Outline(10_000, at=5_000)
    async with app.run_test(size=(60, 20)) as pilot:
        await until(lambda: "▸ 5,001  question 5001" in screen_lines(app))
        await pilot.press("end")
        assert "question 10000" in screen_lines(app)
        await pilot.press("home", "pagedown")
        assert len(set(app.read)) < 8
        assert all(first % PAGE_ROWS == 0 for first in app.read)
        await pilot.press("escape")
        await until(lambda: app.chosen)
        assert app.chosen == [None]


async def test_hostile_questions_are_harmless() -> None:
    app = Outline(len(HOSTILE), prompts=HOSTILE)
    async with app.run_test(size=(20, 5)) as pilot:
        await pilot.press("end", "pageup")
        assert not COMMANDING.search(screen_lines(app))
