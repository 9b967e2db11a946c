from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from backends import Finished, Locality, Located, Metered, Stop, TextDelta, ThinkingDelta, Usage
from backends.errors import BrokenStream, MissingKey, NotOnDevice, Overloaded, RateLimited
from conversation.engine import Conversation, Surroundings
from conversation.errors import Busy, NothingToAsk
from conversation.updates import Delta, RetryWaiting, Settled, TurnOpened, Update
from storage import Outcome, Side
from storage.store import Store
from storage.thread import StoreThread
from tests.doubles import Hold, ScriptedBackend, Step, answer, connector

HERE = Located(Locality.THIS_MACHINE, "127.0.0.1:1", "a test says so")


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
async def store() -> AsyncIterator[StoreThread]:
    thread = StoreThread(None, now=now, flush_seconds=0.01)
    await thread.start()
    yield thread
    thread.close()


class Screen:
    """Collects what the engine shows."""

    def __init__(self) -> None:
        self.updates: list[Update] = []

    def __call__(self, update: Update) -> None:
        self.updates.append(update)

    def settled(self) -> list[Settled]:
        return [one for one in self.updates if isinstance(one, Settled)]

    def text(self, side: Side) -> str:
        return "".join(one.text for one in self.updates if isinstance(one, Delta) and one.side is side)


def conversation(
    store: StoreThread,
    left: ScriptedBackend | None,
    right: ScriptedBackend | None,
    *,
    left_locality: Locality = Locality.CLOUD,
    confidential: bool = False,
    slept: list[float] | None = None,
) -> Conversation:
    async def sleep(seconds: float) -> None:
        if slept is not None:
            slept.append(seconds)
        await asyncio.sleep(0)

    pair = {}
    if left is not None:
        pair[Side.LEFT] = connector(left, left_locality)
    if right is not None:
        pair[Side.RIGHT] = connector(right)
    return Conversation(store, pair, Surroundings(now, sleep=sleep), confidential=confidential)


def cloud(*pieces: str) -> list[Step]:
    return answer(*pieces, locality=Locality.CLOUD)


async def test_one_prompt_gives_two_stored_answers(store: StoreThread) -> None:
    left, right = ScriptedBackend("claude:", cloud("Hel", "lo")), ScriptedBackend("demo:", answer("Hi", " there"))
    talk, screen = conversation(store, left, right), Screen()
    turn = await talk.ask("Say hello", screen)
    assert [(reply.side, reply.text, reply.outcome) for reply in turn.replies] == [
        (Side.LEFT, "Hello", Outcome.COMPLETE),
        (Side.RIGHT, "Hi there", Outcome.COMPLETE),
    ]
    assert isinstance(screen.updates[0], TurnOpened)
    assert screen.text(Side.LEFT) == "Hello"
    assert talk.session is not None
    assert talk.session.title == "Say hello"
    assert not talk.running


async def test_the_prompt_is_stored_before_anything_is_sent(store: StoreThread) -> None:
    seen: list[str] = []

    def look() -> None:
        [summary] = store.reader.sessions()
        seen.extend(turn.prompt for turn in store.reader.turns(summary.session.id))

    await conversation(store, ScriptedBackend("demo:", [look, *answer("x")]), None).ask("kept first", Screen())
    assert seen == ["kept first"]


async def test_each_side_keeps_its_own_history(store: StoreThread) -> None:
    left, right = ScriptedBackend("claude:", cloud("L1")), ScriptedBackend("demo:", answer("R1"))
    talk = conversation(store, left, right)
    await talk.ask("one", Screen())
    await talk.ask("two", Screen())
    assert [message.text for message in left.requests[1].messages] == ["one", "L1", "two"]
    assert [message.text for message in right.requests[1].messages] == ["one", "R1", "two"]


