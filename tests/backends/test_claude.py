"""Claude through the real SDK, against a scripted server that speaks the Messages API over real HTTP."""

from __future__ import annotations

import asyncio
import time
import traceback
from contextlib import aclosing
from typing import Any

import pytest

from backends import (
    BackendError,
    Event,
    Finished,
    Locality,
    Located,
    Message,
    Metered,
    ModelSpec,
    Request,
    Stop,
    TextDelta,
    ThinkingDelta,
    Usage,
)
from backends.address import ServerAddress
from backends.claude import USUAL_OUTPUT, ClaudeBackend, models
from backends.errors import BrokenStream, KeyRejected, MissingKey, NotOnDevice, TimedOut, Unreachable
from backends.keys import ApiKey
from backends.ledger import recorded
from backends.patience import Patience
from tests.backends import contract
from tests.backends.anthropic_server import (
    PING,
    SECRET,
    SONNET,
    STOP,
    Step,
    a_key,
    asking,
    begin,
    closed,
    cut_after,
    delta,
    ended,
    events_of,
    gather,
    in_turn,
    opened,
    refuses,
    says,
    sse,
    stalls_after,
    start,
    streams,
    text,
    text_of,
    whole,
)
from tests.backends.scripted_server import Received, Reply, ScriptedServer, unused_port


def claude(server: ScriptedServer, model: str = "claude-sonnet-5-5", **options: Any) -> ClaudeBackend:
    return ClaudeBackend(ModelSpec("claude", model), address=server.address, key=a_key, **options)


async def answered(*pieces: bytes, request: Request | None = None, **options: Any) -> list[Event]:
    async with ScriptedServer(streams(*pieces)) as server:
        return await events_of(claude(server, **options), request)


def finished(events: list[Event]) -> Finished:
    """The end of an answer whose events are what `backends.base` promises."""
    contract.check_order(events)
    return contract.finished(events)


async def failure(step: Step, seen: list[Event] | None = None, **options: Any) -> BackendError:
    """The error that this behaviour of the server ends in."""
    async with ScriptedServer(step) as server:
        with pytest.raises(BackendError) as caught:
            await gather([] if seen is None else seen, claude(server, **options))
        return caught.value


async def test_answer_is_located_then_metered_then_told_then_finished() -> None:
    events = await answered(*whole("Good ", "day"))
    assert [type(event) for event in events] == [Located, Metered, TextDelta, TextDelta, Metered, Finished]
    assert text_of(events) == "Good day"
    end = finished(events)
    assert (end.model, end.stop, end.note) == ("claude-sonnet-5-5", Stop.END, "")
    assert (end.usage.input_tokens, end.usage.output_tokens) == (10, 20)
    assert end.context_tokens == 1_000_000
    assert end.cost_usd == pytest.approx((10 * 2 + 20 * 10) / 1e6)


async def test_request_says_what_it_should_and_nothing_about_this_machine() -> None:
    request = Request(
        (Message("user", "One?"), Message("assistant", "1"), Message("user", "Two?")), system="Be brief."
    )
    async with ScriptedServer(streams(*whole("2"))) as server:
        await events_of(claude(server), request)
    (received,) = server.received
    assert (received.method, received.path) == ("POST", "/v1/messages")
    assert received.json == {
        "model": "claude-sonnet-5-5",
        "max_tokens": USUAL_OUTPUT,
        "system": "Be brief.",
        "messages": [
            {"role": "user", "content": "One?"},
            {"role": "assistant", "content": "1"},
            {"role": "user", "content": "Two?"},
        ],
        "cache_control": {"type": "ephemeral"},
        "thinking": {"type": "adaptive", "display": "summarized"},
        "stream": True,
    }
    assert received.headers["authorization"] == f"Bearer {SECRET}"
    assert received.headers["accept-encoding"] == "identity"
    assert set(received.headers) == {
        *("host", "connection", "accept", "accept-encoding", "user-agent", "content-type", "content-length"),
        *("authorization", "anthropic-version"),
    }


async def test_earlier_messages_without_a_word_are_left_out() -> None:
    request = Request((Message("user", "One?"), Message("assistant", " \n"), Message("user", "Still there?")))
    async with ScriptedServer(streams(*whole("Yes"))) as server:
        await events_of(claude(server), request)
    assert [message["content"] for message in server.received[0].json["messages"]] == ["One?", "Still there?"]


