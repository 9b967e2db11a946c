from __future__ import annotations

from dataclasses import fields

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage import rows
from storage.errors import AlreadySettled, NotFound
from storage.records import NewReply, Outcome, Receipt, Reply, Settlement, Side
from storage.store import Store
from tests.storage.samples import BOTH, FULL_SETTLEMENT, NOON, complete, later, new_session, new_turn

STORES = ("memory", "file", "vault")


def test_a_turn_opens_with_its_prompt_and_one_open_reply_per_side(store: Store) -> None:
    session = new_session(store)
    turn = store.open_turn(session.id, "Why?\n", later(1), BOTH)
    assert (turn.session_id, turn.seq, turn.prompt, turn.asked) == (session.id, 1, "Why?\n", later(1))
    assert [(reply.side, reply.variant, reply.model, reply.outcome) for reply in turn.replies] == [
        (Side.LEFT, 1, BOTH[0].model, Outcome.OPEN),
        (Side.RIGHT, 1, BOTH[1].model, Outcome.OPEN),
    ]
    assert store.turn(turn.id) == turn
    assert store.turns(session.id) == [turn]


def test_a_turn_that_cannot_be_stored_leaves_nothing_behind(store: Store) -> None:
    session = new_session(store)
    wrong = NewReply("middle", "demo:")  # type: ignore[arg-type]
    with pytest.raises(Exception, match="CHECK"):
        store.open_turn(session.id, "lost?", later(9), [BOTH[0], wrong])
    assert store.turns(session.id) == []
    assert store.session(session.id) == session


def test_sending_a_prompt_empties_the_draft(store: Store) -> None:
    session = new_session(store)
    store.save_draft(session.id, "Why?")
    new_turn(store, session, "Why?")
    assert store.session(session.id).draft == ""


def test_turns_are_numbered_within_their_session(store: Store) -> None:
    one, two = new_session(store), new_session(store)
    numbers = [new_turn(store, session).seq for session in (one, two, one, one, two)]
    assert numbers == [1, 1, 2, 3, 2]
    assert [turn.seq for turn in store.turns(one.id)] == [1, 2, 3]


def test_a_prompt_may_go_to_one_side_only(store: Store) -> None:
    session = new_session(store)
    turn = store.open_turn(session.id, "Why?", NOON, BOTH[1:])
    assert turn.latest(Side.LEFT) is None
    assert len(turn.variants(Side.RIGHT)) == 1


def test_parts_join_in_order_when_the_reply_settles(store: Store) -> None:
    left, right = new_turn(store, new_session(store)).replies
    store.append_parts([(left.id, "Be", ""), (right.id, "", "hm"), (left.id, "cause", "")])
    store.append_parts([(left.id, ".", ""), (right.id, "So", " hm")])
    settled = store.settle_reply(left.id, complete())
    assert (settled.text, settled.thinking, settled.outcome) == ("Because.", "", Outcome.COMPLETE)
    assert store._db.number("SELECT count(*) FROM reply_parts WHERE reply_id = ?", (left.id,)) == 0
    other = store.settle_reply(right.id, Settlement(Outcome.STOPPED, later(3)))
    assert (other.text, other.thinking, other.outcome) == ("So", "hm hm", Outcome.STOPPED)


def test_an_open_reply_is_read_with_the_text_stored_so_far(store: Store) -> None:
    session = new_session(store)
    turn = new_turn(store, session)
    left = turn.replies[0]
    store.append_parts([(left.id, "So far", "thought")])
    assert (store.reply(left.id).text, store.reply(left.id).thinking) == ("So far", "thought")
    assert store.turn(turn.id).replies[0].text == "So far"
    assert store.turns(session.id)[0].replies[0].text == "So far"


def test_a_settlement_is_stored_in_every_field(store: Store) -> None:
    for kind in (Settlement, Receipt):
        sample = FULL_SETTLEMENT if kind is Settlement else FULL_SETTLEMENT.receipt
        assert all(getattr(sample, f.name) != f.default for f in fields(kind))
    left = new_turn(store, new_session(store)).replies[0]
    settled = store.settle_reply(left.id, FULL_SETTLEMENT)
    for field in fields(Settlement):
        assert getattr(settled, field.name) == getattr(FULL_SETTLEMENT, field.name)
    assert settled == store.reply(left.id)