async def test_one_side_failing_leaves_the_other_alone(store: StoreThread) -> None:
    left = ScriptedBackend("claude:", [MissingKey("No API key yet.")])
    turn = await conversation(store, left, ScriptedBackend("demo:", answer("fine"))).ask("q", Screen())
    failed, fine = turn.replies
    assert (failed.outcome, failed.error_kind, failed.error) == (Outcome.FAILED, "missing-key", "No API key yet.")
    assert (fine.outcome, fine.text) == (Outcome.COMPLETE, "fine")


async def test_a_broken_answer_keeps_what_came(store: StoreThread) -> None:
    script: list[Step] = [HERE, TextDelta("half"), BrokenStream("The answer broke off.")]
    turn = await conversation(store, None, ScriptedBackend("demo:", script)).ask("q", Screen())
    [reply] = turn.replies
    assert (reply.outcome, reply.text, reply.error) == (Outcome.FAILED, "half", "The answer broke off.")
    assert reply.receipt.estimated


async def test_stopping_one_side_keeps_its_text_and_lets_the_other_go_on(store: StoreThread) -> None:
    stop_here, wait_here = Hold(), Hold()
    left = ScriptedBackend("claude:", [TextDelta("par"), stop_here])
    right = ScriptedBackend("demo:", [HERE, wait_here, TextDelta("whole"), Finished("m", Stop.END)])
    talk, screen = conversation(store, left, right), Screen()
    async with asyncio.TaskGroup() as group:
        asking = group.create_task(talk.ask("q", screen))
        await stop_here.reached.wait()
        await wait_here.reached.wait()
        assert talk.stop(Side.LEFT)
        while Side.LEFT in talk.running:
            await asyncio.sleep(0)
        assert talk.running == {Side.RIGHT}
        wait_here.release.set()
    stopped, whole = asking.result().replies
    assert (stopped.outcome, stopped.text) == (Outcome.STOPPED, "par")
    assert (whole.outcome, whole.text) == (Outcome.COMPLETE, "whole")
    assert left.closed_streams == 1
    assert len(screen.settled()) == 2


async def test_a_cancelled_turn_settles_both_replies_once(store: StoreThread) -> None:
    holds = Hold(), Hold()
    left = ScriptedBackend("claude:", [TextDelta("l"), holds[0]])
    right = ScriptedBackend("demo:", [TextDelta("r"), holds[1]])
    talk, screen = conversation(store, left, right), Screen()

    async def quitting() -> None:
        await talk.ask("q", screen)

    asking = asyncio.get_running_loop().create_task(quitting())
    for hold in holds:
        await hold.reached.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert talk.session is not None
    [turn] = await store.run(Store.turns, talk.session.id)
    assert [(reply.outcome, reply.text) for reply in turn.replies] == [
        (Outcome.INTERRUPTED, "l"),
        (Outcome.INTERRUPTED, "r"),
    ]
    assert len(screen.settled()) == 2
    assert (left.closed_streams, right.closed_streams) == (1, 1)


async def test_a_bug_in_a_backend_is_loud_and_still_settles_the_replies(store: StoreThread) -> None:
    def bug() -> None:
        raise ZeroDivisionError

    talk = conversation(store, ScriptedBackend("claude:", [TextDelta("a"), bug]), ScriptedBackend("demo:", [Hold()]))
    with pytest.raises(ExceptionGroup):
        await talk.ask("q", Screen())
    assert talk.session is not None
    [turn] = await store.run(Store.turns, talk.session.id)
    assert {reply.outcome for reply in turn.replies} == {Outcome.INTERRUPTED}
    assert not talk.running


async def test_a_busy_server_is_asked_again_after_a_visible_wait(store: StoreThread) -> None:
    slept: list[float] = []
    left = ScriptedBackend("claude:", [RateLimited("Too many requests.", retry_after=3)], cloud("at last"))
    screen = Screen()
    turn = await conversation(store, left, None, slept=slept).ask("q", screen)
    assert turn.replies[0].text == "at last"
    waits = [one.seconds for one in screen.updates if isinstance(one, RetryWaiting)]
    assert waits == [3, 2, 1]
    assert slept == [1.0, 1.0, 1.0]


