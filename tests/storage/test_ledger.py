from __future__ import annotations

import pytest

from storage.errors import NotFound
from storage.records import Outcome, RequestRecord, Settlement
from storage.store import Store
from tests.storage.samples import NOON, later, new_session, new_turn


def opened(
    store: Store,
    session_id: str | None,
    reply_id: int | None = None,
    *,
    locality: str = "cloud",
    purpose: str = "chat",
) -> int:
    return store.open_request(
        session_id=session_id,
        reply_id=reply_id,
        opened=NOON,
        purpose=purpose,
        host="api.anthropic.com",
        port=443,
        locality=locality,
    )


def closed(store: Store, request_id: int, *, sent: int, verdict: str = "done") -> None:
    store.close_request(
        request_id, closed=later(2), verdict=verdict, peer="192.0.2.1:443", bytes_sent=sent, bytes_received=20
    )


def test_a_request_stands_in_the_ledger_before_and_after_it_is_made(store: Store) -> None:
    session = new_session(store)
    reply = new_turn(store, session).replies[0]
    request = opened(store, session.id, reply.id)
    before = RequestRecord(
        request, session.id, reply.id, NOON, "chat", "api.anthropic.com", 443, None, "cloud", "open", 0, 0, None
    )
    assert store.requests() == [before]
    store.close_request(
        request,
        closed=later(2),
        verdict="failed",
        peer="192.0.2.1:443",
        bytes_sent=10,
        bytes_received=3,
        detail="cut off",
    )
    assert store.requests(session.id) == [
        RequestRecord(
            *(request, session.id, reply.id, NOON, "chat", "api.anthropic.com", 443, "192.0.2.1:443"),
            *("cloud", "failed", 10, 3, later(2), "cut off"),
        )
    ]


def test_requests_of_no_session_are_in_the_whole_ledger_only(store: Store) -> None:
    session = new_session(store)
    probe = opened(store, None, locality="this machine", purpose="probe")
    chat = opened(store, session.id)
    assert [record.id for record in store.requests()] == [probe, chat]
    assert [record.id for record in store.requests(session.id)] == [chat]


def test_an_unknown_request_cannot_be_closed(store: Store) -> None:
    with pytest.raises(NotFound):
        closed(store, 1, sent=0)


def test_cloud_turns_are_those_of_which_something_was_sent(store: Store) -> None:
    session, other = new_session(store), new_session(store)
    sent, unsent, proved, local, died, unasked = (new_turn(store, session) for _ in range(6))
    closed(store, opened(store, session.id, sent.replies[0].id), sent=100)
    closed(store, opened(store, session.id, sent.replies[1].id), sent=100)  # the same turn again
    closed(store, opened(store, session.id, unsent.replies[0].id), sent=0, verdict="failed")
    store.settle_reply(proved.replies[0].id, Settlement(Outcome.COMPLETE, NOON, locality="cloud"))
    closed(store, opened(store, session.id, local.replies[0].id, locality="this machine"), sent=100)
    store.settle_reply(local.replies[0].id, Settlement(Outcome.COMPLETE, NOON, locality="this machine"))
    opened(store, session.id, died.replies[0].id)  # never closed: nobody knows that nothing was sent
    assert unasked.replies
    closed(store, opened(store, other.id, new_turn(store, other).replies[0].id), sent=1)
    assert store.cloud_turns(session.id) == 3
    assert store.cloud_turns(other.id) == 1
    assert store.cloud_turns("nowhere") == 0


def test_the_ledger_outlives_its_session(store: Store) -> None:
    session = new_session(store)
    closed(store, opened(store, session.id, new_turn(store, session).replies[0].id), sent=5)
    with store._db.transaction():
        store._db.write("DELETE FROM sessions")
    (record,) = store.requests()
    assert (record.session_id, record.reply_id, record.bytes_sent) == (None, None, 5)
