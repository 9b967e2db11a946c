"""A confidential session that still waits in the ordinary file is not shown there, and nothing tells that it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from storage import Session
from storage.errors import InVault
from storage.session_filter import SessionFilter
from storage.store import Store
from tests.storage.samples import later, new_session


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store.open(tmp_path / "conversations.db")) as opened:
        yield opened


@pytest.fixture
def latched(store: Store) -> Session:
    session = new_session(store, seconds=9, title="kestrel")
    store.tag_session(session.id, "law")
    store.open_request(
        session_id=session.id,
        reply_id=None,
        opened=later(9),
        purpose="chat",
        host="127.0.0.1",
        port=1,
        locality="this machine",
    )
    return store.mark_confidential(session.id, later(10))


def test_it_is_not_listed_counted_tagged_or_in_the_ledger(store: Store, latched: Session) -> None:
    plain = new_session(store, title="plain")

    assert [one.session.id for one in store.sessions()] == [plain.id]
    assert store.sessions(wanted=SessionFilter(confidential=True)) == []
    assert store.count_sessions(SessionFilter()) == 1
    assert store.session_count() == 1
    assert store.session_ids() == [plain.id]
    assert store.tags() == {}
    newest = store.latest_session()
    assert newest is not None
    assert newest.id == plain.id
    assert store.requests() == []
    assert store.request_totals() == []
    assert store.sessions_to_move() == [latched.id]


def test_whoever_names_it_is_told_how_to_open_it(store: Store, latched: Session) -> None:
    with pytest.raises(InVault, match=f"duologue --confidential --session {latched.id}"):
        store.find_session(latched.id[:14])
    assert store.session(latched.id).confidential, "the window that shows it still reads it"


def test_the_ordinary_bin_does_not_count_or_forget_it(store: Store, latched: Session) -> None:
    store.delete_session(latched.id, later(11))

    assert store.bin_count() == 0
    assert store.count_sessions(SessionFilter(shelf="bin")) == 0
    assert store.empty_bin(later(20)) == 0
    with pytest.raises(InVault):
        store.find_deleted_session(latched.id)
    assert store.session(latched.id).deleted