async def test_half_characters_neither_stop_a_prompt_nor_an_answer() -> None:
    async with ScriptedServer(streams(*whole("a\ud800b"))) as server:
        events = await events_of(claude(server), asking("x\udfffy", system="\ud83d"))
    assert server.received[0].json["messages"][0]["content"] == "x\ufffdy"
    assert text_of(events) == "a\ufffdb"


@pytest.mark.parametrize(
    ("model", "thinks"),
    [("claude-opus-4-6", True), ("claude-haiku-4-5-20251001", False), ("claude-of-next-year", False)],
)
async def test_thinking_is_asked_for_only_where_it_is_known_to_be_accepted(model: str, thinks: bool) -> None:
    async with ScriptedServer(streams(*whole("x"))) as server:
        await events_of(claude(server, model))
    assert ("thinking" in server.received[0].json) is thinks


@pytest.mark.parametrize(
    ("model", "asked", "setting", "sent"),
    [
        ("claude-sonnet-5-5", None, None, USUAL_OUTPUT),
        ("claude-sonnet-5-5", None, 900, 900),
        ("claude-sonnet-5-5", 77, 900, 77),
        ("claude-sonnet-5-5", 10**7, None, 128_000),
        ("claude-haiku-4-5", 10**7, None, 64_000),
        ("claude-of-next-year", 10**7, None, 10**7),
    ],
)
async def test_allowed_length(model: str, asked: int | None, setting: int | None, sent: int) -> None:
    async with ScriptedServer(streams(*whole("x"))) as server:
        await events_of(claude(server, model, max_output_tokens=setting), asking(max_output_tokens=asked))
    assert server.received[0].json["max_tokens"] == sent


@pytest.mark.filterwarnings("ignore:The model:DeprecationWarning")
async def test_model_at_the_end_of_its_life_is_still_asked() -> None:
    async with ScriptedServer(streams(*whole("x"))) as server:
        assert finished(await events_of(claude(server, "claude-sonnet-4-5"))).context_tokens == 200_000


async def test_thinking_is_told_apart_and_counted() -> None:
    events = await answered(
        start(),
        opened("thinking", thinking="", signature=""),
        delta("thinking_delta", thinking="Hmm, "),
        delta("thinking_delta", thinking="yes."),
        delta("signature_delta", signature="abc"),
        closed(),
        opened("redacted_thinking", 1, data="opaque"),
        closed(1),
        opened("text", 2, text="A"),
        text("nswer"),
        closed(2),
        ended(output_tokens_details={"thinking_tokens": 7}),
        STOP,
    )
    assert "".join(event.text for event in events if isinstance(event, ThinkingDelta)) == "Hmm, yes."
    assert text_of(events) == "Answer"
    assert finished(events).usage.thinking_tokens == 7


async def test_thinking_parameter_that_is_refused_is_left_out_once() -> None:
    steps = in_turn(
        refuses(400, "invalid_request_error", "thinking: adaptive is not supported on this model."),
        streams(*whole("x")),
    )
    async with ScriptedServer(steps) as server:
        end = finished(await events_of(claude(server)))
    assert ["thinking" in body for body in server.bodies("/v1/messages")] == [True, False]
    assert end.note == "The model did not accept the thinking settings, so it was asked without them."


async def test_cache_parameter_that_is_refused_is_left_out_silently() -> None:
    steps = in_turn(
        refuses(400, "invalid_request_error", "cache_control: Extra inputs are not permitted"), streams(*whole("x"))
    )
    async with ScriptedServer(steps) as server:
        assert finished(await events_of(claude(server))).note == ""
    assert ["cache_control" in body for body in server.bodies("/v1/messages")] == [True, False]


async def test_refusal_of_thinking_is_passed_on_the_second_time() -> None:
    step = refuses(400, "invalid_request_error", "thinking is not for you")
    async with ScriptedServer(step) as server:
        with pytest.raises(BackendError, match="thinking is not for you"):
            await events_of(claude(server))
    assert len(server.received) == 2


async def test_cached_tokens_are_part_of_the_prompt_and_cheaper() -> None:
    cached: dict[str, Any] = {"cache_read_input_tokens": 1000, "cache_creation_input_tokens": 200}
    events = await answered(start(**cached), text("x"), ended(**cached), STOP)
    end = finished(events)
    assert end.usage == Usage(1210, 20, None, 1000, 200)
    assert end.cost_usd == pytest.approx((10 * 2 + 200 * 2.5 + 1000 * 0.1 + 20 * 10) / 1e6)


