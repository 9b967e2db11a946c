from __future__ import annotations

import asyncio
import re
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from storage import files, migrations, search
from storage.database import Database
from storage.errors import SearchStopped
from storage.migrations import STEPS
from storage.records import Hit, NewReply, Place, Session, Side, Turn
from storage.store import Store
from storage.thread import StoreThread
from tests.storage.processes import fill_until_killed, start
from tests.storage.samples import BOTH, NOON, complete, later, new_session

STORES = ("memory", "file", "vault")

VERSION_BEFORE = 5


def said(
    store: Store,
    prompt: str,
    left: str = "",
    right: str = "",
    *,
    thinking: str = "",
    session: Session | None = None,
    seconds: float = 1,
    confidential: bool = False,
) -> Turn:
    """A settled turn, and an index that knows it."""
    session = session or new_session(store, seconds=seconds, confidential=confidential)
    turn = store.open_turn(session.id, prompt, later(seconds), BOTH)
    for reply, text in zip(turn.replies, (left, right), strict=True):
        store.append_parts([(reply.id, text, thinking)])
        store.settle_reply(reply.id, complete())
    index(store)
    return store.turn(turn.id)


def index(store: Store) -> None:
    while store.index_step():
        pass


def places(store: Store, query: str) -> list[tuple[int, Place]]:
    return [(hit.turn_id, hit.where) for hit in store.search(query)]


def marked(hit: Hit) -> str:
    return "".join(f"[{words}]" if found else words for words, found in hit.snippet)


def indexed_documents(store: Store) -> int:
    return store._db.number("SELECT count(*) FROM search_words_docsize")


# What is found


def test_prompts_answers_of_both_sides_and_titles_are_found(store: Store) -> None:
    turn = said(store, "What is clause seven?", "A duty to repair.", "The roof, mostly.")
    store.rename_session(turn.session_id, "Contract questions")
    index(store)

    (prompt,), (left,), (right,) = store.search("clause"), store.search("repair"), store.search("roof")
    (title,) = store.search("contract")

    assert (prompt.where, prompt.model, prompt.seq, prompt.asked) == (Place.PROMPT, None, 1, later(1))
    assert (left.where, left.model) == (Place.LEFT, BOTH[0].model)
    assert (right.where, right.model, right.session_id) == (Place.RIGHT, BOTH[1].model, turn.session_id)
    assert (title.where, title.turn_id, title.title) == (Place.TITLE, turn.id, "Contract questions")
    assert marked(left) == "A duty to [repair]."
    assert marked(title) == "[Contract] questions"


def test_a_title_taken_from_the_prompt_is_not_found_twice(store: Store) -> None:
    turn = said(store, "Clause seven\nin detail")
    assert store.session(turn.session_id).title == "Clause seven"
    assert places(store, "clause") == [(turn.id, Place.PROMPT)]


def test_every_variant_is_found(store: Store) -> None:
    turn = said(store, "Why?", "first")
    for word in ("second", "third"):
        reply = store.open_variant(turn.id, NewReply(Side.LEFT, f"demo:{word}"), NOON)
        store.append_parts([(reply.id, word, "")])
        store.settle_reply(reply.id, complete())
    index(store)
    assert [store.search(word)[0].model for word in ("first", "second", "third")] == [
        *(BOTH[0].model, "demo:second", "demo:third")
    ]


def test_thinking_is_found_only_when_asked_for(store: Store) -> None:
    turn = said(store, "Why?", "Because.", thinking="Hidden reasons, perhaps.")
    assert store.search("reasons") == []
    hits = store.search("reasons", thinking=True)
    assert {hit.where for hit in hits} == {Place.LEFT, Place.RIGHT}
    assert marked(hits[0]) == "Hidden [reasons], perhaps."
    assert store.search("because", thinking=True)[0].turn_id == turn.id


@pytest.mark.usefixtures("ordinary_store")
def test_confidential_sessions_are_found_only_when_asked_for(store: Store) -> None:
    said(store, "The secret word", confidential=True)
    open_turn = said(store, "Another secret", seconds=2)
    assert places(store, "secret") == [(open_turn.id, Place.PROMPT)]
    assert [hit.confidential for hit in store.search("secret", include_confidential=True)].count(True) == (
        store.path is None  # in an ordinary file it waits to be moved, and is not found at all
    )


