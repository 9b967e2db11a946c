from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from storage.errors import Ambiguous, NotFound
from storage.session_filter import SessionFilter
from storage.store import Store
from tests.storage.samples import NOON, complete, later, new_session, new_turn

CANARY = "zanzibar-canary"
BIN = SessionFilter(shelf="bin")


def test_a_deleted_session_leaves_the_list_and_the_search_and_comes_back_whole(store: Store) -> None:
    session = new_session(store)
    turn = new_turn(store, session, CANARY)
    while store.index_step():
        pass
    before = store.turns(session.id)
    store.delete_session(session.id, later(60))
    assert (store.sessions(), store.session_count(), store.search(CANARY)) == ([], 0, [])
    assert [row.session.id for row in store.sessions(wanted=BIN)] == [session.id]
    with pytest.raises(NotFound):
        store.find_session(session.id)
    assert store.find_deleted_session(session.id[:20].lower()).deleted == later(60)
    store.restore_session(session.id)
    assert store.turns(session.id) == before
    assert [hit.turn_id for hit in store.search(CANARY)] == [turn.id]
    assert store.bin_count() == 0


def test_a_session_deleted_twice_keeps_the_first_time(store: Store) -> None:
    session = new_session(store)
    store.delete_session(session.id, later(1))
    store.delete_session(session.id, later(2))
    assert store.session(session.id).deleted == later(1)


def test_a_prompt_takes_its_session_out_of_the_bin(store: Store) -> None:
    session = new_session(store)
    store.delete_session(session.id, later(1))
    new_turn(store, session, seconds=2)
    assert store.session(session.id).deleted is None


def test_emptying_takes_what_was_there_when_it_was_asked_for(store: Store) -> None:
    early, late, kept = (new_session(store, seconds=number) for number in range(3))
    store.delete_session(early.id, later(10))
    store.delete_session(late.id, later(30))
    assert store.empty_bin(later(20)) == 1
    assert [row.session.id for row in store.sessions(wanted=BIN)] == [late.id]
    assert [row.session.id for row in store.sessions()] == [kept.id]
    with pytest.raises(NotFound, match="emptied"):
        store.restore_session(early.id)
    assert store.problems(thorough=True) == []


def test_two_programs_lose_nothing_that_was_not_emptied(tmp_path: Path) -> None:
    path = tmp_path / "conversations.db"
    with closing(Store.open(path)) as one, closing(Store.open(path)) as other:
        rescued, gone = new_session(one), new_session(one, seconds=1)
        for session in (rescued, gone):
            one.delete_session(session.id, later(5))
        other.restore_session(rescued.id)
        other.delete_session(rescued.id, later(9))  # again, after the first program was asked to empty
        assert one.empty_bin(later(7)) == 1
        assert [row.session.id for row in other.sessions(wanted=BIN)] == [rescued.id]
        with pytest.raises(NotFound):
            other.restore_session(gone.id)


def test_no_byte_of_an_emptied_session_stays_in_the_files(tmp_path: Path) -> None:
    path = tmp_path / "conversations.db"
    with closing(Store.open(path)) as store:
        for number in range(50):
            session = new_session(store, seconds=number, title=f"{CANARY} title")
            turn = new_turn(store, session, f"{CANARY} prompt " * 40)
            store.append_parts([(turn.replies[0].id, f"{CANARY} answer " * 40, f"{CANARY} thought")])
            store.settle_reply(turn.replies[0].id, complete())
            store.tag_session(session.id, f"{CANARY}-tag")
            store.note_turn(turn.id, f"{CANARY} note")
            store.delete_session(session.id, later(60))
        while store.index_step():
            pass
        store.save_room()
        assert CANARY.encode() in path.read_bytes()
        assert store.empty_bin(later(60)) == 50
        while store.index_step():
            pass
        store.save_room()
    for file in filter(Path.is_file, tmp_path.rglob("*")):
        held = file.read_bytes()
        assert CANARY.encode() not in held
        assert b"zanzibar" not in held  # a word of the index


def test_an_ambiguous_beginning_is_refused(store: Store) -> None:
    for _ in range(2):
        store.delete_session(new_session(store).id, NOON)
    with pytest.raises(Ambiguous):
        store.find_deleted_session("0")