async def test_first_count_holds_no_placeholder_for_the_answer() -> None:
    events = await answered(*whole("x"))
    (first, *_) = [event for event in events if isinstance(event, Metered)]
    assert first.usage == Usage(input_tokens=10)


@pytest.mark.parametrize("count", [-1, 1.5, "many", None, [3], 2**60])
async def test_count_that_is_no_count_is_not_told(count: object) -> None:
    end = finished(await answered(start(), text("x"), ended(output_tokens=count), STOP))
    assert end.usage.output_tokens is None
    assert end.cost_usd is None


async def test_unknown_model_has_neither_window_nor_cost() -> None:
    end = finished(
        await answered(start("claude-of-next-year"), text("x"), ended(), STOP, model="claude-of-next-year")
    )
    assert (end.model, end.context_tokens, end.cost_usd) == ("claude-of-next-year", None, None)


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("end_turn", Stop.END),
        ("stop_sequence", Stop.END),
        ("max_tokens", Stop.LENGTH),
        ("model_context_window_exceeded", Stop.CONTEXT_FULL),
        ("pause_turn", Stop.OTHER),
        ("tool_use", Stop.OTHER),
        ("reason_of_next_year", Stop.OTHER),
    ],
)
async def test_reason_of_the_end(reason: str, stop: Stop) -> None:
    end = finished(await answered(*whole("x", stop_reason=reason)))
    assert (end.stop, end.note) == (stop, "")


async def test_refusal_is_explained() -> None:
    details = {"type": "refusal", "category": "cyber", "explanation": "It asks for malware."}
    end = finished(await answered(start(), ended("refusal", details), STOP))
    assert end.stop is Stop.REFUSAL
    assert end.note == "Claude declined to answer (cyber). It asks for malware. Another model may answer it."


async def test_refusal_without_details_is_still_said() -> None:
    end = finished(await answered(start(), text("I"), ended("refusal"), STOP))
    assert end.note == "Claude declined to answer. Another model may answer it."


@pytest.mark.parametrize(("reason", "advice"), [("max_tokens", "longer answer"), ("end_turn", "other words")])
async def test_answer_without_a_word_says_why(reason: str, advice: str) -> None:
    assert advice in finished(await answered(start(), ended(reason), STOP)).note


async def test_what_is_unknown_is_passed_over() -> None:
    events = await answered(
        b": a comment\n\n",
        sse("greeting_of_next_year", {"text": "no"}),
        start(),
        PING,
        b"data: {}\n\n",
        opened("hologram", text="no", thinking="no"),
        delta("hologram_delta", text="no"),
        delta("input_json_delta", partial_json='{"a": 1}'),
        delta("citations_delta", citation={"type": "char_location"}),
        b'event: greeting\ndata: [1, "x"]\n\n',
        b"event: greeting\ndata: null\n\n",
        sse("content_block_delta", {"index": 0, "delta": None}),
        delta("text_delta", text=None),
        delta("text_delta", text=5),
        text("yes"),
        ended(),
        STOP,
    )
    assert text_of(events) == "yes"
    finished(events)


@pytest.mark.parametrize("ending", ["\n", "\r", "\r\n"])
@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_stream_reads_the_same_however_it_is_cut_into_pieces(ending: str, size: int) -> None:
    data = b"".join(whole("Grüße ", "aus 東京 🙂")).replace(b"\n", ending.encode())
    events = await answered(*(data[at : at + size] for at in range(0, len(data), size)))
    assert text_of(events) == "Grüße aus 東京 🙂"


@pytest.mark.parametrize(
    "pieces",
    [
        (start(), text("Half")),
        (start(), text("Half"), ended(None), STOP),
        (start(), text("Half"), ended()),
        (start(), text("Half"), STOP),
    ],
)
async def test_body_that_ends_too_early_is_a_broken_answer(pieces: tuple[bytes, ...]) -> None:
    seen: list[Event] = []
    error = await failure(streams(*pieces), seen)
    assert isinstance(error, BrokenStream)
    assert str(error) == "The answer broke off; what arrived is kept. Retry to ask again."
    assert text_of(seen) == "Half"
    assert not any(isinstance(event, Finished) for event in seen)