async def test_a_server_that_wants_a_day_is_not_waited_for(store: StoreThread) -> None:
    slept: list[float] = []
    left = ScriptedBackend("claude:", [RateLimited("Too many requests.", retry_after=86_400)])
    turn = await conversation(store, left, None, slept=slept).ask("q", Screen())
    assert turn.replies[0].error_kind == "rate-limited"
    assert turn.replies[0].error == "Too many requests.\nThe server asks to wait 24 hours."
    assert slept == []


async def test_a_wait_for_another_try_can_be_stopped(store: StoreThread) -> None:
    talk = Conversation(
        store,
        {Side.LEFT: connector(ScriptedBackend("claude:", [Overloaded("Busy.", retry_after=50)]), Locality.CLOUD)},
        Surroundings(now),
    )
    screen = Screen()
    async with asyncio.TaskGroup() as group:
        asking = group.create_task(talk.ask("q", screen))
        while not any(isinstance(one, RetryWaiting) for one in screen.updates):
            await asyncio.sleep(0.001)
        talk.stop()
    assert asking.result().replies[0].outcome is Outcome.STOPPED


async def test_an_overload_in_mid_answer_is_not_repeated(store: StoreThread) -> None:
    left = ScriptedBackend("claude:", [TextDelta("some"), Overloaded("Busy.")], cloud("again"))
    turn = await conversation(store, left, None, slept=[]).ask("q", Screen())
    assert (turn.replies[0].text, turn.replies[0].error_kind) == ("some", "overloaded")
    assert len(left.requests) == 1


async def test_retry_adds_a_variant_and_repeats_the_history_of_its_turn(store: StoreThread) -> None:
    right = ScriptedBackend("demo:", answer("first"), answer("second"), answer("again"))
    talk = conversation(store, None, right)
    await talk.ask("one", Screen())
    turn = await talk.ask("two", Screen())
    turn = await talk.retry(turn.id, Side.RIGHT, Screen())
    assert [(reply.variant, reply.text) for reply in turn.replies] == [(1, "second"), (2, "again")]
    assert [message.text for message in right.requests[2].messages] == ["one", "first", "two"]


async def test_only_the_wanted_side_is_asked(store: StoreThread) -> None:
    left, right = ScriptedBackend("claude:", cloud("no")), ScriptedBackend("demo:", answer("yes"))
    turn = await conversation(store, left, right).ask("q", Screen(), sides=frozenset({Side.RIGHT}))
    assert [reply.side for reply in turn.replies] == [Side.RIGHT]
    assert left.requests == []


async def test_a_second_prompt_waits_its_turn(store: StoreThread) -> None:
    hold = Hold()
    talk = conversation(store, None, ScriptedBackend("demo:", [hold, *answer("x")]))
    async with asyncio.TaskGroup() as group:
        group.create_task(talk.ask("q", Screen()))
        await hold.reached.wait()
        with pytest.raises(Busy):
            await talk.ask("too early", Screen())
        hold.release.set()


@pytest.mark.parametrize("prompt", ["", "  \n\t "])
async def test_an_empty_prompt_is_not_sent(store: StoreThread, prompt: str) -> None:
    right = ScriptedBackend("demo:", answer("x"))
    with pytest.raises(ValueError, match="empty"):
        await conversation(store, None, right).ask(prompt, Screen())
    assert right.requests == []


async def test_a_confidential_session_never_connects_to_a_cloud(store: StoreThread) -> None:
    left, right = ScriptedBackend("claude:", cloud("leak")), ScriptedBackend("demo:", answer("here"))
    talk = conversation(store, left, right, confidential=True)
    turn = await talk.ask("secret", Screen())
    assert [reply.side for reply in turn.replies] == [Side.RIGHT]
    assert left.requests == []
    assert right.requests[0].this_machine_only
    assert talk.session is not None
    assert talk.session.confidential


