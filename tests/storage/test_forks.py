from __future__ import annotations

import pytest

from storage.errors import NotFound
from storage.forks import Kin
from storage.records import Choice, NewReply, Outcome, Side
from storage.store import Store
from tests.storage.samples import FULL_SETTLEMENT, NOON, complete, later, new_session, new_turn


def test_a_fork_begins_with_copies_of_the_turns_up_to_one(store: Store) -> None:
    parent = new_session(store, title="Lease")
    first = new_turn(store, parent, "First?")
    store.append_parts([(first.replies[0].id, "left", "thought"), (first.replies[1].id, "right", "")])
    store.settle_reply(first.replies[0].id, FULL_SETTLEMENT)
    store.settle_reply(first.replies[1].id, complete())
    again = store.open_variant(first.id, NewReply(Side.RIGHT, "demo:"), later(3))
    store.append_parts([(again.id, "right again", "")])
    store.settle_reply(again.id, complete())
    store.adopt(first.id, again.id)
    store.note_turn(first.id, "mine")
    store.vote(first.id, Choice.RIGHT, NOON)
    store.attach(first.id, "a.txt", "text/plain", b"file")
    second = new_turn(store, parent, "Second?")
    new_turn(store, parent, "Third?")

    fork = store.fork(second.id, later(60))

    assert (fork.title, fork.left, fork.right) == ("Lease · from turn 2", parent.left, parent.right)
    assert (fork.parent_id, fork.parent_turn_id, fork.created) == (parent.id, second.id, later(60))
    turns = store.turns(fork.id)
    assert [(turn.seq, turn.prompt, turn.note) for turn in turns] == [(1, "First?", "mine"), (2, "Second?", "")]
    assert [(reply.text, reply.thinking, reply.variant) for reply in turns[0].replies] == [
        ("left", "thought", 1),
        ("right", "", 1),
        ("right again", "", 2),
    ]
    assert turns[0].adopted_reply_id == turns[0].replies[2].id
    assert turns[0].replies[0].outcome is Outcome.FAILED
    assert turns[0].replies[0].receipt.total_s == FULL_SETTLEMENT.receipt.total_s
    assert turns[1].replies == ()  # they were still being written
    assert [each.name for each in store.attachments(turns[0].id)] == ["a.txt"]
    assert len(store.turns(parent.id)) == 3


def test_what_was_paid_and_voted_once_counts_once(store: Store) -> None:
    parent = new_session(store)
    turn = new_turn(store, parent)
    store.settle_reply(turn.replies[0].id, FULL_SETTLEMENT)
    store.vote(turn.id, Choice.LEFT, NOON)
    fork = store.fork(turn.id, NOON)
    assert store.summary(parent.id).cost_usd == FULL_SETTLEMENT.receipt.cost_usd
    assert store.summary(fork.id).cost_usd is None
    assert store.turns(fork.id)[0].vote is None


def test_forks_are_reachable_both_ways(store: Store) -> None:
    parent = new_session(store, title="Lease")
    turn = new_turn(store, parent)
    fork = store.fork(turn.id, NOON)
    assert store.turn(turn.id).forks == 1
    assert store.forks(parent.id) == [Kin(fork.id, "Lease · from turn 1", 1)]
    assert store.forked_from(fork.id) == Kin(parent.id, "Lease", 1)
    assert store.forked_from(parent.id) is None
    store.delete_session(fork.id, NOON)
    assert store.turn(turn.id).forks == 0
    assert store.forks(parent.id) == []


def test_a_fork_outlives_its_parent(store: Store) -> None:
    parent = new_session(store)
    fork = store.fork(new_turn(store, parent, "Kept?").id, NOON)
    store.delete_session(parent.id, NOON)
    assert store.forked_from(fork.id) is None
    store.empty_bin(NOON)
    assert [turn.prompt for turn in store.turns(fork.id)] == ["Kept?"]


def test_a_fork_of_a_confidential_session_is_confidential(store: Store) -> None:
    parent = new_session(store, confidential=True)
    assert store.fork(new_turn(store, parent).id, later(60)).confidential


def test_words_of_a_fork_are_found(store: Store) -> None:
    turn = new_turn(store, new_session(store), "Whose garden?")
    fork = store.fork(turn.id, NOON)
    while store.index_step():
        pass
    assert fork.id in {hit.session_id for hit in store.search("garden")}


def test_a_turn_that_is_gone_has_no_fork(store: Store) -> None:
    with pytest.raises(NotFound):
        store.fork(99, NOON)