async def test_connection_that_drops_is_a_broken_answer() -> None:
    seen: list[Event] = []
    error = await failure(cut_after(start(), text("Half")), seen)
    assert isinstance(error, BrokenStream)
    assert "broke off" in str(error)
    assert text_of(seen) == "Half"


@pytest.mark.parametrize(
    "step",
    [
        says(b"<html><title>Hotel Wi-Fi</title></html>"),
        says(b'{"ok": true}', content_type="application/json"),
        says(b""),
        streams(),
        streams(PING, b"data: {}\n\n"),
    ],
)
async def test_success_that_is_no_answer_asks_for_the_login_page(step: Step) -> None:
    error = await failure(step)
    assert isinstance(error, BrokenStream)
    assert "open a browser and log in" in str(error)


@pytest.mark.parametrize(
    "garbage",
    [
        b"event: message_start\ndata: {broken\n\n",
        b"event: content_block_delta\ndata: \xff\xfe\n\n",
        b"event: message_start\ndata: " + b"[" * 100_000 + b"]" * 100_000 + b"\n\n",
        b'event: error\ndata: "only words"\n\n',
        b"event: error\ndata: {broken\n\n",
        b'event: error\ndata: {"error": {"type": 5, "message": [], "details": {"error_code": {}}}}\n\n',
    ],
)
async def test_body_out_of_protocol_keeps_what_came_before(garbage: bytes) -> None:
    seen: list[Event] = []
    await failure(streams(start(), text("Half"), garbage, ended(), STOP), seen)
    assert text_of(seen) == "Half"


@pytest.mark.parametrize(
    "data",
    [
        {"message": None},
        {"message": "words"},
        {"message": {"usage": "many", "model": 5, "content": "x"}},
        {"message": {"usage": {"input_tokens": float("nan")}, "model": {"a": []}}},
    ],
)
async def test_start_of_wrong_types_harms_nothing(data: dict[str, Any]) -> None:
    end = finished(await answered(sse("message_start", data), text("x"), ended(), STOP))
    assert end.model == "claude-sonnet-5-5"
    assert end.usage == Usage(output_tokens=20)


async def test_server_that_goes_on_after_the_end_is_left() -> None:
    async with asyncio.timeout(5):
        async with ScriptedServer(stalls_after(*whole("x"))) as server:
            finished(await events_of(claude(server)))


async def test_connection_is_used_again() -> None:
    async with ScriptedServer(streams(*whole("x"))) as server:
        backend = claude(server)
        for _ in range(3):
            async with aclosing(backend.stream(asking())) as events:
                assert [event async for event in events]
        assert server.connections == 1
        await backend.aclose()
        await backend.aclose()


async def test_two_answers_at_once_do_not_mix() -> None:
    async def echo(received: Received, reply: Reply) -> None:
        await streams(*whole(*received.json["messages"][0]["content"]))(received, reply)

    async with ScriptedServer(echo) as server:
        backend = claude(server)

        async def ask(prompt: str) -> str:
            async with aclosing(backend.stream(asking(prompt))) as events:
                return text_of([event async for event in events])

        assert [*await asyncio.gather(ask("abcdef"), ask("uvwxyz"))] == ["abcdef", "uvwxyz"]
        await backend.aclose()


# --- ending early, and limits ---


async def until_left(left: asyncio.Event) -> None:
    async with asyncio.timeout(5):
        await left.wait()


def noting_departure(left: asyncio.Event, *pieces: bytes) -> Step:
    async def serve(received: Received, reply: Reply) -> None:
        await stalls_after(*pieces)(received, reply)
        left.set()

    return serve


async def test_closing_the_stream_closes_the_connection() -> None:
    left = asyncio.Event()
    async with ScriptedServer(noting_departure(left, start(), text("Half"))) as server:
        backend = claude(server)
        async with aclosing(backend.stream(asking())) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    break
        await until_left(left)
        await backend.aclose()


@pytest.mark.parametrize("pieces", [(start(), text("Half")), ()], ids=["in mid-stream", "before the first event"])
async def test_cancelling_the_task_closes_the_connection(pieces: tuple[bytes, ...]) -> None:
    left = asyncio.Event()
    async with ScriptedServer(noting_departure(left, *pieces)) as server:
        backend = claude(server)
        seen: list[Event] = []
        async with asyncio.TaskGroup() as group:
            task = group.create_task(gather(seen, backend))
            while not server.received or (pieces and not text_of(seen)):
                await asyncio.sleep(0.005)
            task.cancel()
        assert task.cancelled()
        await until_left(left)


