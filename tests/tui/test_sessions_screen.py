"""The library, by keys and mouse, over a real store in memory."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from syrupy.assertion import SnapshotAssertion

from conversation.catalogue import Listed
from storage import Session, SessionSummary
from storage.session_filter import EVERYTHING
from storage.store import Store
from tests.tui.library import NOW, Saved, Shelf, local_time
from tests.tui.screen_text import Stage, screen_lines, until
from tui.rendering.session_words import when
from tui.screens.ask_line import AskLine
from tui.screens.confirm import Confirm
from tui.screens.filter_picker import FilterPicker
from tui.screens.sessions import PAGE_ROWS
from tui.widgets.filter_line import FilterLine
from tui.widgets.key_line import KeyLine
from tui.widgets.session_glance import SessionGlance
from tui.widgets.session_list import SessionList

CONTRACT, LEASE, REPORT, TRICKS = range(4)
FEW = [
    Saved("Contract questions", said="Clause 7 obliges the tenant to keep a tight roof.", starred=True, tags=["law"]),
    Saved(
        "Lease, second draft", datetime(2025, 11, 18, 9, 0, tzinfo=UTC), right="ollama:mistral:7b",
        turns=11, cost=0.14, unhappy=1, said="Subletting needs consent.",
    ),
    Saved(
        "Summarise the attached report", datetime(2025, 11, 17, 9, 0, tzinfo=UTC), left=None,
        right="gguf:models/qwen3-8b.gguf", turns=1, cost=0.0, confidential=True, said="The tenant of room 9.",
    ),
    Saved(
        "A title [/b] with \x1b[31m tricks and far too many words in it to fit into any column that this list has",
        datetime(2024, 3, 1, 9, 0, tzinfo=UTC), left="openai:http://10.0.0.7:8000#meta/llama-4-70b", right="demo:",
        cost=None, confidential=True, unhappy=6, tags=["a-tag-that-is-long", "work"],
    ),
]  # fmt: skip


def many(count: int) -> list[Saved]:
    return [
        Saved(f"Session {number}", datetime.fromtimestamp(1.7e9 - number, UTC), turns=0) for number in range(count)
    ]


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_library_looks_as_it_should(size: tuple[int, int], snapshot: SnapshotAssertion) -> None:
    app = Shelf(FEW)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        assert screen_lines(app) == snapshot(name="before")
        await pilot.press(*"tenant")
        await until(lambda: app.list.loaded == 1)
        await pilot.press("tab", "space")
        await pilot.pause()
        assert screen_lines(app) == snapshot(name="found")


async def test_enter_opens_the_picked_session() -> None:
    app = Shelf(FEW)
    async with app.run_test() as pilot:
        await pilot.press("down", "down", "up", "enter")
        await until(lambda: app.opened)
        assert app.opened[0] is not None
        assert (app.opened[0].session_id, app.opened[0].hit) == (app.ids[LEASE], None)


async def test_escape_opens_nothing() -> None:
    app = Shelf(FEW)
    async with app.run_test() as pilot:
        await pilot.press("tab", "escape")
        await until(lambda: app.opened)
        assert app.opened == [None]


async def test_typing_filters_titles_and_what_was_said() -> None:
    app = Shelf(FEW)
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.press(*"consent")
        await until(lambda: app.titles == ["Lease, second draft"])
        await pilot.pause()
        assert "1 of 4 · newest first" in screen_lines(app)
        assert "Subletting needs consent." in screen_lines(app)
        await pilot.press("enter")
        await until(lambda: app.opened)
        opened = app.opened[0]
        assert opened is not None
        assert opened.hit is not None
        assert (opened.session_id, opened.words, opened.hit.seq) == (app.ids[LEASE], "consent", 11)


async def test_enter_right_after_typing_opens_what_was_typed_for() -> None:
    app = Shelf(FEW)
    async with app.run_test() as pilot:
        await pilot.press("r", "e", "p", "enter")
        await until(lambda: app.opened)
        assert app.opened[0] is not None
        assert app.opened[0].session_id == app.ids[REPORT]


async def test_what_a_confidential_session_says_is_not_looked_through() -> None:
    app = Shelf(FEW)
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.press(*"room")
        await until(lambda: "No session has “room” in it." in screen_lines(app))


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("tag:law", [CONTRACT]),
        ("is:unfinished", [LEASE, TRICKS]),
        ("model:mistral", [LEASE]),
        ("cost:>0.1", [LEASE]),
        ("sort:title report", [REPORT]),
        ("before:2025-01-01", [TRICKS]),
    ],
)
async def test_filter_words_narrow(line: str, found: list[int]) -> None:
    app = Shelf(FEW)
    async with app.run_test(size=(120, 30)) as pilot:
        app.line.value = line
        await until(lambda: app.titles == [FEW[each].title for each in found])
        await pilot.pause()


async def test_filter_words_are_offered_while_they_are_typed() -> None:
    app = Shelf(FEW)
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.press(*"tag:")
        await pilot.pause()
        assert "tag:a-tag-that-is-long  tag:law  tag:work" in screen_lines(app).splitlines()[-1]


async def test_no_hit_is_said_in_words() -> None:
    app = Shelf(FEW)
    async with app.run_test() as pilot:
        await pilot.press("[", "/", "x", "]")
        await until(lambda: "No session has “[/x]” in it." in screen_lines(app))
        await pilot.press("enter", "tab", "s", "d", "enter")
        assert app.opened == []


async def test_empty_shelf_says_so() -> None:
    async with Shelf([]).run_test() as pilot:
        await pilot.pause()
        assert "No session is saved yet." in screen_lines(pilot.app)


async def test_picked_filters_come_into_the_line_and_leave_it() -> None:
    app = Shelf(FEW)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press(*"questions", "f4")
        await until(lambda: isinstance(app.screen, FilterPicker))
        await pilot.press("enter")
        assert app.line.value == "questions is:starred"
        await until(lambda: app.titles == ["Contract questions"])
        await pilot.press("space")
        assert app.line.value == "questions"
        await pilot.press("up", "enter")  # the last order
        assert app.line.value == "questions sort:turns"
        await pilot.press("up", "enter")
        assert app.line.value == "questions sort:cost"
        await pilot.press("escape")
        await until(lambda: "dearest first" in screen_lines(app))


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_filter_picker_looks_as_it_should(size: tuple[int, int], snapshot: SnapshotAssertion) -> None:
    app = Shelf(FEW)
    async with app.run_test(size=size) as pilot:
        await pilot.press("f4", "down", "enter")
        await until(lambda: app.list.loaded == 2)
        await pilot.pause()
        assert screen_lines(app) == snapshot


async def test_letters_without_a_key_are_typed_into_the_filter() -> None:
    app = Shelf(FEW)
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.press("tab", "l", "e", "a", "s", "e")
        await until(lambda: app.titles == ["Lease, second draft"])
        assert app.line.has_focus
        await pilot.press("down", "slash", "x")
        assert app.line.value == "leasex"
        await pilot.press("tab", "up")
        assert app.line.has_focus


# Changes


async def test_a_star_is_set_and_taken_off() -> None:
    app = Shelf(FEW)
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.press("tab", "s")
        await until(lambda: not app.store.session(app.ids[CONTRACT]).starred)
        await until(lambda: "★" not in screen_lines(app))
        await pilot.press("s")
        await until(lambda: app.store.session(app.ids[CONTRACT]).starred)
        await until(lambda: "▸★ Contract questions" in screen_lines(app))
        assert "“Contract questions” has a star." in screen_lines(app)


async def test_a_click_at_the_stars_place_sets_one() -> None:
    app = Shelf(FEW)
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.pause()
        await pilot.click(SessionList, offset=(1, 1))
        await until(lambda: app.store.session(app.ids[LEASE]).starred)


async def test_a_session_is_renamed() -> None:
    app = Shelf(FEW)
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.press("tab", "f2")
        await until(lambda: isinstance(app.screen, AskLine))
        await pilot.press("home", *"New ", "enter")
        await until(lambda: "▸★ New Contract questions" in screen_lines(app))
        assert app.store.session(app.ids[CONTRACT]).title == "New Contract questions"
        await pilot.press("r")
        await until(lambda: isinstance(app.screen, AskLine))
        await pilot.press("x", "escape", "r")
        await until(lambda: isinstance(app.screen, AskLine))
        await pilot.press("ctrl+u", "enter")
        await pilot.pause()
        assert app.store.session(app.ids[CONTRACT]).title == "New Contract questions"


async def test_tags_are_written_on_one_line() -> None:
    app = Shelf(FEW)
    async with app.run_test(size=(140, 30)) as pilot:
        await pilot.press("tab", "t")
        await until(lambda: isinstance(app.screen, AskLine))
        assert "a-tag-that-is-long · work" in screen_lines(app)
        await pilot.press(*"Tax ")
        await pilot.press("w", "o")
        await until(lambda: app.screen.query_one(FilterLine)._suggestion)
        await pilot.press("right")
        await until(lambda: app.screen.query_one(FilterLine).value == "law Tax work")
        await pilot.press("enter")
        await until(lambda: app.store.summary(app.ids[CONTRACT]).tags == ("law", "tax", "work"))
        await until(lambda: "law · tax · work" in screen_lines(app))


async def test_a_deleted_session_comes_back_by_undo() -> None:
    app = Shelf(FEW)
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.press("tab", "down", "d")
        await until(lambda: app.list.loaded == 3)
        await pilot.pause()
        assert "“Lease, second draft” is in the bin.  u undo" in screen_lines(app)
        assert "3 · newest first" in screen_lines(app)
        assert app.list.has_focus
        await pilot.press("u")
        await until(lambda: app.list.loaded == 4)
        await pilot.pause()
        assert "▸  Lease, second draft" in screen_lines(app)
        assert app.store.session(app.ids[LEASE]).deleted is None


async def test_a_key_pressed_twice_at_speed_means_two_sessions() -> None:
    app = Shelf(FEW)
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.press("tab")
        app.list.action_wish("delete")
        app.list.action_wish("delete")
        await until(lambda: app.titles == [FEW[REPORT].title, FEW[TRICKS].title])
        await pilot.pause()
        assert "2 · newest first" in screen_lines(app)
        assert app.store.bin_count() == 2
        await pilot.press("u", "u")
        await until(lambda: "There is nothing to undo any more." in screen_lines(app))
        await until(lambda: app.list.loaded == 3)


async def test_undo_works_by_mouse() -> None:
    app = Shelf(FEW[:1])
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.press("tab", "d")
        await until(lambda: app.list.loaded == 0)
        await pilot.pause()
        at = screen_lines(app).splitlines()[-1].index("u undo")
        await pilot.click(KeyLine, offset=(at, 0))  # the screen's padding is one cell
        await until(lambda: app.list.loaded == 1)


async def test_archive_and_bin_are_lists_of_their_own() -> None:
    app = Shelf(FEW)
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.press("tab", "a")
        await until(lambda: app.list.loaded == 3)
        await pilot.press("d")
        await until(lambda: app.list.loaded == 2)
        app.line.value = "is:archived"
        await until(lambda: app.titles == ["Contract questions"])
        await pilot.press("a")
        await until(lambda: app.list.loaded == 0)
        app.line.value = "is:deleted"
        await until(lambda: app.titles == ["Lease, second draft"])
        await pilot.pause()
        assert "bin · newest first" in screen_lines(app)


async def test_in_the_bin_u_restores() -> None:
    app = Shelf(FEW)
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.press("tab", "d")
        await until(lambda: app.list.loaded == 3)
        app.line.value = "is:deleted"
        await until(lambda: app.titles == ["Contract questions"])
        await pilot.press("s")  # something else was said last, so u is no undo any more
        await until(lambda: "has no star" in screen_lines(app))
        await pilot.press("u")
        await until(lambda: app.list.loaded == 0)
        assert app.store.session(app.ids[CONTRACT]).deleted is None


async def test_emptying_the_bin_asks_with_a_number() -> None:
    app = Shelf(FEW)
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.press("tab", "X")
        assert not isinstance(app.screen, Confirm)  # only in the bin
        await pilot.press("d")
        await until(lambda: app.list.loaded == 3)
        await pilot.press("d")
        await until(lambda: app.list.loaded == 2)
        app.line.value = "is:deleted"
        await until(lambda: app.list.loaded == 2 and "bin ·" in screen_lines(app))
        await pilot.press("X")
        await until(lambda: isinstance(app.screen, Confirm))
        assert "Delete 2 sessions for good?" in screen_lines(app)
        await pilot.press("escape")
        await pilot.pause()
        assert app.store.bin_count() == 2
        await pilot.press("X")
        await until(lambda: isinstance(app.screen, Confirm))
        await pilot.press("y")
        await until(lambda: app.store.bin_count() == 0)
        await until(lambda: app.list.loaded == 0)


async def test_a_session_that_another_program_deleted_for_good_is_told() -> None:
    app = Shelf(FEW)
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.pause()
        assert app.thread is not None
        await app.thread.run(Store.delete_session, app.ids[CONTRACT], NOW)
        await app.thread.run(Store.empty_bin, NOW)
        await pilot.press("tab", "s")
        await until(lambda: app.list.loaded == 3)
        await pilot.pause()
        assert "There is no session" in screen_lines(app)


async def test_space_looks_into_the_picked_session_where_there_is_room() -> None:
    app = Shelf(FEW)
    async with app.run_test(size=(160, 40)) as pilot:
        await pilot.press("tab", "space")
        await until(lambda: "Clause 7 obliges" in screen_lines(app))
        await pilot.press("down")
        await until(lambda: "the last of 11 turns" in screen_lines(app))
        await pilot.resize_terminal(100, 30)
        await pilot.pause()
        assert not app.screen.query_one(SessionGlance).display


# Sizes


class Rows(Stage):
    """The bare list."""

    def __init__(self) -> None:
        super().__init__(SessionList(lambda: NOW, local_time))


def listed(count: int) -> Listed:
    born = datetime(2025, 11, 1, tzinfo=UTC)
    sessions = [
        Session(f"{number:026}", f"Session {number}", born, born, "demo:", "demo:") for number in range(count)
    ]
    return Listed([SessionSummary(each, 1, 0.0, 0, 0) for each in sessions], EVERYTHING, count, count)


async def test_ten_thousand_rows_are_drawn_like_sixty() -> None:
    async def cpu(rows: Listed) -> float:
        app = Rows()
        async with app.run_test(size=(120, 40)) as pilot:
            start = time.process_time()
            app.query_one(SessionList).show(rows, "")
            screen_lines(app)
            cost = time.process_time() - start
            await pilot.pause()
            return cost

    few = min([await cpu(listed(PAGE_ROWS)) for _ in range(2)])
    lots = min([await cpu(listed(10_000)) for _ in range(2)])
    assert lots < 3 * few + 0.05


async def test_more_rows_come_when_they_are_scrolled_to() -> None:
    app = Shelf(many(150))
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.pause()
        assert app.list.loaded <= 2 * PAGE_ROWS
        await pilot.press("tab")
        for _ in range(9):
            await pilot.press("pagedown")
            await pilot.pause()
        await until(lambda: app.list.loaded == 150)
        assert [row.session.id for row in app.list._rows] == app.ids
        await pilot.press("end", "enter")
        await until(lambda: app.opened)
        assert app.opened[0] is not None
        assert app.opened[0].session_id == app.ids[149]


async def test_picked_row_stays_in_view_after_a_resize() -> None:
    app = Shelf(many(60))
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.pause()
        app.list.cursor = 40
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        assert "▸  Session 40" in screen_lines(app)


async def test_double_click_opens() -> None:
    app = Shelf(FEW)
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.pause()
        await pilot.click(SessionList, offset=(9, 1), times=2)
        await until(lambda: app.opened)
        assert app.opened[0] is not None
        assert app.opened[0].session_id == app.ids[LEASE]


@pytest.mark.parametrize("size", [(20, 5), (40, 3), (1, 1)])
async def test_tiny_screen_does_not_break_it(size: tuple[int, int]) -> None:
    app = Shelf(FEW)
    async with app.run_test(size=size) as pilot:
        await pilot.press("down", "space", "f4")
        await pilot.pause()
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


async def test_a_click_on_the_last_line_does_what_it_says() -> None:
    app = Shelf(FEW)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("tab")
        at = screen_lines(app).splitlines()[-1].index("t tags")
        await pilot.click(KeyLine, offset=(at, 0))
        await until(lambda: isinstance(app.screen, AskLine))
