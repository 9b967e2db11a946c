from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from backends import Backend, Connector, Locality
from backends.spec import SpecError, parse
from conversation.engine import Surroundings
from conversation.library import Library
from storage import Side
from storage.errors import NotFound
from storage.store import Store
from storage.thread import StoreThread
from tests.doubles import ScriptedBackend, answer, connector

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture
async def store() -> AsyncIterator[StoreThread]:
    thread = StoreThread(None, now=lambda: NOON, flush_seconds=0.01)
    await thread.start()
    yield thread
    thread.close()


def never() -> Backend:
    raise AssertionError("nobody may be connected")


async def ready() -> None:
    return


def connect(_: Side, text: str) -> Connector | None:
    """A connector that must not be used; None for files, which are gone."""
    spec = parse(text)
    if spec.backend == "gguf":
        return None
    locality = Locality.CLOUD if spec.backend == "claude" else Locality.THIS_MACHINE
    return Connector(spec, locality, never, ready)


def library(store: StoreThread) -> Library:
    return Library(store, connect, Surroundings(lambda: NOON))


async def saved(
    store: StoreThread,
    left: str | None = None,
    right: str | None = None,
    *,
    confidential: bool = False,
    title: str = "",
    minutes: int = 0,
) -> str:
    session = await store.run(
        Store.create_session,
        left=left,
        right=right,
        created=NOON + timedelta(minutes=minutes),
        confidential=confidential,
        title=title,
    )
    return session.id


async def test_a_saved_session_comes_back_with_its_own_pair_and_connects_to_nobody(store: StoreThread) -> None:
    session = await saved(store, "claude:claude-opus-5-5", "ollama:m")
    talk = await library(store).resume(session)
    assert [str(one.spec) for one in talk.connectors.values()] == ["claude:claude-opus-5-5", "ollama:m"]


async def test_a_confidential_session_comes_back_without_the_cloud_it_had(store: StoreThread) -> None:
    session = await saved(store, "claude:claude-opus-5-5", "ollama:m", confidential=True)
    talk = await library(store).resume(session)
    assert talk.confidential
    assert set(talk.connectors) == {Side.RIGHT}


async def test_a_model_that_is_gone_leaves_its_side_empty(store: StoreThread) -> None:
    talk = await library(store).resume(await saved(store, "claude:", "gguf:gone.gguf"))
    assert set(talk.connectors) == {Side.LEFT}


async def test_a_session_that_there_is_not_cannot_be_taken_up(store: StoreThread) -> None:
    with pytest.raises(NotFound):
        await library(store).resume("01J00000000000000000000000")


async def test_a_new_session_is_not_stored_before_its_first_prompt(store: StoreThread) -> None:
    right = ScriptedBackend("ollama:m", answer("x"))
    talks = library(store)
    talk = talks.start({Side.RIGHT: connector(right)})
    assert (talks.count(), await talks.cost(talk), talks.cloud_turns(talk)) == (0, 0.0, 0)
    assert talks.transcript(talk).count() == 0
    await talk.ask("q", lambda _: None)
    assert talks.count() == 1
    [size] = talks.transcript(talk).sizes(0, talks.transcript(talk).count())
    assert talks.transcript(talk).turn(size.id).prompt == "q"


async def test_the_next_session_gets_the_models_of_the_last_ordinary_one(store: StoreThread) -> None:
    await saved(store, "claude:", "ollama:older", minutes=0)
    await saved(store, "claude:", "ollama:newer", minutes=1)
    await saved(store, None, "ollama:secret", minutes=2, confidential=True)
    assert library(store).last_pair() == {Side.LEFT: "claude:", Side.RIGHT: "ollama:newer"}


async def test_the_demo_model_is_not_taken_over_into_the_next_session(store: StoreThread) -> None:
    await saved(store, "demo:messages", "ollama:m")
    assert library(store).last_pair() == {Side.RIGHT: "ollama:m"}


async def test_prompts_of_this_session_only_are_offered_again_oldest_first(store: StoreThread) -> None:
    talks = library(store)
    for prompts in (["one", "two", "three"], ["of another session"]):
        talk = talks.start({Side.RIGHT: connector(ScriptedBackend("ollama:m", answer("x")))})
        for prompt in prompts:
            await talk.ask(prompt, lambda _: None)
        if len(prompts) == 3:
            first = talk
    assert talks.recent_prompts(first) == ["one", "two", "three"]
    assert talks.recent_prompts(first, limit=2) == ["two", "three"]
    last = talks.last_turn(first)
    assert last is not None
    assert (last.seq, last.prompt, len(last.replies)) == (3, "three", 1)


async def test_a_conversation_without_a_prompt_has_nothing_to_offer_again(store: StoreThread) -> None:
    talk = library(store).start({})
    assert library(store).recent_prompts(talk) == []
    assert library(store).last_turn(talk) is None


async def test_what_is_shown_unasked_has_no_confidential_session_in_it(store: StoreThread) -> None:
    await saved(store, title="ordinary")
    await saved(store, title="secret", confidential=True, minutes=1)
    talks = library(store)
    assert [summary.session.title for summary in talks.ordinary_summaries(5)] == ["ordinary"]
    listed = talks.catalogue.newest(5)
    assert [summary.session.title for summary in listed.rows] == ["secret", "ordinary"]


async def test_the_newest_session_is_the_one_used_last(store: StoreThread) -> None:
    talks = library(store)
    assert talks.newest_session() is None
    await saved(store, minutes=0)
    newest = await saved(store, minutes=1)
    assert talks.newest_session() == newest


async def test_a_stored_name_that_is_none_is_an_error_of_whoever_connects(store: StoreThread) -> None:
    with pytest.raises(SpecError):
        await library(store).resume(await saved(store, "nonsense"))


async def test_words_are_found_in_ordinary_sessions_alone(store: StoreThread) -> None:
    ordinary = await saved(store, title="A lease")
    secret = await saved(store, title="Another lease", confidential=True)
    for session in (ordinary, secret):
        await store.run(Store.open_turn, session, "What of the tenant?", NOON, [])
    while await store.run(Store.index_step):
        pass

    for words in ("tenant", "lease"):
        found = await library(store).search(words)
        assert found is not None
        assert [hit.session_id for hit in found.hits] == [ordinary]
