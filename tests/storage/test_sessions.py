from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

import pytest

from storage.errors import Ambiguous, NotFound
from storage.records import Outcome, Receipt, Settlement, Side
from storage.session_filter import SessionFilter
from storage.sessions import new_id
from storage.store import Store
from tests.storage.samples import BOTH, NOON, complete, later, new_session, new_turn

STORES = ("memory", "file", "vault")


@pytest.mark.usefixtures("ordinary_store")
def test_a_session_is_read_as_it_was_made(store: Store) -> None:
    made = store.create_session(left="claude:a", right=None, created=NOON, title="T", system_prompt="Be brief.")
    assert store.session(made.id) == made
    assert (made.left, made.right, made.title, made.system_prompt) == ("claude:a", None, "T", "Be brief.")
    assert (made.created, made.updated, made.confidential) == (NOON, NOON, False)


def test_times_of_any_zone_are_stored_as_utc_milliseconds(store: Store) -> None:
    tokyo = datetime(2026, 3, 1, 21, 0, 0, 123456, tzinfo=timezone(timedelta(hours=9)))
    session = store.create_session(left=None, right=None, created=tokyo)
    assert session.created == NOON
    assert session.created.utcoffset() == timedelta(0)
    assert store._db.rows("SELECT created FROM sessions")[0][0] == "2026-03-01T12:00:00.123Z"


def test_a_time_without_zone_is_refused(store: Store) -> None:
    with pytest.raises(ValueError, match="time zone"):
        store.create_session(left=None, right=None, created=datetime(2026, 3, 1))  # noqa: DTZ001 - the point


def test_ids_are_ulids_that_sort_by_birth() -> None:
    ids = [new_id(later(seconds)) for seconds in range(50)]
    assert ids == sorted(ids)
    assert all(re.fullmatch("[0-9A-HJKMNP-TV-Z]{26}", name) for name in ids)
    assert len({new_id(NOON) for _ in range(1000)}) == 1000
    # The specification's own example: the first ten characters are the time.
    assert new_id(datetime.fromisoformat("2016-07-30T23:54:10.259Z")).startswith("01ARZ3NDEK")


def test_an_unknown_session_is_not_found(store: Store) -> None:
    for attempt in (
        lambda: store.session("01ARZ3NDEKTSV4RRFFQ69G5FAV"),
        lambda: store.find_session("01"),
        lambda: store.rename_session("x", "y"),
        lambda: store.set_pair("x", None, None),
        lambda: store.save_draft("x", "y"),
        lambda: store.mark_confidential("x", NOON),
        lambda: store.open_turn("x", "p", NOON, BOTH),
        lambda: store.create_session(left=None, right=None, created=NOON, parent_id="x"),
    ):
        with pytest.raises(NotFound):
            attempt()
    assert store.session_count() == 0


def test_a_session_is_found_by_the_beginning_of_its_id_in_either_case(store: Store) -> None:
    first, second = new_session(store), new_session(store, seconds=3600)
    assert store.find_session(first.id) == first
    assert store.find_session(f" {second.id[:12].lower()} ") == second
    with pytest.raises(Ambiguous):
        store.find_session(first.id[:2])
    for unfit in ("", "  ", "%", "~", first.id + "0"):
        with pytest.raises(NotFound):
            store.find_session(unfit)


def test_the_list_has_the_last_used_first(store: Store) -> None:
    old, new = new_session(store, title="old"), new_session(store, seconds=10, title="new")
    assert [row.session.title for row in store.sessions()] == ["new", "old"]
    new_turn(store, old, seconds=20)
    assert [row.session.title for row in store.sessions()] == ["old", "new"]
    latest = store.latest_session()
    assert latest is not None
    assert latest.id == old.id
    store.rename_session(new.id, "newer")
    store.set_pair(new.id, None, "ollama:x")
    store.save_draft(new.id, "unsent")
    assert [row.session.title for row in store.sessions()] == ["old", "newer"]


def test_a_clock_set_back_does_not_move_a_session_down(store: Store) -> None:
    session = new_session(store, seconds=100)
    new_turn(store, session, seconds=5)
    assert store.session(session.id).updated == later(100)


def test_the_list_comes_in_pages(store: Store) -> None:
    for number in range(5):
        new_session(store, seconds=number, title=str(number))
    titles = [[row.session.title for row in store.sessions(limit=2, offset=offset)] for offset in (0, 2, 4, 6)]
    assert titles == [["4", "3"], ["2", "1"], ["0"], []]
    assert store.session_count() == 5