def test_every_field_of_reply_and_receipt_is_a_column(store: Store) -> None:
    columns = {row["name"] for row in store._db.rows("PRAGMA table_info(replies)")}
    assert {field.name for field in fields(Reply)} - {"receipt"} <= columns
    assert set(rows.RECEIPT_COLUMNS) <= columns


def test_a_reply_settles_only_once(store: Store) -> None:
    left = new_turn(store, new_session(store)).replies[0]
    first = store.settle_reply(left.id, complete())
    with pytest.raises(AlreadySettled):
        store.settle_reply(left.id, Settlement(Outcome.FAILED, later(10), error="no"))
    assert store.reply(left.id) == first


def test_a_reply_does_not_settle_as_open(store: Store) -> None:
    left = new_turn(store, new_session(store)).replies[0]
    with pytest.raises(ValueError, match="settle as open"):
        store.settle_reply(left.id, Settlement(Outcome.OPEN, later(10)))


def test_text_that_comes_too_late_is_refused_without_costing_the_other_side_its_own(store: Store) -> None:
    left, right = new_turn(store, new_session(store)).replies
    store.settle_reply(left.id, complete())
    with pytest.raises(AlreadySettled):
        store.append_parts([(left.id, "late", ""), (right.id, "in time", ""), (999, "nobody's", "")])
    assert store.reply(left.id).text == ""
    assert store.reply(right.id).text == "in time"


def test_a_retry_adds_a_variant_and_overwrites_nothing(store: Store) -> None:
    session = new_session(store)
    turn = new_turn(store, session)
    store.append_parts([(turn.replies[0].id, "first", "")])
    store.settle_reply(turn.replies[0].id, complete())
    retry = store.open_variant(turn.id, NewReply(Side.LEFT, "ollama:other"), later(20))
    assert (retry.variant, retry.model, retry.started, retry.outcome) == (2, "ollama:other", later(20), Outcome.OPEN)
    again = store.turn(turn.id)
    assert [reply.variant for reply in again.variants(Side.LEFT)] == [1, 2]
    assert again.variants(Side.LEFT)[0].text == "first"
    assert again.latest(Side.LEFT) == retry
    assert [reply.side for reply in again.replies] == [Side.LEFT, Side.LEFT, Side.RIGHT]
    assert store.session(session.id).updated == later(20)
    with pytest.raises(NotFound):
        store.open_variant(999, BOTH[0], NOON)


def test_adopting_takes_a_reply_of_the_turn_or_none(store: Store) -> None:
    session = new_session(store)
    turn, other = new_turn(store, session), new_turn(store, session)
    store.adopt(turn.id, turn.replies[1].id)
    assert store.turn(turn.id).adopted_reply_id == turn.replies[1].id
    for turn_id, reply_id in ((turn.id, other.replies[0].id), (999, None), (turn.id, 999)):
        with pytest.raises(NotFound):
            store.adopt(turn_id, reply_id)
    assert store.turn(turn.id).adopted_reply_id == turn.replies[1].id
    store.adopt(turn.id, None)
    assert store.turn(turn.id).adopted_reply_id is None


def test_sizes_are_characters_of_the_latest_variant(store: Store) -> None:
    session = new_session(store)
    turn = new_turn(store, session, "€uro?")
    left, right = turn.replies
    store.append_parts([(left.id, "long answer", ""), (right.id, "😀😀", "thinking is not counted")])
    store.settle_reply(left.id, complete())
    store.settle_reply(right.id, complete())
    retry = store.open_variant(turn.id, BOTH[0], later(3))
    store.append_parts([(retry.id, "abc", "")])
    store.settle_reply(retry.id, complete())
    store.open_turn(session.id, "", later(4), BOTH[:1])
    sizes = store.turn_sizes(session.id)
    assert [(size.id, size.seq, size.prompt, size.left, size.right) for size in sizes] == [
        (turn.id, 1, 5, 3, 2),
        (turn.id + 1, 2, 0, 0, 0),
    ]