@pytest.mark.usefixtures("ordinary_store")
def test_the_latch_takes_a_session_out_of_the_results_at_once(store: Store) -> None:
    turn = said(store, "A word")
    store.mark_confidential(turn.session_id, NOON)
    assert store.search("word") == []
    assert len(store.search("word", include_confidential=True)) == (store.path is None)


def test_a_search_can_stay_in_one_session(store: Store) -> None:
    first = said(store, "A word")
    said(store, "A word elsewhere", seconds=2)
    again = said(store, "Again a word", session=store.session(first.session_id), seconds=3)
    hits = store.search("word", session_id=first.session_id)
    assert {hit.turn_id for hit in hits} == {first.id, again.id}
    assert store.search("word", session_id="nobody") == []


def test_deleted_sessions_are_not_found(store: Store) -> None:
    said(store, "A word")
    with store._db.transaction():
        store._db.write("UPDATE sessions SET deleted_at = '2026-03-02T00:00:00.000Z'")
    assert store.search("word", include_confidential=True) == []


def test_the_best_come_first_and_the_newest_among_equals(store: Store) -> None:
    best = said(store, "garden garden garden")
    filler = "some more words around it that make the text a good deal longer than the other one is"
    old = said(store, f"a garden and {filler}", seconds=2)
    new = said(store, f"a garden and {filler}", seconds=3)
    for number in range(20):
        said(store, f"number {number} of others", seconds=4 + number)
    assert [hit.turn_id for hit in store.search("garden")] == [best.id, new.id, old.id]


def test_of_very_many_the_newest_come_first_page_by_page(store: Store) -> None:
    many = search.MOST_RANKED + 50
    session = new_session(store)
    with store._db.transaction():
        store._db.write_many(
            "INSERT INTO turns (session_id, seq, prompt, prompt_chars, asked) VALUES (?, ?, ?, 1, ?)",
            [(session.id, n, "word " * (n % 9 + 1), "2026-03-01T12:00:00.000Z") for n in range(1, many + 1)],
        )
    index(store)
    found = [store.search("word", limit=400, offset=offset) for offset in (0, 400, 800)]
    assert [hit.seq for page in found for hit in page] == list(range(many, 0, -1))


# The query


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("tenant lease", {"both"}),
        ("lease tenant", {"both"}),
        ("ten", {"tenant", "both"}),
        ("ten ", set()),
        ("te", set()),
        ("tenants", set()),
        ("tena* lease", {"both"}),
        ('"the lease"', {"both"}),
        ('"lease the"', set()),
        ('"the lea', {"both"}),
        ("tenant OR rent", {"tenant", "both", "rent"}),
        ("tenant or rent", set()),
        ("tenant AND lease", {"both"}),
        ("tenant -lease", {"tenant"}),
        ("tenant NOT lease", {"tenant"}),
        ("-lease rent OR tenant", {"rent", "tenant"}),
        ('tenant -"the lease"', {"tenant"}),
        ("-tenant", set()),
        ("TÉNANT", {"tenant", "both"}),
        ("cafe", {"accent"}),
        ("café", {"accent"}),
        ("cafe\u0301", {"accent"}),
        ("don't", {"accent"}),
        ("搜索", {"han"}),
        ("索很", {"han"}),
        ("全文 很好", {"han"}),
        ("文全", set()),
        ("カタ", {"kana"}),
        ("국어", {"hangul"}),
        ("ภาษา", {"thai"}),
        ("C++", {"c"}),
        ("", set()),
        ("AND OR NOT - \" ' * ( ) : ^ {", set()),
        ("🙂", set()),
        ("tenant 🙂", {"tenant", "both"}),
    ],
)
def test_the_language_of_queries(query: str, found: set[str], queried: tuple[Store, dict[int, str]]) -> None:
    store, names = queried
    assert {names[hit.turn_id] for hit in store.search(query)} == found


@pytest.fixture(scope="module")
def queried() -> Iterator[tuple[Store, dict[int, str]]]:
    texts = {
        "tenant": "The tenant pays.",
        "both": "What the tenant of the lease does",
        "rent": "About rent",
        "accent": "The Café, don't you see",
        "han": "这是全文搜索很好用",
        "kana": "これはカタカナです",
        "hangul": "한국어로 쓴 글",
        "thai": "นี่คือภาษาไทย",
        "c": "Written in C",
    }
    with closing(Store.open(None)) as store:
        yield store, {said(store, text, seconds=at).id: name for at, (name, text) in enumerate(texts.items())}


