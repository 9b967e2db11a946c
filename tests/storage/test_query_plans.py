"""What is read does not grow with the store: judged by SQLite's plans and by counting its steps, not by a clock."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from storage.records import Session, Turn
from storage.session_filter import SessionFilter
from storage.store import Store
from tests.storage.samples import BOTH, NOON, complete, later, new_session, new_turn

Query = Callable[[Store, Session, Turn], object]

QUERIES: dict[str, Query] = {
    "session": lambda store, session, _: store.session(session.id),
    "find_session": lambda store, session, _: store.find_session(session.id[:20]),
    "latest_session": lambda store, _session, _turn: store.latest_session(),
    "sessions": lambda store, _session, _turn: store.sessions(limit=20),
    "sessions confidential": lambda store, _session, _turn: store.sessions(
        limit=5, wanted=SessionFilter(confidential=True)
    ),
    "sessions ordinary": lambda store, _session, _turn: store.sessions(
        limit=20, wanted=SessionFilter(confidential=False)
    ),
    "summary": lambda store, session, _: store.summary(session.id),
    "turn": lambda store, _, turn: store.turn(turn.id),
    "turns": lambda store, session, _: store.turns(session.id),
    "turn_sizes": lambda store, session, _: store.turn_sizes(session.id),
    "turn_count": lambda store, session, _: store.turn_count(session.id),
    "turn_index": lambda store, session, turn: store.turn_index(session.id, turn.id),
    "past_turns": lambda store, session, turn: store.past_turns(session.id, at_most=10, before=turn.id),
    "last_turn": lambda store, session, _: store.last_turn(session.id),
    "recent_prompts": lambda store, session, _: store.recent_prompts(session.id, 50),
    "reply": lambda store, _, turn: store.reply(turn.replies[0].id),
    "requests": lambda store, session, _: store.requests(session.id),
    "request_page": lambda store, session, _: store.request_page(session.id, 10, 10),
    "cloud_turns": lambda store, session, _: store.cloud_turns(session.id),
    "open_turn": lambda store, session, _: store.open_turn(session.id, "p", NOON, BOTH),
    "open_variant": lambda store, _, turn: store.open_variant(turn.id, BOTH[0], NOON),
    "append_parts": lambda store, _, turn: store.append_parts([(turn.replies[1].id, "t", "")]),
    "settle_reply": lambda store, _, turn: store.settle_reply(turn.replies[0].id, complete()),
    "adopt": lambda store, _, turn: store.adopt(turn.id, turn.replies[0].id),
    "mark_confidential": lambda store, session, _: store.mark_confidential(session.id, NOON),
    "repair_open_replies": lambda store, _session, _turn: store.repair_open_replies(NOON),
}

# Walked in order and left early (LIMIT), or holding only what is open now.
BOUNDED = {"sessions_by_update", "sessions_confidential", "sessions_ordinary", "replies_open"}


def grown(sessions: int) -> tuple[Store, Session, Turn]:
    """A store of that many settled sessions, one of them looked at, every tenth of them confidential."""
    store = Store.open(None)
    for number in range(sessions):
        session = new_session(store, seconds=number, title=f"Title {number}", confidential=number % 10 == 0)
        for reply in new_turn(store, session, seconds=number).replies:
            store.settle_reply(reply.id, complete())
        store.open_request(
            session_id=session.id,
            reply_id=None,
            opened=NOON,
            purpose="chat",
            host="h",
            port=1,
            locality="this machine",
        )
    looked_at = new_session(store, seconds=sessions)
    return store, looked_at, new_turn(store, looked_at, seconds=sessions)


@pytest.fixture(scope="module")
def small() -> Iterator[tuple[Store, Session, Turn]]:
    made = grown(40)
    with closing(made[0]):
        yield made


@pytest.fixture(scope="module")
def large() -> Iterator[tuple[Store, Session, Turn]]:
    made = grown(800)
    with closing(made[0]):
        yield made


def steps(query: Query, made: tuple[Store, Session, Turn]) -> int:
    """How many instructions SQLite's machine runs for it."""
    store = made[0]
    connection = store._db.connection
    counted = 0

    def count() -> int:
        nonlocal counted
        counted += 1
        return 0

    query(*made)  # prepares the statements, reads the schema
    connection.set_progress_handler(count, 1)
    try:
        query(*made)
    finally:
        connection.set_progress_handler(None, 0)
    return counted


@pytest.mark.parametrize("name", [name for name in QUERIES if name != "settle_reply"])
def test_work_does_not_grow_with_the_store(
    name: str, small: tuple[Store, Session, Turn], large: tuple[Store, Session, Turn]
) -> None:
    few, many = steps(QUERIES[name], small), steps(QUERIES[name], large)
    assert few > 0
    assert many <= few * 1.3 + 20, f"{few} steps among 40 sessions, {many} among 800"


