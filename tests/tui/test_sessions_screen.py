"""The list of saved sessions, by keys; rows come from a list that counts how often it is asked."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone

import pytest
from syrupy.assertion import SnapshotAssertion

from storage import Session, SessionSummary
from tests.tui.screen_text import Stage, screen_lines, until
from tui.screens.sessions import SessionsScreen
from tui.widgets.session_list import PAGE_ROWS, SessionList, when

NOW = datetime(2025, 11, 22, 15, 0, tzinfo=timezone(timedelta(hours=1)))


def local_time(moment: datetime) -> datetime:
    return moment.astimezone(NOW.tzinfo)


def summary(
    title: str,
    *,
    number: int = 0,
    updated: datetime = datetime(2025, 11, 22, 13, 2, tzinfo=UTC),
    left: str | None = "claude:claude-sonnet-5-5",
    right: str | None = "ollama:llama3.1:8b",
    turns: int = 3,
    cost: float | None = 0.021,
    unhappy: int = 0,
    confidential: bool = False,
) -> SessionSummary:
    session = Session(
        id=f"{number:026}",
        title=title,
        created=updated,
        updated=updated,
        left=left,
        right=right,
        confidential_since=updated if confidential else None,
    )
    return SessionSummary(session, turns, cost, 0, unhappy)


FEW = [
    summary("Contract questions", number=1),
    summary(
        "Lease, second draft", number=2, updated=datetime(2025, 11, 18, 9, 0, tzinfo=UTC), right="ollama:mistral:7b",
        turns=11, cost=0.14, unhappy=1,
    ),
    summary(
        "Summarise the attached report", number=3, updated=datetime(2025, 11, 17, 9, 0, tzinfo=UTC), left=None,
        right="gguf:models/qwen3-8b.gguf", turns=1, cost=0.0, confidential=True,
    ),
    summary(
        "A title [/b] with \x1b[31m tricks and far too many words in it to fit into any column that this list has",
        number=4, updated=datetime(2024, 3, 1, 9, 0, tzinfo=UTC), left="openai:http://10.0.0.7:8000#meta/llama-4-70b",
        right="demo:", cost=None, confidential=True, unhappy=12,
    ),
]  # fmt: skip


class Shelf(Stage):
    def __init__(self, rows: Sequence[SessionSummary]) -> None:
        super().__init__()
        self.rows = rows
        self.asked: list[tuple[str, int, int]] = []
        self.opened: list[str | None] = []

    def on_mount(self) -> None:
        screen = SessionsScreen(self.page, len(self.rows), lambda: NOW, local_time=local_time)
        self.push_screen(screen, self.opened.append)

    def page(self, wanted: str, limit: int, offset: int) -> Sequence[SessionSummary]:
        self.asked.append((wanted, limit, offset))
        found = [row for row in self.rows if wanted.lower() in row.session.title.lower()]
        return found[offset : offset + limit]

    @property
    def list(self) -> SessionList:
        return self.screen.query_one(SessionList)


def many(count: int) -> list[SessionSummary]:
    return [summary(f"Session {number}", number=number) for number in range(count)]


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_list_looks_as_it_should(size: tuple[int, int], snapshot: SnapshotAssertion) -> None:
    app = Shelf(FEW)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        assert screen_lines(app) == snapshot


async def test_enter_opens_the_picked_session() -> None:
    app = Shelf(FEW)
    async with app.run_test() as pilot:
        await pilot.press("down", "down", "up", "enter")
        await until(lambda: app.opened)
        assert app.opened == [FEW[1].session.id]


async def test_escape_opens_nothing() -> None:
    app = Shelf(FEW)
    async with app.run_test() as pilot:
        await pilot.press("escape")
        await until(lambda: app.opened)
        assert app.opened == [None]


async def test_typing_filters() -> None:
    app = Shelf(FEW)
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.press(*"lease")
        await until(lambda: app.list.loaded == 1)
        await pilot.pause()
        assert "Contract questions" not in screen_lines(app)
        assert "1 of 4 · newest first" in screen_lines(app)
        await pilot.press("enter")
        await until(lambda: app.opened)
        assert app.opened == [FEW[1].session.id]


async def test_enter_right_after_typing_opens_what_was_typed_for() -> None:
    app = Shelf(FEW)
    async with app.run_test() as pilot:
        await pilot.press("r", "e", "p", "enter")
        await until(lambda: app.opened)
        assert app.opened == [FEW[2].session.id]


async def test_no_hit_is_said_in_words() -> None:
    app = Shelf(FEW)
    async with app.run_test() as pilot:
        await pilot.press("[", "/", "x", "]")
        await until(lambda: "No session has “[/x]” in it." in screen_lines(app))
        await pilot.press("enter")
        assert app.opened == []


async def test_empty_shelf_says_so() -> None:
    async with Shelf([]).run_test() as pilot:
        await pilot.pause()
        assert "No session is saved yet." in screen_lines(pilot.app)


async def test_ten_thousand_sessions_open_like_sixty() -> None:
    def opening(count: int) -> Shelf:
        return Shelf(many(count))

    async def cpu(app: Shelf) -> float:
        async with app.run_test(size=(120, 40)) as pilot:
            await until(lambda: app.asked)
            start = time.process_time()
            app.screen.query_one(SessionList).show(lambda limit, offset: app.page("", limit, offset))
            screen_lines(app)
            cost = time.process_time() - start
            await pilot.pause()
            assert app.list.loaded <= 2 * PAGE_ROWS
            return cost

    few = min([await cpu(opening(PAGE_ROWS)) for _ in range(2)])
    lots = min([await cpu(opening(10_000)) for _ in range(2)])
    assert lots < 3 * few + 0.05


async def test_more_rows_come_when_they_are_scrolled_to() -> None:
    app = Shelf(many(500))
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.pause()
        at_first = len(app.asked)
        app.list.cursor = app.list.loaded - 1
        await until(lambda: len(app.asked) > at_first)
        for _ in range(60):
            app.list.action_page(1)
        await until(lambda: app.list.complete)
        assert app.list.loaded == 500
        assert [offset for _, _, offset in app.asked] == list(range(0, 500, PAGE_ROWS))
        await pilot.press("enter")
        await until(lambda: app.opened)
        assert app.opened == [many(500)[499].session.id]


async def test_picked_row_stays_in_view_after_a_resize() -> None:
    app = Shelf(many(60))
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.pause()
        app.list.cursor = 40
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        assert "▸ Session 40" in screen_lines(app)


async def test_double_click_opens() -> None:
    app = Shelf(FEW)
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.pause()
        await pilot.click(SessionList, offset=(5, 3), times=2)
        await until(lambda: app.opened)
        assert app.opened == [FEW[1].session.id]


@pytest.mark.parametrize("size", [(20, 5), (40, 3), (1, 1)])
async def test_tiny_screen_does_not_break_it(size: tuple[int, int]) -> None:
    app = Shelf(FEW)
    async with app.run_test(size=size) as pilot:
        await pilot.press("down")
        screen_lines(app)


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        (datetime(2025, 11, 22, 13, 2, tzinfo=UTC), "today 14:02"),
        (datetime(2025, 11, 21, 23, 30, tzinfo=UTC), "today 00:30"),
        (datetime(2025, 11, 18, 9, 0, tzinfo=UTC), "Tue 18 Nov"),
        (datetime(2024, 3, 1, 9, 0, tzinfo=UTC), "1 Mar 2024"),
    ],
)
def test_times_are_said_in_the_reader_s_zone(moment: datetime, words: str) -> None:
    assert when(local_time(moment), NOW) == words