ODD = st.text(
    st.one_of(
        st.sampled_from(list("\"'*-+():^{}.,~\\%_ \t\n\x00\x1b\x7f\ud800\u0301\u200b\U0001f642\u4e2d")),
        st.characters(),
    )
)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        ODD, st.lists(st.one_of(st.sampled_from(["AND", "OR", "NOT", '"', "-", "*", "the"]), ODD)).map(" ".join)
    )
)
@example("NEAR(a b, 3)")
@example("text : a")
@example("a" * 10_000)
@example('"' * 10_000)
@example("中" * 10_000)
@example(" OR ".join(["a"] * 3_000))
@example(" -".join(["ab"] * 3_000))
@example("a\x00b")
def test_any_text_is_a_query(queried: tuple[Store, dict[int, str]], query: str) -> None:
    for thinking in (False, True):
        for hit in queried[0].search(query, thinking=thinking):
            assert "".join(words for words, _ in hit.snippet).strip()


def test_text_with_anything_in_it_is_indexed_and_taken_out_again(store: Store) -> None:
    hostile = "nul \x00 inside, lone \ud800 surrogate, \x1b[31m red, 中文 और हिन्दी, e\u0301, 🙂"
    turn = said(store, hostile, hostile)
    assert [where for _, where in places(store, "inside red")] == [Place.PROMPT, Place.LEFT]
    with store._db.transaction():
        store._db.write("DELETE FROM turns WHERE id = ?", (turn.id,))
    index(store)
    assert indexed_documents(store) == 0
    assert _index_is_sound(store)


# The snippet


def test_the_snippet_shows_the_place_with_most_of_the_words(store: Store) -> None:
    text = f"alpha once. {'filler ' * 60} Then alpha beside beta and more. {'filler ' * 60}"
    said(store, text)
    (hit,) = store.search("alpha beta ")
    assert re.fullmatch(r"….* Then \[alpha\] beside \[beta\] and more\. .*…", marked(hit))
    assert len(marked(hit)) < 300


def test_a_place_far_into_a_long_text_is_shown(store: Store) -> None:
    said(store, f"{'ä filler ' * 200_000} needle {'filler ' * 1000}")
    started = time.process_time()
    (hit,) = store.search("needle")
    assert "[needle]" in marked(hit)
    assert time.process_time() - started < 2


# The index


def test_nothing_is_indexed_while_an_answer_streams(store: Store) -> None:
    session = new_session(store)
    turn = store.open_turn(session.id, "Why?", NOON, BOTH)
    index(store)
    for _ in range(20):
        store.append_parts([(turn.replies[0].id, "streaming words ", "")])
        assert not store.index_step()
    assert store.search("streaming") == []
    store.settle_reply(turn.replies[0].id, complete())
    assert indexed_documents(store) == 1  # settling itself does not wait for the index
    index(store)
    assert len(store.search("streaming")) == 1


def test_a_renamed_session_is_found_by_its_new_title_alone(store: Store) -> None:
    turn = said(store, "Why?")
    for title in ("First title", "Second name"):
        store.rename_session(turn.session_id, title)
    index(store)
    store.rename_session(turn.session_id, "Third one")
    index(store)
    assert [bool(store.search(word)) for word in ("first", "second", "third")] == [False, False, True]
    store.rename_session(turn.session_id, "Why?")
    index(store)
    assert (store.search("third"), len(store.search("why"))) == ([], 1)
    assert _index_is_sound(store)


def test_words_of_a_deleted_session_leave_the_file(path: Path) -> None:
    with closing(Store.open(path)) as store:
        kept = said(store, "Kept words", "and an answer")
        gone = said(store, "zqxjvprompt", "zqxjvanswer", thinking="zqxjvthought", seconds=2)
        store.rename_session(gone.session_id, "zqxjvtitle")
        index(store)
        assert len(store.search("zqx", thinking=True)) == 4
        with store._db.transaction():
            store._db.write("DELETE FROM sessions WHERE id = ?", (gone.session_id,))
        index(store)
        assert store.search("zqx", thinking=True) == []
        assert indexed_documents(store) == 2
        assert places(store, "words") == [(kept.id, Place.PROMPT)]
        assert _index_is_sound(store)
        store.save_room()
    content = path.read_bytes()
    assert b"Kept words" in content
    # Words are cut in the index's pages: their common beginning stands there once.
    for piece in (b"zqx", b"prompt\x02", b"vanswer", b"vthought", b"vtitle"):
        assert piece not in content