def test_the_list_is_filtered_by_title_in_any_case_and_literally(store: Store) -> None:
    for number, title in enumerate(["Straße nach Ärger", "100% sure", "100 apples", "under_score"]):
        new_session(store, seconds=number, title=title)

    def found(text: str) -> list[str]:
        return [row.session.title for row in store.sessions(wanted=SessionFilter(words=text))]

    assert found("ÄRGER") == ["Straße nach Ärger"]
    assert found("STRASSE") == ["Straße nach Ärger"]
    assert found("100%") == ["100% sure"]
    assert found("r_s") == ["under_score"]
    assert found("absent") == []


@pytest.mark.usefixtures("ordinary_store")
def test_the_list_can_show_confidential_sessions_only_or_leave_them_out(store: Store) -> None:
    if store.path is not None:
        pytest.skip("in an ordinary file they are not shown at all")
    new_session(store, title="open")
    new_session(store, title="closed", confidential=True)
    assert [row.session.title for row in store.sessions(wanted=SessionFilter(confidential=True))] == ["closed"]
    assert [row.session.title for row in store.sessions(wanted=SessionFilter(confidential=False))] == ["open"]
    assert [row.session.title for row in store.sessions(wanted=SessionFilter(words="open", confidential=True))] == []


def test_deleted_sessions_are_neither_listed_nor_counted_nor_found(store: Store) -> None:
    session = new_session(store)
    with store._db.transaction():
        store._db.write("UPDATE sessions SET deleted_at = '2026-03-02T00:00:00.000Z'")
    assert store.sessions() == []
    assert store.session_count() == 0
    assert store.latest_session() is None
    with pytest.raises(NotFound):
        store.find_session(session.id)


def test_a_summary_counts_turns_replies_and_money(store: Store) -> None:
    session = new_session(store)
    assert store.summary(session.id).cost_usd is None
    first = new_turn(store, session)
    new_turn(store, session, seconds=2)
    left, right = first.replies
    store.settle_reply(left.id, Settlement(Outcome.COMPLETE, later(3), receipt=Receipt(cost_usd=0.25)))
    store.settle_reply(right.id, Settlement(Outcome.STOPPED, later(3), receipt=Receipt(cost_usd=0.0)))
    retry = store.open_variant(first.id, BOTH[0], later(4))
    store.settle_reply(retry.id, Settlement(Outcome.FAILED, later(5), receipt=Receipt(cost_usd=0.5)))
    (summary,) = store.sessions()
    assert summary == store.summary(session.id)
    assert (summary.turns, summary.cost_usd, summary.open_replies, summary.unhappy_replies) == (2, 0.75, 2, 2)


def test_title_and_pair_and_draft_can_be_changed(store: Store) -> None:
    session = new_session(store, title="before")
    store.rename_session(session.id, "after")
    store.set_pair(session.id, None, "gguf:x.gguf")
    store.save_draft(session.id, "half a though")
    changed = store.session(session.id)
    assert (changed.title, changed.left, changed.right, changed.draft) == (
        "after",
        None,
        "gguf:x.gguf",
        "half a though",
    )


@pytest.mark.parametrize(
    ("prompt", "title"),
    [
        ("One line", "One line"),
        ("\n  \n  The \t first   line \nand the second", "The first line"),
        ("x" * 200, "x" * 79 + "…"),
        ("", ""),
        (" \n\t\n", ""),
    ],
)
def test_a_session_without_title_takes_the_first_line_of_its_prompt(store: Store, prompt: str, title: str) -> None:
    session = new_session(store)
    new_turn(store, session, prompt)
    assert store.session(session.id).title == title


def test_a_given_title_stays(store: Store) -> None:
    session = new_session(store, title="Mine")
    new_turn(store, session, "Something else")
    assert store.session(session.id).title == "Mine"


@pytest.mark.usefixtures("ordinary_store")
def test_a_fork_knows_where_it_came_from(store: Store) -> None:
    parent = new_session(store)
    turn = new_turn(store, parent)
    fork = store.create_session(left=None, right=None, created=later(5), parent_id=parent.id, parent_turn_id=turn.id)
    assert (fork.parent_id, fork.parent_turn_id) == (parent.id, turn.id)
    assert not fork.confidential


def test_a_settled_reply_takes_its_place_in_the_summary(store: Store) -> None:
    session = new_session(store)
    turn = new_turn(store, session)
    assert store.summary(session.id).open_replies == 2
    for reply in turn.replies:
        store.settle_reply(reply.id, complete())
    assert store.summary(session.id).open_replies == 0
    settled = store.turn(turn.id).latest(Side.LEFT)
    assert settled is not None
    assert settled.outcome is Outcome.COMPLETE