async def test_the_latch_cancels_a_cloud_request_in_flight_and_says_so(store: StoreThread) -> None:
    cloud_hold, local_hold = Hold(), Hold()
    left = ScriptedBackend("claude:", [TextDelta("par"), cloud_hold])
    right = ScriptedBackend("demo:", [HERE, local_hold, TextDelta("whole"), Finished("m", Stop.END)])
    talk = conversation(store, left, right)
    async with asyncio.TaskGroup() as group:
        asking = group.create_task(talk.ask("q", Screen()))
        await cloud_hold.reached.wait()
        await local_hold.reached.wait()
        await talk.make_confidential()
        local_hold.release.set()
    cut, whole = asking.result().replies
    assert (cut.outcome, cut.text) == (Outcome.STOPPED, "par")
    assert "confidential" in cut.note
    assert whole.outcome is Outcome.COMPLETE
    assert set(talk.connectors) == {Side.RIGHT}
    assert left.closed
    with pytest.raises(NothingToAsk):
        await talk.use(Side.LEFT, connector(left, Locality.CLOUD))


async def test_an_answer_located_elsewhere_is_refused_in_a_confidential_session(store: StoreThread) -> None:
    elsewhere = Located(Locality.CLOUD, "ollama.com:443", "the server says so")
    right = ScriptedBackend("ollama:innocent", [elsewhere, TextDelta("leak"), Finished("m", Stop.END)])
    turn = await conversation(store, None, right, confidential=True).ask("secret", Screen())
    assert (turn.replies[0].text, turn.replies[0].error_kind) == ("", NotOnDevice.kind)


async def test_the_receipt_holds_what_the_server_told(store: StoreThread) -> None:
    usage = Usage(input_tokens=60, output_tokens=20, thinking_tokens=5)
    script: list[Step] = [
        HERE,
        ThinkingDelta("hm"),
        TextDelta("so"),
        Finished("weights-1", Stop.LENGTH, usage, context_tokens=100, digest="sha256:1", cost_usd=0.25),
    ]
    turn = await conversation(store, None, ScriptedBackend("demo:", script)).ask("q", Screen())
    [reply] = turn.replies
    receipt = reply.receipt
    assert (reply.thinking, reply.text) == ("hm", "so")
    assert (reply.served_model, reply.digest, reply.locality) == ("weights-1", "sha256:1", "this machine")
    assert (receipt.context_used, receipt.context_allowed, receipt.cost_usd) == (80, 100, 0.25)
    assert receipt.stop_reason == "length limit"
    assert not receipt.estimated
    assert receipt.thinking_s is not None


async def test_a_stopped_answer_has_a_receipt_with_an_estimate(store: StoreThread) -> None:
    hold = Hold()
    script: list[Step] = [HERE, Metered(Usage(input_tokens=33, output_tokens=1)), TextDelta("eight ch"), hold]
    talk = conversation(store, None, ScriptedBackend("demo:", script))
    async with asyncio.TaskGroup() as group:
        asking = group.create_task(talk.ask("q", Screen()))
        await hold.reached.wait()
        talk.stop()
    receipt = asking.result().replies[0].receipt
    assert (receipt.input_tokens, receipt.output_tokens, receipt.estimated) == (33, 2, True)
    assert receipt.cost_usd == 0.0


async def test_an_adopted_answer_reaches_the_other_side(store: StoreThread) -> None:
    left, right = ScriptedBackend("claude:", cloud("better")), ScriptedBackend("demo:", answer("worse"))
    talk = conversation(store, left, right)
    turn = await talk.ask("one", Screen())
    await talk.adopt(turn.id, turn.replies[0].id)
    await talk.ask("two", Screen())
    assert [message.text for message in right.requests[1].messages] == ["one", "better", "two"]


async def test_a_draft_is_kept_with_its_session(store: StoreThread) -> None:
    talk = conversation(store, None, ScriptedBackend("demo:", answer("x")))
    await talk.save_draft("   ")
    assert store.reader.session_count() == 0
    await talk.save_draft("unfinished thought")
    assert talk.session is not None
    assert (await store.run(Store.session, talk.session.id)).draft == "unfinished thought"