def test_what_is_deleted_before_it_was_indexed_never_is(store: Store) -> None:
    session = new_session(store)
    store.open_turn(session.id, "unseen", NOON, BOTH)
    with store._db.transaction():
        store._db.write("DELETE FROM sessions")
    index(store)
    assert indexed_documents(store) == 0
    assert _index_is_sound(store)


def _index_is_sound(store: Store) -> bool:
    """FTS5's own check of its pages against each other raises when they do not fit."""
    with store._db.transaction():
        store._db.write("INSERT INTO search_words (search_words) VALUES ('integrity-check')")
    return store.problems(thorough=True) == []


# Files from before there was an index


def make_old(path: Path, turns: int) -> None:
    """A file of the version before, with so many turns of two settled answers."""
    files.prepare(path)
    with closing(Database.for_writing(path)) as database:
        database.use_wal()
        migrations.migrate(database, STEPS[:VERSION_BEFORE])
        with database.transaction():
            database.write(
                "INSERT INTO sessions (id, title, created, updated) VALUES ('01S', 'Old talks', ?1, ?1)",
                ("2026-03-01T12:00:00.000Z",),
            )
            database.write_many(
                "INSERT INTO turns (id, session_id, seq, prompt, prompt_chars, asked)"
                " VALUES (?1, '01S', ?1, 'old question number n' || ?1, 9, '2026-03-01T12:00:00.000Z')",
                [(number,) for number in range(1, turns + 1)],
            )
            database.write_many(
                "INSERT INTO replies (turn_id, side, variant, model, outcome, started, text)"
                " VALUES (?1, ?2, 1, 'demo:', 'complete', '', 'old answer ' || ?2 || ?1)",
                [(number, side) for number in range(1, turns + 1) for side in ("left", "right")],
            )


def test_an_older_file_is_searchable_step_by_step_from_its_newest_turn(path: Path) -> None:
    turns = 2 * search.STEP_TURNS + 30
    make_old(path, turns)
    with closing(Store.open(path)) as store:
        assert store.unindexed_turns() == turns  # opening indexes nothing, however large the file
        assert indexed_documents(store) == 0
        assert store.index_step()
        assert store.unindexed_turns() == turns - search.STEP_TURNS
        assert len(store.search(f"n{turns}")) == 1
        assert store.search("n1 ") == []
        index(store)
        assert store.unindexed_turns() == 0
        assert [hit.where for hit in store.search("n1 ")] == [Place.PROMPT]
        assert [hit.where for hit in store.search("talks")] == [Place.TITLE]
        assert indexed_documents(store) == 3 * turns + 1


def test_what_happens_to_unindexed_turns_is_right_in_the_end(path: Path) -> None:
    make_old(path, 5)
    with closing(Store.open(path)) as store:
        store.rename_session("01S", "New talks")
        reply = store.open_variant(1, NewReply(Side.LEFT, "demo:"), NOON)
        store.append_parts([(reply.id, "freshly said", "")])
        store.settle_reply(reply.id, complete())
        with store._db.transaction():
            store._db.write("DELETE FROM turns WHERE id = 3")
        index(store)
        assert [len(store.search(word)) for word in ("freshly", "old", "new", "n3 ", "left3 ")] == [1, 12, 1, 0, 0]
        assert indexed_documents(store) == 3 * 4 + 2
        assert _index_is_sound(store)


def test_a_program_killed_while_it_fills_the_index_is_followed_by_one_that_goes_on(path: Path) -> None:
    turns = 12 * search.STEP_TURNS
    make_old(path, turns)
    seen = [turns]
    for _ in range(4):
        child = start(fill_until_killed, path)
        deadline = time.monotonic() + 30
        while _unfilled(path) >= seen[-1]:
            assert time.monotonic() < deadline
            time.sleep(0.001)
        child.kill()
        child.join()
        assert child.exitcode == -signal.SIGKILL
        seen.append(_unfilled(path))
    assert seen == sorted(seen, reverse=True)
    with closing(Store.open(path)) as store:
        index(store)
        assert indexed_documents(store) == 3 * turns + 1
        assert _index_is_sound(store)


