"""Searching in saved sessions, by keys; hits come from a list, and once from the real store."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from storage import Found, Hit, NewReply, Outcome, Place, Settlement, Side
from storage.errors import Locked, StoreError
from storage.store import Store
from storage.thread import StoreThread
from tests.tui.hostile import COMMANDING, HOSTILE
from tests.tui.screen_text import Stage, screen_lines, until
from tui.screens.search import PAGE_HITS, SearchScreen
from tui.widgets.hit_list import HitList

NOW = datetime(2025, 11, 22, 15, 0, tzinfo=timezone(timedelta(hours=1)))


def hit(
    *snippet: str,
    number: int = 1,
    title: str = "Contract questions",
    where: Place = Place.LEFT,
    model: str | None = "claude:claude-sonnet-5-5",
    asked: datetime = datetime(2025, 11, 22, 13, 2, tzinfo=UTC),
    confidential: bool = False,
) -> Hit:
    """Every second piece is what was looked for."""
    pieces = tuple((words, place % 2 == 1) for place, words in enumerate(snippet))
    return Hit(f"{number:026}", title, number, number, where, model, asked, pieces, confidential)


FEW = (
    hit("… what does clause 7 oblige the ", "tenant", " to do, and by when? The ", "tenant", " keeps the roof in …"),
    hit("The ", "tenant", " may sublet only with consent.", number=2, title="Lease, second draft", where=Place.RIGHT,
        model="ollama:mistral:7b", asked=datetime(2025, 11, 18, 9, 0, tzinfo=UTC)),
    hit("What must a ", "tenant", " pay?", number=3, title="A title [/b] with \x1b[31m tricks and far too many words",
        where=Place.PROMPT, model=None, asked=datetime(2024, 3, 1, 9, 0, tzinfo=UTC)),
    hit("", "Tenant", " talks", number=4, title="Tenant talks", where=Place.TITLE, model=None, confidential=True),
    hit("中文中文 ", "索引", f" and {'long ' * 40}[/x] \x1b[0m\u202e", number=5, where=Place.RIGHT, model="gguf:b"),
)  # fmt: skip


class Desk(Stage):
    def __init__(self, hits: Sequence[Hit] = FEW, unindexed: int = 0, problem: StoreError | None = None) -> None:
        super().__init__()
        self.hits = hits
        self.unindexed = unindexed
        self.problem = problem
        self.asked: list[tuple[str, int, int]] = []
        self.opened: list[tuple[Hit, str] | None] = []
        self.thinking = False
        self.gate = asyncio.Event()
        self.gate.set()

    def on_mount(self) -> None:
        self.push_screen(
            SearchScreen(self.search, lambda: NOW, local_time=lambda when: when.astimezone(NOW.tzinfo)),
            self.opened.append,
        )

    async def search(self, query: str, limit: int, offset: int, thinking: bool) -> Found | None:
        self.thinking = thinking
        self.asked.append((query, limit, offset))
        await self.gate.wait()
        if self.problem is not None:
            raise self.problem
        found = [one for one in self.hits if query and query in "".join(words for words, _ in one.snippet)]
        return Found(tuple(found[offset : offset + limit]), self.unindexed)

    @property
    def list(self) -> HitList:
        return self.screen.query_one(HitList)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_search_looks_as_it_should(size: tuple[int, int], snapshot: SnapshotAssertion) -> None:
    app = Desk([*FEW[:3], *FEW[4:], FEW[3]], unindexed=1234)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        assert screen_lines(app) == snapshot(name="before")
        await pilot.press("t", "e")
        await until(lambda: app.list.loaded)
        await pilot.pause()
        assert screen_lines(app) == snapshot(name="hits")


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_every_kind_of_hit_has_its_row(size: tuple[int, int], snapshot: SnapshotAssertion) -> None:
    app = Desk()
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        app.list.display = True
        app.list.show(FEW)
        await pilot.pause()
        assert screen_lines(app) == snapshot


async def test_found_words_differ_in_weight_and_colour() -> None:
    app = Desk()
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.press("tab", *"tenant")
        await until(lambda: app.list.loaded)
        for row in range(2):  # the picked one and another
            styles = {segment.text: segment.style for segment in app.list.render_line(2 * row + 1)}
            found = styles["tenant"]
            plain = next(style for text, style in styles.items() if "clause" in text or "sublet" in text)
            assert found is not None
            assert plain is not None
            assert (found.bold, found.underline) == (True, True)
            assert not plain.bold
            assert found.color != plain.color


async def test_enter_opens_the_turn_of_the_picked_hit() -> None:
    app = Desk()
    async with app.run_test() as pilot:
        await pilot.press(*"tenant")
        await until(lambda: isinstance(app.screen, SearchScreen) and app.screen._shown == "tenant")
        await pilot.press("down", "down", "up", "enter")
        await until(lambda: app.opened)
        assert app.opened == [(FEW[1], "tenant")]


async def test_thinking_is_looked_through_where_that_is_wanted() -> None:
    app = Desk()
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.press(*"sublet")
        await until(lambda: app.list.loaded == 1)
        await pilot.press("ctrl+t")
        await until(lambda: app.thinking)
        await until(lambda: "thinking, too · 1 place" in screen_lines(app))
        await pilot.press("ctrl+t")
        await until(lambda: not app.thinking)


async def test_enter_before_the_hits_are_there_opens_the_first_of_them() -> None:
    app = Desk()
    async with app.run_test() as pilot:
        app.gate.clear()
        await pilot.press(*"sublet", "enter")
        await until(lambda: any(query == "sublet" for query, _, _ in app.asked))
        assert app.opened == []
        app.gate.set()
        await until(lambda: app.opened)
        assert app.opened == [(FEW[1], "sublet")]


async def test_escape_opens_nothing() -> None:
    app = Desk()
    async with app.run_test() as pilot:
        await pilot.press("t", "escape")
        await until(lambda: app.opened)
        assert app.opened == [None]


async def test_hits_of_an_older_query_are_not_shown() -> None:
    app = Desk()
    async with app.run_test() as pilot:
        app.gate.clear()
        await pilot.press("t")
        await until(lambda: app.asked)
        await pilot.press("z", "z")
        app.gate.set()
        await until(lambda: "Nothing has “tzz” in it." in screen_lines(app))
        assert app.list.loaded == 0


async def test_no_hit_is_said_in_words() -> None:
    app = Desk()
    async with app.run_test() as pilot:
        await pilot.press("[", "/", "x", "z", "]")
        await until(lambda: "Nothing has “[/xz]” in it." in screen_lines(app))
        await pilot.press("enter")
        assert app.opened == []


async def test_a_store_that_cannot_be_read_is_told() -> None:
    app = Desk(problem=Locked("Another program is holding it. [/x]"))
    async with app.run_test() as pilot:
        await pilot.press("t")
        await until(lambda: "Another program is holding it. [/x]" in screen_lines(app))


async def test_an_index_that_is_still_built_is_told() -> None:
    app = Desk(unindexed=1200)
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.press(*"sublet")
        await until(lambda: "index is still being built: 1,200 older turns" in screen_lines(app))


async def test_more_hits_come_when_they_are_scrolled_to() -> None:
    hits = [hit("a ", "word", f" number {number}", number=number) for number in range(1, 131)]
    app = Desk(hits)
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.press(*"word")
        await until(lambda: app.list.loaded == PAGE_HITS)
        assert "50 or more" in screen_lines(app)
        for _ in range(30):
            await pilot.press("pagedown")
        await until(lambda: app.list.loaded == 130)
        assert [offset for _, _, offset in app.asked if offset] == [PAGE_HITS, 2 * PAGE_HITS]
        assert "130 places" in screen_lines(app)
        await pilot.press(*["pagedown"] * 12, "enter")
        await until(lambda: app.opened)
        assert app.opened == [(hits[-1], app.asked[-1][0])]


async def test_double_click_opens() -> None:
    app = Desk()
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.press(*"tenant")
        await until(lambda: app.list.loaded == 3)
        await pilot.click(HitList, offset=(5, 3), times=2)
        await until(lambda: app.opened)
        assert app.opened == [(FEW[1], "tenant")]


async def test_hostile_words_are_shown_without_their_powers() -> None:
    app = Desk([hit("before ", text, " after", title=text, model=f"gguf:{text}") for text in HOSTILE])
    async with app.run_test(size=(120, 80)) as pilot:
        await pilot.press(*"before")
        await until(lambda: app.list.loaded == len(HOSTILE))
        await pilot.pause()
        lines = screen_lines(app)
        assert lines.count("before ") == len(HOSTILE) + 1  # and what was typed
        assert not COMMANDING.search(lines)


@pytest.mark.parametrize("size", [(20, 5), (1, 1)])
async def test_tiny_screen_does_not_break_it(size: tuple[int, int]) -> None:
    app = Desk()
    async with app.run_test(size=size) as pilot:
        await pilot.press(*"tenant")
        await until(lambda: app.list.loaded)
        await pilot.press("down")
        screen_lines(app)


async def test_what_was_just_said_is_found_in_the_real_store(tmp_path: Path) -> None:
    thread = StoreThread(tmp_path / "duologue.db", now=lambda: NOW)
    await thread.start()
    session = await thread.run(Store.create_session, left="demo:", right=None, created=NOW)
    turn = await thread.run(Store.open_turn, session.id, "Why?", NOW, [NewReply(Side.LEFT, "demo:")])
    thread.append(turn.replies[0].id, "Because the tenant said so.")
    await thread.run(Store.settle_reply, turn.replies[0].id, Settlement(Outcome.COMPLETE, NOW))

    class RealDesk(Desk):
        async def search(self, query: str, limit: int, offset: int, thinking: bool) -> Found | None:
            return await thread.search(query, limit=limit, offset=offset, thinking=thinking)

    await until(lambda: thread.reader._db.number("SELECT count(*) FROM search_todo") == 0)
    app = RealDesk()
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.press(*"tena")
        await until(lambda: "Because the tenant said so." in screen_lines(app))
        await pilot.press("enter")
        await until(lambda: app.opened)
    thread.close()
    opened = app.opened[0]
    assert opened is not None
    assert (opened[0].session_id, opened[0].turn_id, opened[1]) == (session.id, turn.id, "tena")
