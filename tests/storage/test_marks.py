from __future__ import annotations

import pytest

from storage.errors import NotFound
from storage.marks import LONGEST_TAG, tag_from
from storage.records import Choice, Vote
from storage.store import Store
from tests.storage.samples import NOON, later, new_session, new_turn


def test_a_star_is_put_on_and_taken_off_without_moving_the_session(store: Store) -> None:
    first, second = new_session(store, title="A"), new_session(store, seconds=5, title="B")
    store.star_session(first.id, starred=True)
    assert store.session(first.id).starred
    assert [row.session.id for row in store.sessions()] == [second.id, first.id]
    store.star_session(first.id, starred=False)
    assert not store.session(first.id).starred


def test_a_session_is_put_away_and_comes_back_with_its_next_prompt(store: Store) -> None:
    session = new_session(store)
    store.archive_session(session.id, NOON)
    assert store.session(session.id).archived == NOON
    new_turn(store, session)
    assert store.session(session.id).archived is None


def test_tags_are_one_spelling_each(store: Store) -> None:
    session = new_session(store)
    assert store.tag_session(session.id, "#Tenancy  Law ") == "tenancy-law"
    store.tag_session(session.id, "tenancy law")
    store.tag_session(session.id, "ärzte")
    assert store.summary(session.id).tags == ("tenancy-law", "ärzte")
    assert store.tags() == {"tenancy-law": 1, "ärzte": 1}
    assert store.untag_session(session.id, "TENANCY LAW")
    assert not store.untag_session(session.id, "tenancy law")
    assert store.tags() == {"ärzte": 1}


@pytest.mark.parametrize("name", ["", "  ", "#", "--", "🙂"])
def test_a_tag_needs_a_word(name: str) -> None:
    with pytest.raises(ValueError, match="letter"):
        tag_from(name)


def test_a_long_tag_is_cut() -> None:
    assert tag_from("x" * 100) == "x" * LONGEST_TAG


def test_the_last_vote_on_a_turn_counts(store: Store) -> None:
    turn = new_turn(store, new_session(store))
    store.vote(turn.id, Choice.LEFT, NOON, "clearer")
    store.vote(turn.id, Choice.TIE, later(5))
    assert store.turn(turn.id).vote == Vote(Choice.TIE, later(5))
    assert store.turns(turn.session_id)[0].vote == Vote(Choice.TIE, later(5))
    store.vote(turn.id, None, later(6))
    assert store.turn(turn.id).vote is None


def test_a_note_stays_with_its_turn(store: Store) -> None:
    turn = new_turn(store, new_session(store))
    store.note_turn(turn.id, "Ask again\nin May")
    assert store.turn(turn.id).note == "Ask again\nin May"
    store.note_turn(turn.id, "")
    assert store.turn(turn.id).note == ""


def test_marks_on_what_is_not_there_are_refused(store: Store) -> None:
    for attempt in (
        lambda: store.star_session("x", starred=True),
        lambda: store.archive_session("x", NOON),
        lambda: store.tag_session("x", "law"),
        lambda: store.untag_session("x", "law"),
        lambda: store.vote(7, Choice.LEFT, NOON),
        lambda: store.note_turn(7, "note"),
    ):
        with pytest.raises(NotFound):
            attempt()


def test_tags_are_replaced_as_a_whole(store: Store) -> None:
    session = new_session(store)
    store.tag_session(session.id, "old")
    assert store.set_tags(session.id, ["New One", "#law", "law"]) == ("law", "new-one")
    assert store.summary(session.id).tags == ("law", "new-one")
    with pytest.raises(ValueError, match="letter"):
        store.set_tags(session.id, ["fine", "!"])
    assert store.summary(session.id).tags == ("law", "new-one")


def test_marked_turns_are_found_in_both_directions(store: Store) -> None:
    session = new_session(store)
    turns = [new_turn(store, session, f"{number}?") for number in range(5)]
    store.vote(turns[1].id, Choice.TIE, NOON)
    store.note_turn(turns[3].id, "look")
    other = new_turn(store, new_session(store))
    store.note_turn(other.id, "elsewhere")
    assert store.marked_turn(session.id, 1, 1) == turns[1].id
    assert store.marked_turn(session.id, 2, 1) == turns[3].id
    assert store.marked_turn(session.id, 4, 1) is None
    assert store.marked_turn(session.id, 4, -1) == turns[1].id