def _unfilled(path: Path) -> int:
    with closing(sqlite3.connect(path, timeout=10)) as connection:
        if connection.execute("PRAGMA user_version").fetchone()[0] <= VERSION_BEFORE:
            return 2**31
        return int(connection.execute("SELECT unfilled FROM search_state").fetchone()[0])


def test_opening_a_large_older_file_does_not_wait_for_its_index(path: Path) -> None:
    def cost(turns: int) -> float:
        target = path.with_name(f"{turns}.db")
        make_old(target, turns)
        started = time.process_time()
        Store.open(target).close()
        return time.process_time() - started

    cost(9)  # imports
    assert cost(20_000) < 5 * cost(10) + 0.1


# Plans


def test_a_search_reads_the_index_newest_first_and_sorts_nothing(store: Store) -> None:
    said(store, "A word")
    statements: list[str] = []
    store._db.connection.set_trace_callback(statements.append)
    store.search("word", include_confidential=True)
    store._db.connection.set_trace_callback(None)
    plans = [
        [row["detail"] for row in store._db.rows(f"EXPLAIN QUERY PLAN {statement}")]
        for statement in statements
        if "FROM search_words w" in statement
    ]
    assert plans
    for details in plans:
        assert "VIRTUAL TABLE INDEX" in details[0]
        assert all(detail.startswith("SEARCH") for detail in details[1:]), details
        assert not any("TEMP B-TREE" in detail for detail in details)


# In the thread


@pytest.fixture(params=["memory", "file"])
def thread(request: pytest.FixtureRequest, path: Path) -> StoreThread:
    return StoreThread(path if request.param == "file" else None, now=lambda: NOON, flush_seconds=0.01)


async def test_what_was_said_is_found_without_anyone_asking_for_it(thread: StoreThread) -> None:
    await thread.start()
    session = await thread.run(new_session)
    turn = await thread.run(Store.open_turn, session.id, "Why?", NOON, BOTH)
    thread.append(turn.replies[0].id, "Because.")
    await thread.run(Store.settle_reply, turn.replies[0].id, complete())
    deadline = time.monotonic() + 10
    while not ((found := await thread.search("because")) and found.hits):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)
    assert found.unindexed_turns == 0
    thread.close()


async def test_a_program_that_ends_at_once_leaves_what_was_said_findable(path: Path) -> None:
    thread = StoreThread(path, now=lambda: NOON)
    await thread.start()
    session = await thread.run(new_session)
    turn = await thread.run(Store.open_turn, session.id, "Why?", NOON, BOTH)
    thread.append(turn.replies[0].id, "Because.")
    await thread.run(Store.settle_reply, turn.replies[0].id, complete())
    thread.close()
    with closing(Store.open(path, read_only=True)) as store:
        assert [hit.where for hit in store.search("because OR why")] == [Place.PROMPT, Place.LEFT]


async def test_the_thread_fills_the_index_of_an_older_file(path: Path) -> None:
    make_old(path, 3 * search.STEP_TURNS)
    thread = StoreThread(path, now=lambda: NOON)
    await thread.start()
    first = await thread.search("talks")
    assert first is not None
    assert first.unindexed_turns > 0
    deadline = time.monotonic() + 20
    while not ((found := await thread.search("talks")) and found.hits):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    thread.close()


async def test_only_the_newest_of_many_searches_is_answered(thread: StoreThread) -> None:
    await thread.start()
    answers = await asyncio.gather(*(thread.search("word" * number) for number in range(1, 30)))
    assert answers[-1] is not None
    assert answers[:-1] == [None] * 28
    thread.close()


def test_a_search_can_be_stopped_from_another_thread(path: Path) -> None:
    make_old(path, 2_000)
    with closing(Store.open(path)) as store:
        index(store)
        calls = 0

        def stop() -> int:
            nonlocal calls
            calls += 1
            store.stop_search()
            return 0

        store._db.connection.set_progress_handler(stop, 100)
        with pytest.raises(SearchStopped):
            store.search("old")
        store._db.connection.set_progress_handler(None, 0)
        assert calls
        assert len(store.search("old")) == 50
