"""What happens when a stop, the latch, another model, leaving or a second prompt comes at the worst moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backends import Connector, Event, Finished, Locality, Located, Request, Stop, TextDelta
from backends.ledger import current
from conversation.engine import Conversation, Surroundings
from conversation.errors import Busy, NothingToAsk
from conversation.updates import Settled, Update
from storage import Outcome, Side, Turn
from storage.store import Store
from storage.thread import StoreThread
from tests.doubles import Hold, ScriptedBackend, answer, connector

HERE = Located(Locality.THIS_MACHINE, "127.0.0.1:1", "a test says so")
ELSEWHERE = Located(Locality.CLOUD, "ollama.com:443", "the server says so")


def now() -> datetime:
    return datetime.now(UTC)


def unseen(_: Update) -> None:
    return


@pytest.fixture
async def store() -> AsyncIterator[StoreThread]:
    thread = StoreThread(None, now=now, flush_seconds=0.01)
    await thread.start()
    yield thread
    thread.close()


def talk_of(store: StoreThread, left: Connector | None, right: Connector | None) -> Conversation:
    pair = {Side.LEFT: left, Side.RIGHT: right}
    return Conversation(store, {side: one for side, one in pair.items() if one is not None}, Surroundings(now))


def two_sides(store: StoreThread) -> tuple[Conversation, ScriptedBackend, ScriptedBackend]:
    left = ScriptedBackend("claude:", answer("from the cloud", locality=Locality.CLOUD))
    right = ScriptedBackend("ollama:m", answer("from here"))
    return talk_of(store, connector(left, Locality.CLOUD), connector(right)), left, right


def outcomes(turn: Turn) -> list[Outcome]:
    return [reply.outcome for reply in turn.replies]


async def test_stopping_while_the_prompt_is_being_stored_sends_nothing(store: StoreThread) -> None:
    talk, left, right = two_sides(store)
    async with asyncio.TaskGroup() as group:
        asking = group.create_task(talk.ask("q", unseen))
        await asyncio.sleep(0)
        assert talk.stop()
    assert outcomes(asking.result()) == [Outcome.STOPPED, Outcome.STOPPED]
    assert left.requests == right.requests == []


async def test_a_reply_that_is_stopped_before_its_first_step_settles_once(store: StoreThread) -> None:
    talk, _, right = two_sides(store)
    seen: list[Update] = []

    def stop_at_once(update: Update) -> None:
        seen.append(update)
        # Runs before the replies' tasks do: they are cancelled before their first step.
        asyncio.get_running_loop().call_soon(talk.stop)

    turn = await talk.ask("q", stop_at_once)
    assert outcomes(turn) == [Outcome.STOPPED, Outcome.STOPPED]
    assert len([one for one in seen if isinstance(one, Settled)]) == 2
    assert right.requests == []
    assert not talk.running


async def test_the_latch_falling_while_the_prompt_is_being_stored_keeps_it_from_the_cloud(store: StoreThread) -> None:
    talk, left, right = two_sides(store)
    async with asyncio.TaskGroup() as group:
        asking = group.create_task(talk.ask("secret", unseen))
        await asyncio.sleep(0)
        await talk.make_confidential()
    cut, local = asking.result().replies
    assert (cut.outcome, local.outcome) == (Outcome.STOPPED, Outcome.COMPLETE)
    assert "confidential" in cut.note
    assert left.requests == []
    assert right.requests[0].this_machine_only
    assert talk.session is not None
    assert (await store.run(Store.session, talk.session.id)).confidential


async def test_the_latch_falling_while_a_library_is_imported_makes_the_request_prove_its_place(
    store: StoreThread,
) -> None:
    imported = asyncio.Event()
    right = ScriptedBackend("ollama:m", answer("from here"))

    async def wait() -> None:
        await imported.wait()

    slow = Connector(right.spec, Locality.THIS_MACHINE, lambda: right, wait)
    talk = talk_of(store, None, slow)
    async with asyncio.TaskGroup() as group:
        group.create_task(talk.ask("q", unseen))
        await until_running(talk)
        await talk.make_confidential()
        imported.set()
    assert right.requests[0].this_machine_only


async def until_running(talk: Conversation) -> None:
    async with asyncio.timeout(5):
        while not talk.running:
            await asyncio.sleep(0)
        await asyncio.sleep(0.05)


async def test_the_latch_cancels_an_answer_that_a_local_server_has_made_elsewhere(store: StoreThread) -> None:
    hold = Hold()
    right = ScriptedBackend("ollama:m-cloud", [ELSEWHERE, TextDelta("par"), hold])
    talk = talk_of(store, None, connector(right))
    async with asyncio.TaskGroup() as group:
        asking = group.create_task(talk.ask("q", unseen))
        await hold.reached.wait()
        await talk.make_confidential()
    [reply] = asking.result().replies
    assert (reply.outcome, reply.text) == (Outcome.STOPPED, "par")
    assert "confidential" in reply.note


async def test_a_session_that_another_program_made_confidential_is_so_here_with_the_next_prompt(
    store: StoreThread,
) -> None:
    talk, left, right = two_sides(store)
    await talk.ask("one", unseen)
    assert talk.session is not None
    await store.run(Store.mark_confidential, talk.session.id, now())
    turn = await talk.ask("secret", unseen)
    assert talk.confidential
    assert outcomes(turn) == [Outcome.STOPPED, Outcome.COMPLETE]
    assert len(left.requests) == 1
    assert right.requests[1].this_machine_only


async def test_another_model_cannot_be_put_under_a_prompt_that_is_being_stored(store: StoreThread) -> None:
    talk, left, _ = two_sides(store)
    other = ScriptedBackend("claude:claude-opus-5-5", answer("no", locality=Locality.CLOUD))
    async with asyncio.TaskGroup() as group:
        asking = group.create_task(talk.ask("q", unseen))
        await asyncio.sleep(0)
        with pytest.raises(Busy):
            await talk.use(Side.LEFT, connector(other, Locality.CLOUD))
    assert asking.result().replies[0].model == str(left.spec)
    assert (len(left.requests), other.requests) == (1, [])


async def test_two_retries_at_once_ask_once(store: StoreThread) -> None:
    talk, _, right = two_sides(store)
    turn = await talk.ask("q", unseen)
    async with asyncio.TaskGroup() as group:
        group.create_task(talk.retry(turn.id, Side.RIGHT, unseen))
        await asyncio.sleep(0)
        with pytest.raises(Busy):
            await talk.retry(turn.id, Side.RIGHT, unseen)
        with pytest.raises(Busy):
            await talk.ask("another", unseen)
    assert len(right.requests) == 2


async def test_leaving_waits_until_every_reply_has_settled_and_nothing_is_asked_after_it(store: StoreThread) -> None:
    talk, left, right = two_sides(store)
    seen: list[Update] = []
    async with asyncio.TaskGroup() as group:
        group.create_task(talk.ask("q", seen.append))
        await asyncio.sleep(0)
        await talk.aclose()
        assert len([one for one in seen if isinstance(one, Settled)]) == 2
        assert not talk.running
    assert left.requests == right.requests == []
    with pytest.raises(NothingToAsk):
        await talk.ask("too late", unseen)


async def test_a_session_born_while_the_latch_falls_is_stored_as_confidential(store: StoreThread) -> None:
    talk, _, _ = two_sides(store)
    async with asyncio.TaskGroup() as group:
        group.create_task(talk.save_draft("a draft"))
        await asyncio.sleep(0)
        group.create_task(talk.make_confidential())
    [summary] = store.reader.sessions()
    assert summary.session.confidential


async def test_a_draft_and_a_prompt_at_once_make_one_session(store: StoreThread) -> None:
    talk, _, _ = two_sides(store)
    async with asyncio.TaskGroup() as group:
        group.create_task(talk.ask("q", unseen))
        group.create_task(talk.save_draft("next"))
    assert store.reader.session_count() == 1


class Recorded(ScriptedBackend):
    """Opens a line of the ledger before it answers, as every backend does at the HTTP door."""

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        recording = current()
        assert recording is not None
        await recording.ledger.opened(
            purpose=recording.purpose, host="api.anthropic.com", port=443, locality=Locality.CLOUD
        )
        async for event in super().stream(request):
            yield event


async def test_a_request_that_the_store_refuses_fails_its_own_side_in_words(store: StoreThread) -> None:
    hold = Hold()
    left = Recorded("claude:", answer("leak", locality=Locality.CLOUD))
    right = ScriptedBackend("ollama:m", [HERE, hold, TextDelta("fine"), Finished("m", Stop.END)])
    talk = talk_of(store, None, connector(right))
    marked = asyncio.Event()

    async def until_marked() -> None:
        await marked.wait()

    late = Connector(left.spec, Locality.CLOUD, lambda: left, until_marked)
    await talk.use(Side.LEFT, late)
    async with asyncio.TaskGroup() as group:
        asking = group.create_task(talk.ask("q", unseen))
        await hold.reached.wait()
        assert talk.session is not None
        await store.run(Store.mark_confidential, talk.session.id, now())  # as another program does
        marked.set()
        hold.release.set()
    refused, fine = asking.result().replies
    assert (refused.outcome, refused.error_kind) == (Outcome.FAILED, "not-on-device")
    assert refused.error is not None
    assert "confidential" in refused.error
    assert fine.outcome is Outcome.COMPLETE
    assert left.requests == []


async def test_a_ledger_that_cannot_be_written_fails_its_own_side_in_words(tmp_path: Path) -> None:
    store = StoreThread(tmp_path / "conversations.db", now=now, flush_seconds=0.01)
    await store.start()
    left = Recorded("claude:", answer("never sent", locality=Locality.CLOUD))
    closed = asyncio.Event()

    async def until_closed() -> None:
        await closed.wait()

    talk = talk_of(store, Connector(left.spec, Locality.CLOUD, lambda: left, until_closed), None)
    seen: list[Update] = []
    asking = asyncio.get_running_loop().create_task(talk.ask("q", seen.append))
    await until_running(talk)
    store.close()
    closed.set()
    with pytest.raises(Exception, match="not open"):
        await asking
    [settled] = [one for one in seen if isinstance(one, Settled)]
    assert settled.reply.error_kind == "not-recorded"
    assert settled.reply.error is not None
    assert "Nothing was sent" in settled.reply.error
    assert left.requests == []
