from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.records import Choice, Session
from storage.session_filter import Order, SessionFilter, parse
from storage.store import Store
from tests.storage.samples import FULL_SETTLEMENT, NOON, complete, later, new_session, new_turn


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", SessionFilter()),
        ("tenant  lease", SessionFilter(words="tenant lease")),
        ("tag:law Tag:#Work lease", SessionFilter(words="lease", tags=("law", "work"))),
        ("model:llama left:Claude right:qwen", SessionFilter(model="llama", left="Claude", right="qwen")),
        ("is:starred is:failed is:imported", SessionFilter(starred=True, unfinished=True, imported=True)),
        ("is:archived", SessionFilter(shelf="archive")),
        ("is:deleted", SessionFilter(shelf="bin")),
        ("has:file has:note has:vote", SessionFilter(attachment=True, note=True, voted=True)),
        ("vote:tie", SessionFilter(vote=Choice.TIE)),
        ("since:2026-03-01 before:2026-04-01", SessionFilter(since=date(2026, 3, 1), before=date(2026, 4, 1))),
        ("cost:>0.5 cost:<$2", SessionFilter(min_cost=0.5, max_cost=2.0)),
        ("sort:turns", SessionFilter(order=Order.TURNS)),
    ],
)
def test_filter_words_are_read(text: str, expected: SessionFilter) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    "text",
    ["is:wonderful", "since:yesterday", "cost:nan", "cost:-1", "vote:", "tag:#", "http://x", "sort:up", ":", "a:b"],
)
def test_what_is_no_filter_word_is_looked_for_as_it_stands(text: str) -> None:
    assert parse(text) == SessionFilter(words=text)


@given(st.text())
def test_any_text_is_a_filter(text: str) -> None:
    with_store = Store.open(None)
    try:
        assert with_store.sessions(wanted=parse(text)) == []
    finally:
        with_store.close()


def test_a_long_paste_is_a_filter(store: Store) -> None:
    assert store.sessions(wanted=parse("word " * 10_000)) == []


def titles(store: Store, text: str) -> list[str]:
    wanted = parse(text)
    found = [row.session.title for row in store.sessions(wanted=wanted)]
    assert store.count_sessions(wanted) == len(found)
    return found


def library(store: Store) -> dict[str, Session]:
    """Four sessions, each with one thing of its own."""
    made = {
        name: new_session(store, seconds=index, title=name)
        for index, name in enumerate(("plain", "Dear", "failed", "old"))
    }
    turn = new_turn(store, made["Dear"], seconds=10)
    store.settle_reply(turn.replies[0].id, complete())
    store.vote(turn.id, Choice.RIGHT, NOON)
    store.note_turn(turn.id, "ask again")
    store.attach(turn.id, "lease.txt", "text/plain", b"the tenant")
    store.tag_session(made["Dear"].id, "law")
    store.star_session(made["Dear"].id, starred=True)
    store.settle_reply(new_turn(store, made["failed"], seconds=11).replies[0].id, FULL_SETTLEMENT)
    store.set_pair(made["plain"].id, "ollama:qwen3:8b", None)
    store.archive_session(made["old"].id, NOON)
    return made


def test_each_filter_finds_its_sessions(store: Store) -> None:
    library(store)
    assert titles(store, "") == ["failed", "Dear", "plain"]
    assert titles(store, "DEA") == ["Dear"]
    assert titles(store, "tag:law") == ["Dear"]
    assert titles(store, "tag:law tag:work") == []
    assert titles(store, "model:qwen") == ["plain"]
    assert titles(store, "left:claude") == ["failed", "Dear"]
    assert titles(store, "right:claude") == []
    assert titles(store, "is:starred") == ["Dear"]
    assert titles(store, "is:unfinished") == ["failed"]
    assert titles(store, "is:archived") == ["old"]
    assert titles(store, "is:deleted") == []
    assert titles(store, "has:attachment") == titles(store, "has:note") == titles(store, "has:vote") == ["Dear"]
    assert titles(store, "vote:right") == ["Dear"]
    assert titles(store, "vote:left") == []
    assert titles(store, "cost:>0.01") == ["failed"]
    assert titles(store, "cost:<0.01") == []
    assert titles(store, "since:2026-02-20") == ["failed", "Dear", "plain"]
    assert titles(store, "since:2026-03-03") == titles(store, "before:2026-02-20") == []


def test_the_list_is_sorted_as_wanted(store: Store) -> None:
    library(store)
    new_turn(store, store.sessions()[0].session, seconds=20)
    assert titles(store, "sort:oldest") == ["plain", "Dear", "failed"]
    assert titles(store, "sort:title") == ["Dear", "failed", "plain"]
    assert titles(store, "sort:cost")[0] == "failed"
    assert titles(store, "sort:turns") == ["failed", "Dear", "plain"]


def test_sessions_in_which_words_were_said_are_listed_with_those_that_are_called_so(store: Store) -> None:
    made = library(store)
    new_turn(store, made["plain"], "Who is dear to you?", seconds=30)
    while store.index_step():
        pass
    said_in = store.sessions_saying("dear")
    assert set(said_in) == {made["plain"].id, made["Dear"].id}  # a title is found by the search as well
    wanted = parse("dear")
    assert [row.session.title for row in store.sessions(wanted=wanted, said_in=said_in)] == ["plain", "Dear"]
    hit = store.hit(said_in[made["plain"].id], "dear")
    assert hit is not None
    assert ("dear", True) in hit.snippet


def test_notes_and_attached_texts_are_found_and_forgotten(store: Store) -> None:
    made = library(store)
    (turn,) = store.turns(made["Dear"].id)
    while store.index_step():
        pass
    assert [(hit.where, hit.turn_id) for hit in store.search("again")] == [("note", turn.id)]
    assert [hit.where for hit in store.search("tenant")] == ["attachment"]
    assert [hit.where for hit in store.search("lease")] == ["attachment"]
    store.note_turn(turn.id, "never mind")
    store.attach(turn.id, "second.bin", "application/octet-stream", b"\0\xff" * 9)
    while store.index_step():
        pass
    assert (len(store.search("again")), len(store.search("mind")), len(store.search("second"))) == (0, 1, 1)
    store.delete_session(made["Dear"].id, later(40))
    store.empty_bin(later(40))
    while store.index_step():
        pass
    assert store._db.number("SELECT count(*) FROM search_words_docsize WHERE id / 4096 = ?", (turn.id,)) == 0
    store._db.write("INSERT INTO search_words (search_words) VALUES ('integrity-check')")


def test_an_attached_file_comes_back_as_it_was(store: Store) -> None:
    turn = new_turn(store, new_session(store))
    content = "Grüße\0".encode() + b"\xff"
    kept = store.attach(turn.id, "a.txt", "text/plain", content)
    assert (kept.size, kept.text) == (len(content), "Grüße\ufffd")
    assert store.attachments(turn.id) == [kept]
    assert store.attachment_content(kept.id) == content
