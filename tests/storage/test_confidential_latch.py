"""The latch holds for the store's own methods and for raw SQL from anywhere."""

# ruff: noqa: S608 - statements from fixed words

from __future__ import annotations

import pytest

from storage.errors import Refused
from storage.records import Session
from storage.store import Store
from tests.storage.samples import NOON, later, new_session, new_turn


def request(store: Store, session: Session, locality: str) -> int:
    return store.open_request(
        session_id=session.id,
        reply_id=None,
        opened=NOON,
        purpose="chat",
        host="host.example",
        port=443,
        locality=locality,
    )


def test_a_session_can_be_confidential_from_birth_or_later(store: Store) -> None:
    assert new_session(store, confidential=True).confidential_since == NOON
    session = new_session(store)
    marked = store.mark_confidential(session.id, later(60))
    assert marked.confidential_since == later(60)
    assert store.session(session.id) == marked


def test_marking_twice_keeps_the_first_time(store: Store) -> None:
    session = new_session(store)
    first = store.mark_confidential(session.id, later(60))
    assert store.mark_confidential(session.id, later(90)) == first


COPY = "INTO sessions (id, title, created, updated) SELECT id, title, created, updated FROM sessions WHERE 1"
FORK = "INSERT INTO sessions (id, title, created, updated,"
TO_CLOUD = "INSERT INTO requests (session_id, opened, purpose, host, port, locality, verdict)"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE sessions SET confidential_since = NULL",
        "UPDATE sessions SET confidential_since = '2027-01-01T00:00:00.000Z'",
        "UPDATE sessions SET id = 'other'",
        f"INSERT OR REPLACE {COPY}",
        f"INSERT {COPY} ON CONFLICT (id) DO UPDATE SET confidential_since = NULL",
        f"{FORK} parent_id) SELECT 'fork', '', created, updated, id FROM sessions",
        f"{FORK} parent_turn_id) SELECT 'fork', '', asked, asked, id FROM turns",
        "UPDATE turns SET session_id = 'plain'",
        "UPDATE replies SET turn_id = (SELECT id FROM turns WHERE session_id = 'plain')",
        f"{TO_CLOUD} SELECT id, created, 'chat', 'h', 1, 'cloud', 'open' FROM sessions",
        "UPDATE requests SET host = 'elsewhere'",
        "UPDATE requests SET locality = 'this machine'",
        "UPDATE requests SET session_id = 'plain'",
    ],
)
def test_raw_sql_cannot_undo_it(store: Store, statement: str) -> None:
    session = new_session(store, confidential=True)
    new_turn(store, session)
    request(store, session, "your network")
    if "'plain'" in statement:
        with store._db.transaction():
            store._db.write(f"{FORK} draft) SELECT 'plain', '', created, updated, '' FROM sessions")
            store._db.write(
                "INSERT INTO turns (session_id, seq, prompt, prompt_chars, asked)"
                " SELECT 'plain', 9, '', 0, created FROM sessions WHERE id = 'plain'"
            )
    before = list(store._db.connection.iterdump())
    with pytest.raises(Refused), store._db.transaction():
        store._db.write(statement)
    assert list(store._db.connection.iterdump()) == before


def test_a_confidential_session_can_still_be_changed_and_deleted(store: Store) -> None:
    session = new_session(store, confidential=True)
    new_turn(store, session)
    request(store, session, "this machine")
    store.rename_session(session.id, "renamed")
    with store._db.transaction():
        store._db.write("DELETE FROM sessions")
    assert store.session_count() == 0


def test_a_fork_of_a_confidential_session_is_confidential_whatever_is_asked(store: Store) -> None:
    parent = new_session(store, confidential=True)
    turn = new_turn(store, parent)
    fork = store.create_session(
        left="claude:x", right=None, created=later(5), confidential=False, parent_id=parent.id, parent_turn_id=turn.id
    )
    assert fork.confidential_since == later(5)


@pytest.mark.parametrize("locality", ["cloud", "", "unheard of"])
def test_no_request_to_the_cloud_is_opened_and_the_attempt_is_recorded(store: Store, locality: str) -> None:
    session = new_session(store, confidential=True)
    with pytest.raises(Refused, match="confidential"):
        request(store, session, locality)
    (record,) = store.requests(session.id)
    assert (record.verdict, record.locality, record.bytes_sent) == ("refused", locality, 0)
    assert record.closed is not None
    assert store.cloud_turns(session.id) == 0


def test_requests_within_reach_are_allowed(store: Store) -> None:
    session = new_session(store, confidential=True)
    request(store, session, "this machine")
    request(store, session, "your network")
    assert [record.verdict for record in store.requests(session.id)] == ["open", "open"]


def test_what_was_in_flight_when_the_latch_fell_is_recorded_truthfully(store: Store) -> None:
    session = new_session(store)
    turn = new_turn(store, session)
    in_flight = store.open_request(
        session_id=session.id,
        reply_id=turn.replies[0].id,
        opened=NOON,
        purpose="chat",
        host="h",
        port=1,
        locality="cloud",
    )
    store.mark_confidential(session.id, later(1))
    store.close_request(
        in_flight, closed=later(2), verdict="failed", peer="192.0.2.1:1", bytes_sent=10, bytes_received=0
    )
    assert store.requests(session.id)[0].bytes_sent == 10
    assert store.cloud_turns(session.id) == 1
