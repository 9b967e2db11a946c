"""Finding inside one conversation: what counts as an occurrence, and that nothing typed can stop it."""

from __future__ import annotations

import asyncio
import itertools
import time
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.errors import SearchStopped
from storage.needles import Literal, Needle, Words
from storage.occurrences import occurrences
from storage.records import NewReply, Side, Where
from storage.store import Store
from storage.thread import StoreThread
from tests.storage.samples import BOTH, NOON, complete, later, new_session, new_turn


def spots(needle: Needle, text: str) -> list[str]:
    return [text[start:end] for start, end in needle.spots(text)]


@pytest.mark.parametrize(
    ("typed", "text", "found"),
    [
        ("tenant", "The TENANT and the subtenants", ["TENANT", "tenant"]),
        ("cafe", "Café, CAFE\u0301 and cafe", ["Café", "CAFE\u0301", "cafe"]),
        ("café", "Café, CAFE\u0301 and cafe", ["Café", "CAFE\u0301", "cafe"]),
        ("two words", "**two** words, two\n> words, two   words", ["two** words", "two\n> words", "two   words"]),
        ("期限", "返却の期限の日に、期限", ["期限", "期限"]),
        ("🚀", "up 🚀🚀", ["🚀", "🚀"]),
        ('a.*" OR (b', 'see a.*" OR (b', ['a.*" OR (b']),
        ("aa", "aaaaa", ["aa", "aa"]),
        ("  ", "a b", []),
        ("", "a b", []),
    ],
)
def test_a_literal_is_found_whatever_case_and_marks(typed: str, text: str, found: list[str]) -> None:
    needle = Literal(typed)
    assert spots(needle, text) == found
    assert needle.count(text) == len(found)


def test_words_are_found_as_the_search_finds_them() -> None:
    needle = Words('"as is" leas* -draft')
    assert spots(needle, "The lease is taken AS-IS; no release, no draft.") == ["lease", "AS-IS"]
    assert spots(Words(""), "text") == spots(Words('-"'), "text") == []


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=60), st.text(max_size=200))
def test_any_text_can_be_looked_for_in_any_text(typed: str, text: str) -> None:
    for needle in (Literal(typed), Words(typed)):
        found = list(needle.spots(text))
        assert needle.count(text) == len(found)
        assert all(0 <= start < end <= len(text) for start, end in found)
        assert all(before[1] <= after[0] for before, after in itertools.pairwise(found))


@pytest.mark.parametrize("typed", ["x" * 10_000, "* " * 5_000, "🚀 é " * 2_000, "`_` ~ *b", '"' * 10_000])
def test_long_and_odd_needles_take_no_time(typed: str) -> None:
    begin = time.process_time()
    for text in ("*" * 50_000, "é" + "* " * 25_000, "_" * 50_000 + " " * 50_000):
        assert Literal(typed).count(text) >= 0
        assert Words(typed).count(text) >= 0
    assert time.process_time() - begin < 2


def test_each_part_of_a_turn_is_counted_and_of_variants_the_newest(store: Store) -> None:
    session = new_session(store)
    turn = store.open_turn(session.id, "Is the lease a lease?", later(1), BOTH)
    left, right = turn.replies
    store.append_parts([(left.id, "an old lease, lease, lease", ""), (right.id, "a Lease", "hm, lease or léase")])
    store.settle_reply(left.id, complete())
    store.settle_reply(right.id, complete())
    again = store.open_variant(turn.id, NewReply(Side.LEFT, "ollama:m"), later(5))
    store.append_parts([(again.id, "one lease that still streams", "")])
    new_turn(store, session, "something else")
    new_turn(store, new_session(store), "the lease of another session")
    found = store.find(session.id, Literal("lease"))
    assert [one.turn_id for one in found] == [turn.id]
    assert found[0].counts == (
        (Where.QUESTION, 2),
        (Where.LEFT, 1),
        (Where.RIGHT_THINKING, 2),
        (Where.RIGHT, 1),
    )
    assert found[0].total == 6
    assert found[0] == occurrences(store.turn(turn.id), Literal("lease"))


def test_a_find_over_many_turns_keeps_their_order_and_can_be_stopped(store: Store) -> None:
    session = new_session(store)
    for n in range(200):
        new_turn(store, session, f"question {n} {'needle' if n % 3 == 0 else ''}", seconds=n)
    found = store.find(session.id, Literal("needle"))
    assert len(found) == 67
    assert [one.turn_id for one in found] == sorted(one.turn_id for one in found)
    asked = iter(range(10))
    with pytest.raises(SearchStopped):
        store.find(session.id, Literal("needle"), lambda: next(asked) < 9)
    assert list(asked) == []


async def test_a_newer_find_or_search_takes_the_place_of_an_older_one() -> None:
    with closing(StoreThread(None, now=lambda: NOON)) as thread:
        await thread.start()
        session = await thread.run(new_session)
        for n in range(300):
            await thread.run(new_turn, session, "needle " * 200, seconds=n)
        older = asyncio.create_task(thread.find(session.id, Literal("needle")))
        await asyncio.sleep(0)
        newer = await thread.find(session.id, Literal("needle n"))
        assert await older is None
        assert newer is not None
        assert len(newer) == 300