def test_unknown_turns_and_replies_are_not_found(store: Store) -> None:
    with pytest.raises(NotFound):
        store.turn(1)
    with pytest.raises(NotFound):
        store.reply(1)
    with pytest.raises(NotFound):
        store.settle_reply(1, complete())
    assert store.turns("nowhere") == []
    assert store.turn_sizes("nowhere") == []


def test_ids_are_never_used_again(store: Store) -> None:
    session = new_session(store)
    turn = new_turn(store, session)
    with store._db.transaction():
        store._db.write("DELETE FROM sessions")
    assert store._db.number("SELECT (SELECT count(*) FROM turns) + (SELECT count(*) FROM replies)") == 0
    fresh = new_turn(store, new_session(store))
    assert fresh.id > turn.id
    assert fresh.replies[0].id > turn.replies[-1].id


ANY_TEXT = st.text(st.characters(exclude_categories=()))  # lone surrogates and NUL included


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(prompt=ANY_TEXT, pieces=st.lists(ANY_TEXT, max_size=4))
def test_text_is_kept_exactly_except_lone_surrogates(store: Store, prompt: str, pieces: list[str]) -> None:
    turn = new_turn(store, new_session(store), prompt)
    left = turn.replies[0]
    store.append_parts([(left.id, piece, piece) for piece in pieces])
    settled = store.settle_reply(left.id, complete())
    _assert_kept(turn.prompt, prompt)
    assert settled.thinking == settled.text
    if all(_encodable(piece) for piece in pieces):
        assert settled.text == "".join(pieces)
    assert _encodable(settled.text)


def _assert_kept(stored: str, said: str) -> None:
    assert _encodable(stored)
    if _encodable(said):
        assert stored == said


def _encodable(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


@pytest.mark.parametrize(
    ("said", "stored"),
    [
        ("a\ud800b", "a\ufffdb"),
        ("\udc00", "\ufffd"),
        ("\ud83d\ude00", "😀"),
        ("\ud83d\ud83d\ude00!", "\ufffd😀!"),
        ("NUL \x00 in the middle\x00", "NUL \x00 in the middle\x00"),
        ("\x1b[31m\r\n\u202e\ufeff", "\x1b[31m\r\n\u202e\ufeff"),
    ],
)
def test_difficult_text(store: Store, said: str, stored: str) -> None:
    turn = new_turn(store, new_session(store, title=said), said)
    assert turn.prompt == stored
    assert store.sessions()[0].session.title == stored
    store.append_parts([(turn.replies[0].id, said, "")])
    settled = store.settle_reply(turn.replies[0].id, Settlement(Outcome.FAILED, NOON, error=said, note=said))
    assert (settled.text, settled.error, settled.note) == (stored, stored, stored)
    assert store.turn_sizes(turn.session_id)[0].left == len(stored)


def test_a_count_that_no_server_can_mean_is_not_known(store: Store) -> None:
    left = new_turn(store, new_session(store)).replies[0]
    receipt = Receipt(input_tokens=2**63, output_tokens=2**63 - 1, cost_usd=float("nan"), total_s=float("inf"))
    settled = store.settle_reply(left.id, Settlement(Outcome.COMPLETE, NOON, receipt=receipt)).receipt
    assert (settled.input_tokens, settled.output_tokens, settled.cost_usd) == (None, 2**63 - 1, None)
    assert settled.total_s == float("inf")


def test_questions_are_read_in_runs_and_say_what_went_wrong(store: Store) -> None:
    session = new_session(store)
    for n in range(5):
        turn = new_turn(store, session, f"question {n}" + "x" * 1_000, seconds=n)
        outcome = Outcome.FAILED if n == 3 else Outcome.COMPLETE
        store.settle_reply(turn.replies[0].id, Settlement(outcome, later(9)))
    found = store.questions(session.id, 2, 2)
    assert [(one.seq, one.prompt[:10], one.trouble) for one in found] == [
        (3, "question 2", ""),
        (4, "question 3", "failed"),
    ]
    assert len(found[0].prompt) == 400
    assert len(store.questions(session.id, 4, 100)) == 1
