"""Out of one store, into another, and out again: nothing is lost, nothing comes twice."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

import pytest
from hypothesis import given, settings

from storage.carry.batches import TURNS, batches
from storage.carry.events import Event, Events, SessionRead, TurnRead, Unreadable
from storage.carry.export import json_pieces, jsonl_pieces
from storage.carry.importing import Import, Summary
from storage.carry.ours import json_events, jsonl_events
from storage.errors import Refused
from storage.records import Outcome, Reply, Session, Side, Turn
from storage.rows import time_text
from storage.store import Store
from storage.whole import WholeAttachment, WholeSession, WholeTurn
from tests.storage.carry.generated import conversations
from tests.storage.samples import FULL_SETTLEMENT, NOON, later, new_session, new_turn

Write = Callable[[Store, Iterable[str]], Iterator[str]]
Read = Callable[[IO[bytes]], Events]
FORMS = pytest.mark.parametrize(("write", "read"), [(json_pieces, json_events), (jsonl_pieces, jsonl_events)])


def exported(store: Store, write: Write = json_pieces) -> str:
    return "".join(write(store, store.session_ids()))


def imported(store: Store, text: str, read: Read = json_events, confidential: datetime | None = None) -> Summary:
    return Import(confidential=confidential).run(store, read(io.BytesIO(text.encode())))


def one_turn(seq: int, prompt: str = "Why?") -> WholeTurn:
    reply = Reply(1, 0, Side.LEFT, 1, "claude:x", Outcome.COMPLETE, NOON, text="Because.")
    return WholeTurn(Turn(0, "", seq, prompt, NOON, (reply,)))


def session(number: int = 1) -> WholeSession:
    return WholeSession(Session(f"{number:026}", f"Title {number}", NOON, NOON, "claude:x", None))


@FORMS
@given(conversations())
@settings(max_examples=25, deadline=None)
def test_any_conversation_survives_the_round_trip(
    write: Write, read: Read, conversation: tuple[WholeSession, list[WholeTurn]]
) -> None:
    whole, turns = conversation
    with closing(Store.open(None)) as first, closing(Store.open(None)) as second:
        events: list[Event] = [SessionRead(whole), *map(TurnRead, turns)]
        since = whole.session.confidential_since
        Import(confidential=since).run(first, iter(events))
        text = exported(first, write)

        summary = imported(second, text, read, since)

        assert summary.problems == []
        assert exported(second, write) == text
        assert text.isascii()
        assert second.whole_session(whole.session.id) == whole
        assert [replace(turn.turn, id=0) for turn in plain(second, whole)] == [
            replace(turn.turn, id=0) for turn in plain(first, whole)
        ]


def plain(store: Store, whole: WholeSession) -> list[WholeTurn]:
    """Turns without the ids that differ from store to store."""
    found = []
    for each in store.whole_turns(whole.session.id):
        numbers = {reply.id: number for number, reply in enumerate(each.turn.replies, 1)}
        replies = tuple(replace(reply, id=numbers[reply.id], turn_id=0) for reply in each.turn.replies)
        adopted = numbers.get(each.turn.adopted_reply_id or 0)
        found.append(WholeTurn(replace(each.turn, replies=replies, adopted_reply_id=adopted), each.attachments))
    return found


@FORMS
def test_forks_keep_their_parents_though_the_child_comes_first(write: Write, read: Read) -> None:
    with closing(Store.open(None)) as first, closing(Store.open(None)) as second:
        parent = new_session(first, seconds=9)
        turn = new_turn(first, parent)
        for reply in turn.replies:
            first.settle_reply(reply.id, FULL_SETTLEMENT)
        fork = first.create_session(left=None, right=None, created=NOON, parent_id=parent.id, parent_turn_id=turn.id)
        assert first.session_ids() == [fork.id, parent.id]
        text = exported(first, write)

        imported(second, text, read)

        assert exported(second, write) == text
        assert second.whole_session(fork.id).parent_seq == 1


def test_a_fork_of_what_is_confidential_here_comes_in_confidential() -> None:
    with closing(Store.open(None)) as store:
        secret = new_session(store, confidential=True)
        forked = replace(session().session, parent_id=secret.id)

        Import().run(store, iter([SessionRead(WholeSession(forked))]))

        assert store.session(forked.id).confidential


@FORMS
@pytest.mark.parametrize("origin", ["", "chatgpt:1#2"])
def test_a_fork_that_is_carried_alone_keeps_its_parent_and_finds_it_later(
    write: Write, read: Read, origin: str
) -> None:
    with closing(Store.open(None)) as first, closing(Store.open(None)) as second:
        forked = WholeSession(replace(session(2).session, parent_id=session(1).session.id, origin=origin), (), 1)
        Import().run(first, iter([SessionRead(session(1)), TurnRead(one_turn(1)), SessionRead(forked)]))
        fork, parent = ("".join(write(first, [each.session.id])) for each in (forked, session(1)))
        assert first.session(forked.session.id).parent_id == session(1).session.id

        imported(second, fork, read)
        alone = "".join(write(second, [forked.session.id]))
        imported(second, parent, read)

        assert alone == fork
        assert "".join(write(second, [forked.session.id])) == fork
        assert second.session(forked.session.id).parent_id == session(1).session.id
        assert second.session(forked.session.id).origin == origin


@FORMS
def test_what_is_confidential_is_left_out_of_an_ordinary_import(write: Write, read: Read) -> None:
    with closing(Store.open(None)) as first, closing(Store.open(None)) as second:
        secret = WholeSession(replace(session(1).session, confidential_since=NOON))
        whole: list[Event] = [SessionRead(secret), TurnRead(one_turn(1)), SessionRead(session(2))]
        Import(confidential=later(9)).run(first, iter(whole))
        assert first.session(session(1).session.id).confidential_since == NOON
        assert first.session(session(2).session.id).confidential_since == later(9)
        text = exported(first, write).replace(f'"{time_text(later(9))}"', "null")

        summary = imported(second, text, read)

        assert second.session_ids() == [session(2).session.id]
        assert (summary.sessions, summary.turns, summary.problem_count) == (1, 0, 1)
        assert "--confidential" in summary.problems[0].what


def test_words_of_a_confidential_session_latch_the_copy_that_is_here() -> None:
    with closing(Store.open(None)) as store:
        Import().run(store, iter([SessionRead(session()), TurnRead(one_turn(1))]))
        latched = WholeSession(replace(session().session, confidential_since=NOON))

        Import(confidential=NOON).run(
            store, iter([SessionRead(latched), TurnRead(one_turn(1)), TurnRead(one_turn(2))])
        )

        assert store.session(session().session.id).confidential
        assert len(store.turns(session().session.id)) == 2


LONG: list[Event] = [SessionRead(session(1)), *(TurnRead(one_turn(seq)) for seq in range(1, 2 * TURNS))]


def test_a_long_session_is_out_of_sight_until_all_of_it_is_there() -> None:
    with closing(Store.open(None)) as store:
        events: list[Event] = [*LONG, SessionRead(session(2))]
        importing, seen = Import(), list[list[str]]()
        for batch in batches(iter(events)):
            importing.put(store, batch)
            seen.append(store.session_ids())

        first, second = session(1).session.id, session(2).session.id
        assert seen == [[], [first], [first, second]]
        assert store.session(session(1).session.id).origin == ""
        assert store.turn_count(session(1).session.id) == 2 * TURNS - 1


def test_a_session_whose_import_was_killed_is_finished_by_the_next_one() -> None:
    with closing(Store.open(None)) as store:
        Import().put(store, next(batches(iter(LONG))))
        assert (store.session_ids(), store.bin_count()) == ([], 1)

        summary = Import().run(store, iter(LONG))

        assert (summary.sessions, summary.turns, summary.problems) == (1, TURNS, [])
        assert (store.session_ids(), store.bin_count()) == ([session(1).session.id], 0)
        assert store.turn_count(session(1).session.id) == 2 * TURNS - 1


def test_an_import_that_is_given_up_leaves_whole_sessions_only() -> None:
    with closing(Store.open(None)) as store:
        importing = Import()
        importing.put(store, next(batches(iter([SessionRead(session(2)), *LONG]))))
        while importing.give_up(store):
            pass

        assert (store.session_ids(), store.bin_count()) == ([session(2).session.id], 0)


def test_a_bin_that_is_emptied_meanwhile_is_told() -> None:
    with closing(Store.open(None)) as store:
        importing = Import()
        for number, batch in enumerate(batches(iter(LONG))):
            importing.put(store, batch)
            if not number:
                store.empty_bin(datetime.now(UTC) + timedelta(1))

        assert store.session_ids() == []
        assert "deleted meanwhile" in importing.summary.problems[0].what


def test_a_batch_that_fails_may_be_tried_again() -> None:
    with closing(Store.open(None)) as store:
        importing = Import()
        (batch,) = batches(iter([SessionRead(session()), TurnRead(one_turn(1)), TurnRead(one_turn(2))]))
        store.database.write(
            "CREATE TEMP TRIGGER full BEFORE INSERT ON turns WHEN NEW.seq = 2 BEGIN SELECT RAISE(ABORT, 'x'); END"
        )
        with pytest.raises(Refused):
            importing.put(store, batch)
        store.database.write("DROP TRIGGER full")

        importing.put(store, batch)

        assert (importing.summary.sessions, importing.summary.turns) == (1, 2)
        assert len(store.turns(session().session.id)) == 2


@FORMS
def test_a_second_import_adds_nothing(write: Write, read: Read) -> None:
    with closing(Store.open(None)) as first, closing(Store.open(None)) as second:
        Import().run(first, iter([SessionRead(session()), TurnRead(one_turn(1)), TurnRead(one_turn(2))]))
        text = exported(first, write)
        imported(second, text, read)

        again = imported(second, text, read)

        assert (again.sessions, again.turns, again.already, again.problems) == (0, 0, 1, [])
        assert exported(second, write) == text


def test_a_session_that_has_grown_gets_the_turns_that_were_said_since() -> None:
    with closing(Store.open(None)) as store:
        Import().run(store, iter([SessionRead(session()), TurnRead(one_turn(1))]))
        grown = WholeSession(replace(session().session, updated=later(60)))

        summary = Import().run(store, iter([SessionRead(grown), TurnRead(one_turn(1)), TurnRead(one_turn(2))]))

        assert (summary.sessions, summary.turns, summary.grown, summary.already) == (0, 1, 1, 0)
        assert [turn.seq for turn in store.turns(grown.session.id)] == [1, 2]
        assert store.session(grown.session.id).updated == later(60)


def test_a_session_that_went_another_way_here_stays_as_it_is() -> None:
    with closing(Store.open(None)) as store:
        Import().run(store, iter([SessionRead(session()), TurnRead(one_turn(1, "Ours"))]))

        summary = Import().run(
            store, iter([SessionRead(session()), TurnRead(one_turn(1, "Theirs")), TurnRead(one_turn(2))])
        )

        assert (summary.turns, summary.already) == (0, 1)
        assert [turn.prompt for turn in store.turns(session().session.id)] == ["Ours"]


@FORMS
def test_a_bad_record_is_told_with_its_place_and_the_rest_goes_in(write: Write, read: Read) -> None:
    with closing(Store.open(None)) as first, closing(Store.open(None)) as second:
        events: list[Event] = []
        for number in (1, 2, 3):
            events += [SessionRead(session(number)), *(TurnRead(one_turn(seq)) for seq in (1, 2))]
        Import().run(first, iter(events))
        text = exported(first, write)
        # The second session's id, and the first turn of the third.
        broken = text.replace(f'"id": "{2:026}"', '"id": 7').replace('"prompt": "Why?"', '"prompt": [1]', 5)
        broken = broken.replace('"prompt": [1]', '"prompt": "Why?"', 4)

        summary = imported(second, broken, read)

        assert second.session_ids() == [f"{number:026}" for number in (1, 3)]
        assert [len(second.turns(each)) for each in second.session_ids()] == [2, 1]
        told = [f"{problem.where}: {problem.what}" for problem in summary.problems]
        if read is json_events:
            assert told == ["session 2: id is not text", "session 3, turn 1: prompt is not text"]
        else:
            assert told == ["line 5: id is not text", "line 9: prompt is not text"]


@FORMS
def test_what_stands_before_a_cut_goes_in(write: Write, read: Read) -> None:
    with closing(Store.open(None)) as first, closing(Store.open(None)) as second:
        events: list[Event] = []
        for number in range(1, 40):
            events += [SessionRead(session(number)), TurnRead(one_turn(1))]
        Import().run(first, iter(events))
        text = exported(first, write)

        summary = imported(second, text[: len(text) // 2], read)

        assert 15 <= summary.sessions < 25
        assert len(summary.problems) == 1


def test_a_newer_version_of_the_format_is_refused() -> None:
    with closing(Store.open(None)) as store, pytest.raises(Unreadable, match="install a newer one"):
        imported(store, '{"format": "duologue", "version": 2, "sessions": []}')


def test_an_open_reply_comes_in_as_interrupted() -> None:
    with closing(Store.open(None)) as first, closing(Store.open(None)) as second:
        running = new_turn(first, new_session(first))
        first.append_parts([(running.replies[0].id, "half an ans", "")])

        imported(second, exported(first))

        left, right = second.turns(running.session_id)[0].replies
        assert (left.outcome, left.text) == (Outcome.INTERRUPTED, "half an ans")
        assert right.outcome is Outcome.INTERRUPTED


def test_files_go_with_their_turn() -> None:
    with closing(Store.open(None)) as first, closing(Store.open(None)) as second:
        attachment = WholeAttachment("a.bin", "application/octet-stream", bytes(range(256)))
        turn = replace(one_turn(1), attachments=(attachment,))
        Import().run(first, iter([SessionRead(session()), TurnRead(turn)]))

        imported(second, exported(first))

        assert next(second.whole_turns(session().session.id)).attachments == (attachment,)


def test_an_imported_answer_is_found(tmp_path: Path) -> None:
    with closing(Store.open(tmp_path / "duologue.db")) as store:
        Import().run(store, iter([SessionRead(session()), TurnRead(one_turn(1, "Rhubarb?"))]))
        while store.index_changes():
            pass

        assert [hit.session_id for hit in store.search("rhubarb")] == [session().session.id]


def test_an_endless_duration_does_not_spoil_the_file() -> None:
    with closing(Store.open(None)) as store:
        turn = one_turn(1)
        (reply,) = turn.turn.replies
        endless = replace(reply, receipt=replace(reply.receipt, generation_s=float("inf")))
        Import().run(
            store, iter([SessionRead(session()), TurnRead(WholeTurn(replace(turn.turn, replies=(endless,))))])
        )

        found = json.loads(exported(store))

        assert found["sessions"][0]["turns"][0]["replies"][0]["receipt"]["generation_s"] is None