async def silent(_received: Received, reply: Reply) -> None:
    await reply.client_left()
    reply.keep = False


async def drips_headers(_received: Received, reply: Reply) -> None:
    await reply.raw(b"HTTP/1.1 200 OK\r\nx-slow: ")
    while not reply.reader.at_eof():
        await reply.raw(b"a")
        await asyncio.sleep(0.02)
    reply.keep = False


def repeats(*pieces: bytes) -> Step:
    async def serve(_received: Received, reply: Reply) -> None:
        await begin(reply)
        await reply.chunk(start())
        while not reply.reader.at_eof():
            for piece in pieces:
                await reply.chunk(piece)
            await asyncio.sleep(0.01)
        reply.keep = False

    return serve


@pytest.mark.parametrize(
    ("step", "patience"),
    [
        (silent, Patience(first_content=0.3)),
        (drips_headers, Patience(first_content=0.3)),
        (stalls_after(start()), Patience(first_content=0.3)),
        (stalls_after(start(), text("Half")), Patience(idle=0.3)),
        (repeats(PING), Patience(first_content=0.3)),
        (repeats(delta("text_delta", text="")), Patience(first_content=0.3)),
        (repeats(sse("message_delta", {"delta": {}, "usage": {}})), Patience(first_content=0.3)),
        (repeats(text("on and on ")), Patience(total=0.5)),
        (repeats(delta("thinking_delta", thinking="hmm ")), Patience(total=0.5)),
    ],
)
async def test_patience_ends(step: Step, patience: Patience) -> None:
    began = time.monotonic()
    assert isinstance(await failure(step, patience=patience), TimedOut)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("step", "patience"),
    [
        (repeats(text("x" * 100)), Patience(text=1000)),
        (repeats(PING, closed(), closed()), Patience(events=100)),
        (streams(start(), text("x" * 20_000)), Patience(line=10_000)),
        (streams(b"event: x\n" * 2_000), Patience(line=10_000)),
        (says(b"x" * 20_000, 500), Patience(line=10_000)),
        (streams(*whole("x"), headers={"content-encoding": "gzip"}), Patience()),
    ],
)
async def test_more_than_an_answer_needs_is_refused(step: Step, patience: Patience) -> None:
    error = await failure(step, patience=patience)
    assert isinstance(error, BrokenStream)
    assert str(error).endswith(("retry.", "Retry to ask again.", "sk for less at once."))


async def test_200_mb_line_costs_little() -> None:
    async def flood(_received: Received, reply: Reply) -> None:
        await begin(reply)
        await reply.chunk(start() + b"event: content_block_delta\ndata: ")
        for _ in range(200):
            await reply.chunk(b"x" * 1_000_000)

    began = time.process_time()
    assert isinstance(await failure(flood), BrokenStream)
    assert time.process_time() - began < 2