def test_the_measure_sees_a_query_that_grows(
    small: tuple[Store, Session, Turn], large: tuple[Store, Session, Turn]
) -> None:
    whole: Query = lambda store, _session, _turn: store._db.rows("SELECT title FROM sessions WHERE title = 'x'")  # noqa: E731
    assert steps(whole, large) > 10 * steps(whole, small)


@pytest.mark.parametrize("name", list(QUERIES))
def test_no_plan_scans_a_table(name: str) -> None:
    store, session, turn = grown(3)
    with closing(store):
        statements: list[str] = []
        store._db.connection.set_trace_callback(statements.append)
        QUERIES[name](store, session, turn)
        store._db.connection.set_trace_callback(None)
        plans = {
            statement: [row["detail"] for row in store._db.rows(f"EXPLAIN QUERY PLAN {statement}")]
            for statement in statements
            if re.match(r"\s*(SELECT|UPDATE|DELETE|INSERT)", statement)
        }
    assert plans
    for statement, details in plans.items():
        for detail in details:
            scanned = re.match(r"SCAN (?!\(subquery|CONSTANT ROW)\S+(?: USING (?:COVERING )?INDEX (\S+))?", detail)
            assert not scanned or scanned[1] in BOUNDED, f"{detail}: {statement}"


def plan(store: Store, call: Callable[[], object]) -> list[str]:
    statements: list[str] = []
    store._db.connection.set_trace_callback(statements.append)
    call()
    store._db.connection.set_trace_callback(None)
    return [row["detail"] for line in statements for row in store._db.rows(f"EXPLAIN QUERY PLAN {line}")]


def test_sizes_are_read_from_covering_indices_alone() -> None:
    store, session, _ = grown(3)
    with closing(store):
        details = plan(store, lambda: store.turn_sizes(session.id))
    searches = [detail for detail in details if detail.startswith(("SEARCH", "SCAN"))]
    assert len(searches) == 3
    assert all("USING COVERING INDEX" in detail for detail in searches)
    assert not any("TEMP B-TREE" in detail for detail in details)


def test_turns_are_counted_in_covering_indices_alone() -> None:
    store, session, turn = grown(3)
    with closing(store):
        counted = plan(store, lambda: store.turn_count(session.id))
        before = plan(store, lambda: store.turn_index(session.id, turn.id))[-1:]
    assert all("USING COVERING INDEX" in detail for detail in [*counted, *before])


def test_totals_are_read_from_covering_indices_alone() -> None:
    store, session, _ = grown(3)
    with closing(store):
        details = plan(store, lambda: store._summary(session))
    searches = [detail for detail in details if detail.startswith(("SEARCH", "SCAN")) and "CONSTANT" not in detail]
    assert len(searches) == 4
    assert all("USING COVERING INDEX" in detail for detail in searches)


def test_a_filtered_list_is_looked_for_in_an_index_that_holds_the_titles() -> None:
    store, _, _ = grown(3)
    with closing(store):
        details = plan(store, lambda: store.sessions(wanted=SessionFilter(words="title")))
    assert any(re.match("SCAN s USING COVERING INDEX sessions_by_update", detail) for detail in details)


def test_ten_thousand_turns_have_their_sizes() -> None:
    with closing(Store.open(None)) as store:
        session = new_session(store)
        with store._db.transaction():
            store._db.write_many(
                "INSERT INTO turns (id, session_id, seq, prompt, prompt_chars, asked) VALUES (?, ?, ?, '', ?, '')",
                [(number, session.id, number, number % 7) for number in range(1, 10_001)],
            )
            store._db.write_many(
                "INSERT INTO replies (turn_id, side, variant, model, outcome, started, text_chars)"
                " VALUES (?, ?, ?, 'demo:', 'complete', '', ?)",
                [
                    (number, side, variant, number + variant)
                    for number in range(1, 10_001)
                    for side in ("left", "right")
                    for variant in (1, 2)
                ],
            )
        sizes = store.turn_sizes(session.id)
        assert [size.seq for size in sizes] == list(range(1, 10_001))
        assert all(
            (size.prompt, size.left, size.right) == (size.seq % 7, size.seq + 2, size.seq + 2) for size in sizes
        )
        assert store.turn_sizes(session.id, 9_900, 50) == sizes[9_900:9_950]
        assert store.turn_sizes(session.id, 9_990, 50) == sizes[9_990:]
        assert store.turn_count(session.id) == store.summary(session.id).turns == 10_000
        assert [store.turn_index(session.id, turn_id) for turn_id in (1, 5_000, 10_001)] == [0, 4_999, None]
        assert store.turn_index("another", 1) is None
        assert later(0) == NOON


def test_sessions_with_an_unfinished_answer_are_found_from_those_answers() -> None:
    store, _, _ = grown(3)
    with closing(store):
        details = plan(store, lambda: store.count_sessions(SessionFilter(unfinished=True)))
    assert any("COVERING INDEX replies_unhappy" in detail for detail in details)
