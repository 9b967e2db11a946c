"""The list of sessions as it is read while a person types, and changes that two programs make at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from conversation.catalogue import Catalogue
from storage import NewReply, Outcome, Place, Settlement, Side
from storage.errors import NotFound
from storage.store import Store
from storage.thread import StoreThread

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


async def opened(path: Path | None) -> StoreThread:
    thread = StoreThread(path, now=lambda: NOON)
    await thread.start()
    return thread


@pytest.fixture
async def store() -> AsyncIterator[StoreThread]:
    thread = await opened(None)
    yield thread
    thread.close()


async def say(store: StoreThread, title: str, said: str, *, confidential: bool = False, minutes: int = 0) -> str:
    def write(store: Store) -> str:
        session = store.create_session(
            left="demo:",
            right=None,
            created=NOON + timedelta(minutes=minutes),
            title=title,
            confidential=confidential,
        )
        turn = store.open_turn(session.id, "Why?", NOON, [NewReply(Side.LEFT, "demo:")])
        store.append_parts([(turn.replies[0].id, said, "")])
        store.settle_reply(turn.replies[0].id, Settlement(Outcome.COMPLETE, NOON))
        while store.index_step():
            pass
        return session.id

    return await store.run(write)


async def test_words_are_found_in_titles_and_in_what_was_said(store: StoreThread) -> None:
    titled = await say(store, "The tenant", "Nothing.")
    told = await say(store, "Lease", "The tenant pays.", minutes=1)
    await say(store, "Bread", "Salt.")
    listed = await Catalogue(store, lambda: NOON).page("tenant", 10, 0)
    assert listed is not None
    assert [row.session.id for row in listed.rows] == [told, titled]
    assert (listed.matching, listed.total, listed.ends) == (2, 3, True)
    assert [listed.hits[told].where] == [Place.LEFT]
    assert titled not in listed.hits  # its title is in the row anyway


async def test_an_ordinary_list_does_not_look_into_confidential_sessions(store: StoreThread) -> None:
    await say(store, "Report", "The tenant of room 9.", confidential=True)
    catalogue = Catalogue(store, lambda: NOON)
    for line, found in (("tenant", 0), ("report", 1)):
        listed = await catalogue.page(line, 10, 0)
        assert listed is not None
        assert (len(listed.rows), dict(listed.hits)) == (found, {})


async def test_the_newest_line_wins(store: StoreThread) -> None:
    await say(store, "Lease", "The tenant pays.")
    catalogue = Catalogue(store, lambda: NOON)
    older, newer = await asyncio.gather(catalogue.page("ten", 10, 0), catalogue.page("tena", 10, 0))
    assert older is None
    assert newer is not None


async def test_pages_follow_each_other(store: StoreThread) -> None:
    for number in range(5):
        await say(store, f"Lease {number}", "Pays.", minutes=number)
    catalogue = Catalogue(store, lambda: NOON)
    pages = [await catalogue.page("lease", 2, offset) for offset in (0, 2, 4)]
    titles = [[row.session.title for row in page.rows] for page in pages if page is not None]
    assert titles == [["Lease 4", "Lease 3"], ["Lease 2", "Lease 1"], ["Lease 0"]]
    assert [page.ends for page in pages if page is not None] == [False, False, True]


async def test_two_programs_delete_undo_and_empty_without_losing_more_than_was_emptied(tmp_path: Path) -> None:
    path = tmp_path / "duologue.db"
    one, two = await opened(path), await opened(path)
    try:
        first, second = await say(one, "first", "x"), await say(one, "second", "y")
        here, there = Catalogue(one, lambda: NOON), Catalogue(two, lambda: NOON.replace(hour=13))
        await here.delete(first)
        await there.delete(second)
        count, until = await here.bin()
        assert (count, until) == (2, NOON)
        await there.restore(first)
        assert await here.empty_bin(until) == 0  # one was restored, one was deleted after the question
        assert [row.session.id for row in here.newest(9).rows] == [first]
        await here.restore(second)
        await there.delete(second)
        assert await there.empty_bin((await there.bin())[1]) == 1
        for change in (here.restore(second), here.star(second, starred=True), here.rename(second, "x")):
            with pytest.raises(NotFound):
                await change
        assert [row.session.id for row in there.newest(9).rows] == [first]
    finally:
        one.close()
        two.close()


async def test_a_glance_leaves_out_what_is_too_long_for_one(store: StoreThread) -> None:
    long, short = await say(store, "long", "x" * 100_000), await say(store, "short", "x")
    catalogue = Catalogue(store, lambda: NOON)
    assert catalogue.glance(long) == []
    assert [turn.seq for turn in catalogue.glance(short)] == [1]


async def test_a_confidential_process_lists_and_empties_confidential_sessions_only(store: StoreThread) -> None:
    ordinary = await say(store, "Lease", "The tenant pays.")
    secret = await say(store, "Report", "The tenant of room 9.", confidential=True)
    confined = Catalogue(store, lambda: NOON, confidential=True)
    assert [row.session.id for row in confined.newest(9).rows] == [secret]
    listed = await confined.page("tenant", 10, 0)
    assert listed is not None
    assert (list(listed.hits), listed.matching, listed.total) == ([secret], 1, 1)
    for each in (ordinary, secret):
        await confined.delete(each)
    assert await confined.bin() == (1, NOON)
    assert await confined.empty_bin(NOON) == 1
    assert [row.session.id for row in Catalogue(store, lambda: NOON).newest(9).rows] == []
    assert store.reader.session(ordinary).deleted == NOON