async def test_cost_grows_in_step_with_the_answer() -> None:
    async def seconds(count: int) -> float:
        data = b"".join(text("fourteen chars") for _ in range(500))

        async def serve(_received: Received, reply: Reply) -> None:
            await begin(reply)
            await reply.chunk(start())
            for _ in range(count // 500):
                await reply.chunk(data)
            await reply.chunk(ended() + STOP)
            await reply.end()

        async with ScriptedServer(serve) as server:
            began = time.process_time()
            events = await events_of(claude(server))
            took = time.process_time() - began
        assert len(text_of(events)) == 14 * count
        return took

    await seconds(500)
    small = await seconds(5_000)
    assert await seconds(20_000) < 8 * small


# --- key, place, address ---


@pytest.mark.parametrize(
    ("secret", "error"),
    [
        ("", MissingKey),
        (" \n", MissingKey),
        ("sk-ant\nx-other: 1", KeyRejected),
        ("sk-änt", KeyRejected),
        ("sk ant", KeyRejected),
    ],
)
async def test_unusable_key_is_not_sent(secret: str, error: type[BackendError]) -> None:
    async def key() -> ApiKey:
        return ApiKey(secret)

    async with ScriptedServer(streams(*whole("x"))) as server:
        with pytest.raises(error, match="duologue key set") as caught:
            await events_of(ClaudeBackend(SONNET, address=server.address, key=key))
    assert not server.connections
    assert not secret.strip() or secret.strip() not in str(caught.value)


async def test_blanks_around_a_key_are_not_sent() -> None:
    async def key() -> ApiKey:
        return ApiKey(f" {SECRET}\n")

    async with ScriptedServer(streams(*whole("x"))) as server:
        await events_of(ClaudeBackend(SONNET, address=server.address, key=key))
    assert server.received[0].headers["authorization"] == f"Bearer {SECRET}"


async def test_missing_key_is_told_as_its_keeper_tells_it() -> None:
    async def key() -> ApiKey:
        raise MissingKey("No API key yet. Store one with `duologue key set`.")

    async with ScriptedServer(streams(*whole("x"))) as server:
        with pytest.raises(MissingKey, match="No API key yet"):
            await events_of(ClaudeBackend(SONNET, address=server.address, key=key))
    assert not server.connections


async def test_key_is_in_no_representation() -> None:
    async with ScriptedServer(refuses(401, "authentication_error", "invalid x-api-key")) as server:
        backend = claude(server)
        with pytest.raises(KeyRejected) as caught:
            await events_of(backend)
    assert SECRET not in repr(backend) + repr(vars(backend)) + repr(caught.value)


async def drops(_received: Received, reply: Reply) -> None:
    reply.cut()


@pytest.mark.parametrize(
    "step",
    [
        refuses(401, "authentication_error", f"invalid {SECRET[:6]}"),
        cut_after(start(), text("Half")),
        drops,
        says(b""),
    ],
)
async def test_key_and_prompt_are_in_no_traceback(step: Step) -> None:
    error = await failure(step)
    printed = "".join(traceback.format_exception(error))
    assert SECRET not in printed
    assert "Hello?" not in printed


async def unasked_key() -> ApiKey:
    raise AssertionError("nobody may ask for the key here")


@pytest.mark.parametrize(
    "address", [ServerAddress("https", "api.anthropic.com", 443), ServerAddress("http", "127.0.0.1", 9)]
)
async def test_confidential_request_is_refused_before_anything_is_asked_for(address: ServerAddress) -> None:
    backend = ClaudeBackend(SONNET, address=address, key=unasked_key)
    with pytest.raises(NotOnDevice, match="Nothing was sent"):
        await events_of(backend, asking(this_machine_only=True))


async def test_cloud_is_named_before_the_key_is_asked_for() -> None:
    backend = ClaudeBackend(SONNET, address=ServerAddress("https", "api.anthropic.com", 443), key=unasked_key)
    async with aclosing(backend.stream(asking())) as events:
        located = await anext(events)
    assert located == Located(Locality.CLOUD, "api.anthropic.com:443", "sent to Anthropic's API at api.anthropic.com")


async def test_any_program_on_loopback_but_our_engine_counts_as_cloud() -> None:
    (located, *_) = await answered(*whole("x"))
    assert isinstance(located, Located)
    assert located.locality is Locality.CLOUD


async def test_demo_is_on_this_machine_and_costs_nothing() -> None:
    async with ScriptedServer(streams(*whole("x"))) as server:
        backend = ClaudeBackend(
            ModelSpec("demo", "messages"), address=server.address, key=a_key, api_model="duologue-demo", demo=True
        )
        located, *rest = await events_of(backend, asking(this_machine_only=True))
    assert isinstance(located, Located)
    assert located.locality is Locality.THIS_MACHINE
    assert contract.finished(rest).cost_usd == 0.0
    assert not {"thinking", "cache_control"} & set(server.received[0].json)
    assert server.received[0].json["model"] == "duologue-demo"
    assert str(backend.spec) == "demo:messages"


async def test_nobody_at_the_address() -> None:
    address = ServerAddress("http", "127.0.0.1", unused_port())
    with pytest.raises(Unreachable, match=r"Cannot reach 127\.0\.0\.1"):
        await events_of(ClaudeBackend(SONNET, address=address, key=a_key))


OFFICIAL = ServerAddress("https", "api.anthropic.com", 443)


async def test_proxy_that_refuses_is_named() -> None:
    async with ScriptedServer(says(b"", 407)) as proxy:
        backend = ClaudeBackend(SONNET, address=OFFICIAL, key=a_key, proxy=f"http://127.0.0.1:{proxy.port}")
        with pytest.raises(Unreachable, match=r"api\.anthropic\.com through the proxy 127\.0\.0\.1"):
            await events_of(backend)
    (received,) = proxy.received
    assert (received.method, received.path) == ("CONNECT", "api.anthropic.com:443")
    assert "authorization" not in received.headers


async def test_proxy_that_is_not_there_is_named() -> None:
    backend = ClaudeBackend(SONNET, address=OFFICIAL, key=a_key, proxy=f"http://127.0.0.1:{unused_port()}")
    with pytest.raises(Unreachable, match=r"through the proxy 127\.0\.0\.1"):
        await events_of(backend)


@pytest.mark.parametrize("proxy", ["socks://127.0.0.1:1", "nonsense"])
async def test_proxy_of_another_kind_says_how_one_is_written(proxy: str) -> None:
    with pytest.raises(Unreachable, match="Write the proxy as http"):
        await events_of(ClaudeBackend(SONNET, address=OFFICIAL, key=a_key, proxy=proxy))


class Lines:
    """A ledger in memory."""

    def __init__(self) -> None:
        self.opened_as: list[tuple[str, str, int, Locality]] = []
        self.ended: list[tuple[str, str | None, int, int]] = []

    async def opened(self, *, purpose: str, host: str, port: int, locality: Locality) -> int:
        self.opened_as.append((purpose, host, port, locality))
        return len(self.opened_as)

    def closed(
        self,
        row: int,
        *,
        verdict: str,
        peer: str | None,
        sent: int,
        received: int,
        detail: str = "",
        left_to: str = "",
    ) -> None:
        assert (row, left_to) == (len(self.opened_as), ""), detail
        self.ended.append((verdict, peer, sent, received))


async def test_request_is_a_line_of_the_ledger() -> None:
    lines = Lines()
    async with ScriptedServer(streams(*whole("x"))) as server:
        with recorded(lines, "chat"):
            await events_of(claude(server))
        assert lines.opened_as == [("chat", "127.0.0.1", server.port, Locality.THIS_MACHINE)]
    ((verdict, peer, sent, received),) = lines.ended
    assert (verdict, peer) == ("done", "127.0.0.1")
    assert sent > len(server.received[0].body)
    assert received > len(b"".join(whole("x")))


async def test_path_of_the_address_is_kept() -> None:
    async with ScriptedServer(streams(*whole("x"))) as server:
        address = ServerAddress("http", "127.0.0.1", server.port, "/gateway")
        await events_of(ClaudeBackend(SONNET, address=address, key=a_key))
    assert server.paths == ["/gateway/v1/messages"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirect_is_named_and_not_followed(status: int) -> None:
    async with ScriptedServer(streams(*whole("x"))) as other:
        target = f"http://localhost:{other.port}/v1/messages"
        async with ScriptedServer(says(b"", status, headers={"location": target})) as server:
            with pytest.raises(Unreachable, match="pass the request on to localhost"):
                await events_of(claude(server))
    assert not other.connections


async def test_list_of_models_is_read_and_retired_ones_are_left_out() -> None:
    def entry(name: object, lifecycle: str = "active", **more: Any) -> dict[str, Any]:
        return {"type": "model", "id": name, "lifecycle": lifecycle, "created_at": "2026-10-01T00:00:00Z", **more}

    listed = [
        entry("claude-sonnet-5-5", display_name="Claude Sonnet 5.5", max_input_tokens=1_000_000),
        entry("claude-3-opus", "retired"),
        entry("claude-bare", display_name=None),
        entry(None),
        entry("odd\x1b[2Jname"),
    ]
    body = {"data": listed, "has_more": True, "first_id": "x", "last_id": "y"}

    async def serve(_received: Received, reply: Reply) -> None:
        await reply.json(body)

    async with ScriptedServer(serve) as server:
        offered = await models(server.address, a_key)
    assert [(str(info.spec), info.title, info.context_tokens) for info in offered] == [
        ("claude:claude-sonnet-5-5", "Claude Sonnet 5.5", 1_000_000),
        ("claude:claude-bare", "", None),
    ]
    assert {info.locality for info in offered} == {Locality.CLOUD}
    assert server.paths == ["/v1/models?limit=1000"]


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'{"data": 5}', b"[]", b"null", b'{"data": [1, null, "x"]}'])
async def test_list_of_models_that_is_none(body: bytes) -> None:
    async with ScriptedServer(says(body, content_type="application/json")) as server:
        try:
            offered = await models(server.address, a_key)
        except BackendError:
            return
    assert offered == []
