"""The OpenAI-compatible backend: against real llama.cpp, and against servers that differ or misbehave."""

from __future__ import annotations

import asyncio
import gzip
import json
import shutil
import ssl
import subprocess
import urllib.request
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from backends import (
    BackendError,
    Event,
    Locality,
    Located,
    Message,
    Metered,
    ModelSpec,
    Progress,
    Request,
    Stop,
    errors,
)
from backends.address import parse_server
from backends.engine import EngineAddress
from backends.openai_compatible import OpenAICompatibleBackend, models
from backends.patience import Patience
from tests.backends import contract
from tests.backends.contract import answered, broken_off, finished, located, prompt, text, thinking
from tests.backends.openai_server import (
    LLAMA,
    LM_STUDIO,
    LM_STUDIO_03,
    OTHER,
    VLLM,
    ScriptedOpenAI,
    delta,
    says,
    sse,
    streams,
    usage,
)
from tests.backends.scripted_server import Handler, Received, Reply, ScriptedServer, unused_port

QUICK = Patience(connect=1, first_content=0.4, idle=0.3, total=1.0, text=10_000, events=500, line=50_000)
PAGES: dict[str, dict[str, Any]] = {
    "llama-server": LLAMA,
    "lmstudio": LM_STUDIO,
    "lmstudio 0.3": LM_STUDIO_03,
    "vllm": VLLM,
    "other": OTHER,
}


def backend_at(server: ScriptedServer, model: str = "", **options: Any) -> OpenAICompatibleBackend:
    spec = ModelSpec("openai", model, server.address.url)
    return OpenAICompatibleBackend(spec, server.address, **{"patience": QUICK, **options})


async def ask_and_see(
    scripted: ScriptedOpenAI, request: Request | None = None, model: str = "", **options: Any
) -> tuple[list[Event], ScriptedServer]:
    async with scripted.served() as server:
        backend = backend_at(server, model, **options)
        try:
            return await answered(backend, request or prompt()), server
        finally:
            await backend.aclose()


async def ask(scripted: ScriptedOpenAI, request: Request | None = None, **options: Any) -> list[Event]:
    events, _ = await ask_and_see(scripted, request, **options)
    return events


async def fails(scripted: ScriptedOpenAI, kind: type[BackendError], **options: Any) -> str:
    """The words of the error that an answer of `scripted` ends in."""
    with pytest.raises(kind) as caught:
        await ask(scripted, **options)
    assert type(caught.value) is kind
    words = str(caught.value)
    assert words.endswith(".")
    assert "\x1b" not in words
    assert len(words) < 700
    return words


# ----------------------------------------------------------------------------------------------------- real llama.cpp


def real(engine: EngineAddress, **options: Any) -> OpenAICompatibleBackend:
    address = parse_server(engine.url, default_port=80)
    options = {"api_key": engine.api_key, "flavour": "llama-server", "ours": True, **options}
    return OpenAICompatibleBackend(ModelSpec("demo", "chat"), address, api_model=engine.model, **options)


def busy_slots(engine: EngineAddress) -> int:
    request = urllib.request.Request(  # noqa: S310  # loopback
        f"{engine.url}/slots", headers={"authorization": f"Bearer {engine.api_key}"}
    )
    with urllib.request.urlopen(request, timeout=5) as reply:  # noqa: S310
        return sum(slot["is_processing"] for slot in json.loads(reply.read()))


@pytest.mark.engine
async def test_real_engine_answers_with_counts_and_timings(demo_engine: EngineAddress) -> None:
    backend = real(demo_engine)
    events = await answered(backend, prompt(tokens=20, this_machine_only=True))
    await contract.check_closing_twice_is_harmless(backend)
    assert len(text(events)) > 20
    place = located(events)
    assert (place.locality, place.proof) == (
        Locality.THIS_MACHINE,
        "the program's own engine on a loopback address",
    )
    end = finished(events)
    assert (end.model, end.stop, end.context_tokens, end.cost_usd) == (demo_engine.model, Stop.LENGTH, 8192, 0.0)
    counted = next(event.usage.input_tokens for event in events if isinstance(event, Metered))
    assert counted == end.usage.input_tokens
    assert end.usage.output_tokens == 20
    assert end.timings.generation
    assert end.timings.prompt
    assert any(isinstance(event, Progress) and event.state == "reading prompt" for event in events)


@pytest.mark.engine
async def test_real_engine_is_recognised_and_holds_a_conversation(demo_engine: EngineAddress) -> None:
    backend = real(demo_engine, flavour=None, ours=False)
    conversation = Request(
        (Message("user", "one"), Message("assistant", "two"), Message("user", "three \ud800")),
        system="Be brief.",
        max_output_tokens=5,
    )
    first = finished(await answered(backend, prompt(tokens=5)))
    second = finished(await answered(backend, conversation))
    await backend.aclose()
    assert (second.usage.input_tokens or 0) > (first.usage.input_tokens or 0)


@pytest.mark.engine
async def test_real_engine_refuses_a_prompt_that_is_too_long_with_exact_numbers(demo_engine: EngineAddress) -> None:
    backend = real(demo_engine)
    events, failure = await broken_off(backend, prompt("word " * 9000))
    await backend.aclose()
    assert isinstance(failure, errors.PromptTooLong)
    assert failure.limit == 8192
    assert failure.tokens is not None
    assert failure.tokens > 9000
    assert f"{failure.tokens:,} of 8,192" in str(failure)
    assert [type(event) for event in events] == [Located]


@pytest.mark.engine
async def test_real_engine_wants_its_key(demo_engine: EngineAddress) -> None:
    for key in (None, "wrong"):
        backend = real(demo_engine, api_key=key)
        _, failure = await broken_off(backend, prompt())
        await backend.aclose()
        assert isinstance(failure, errors.KeyRejected)
        assert demo_engine.api_key not in str(failure)


@pytest.mark.engine
async def test_real_engine_stops_when_the_answer_is_closed_or_cancelled(never_ending_engine: EngineAddress) -> None:
    backend = real(never_ending_engine)
    await contract.check_closing_stops_the_server(backend, lambda: busy_slots(never_ending_engine) > 0, within=2)
    await backend.aclose()


@pytest.mark.engine
async def test_real_engine_lists_its_model(demo_engine: EngineAddress) -> None:
    address = parse_server(demo_engine.url, default_port=80)
    (info,) = await models(address, api_key=demo_engine.api_key)
    assert str(info.spec) == f"openai:{demo_engine.url}#{demo_engine.model}"
    assert (info.context_tokens, info.loaded, info.locality) == (8192, True, Locality.THIS_MACHINE)
    with pytest.raises(errors.KeyRejected):
        await models(address)


# -------------------------------------------------------------------------------------------------- kinds of servers


@pytest.mark.parametrize("kind", PAGES)
async def test_each_kind_of_server_answers(kind: str) -> None:
    events, server = await ask_and_see(ScriptedOpenAI(PAGES[kind]))
    assert text(events) == "Hello there."
    end = finished(events)
    assert (end.usage.input_tokens, end.usage.output_tokens, end.stop) == (12, 34, Stop.END)
    (body,) = server.bodies("/v1/chat/completions")
    assert body["stream"] is True
    assert body["stream_options"] == {"include_usage": True}
    assert "max_tokens" not in body
    assert ("return_progress" in body) is (kind == "llama-server")
    assert all("authorization" not in request.headers for request in server.received)
    assert all(request.headers["accept-encoding"] == "identity" for request in server.received)


@pytest.mark.parametrize(
    ("kind", "model", "sent", "window"),
    [
        ("llama-server", "", "tiny", 2048),
        ("llama-server", "any", "any", 2048),
        ("lmstudio", "", "qwen/qwen3-8b", 4096),
        ("lmstudio", "gemma", "gemma", 8192),
        ("lmstudio 0.3", "", "gemma", 8192),
        ("lmstudio 0.3", "qwen3-8b", "qwen3-8b", 32768),
        ("vllm", "", "Qwen/Qwen3-8B", 40960),
        ("vllm", "unlisted", "unlisted", None),
        ("other", "", "/home/me/secret/tiny.gguf", None),
    ],
)
async def test_window_and_name_come_from_where_each_server_tells(
    kind: str, model: str, sent: str, window: int | None
) -> None:
    events, server = await ask_and_see(ScriptedOpenAI(PAGES[kind]), model=model)
    assert server.bodies("/v1/chat/completions")[0]["model"] == sent
    assert finished(events).context_tokens == window


async def test_router_tells_which_model_is_loaded() -> None:
    entries = [
        {"id": name, "owned_by": "llamacpp", "status": {"value": value}}
        for name, value in (("a", "unloaded"), ("b", "loaded"))
    ]
    pages = {"/health": {}, "/v1/models": {"data": entries}}
    loading = Progress("loading model")
    assert loading in await ask(ScriptedOpenAI(pages), model="a")
    events, server = await ask_and_see(ScriptedOpenAI(pages))
    assert loading not in events
    assert server.bodies("/v1/chat/completions")[0]["model"] == "b"


async def test_lm_studio_loads_a_model_when_it_is_asked_for() -> None:
    loading = Progress("loading model")
    assert loading in await ask(ScriptedOpenAI(LM_STUDIO), model="gemma")
    assert loading not in await ask(ScriptedOpenAI(LM_STUDIO), model="qwen/qwen3-8b")


async def test_what_cannot_be_checked_is_said() -> None:
    assert "LM Link" in located(await ask(ScriptedOpenAI(LM_STUDIO))).proof
    assert "cannot be checked" in located(await ask(ScriptedOpenAI(VLLM))).proof


async def test_private_path_of_a_model_is_not_shown() -> None:
    chat = says({**delta("x", finish="stop"), "model": "/home/me/secret/tiny.gguf"})
    events, _ = await ask_and_see(ScriptedOpenAI(OTHER, chat=chat))
    assert finished(events).model == "tiny.gguf"
    async with ScriptedOpenAI(OTHER).served() as server:
        (info,) = await models(server.address)
    assert info.title == "tiny.gguf"


async def test_llama_server_that_loads_is_waited_for() -> None:
    left = 3

    async def health(_: Received, reply: Reply) -> None:
        nonlocal left
        left -= 1
        if left:
            await reply.json({"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}, 503)
        else:
            await reply.json({"status": "ok"})

    patience = Patience(first_content=5)
    events, _ = await ask_and_see(ScriptedOpenAI(LLAMA, overrides={"/health": health}), patience=patience)
    assert events[0] == Progress("loading model")
    assert events.count(Progress("loading model")) == 1
    left = 10**9
    await fails(ScriptedOpenAI(LLAMA, overrides={"/health": health}), errors.TimedOut)


async def test_prompt_is_counted_before_it_is_sent() -> None:
    pages = {**LLAMA, "/v1/chat/completions/input_tokens": {"input_tokens": 3000}}
    async with ScriptedOpenAI(pages).served() as server:
        backend = backend_at(server)
        _, failure = await broken_off(backend, prompt())
        await backend.aclose()
    assert isinstance(failure, errors.PromptTooLong)
    assert (failure.tokens, failure.limit) == (3000, 2048)
    assert "/v1/chat/completions" not in server.paths


async def test_server_that_cannot_count_is_asked_all_the_same() -> None:
    pages = {path: page for path, page in LLAMA.items() if not path.endswith("input_tokens")}
    assert text(await ask(ScriptedOpenAI(pages))) == "Hello there."


async def test_reading_of_the_prompt_is_shown_as_a_fraction() -> None:
    reading = [
        {**delta(), "prompt_progress": {"total": 1000, "cache": 0, "processed": done}} for done in (0, 512, 512, 5000)
    ]
    late = {**delta("y"), "prompt_progress": {"total": 1000, "processed": 9000}}
    events = await ask(ScriptedOpenAI(LLAMA, chat=says(*reading, delta("x"), late, delta(finish="stop"))))
    fractions = [event.fraction for event in events if isinstance(event, Progress)]
    assert fractions == [0.0, 0.512, 1.0]


async def test_key_goes_to_its_server_only_as_a_bearer() -> None:
    events, server = await ask_and_see(ScriptedOpenAI(VLLM), api_key="canary-key")
    assert text(events)
    assert {request.headers["authorization"] for request in server.received} == {"Bearer canary-key"}
    backend = OpenAICompatibleBackend(ModelSpec("openai", "x"), server.address, api_key="canary-key")
    assert "canary-key" not in repr(backend)


# --------------------------------------------------------------------------------------------------- shapes of chunks


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning"])
async def test_reasoning_fields_are_thinking(key: str) -> None:
    chat = says(delta(None, **{key: "Hm."}), delta("Yes."), delta(finish="stop"), "[DONE]")
    events = await ask(ScriptedOpenAI(chat=chat))
    assert (thinking(events), text(events)) == ("Hm.", "Yes.")


async def test_inline_thinking_is_split_off() -> None:
    chat = says(delta("<thi"), delta("nk>Hm.</th"), delta("ink>\n\nYes."), delta(finish="stop"))
    events = await ask(ScriptedOpenAI(LM_STUDIO, chat=chat))
    assert (thinking(events), text(events)) == ("Hm.", "Yes.")


async def test_text_held_back_at_the_end_is_not_lost() -> None:
    assert text(await ask(ScriptedOpenAI(chat=says(delta("<thi", finish="stop"))))) == "<thi"


@pytest.mark.parametrize(
    "ending",
    [
        [delta(finish="stop"), usage(), "[DONE]"],
        [delta(finish="stop"), usage()],
        [delta(finish="stop"), "[DONE]"],
        [delta(finish="stop")],
        [{**delta(finish="stop"), "usage": usage()["usage"]}, "[DONE]"],
    ],
)
async def test_every_way_to_end_well_is_accepted(ending: list[Any]) -> None:
    events = await ask(ScriptedOpenAI(chat=says(delta("x"), *ending)))
    assert finished(events).stop is Stop.END
    told = any("usage" in chunk for chunk in ending if isinstance(chunk, dict))
    assert finished(events).usage.output_tokens == (34 if told else None)


async def test_answer_is_whole_even_if_the_server_breaks_after_its_end() -> None:
    async def cut(_: Received, reply: Reply) -> None:
        await reply.start("text/event-stream")
        await reply.chunk(sse(delta("x"), delta(finish="stop")))
        reply.cut()

    async def silent(_: Received, reply: Reply) -> None:
        await reply.start("text/event-stream")
        await reply.chunk(sse(delta("x"), delta(finish="stop")))
        await reply.client_left()

    for chat in (cut, silent):
        assert finished(await ask(ScriptedOpenAI(chat=chat))).stop is Stop.END


async def test_counts_and_timings_are_taken_from_where_they_are() -> None:
    details: dict[str, Any] = {
        "prompt_tokens_details": {"cached_tokens": 8},
        "completion_tokens_details": {"reasoning_tokens": 20},
    }
    timings = {"timings": {"prompt_n": 4, "cache_n": 8, "prompt_ms": 250.0, "predicted_n": 34, "predicted_ms": 2000}}
    events = await ask(ScriptedOpenAI(chat=says(delta("x", finish="stop"), {**usage(**details), **timings})))
    end = finished(events)
    assert (end.usage.cache_read_tokens, end.usage.thinking_tokens) == (8, 20)
    assert (end.timings.prompt, end.timings.generation) == (0.25, 2.0)
    only_timings = {"choices": [], **timings}
    end = finished(await ask(ScriptedOpenAI(chat=says(delta("x", finish="stop"), only_timings))))
    assert (end.usage.input_tokens, end.usage.output_tokens) == (12, 34)


@pytest.mark.parametrize(
    ("reason", "counts", "stop"),
    [
        ("stop", (1, 1), Stop.END),
        ("length", (1, 1), Stop.LENGTH),
        ("length", (40000, 960), Stop.CONTEXT_FULL),
        ("content_filter", (1, 1), Stop.REFUSAL),
        ("tool_calls", (1, 1), Stop.OTHER),
        ("something new", (1, 1), Stop.OTHER),
    ],
)
async def test_reason_for_the_end_is_told(reason: str, counts: tuple[int, int], stop: Stop) -> None:
    events = await ask(ScriptedOpenAI(chat=says(delta("x", finish=reason), usage(*counts), "[DONE]")))
    assert finished(events).stop is stop


async def test_events_may_be_written_in_any_way_the_format_allows() -> None:
    whole = b": ping\r\n\r\ndata:" + json.dumps(delta("a\u0085b\u2028c\U0001f389"), ensure_ascii=False).encode()
    whole += b"\r\n\r\nevent: x\ndata: {\ndata: " + json.dumps(delta("d"))[1:].encode() + b"\n\n"
    whole += b"id: 7\r\r" + sse(delta(finish="stop")) + b"retry: 1\n\ndata: [DONE]"
    byte_by_byte = [whole[n : n + 1] for n in range(len(whole))]
    for parts in ([whole], byte_by_byte):
        assert text(await ask(ScriptedOpenAI(chat=streams(*parts)))) == "a\u0085b\u2028c\U0001f389d"


async def test_place_is_known_before_the_prompt_leaves() -> None:
    async with ScriptedOpenAI(LLAMA).served() as server:
        backend = backend_at(server)
        async with aclosing(backend.stream(prompt())) as stream:
            async for event in stream:
                assert isinstance(event, Located)
                break
        await backend.aclose()
    assert "Hello there" not in repr(server.received)


@pytest.mark.parametrize("url", ["https://192.168.1.7:8080", "https://example.com"])
async def test_other_machines_are_refused_before_anything_is_dialled(url: str) -> None:
    address = parse_server(url, default_port=1)
    backend = OpenAICompatibleBackend(ModelSpec("openai", "x", url), address)
    with pytest.raises(errors.NotOnDevice, match="is not this machine"):
        await answered(backend, prompt(this_machine_only=True))
    await backend.aclose()


# ------------------------------------------------------------------------------------------------------------- errors


async def test_nobody_there_says_how_to_start_it() -> None:
    address = parse_server(f"http://127.0.0.1:{unused_port()}", default_port=1)
    backend = OpenAICompatibleBackend(ModelSpec("lmstudio", "x"), address, flavour="lmstudio")
    with pytest.raises(errors.Unreachable, match=r"Nobody answers at 127\.0\.0\.1:\d+\. Start LM Studio's server"):
        await answered(backend, prompt())
    await backend.aclose()
    with pytest.raises(errors.Unreachable):
        await models(address)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"error": {"message": "bad", "type": "invalid_request_error"}}, errors.PromptRefused),
        (400, {"error": "model `x` not found. Please download it"}, errors.UnknownModel),
        (400, {"object": "error", "message": "bad", "code": 400}, errors.PromptRefused),
        (401, {"error": {"message": "Invalid API Key", "code": 401}}, errors.KeyRejected),
        (402, {"error": "no credits"}, errors.NoCredit),
        (403, {"detail": "forbidden"}, errors.NotAllowed),
        (404, {"object": "error", "message": "The model `x` does not exist."}, errors.UnknownModel),
        (429, {"error": {"message": "slow"}}, errors.RateLimited),
        (
            500,
            {"error": {"message": "\x1b]52;c;evil\x07 image input\nnot supported" + "x" * 9000}},
            errors.ServerFault,
        ),
        (500, ["odd"], errors.ServerFault),
        (503, {"error": {"message": "Loading model"}}, errors.Overloaded),
        (504, {}, errors.TimedOut),
        (307, {}, errors.PromptRefused),
        (200, {"error": {"message": "no"}}, errors.BrokenStream),
        (200, {"choices": [{"message": {"content": "whole"}}]}, errors.BrokenStream),
    ],
)
async def test_statuses_are_told_by_what_can_be_done(status: int, body: object, kind: type[BackendError]) -> None:
    async def refuse(_: Received, reply: Reply) -> None:
        await reply.json(body, status, {"location": "http://127.0.0.1:1/", "retry-after": "7"})

    await fails(ScriptedOpenAI(chat=refuse), kind)


async def test_time_to_wait_is_passed_on() -> None:
    async def refuse(_: Received, reply: Reply) -> None:
        await reply.json({}, 429, {"retry-after": "7"})

    with pytest.raises(errors.RateLimited) as caught:
        await ask(ScriptedOpenAI(chat=refuse))
    assert caught.value.retry_after == 7


LLAMA_TOO_LONG = {
    "code": 400,
    "message": "request (3011 tokens) exceeds the available context size (2048 tokens), try increasing it",
    "type": "exceed_context_size_error",
    "n_prompt_tokens": 3011,
    "n_ctx": 2048,
}
VLLM_TOO_LONG = (
    "This model's maximum context length is 2048 tokens. However, you requested 3011 tokens (2011 in the messages, "
    "1000 in the completion). Please reduce the length of the messages or completion."
)
LMSTUDIO_TOO_LONG = "Trying to keep the first 3011 tokens when context the overflows."


@pytest.mark.parametrize("error", [LLAMA_TOO_LONG, VLLM_TOO_LONG, LMSTUDIO_TOO_LONG])
async def test_full_window_is_told_with_its_numbers(error: object) -> None:
    async def refuse(_: Received, reply: Reply) -> None:
        await reply.json({"error": error}, 400)

    for chat in (refuse, says({"error": error})):
        with pytest.raises(errors.PromptTooLong) as caught:
            await ask(ScriptedOpenAI(chat=chat))
        if error is not LMSTUDIO_TOO_LONG:
            assert (caught.value.tokens, caught.value.limit) == (3011, 2048)


@pytest.mark.parametrize("error", ["died", {"message": "died", "code": 500}, {"error": {"message": "died"}}])
async def test_error_in_the_middle_keeps_the_pieces_before_it(error: object) -> None:
    async with ScriptedOpenAI(chat=says(delta("half"), {"error": error})).served() as server:
        backend = backend_at(server)
        events, failure = await broken_off(backend, prompt())
        await backend.aclose()
    assert text(events) == "half"
    assert isinstance(failure, errors.ServerFault)
    assert "died" in str(failure)


async def test_listing_that_needs_a_key_is_told_as_such() -> None:
    async def refuse(_: Received, reply: Reply) -> None:
        await reply.json({"error": {"message": "Invalid API Key"}}, 401)

    await fails(ScriptedOpenAI(overrides={"/v1/models": refuse}), errors.KeyRejected)


def _then(first: bytes, then: Callable[[Reply], Awaitable[None]]) -> Handler:
    async def chat(_: Received, reply: Reply) -> None:
        await reply.start("text/event-stream")
        if first:
            await reply.chunk(first)
        await then(reply)

    return chat


def _repeats(piece: bytes) -> Callable[[Reply], Awaitable[None]]:
    async def repeat(reply: Reply) -> None:
        while True:
            await reply.chunk(piece)
            await asyncio.sleep(0.01)

    return repeat


async def _stays_silent(reply: Reply) -> None:
    await reply.client_left()


async def _cuts(reply: Reply) -> None:
    reply.cut()


async def _silent(_: Received, reply: Reply) -> None:
    await reply.client_left()


async def _drips_headers(_: Received, reply: Reply) -> None:
    for byte in b"HTTP/1.1 200 OK\r\nx-drip: " + b"x" * 1000:
        await reply.raw(bytes([byte]))
        await asyncio.sleep(0.02)


async def _bomb(_: Received, reply: Reply) -> None:
    body = gzip.compress(b"data: " + b"x" * 20_000_000)
    await reply.whole(body, content_type="text/event-stream", headers={"content-encoding": "gzip"})


async def _floods(reply: Reply) -> None:
    while True:
        await reply.chunk(b"data: x\n" * 1000)


HOSTILE: dict[str, tuple[Handler, type[BackendError]]] = {
    "silent": (_silent, errors.TimedOut),
    "headers one byte at a time": (_drips_headers, errors.TimedOut),
    "silent after the headers": (_then(b"", _stays_silent), errors.TimedOut),
    "silent after a piece": (_then(sse(delta("x")), _stays_silent), errors.TimedOut),
    "pings for ever": (_then(b"", _repeats(b": ping\n\n")), errors.TimedOut),
    "empty pieces for ever": (_then(b"", _repeats(sse(delta("")))), errors.TimedOut),
    "thinks for ever": (_then(b"", _repeats(sse(delta(None, reasoning="h")))), errors.TimedOut),
    "talks for ever": (_then(b"", _repeats(sse(delta("x")))), errors.TimedOut),
    "one byte at a time": (_then(b"data: ", _repeats(b" ")), errors.TimedOut),
    "too much text": (says(delta("x" * 9000), delta("x" * 9000)), errors.BrokenStream),
    "too many pieces": (says(*[delta("")] * 600), errors.BrokenStream),
    "endless line": (_then(b"data: ", _repeats(b"x" * 60_000)), errors.BrokenStream),
    "endless event": (_then(b"", _floods), errors.BrokenStream),
    "compressed bomb": (_bomb, errors.BrokenStream),
    "cut": (_then(sse(delta("x")), _cuts), errors.BrokenStream),
    "ends without a reason": (says(delta("x")), errors.BrokenStream),
    "done without a reason": (says(delta("x"), "[DONE]"), errors.BrokenStream),
    "empty": (says(), errors.BrokenStream),
    "only done": (says("[DONE]"), errors.BrokenStream),
    "cut in an event": (streams(sse(delta("x")), b'data: {"choices":[{"de'), errors.BrokenStream),
    "not JSON": (says("<html>nope</html>"), errors.BrokenStream),
    "a page": (streams(b"<html>nope</html>"), errors.BrokenStream),
    "deep JSON": (says("[" * 40_000), errors.BrokenStream),
    "a list": (says([1]), errors.BrokenStream),
    "wrong types": (says({"choices": {"a": 1}}, {"choices": [7, []], "usage": []}, delta(7)), errors.BrokenStream),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("misbehaviour", HOSTILE)
async def test_hostile_answer_ends_in_an_error_that_can_be_shown(misbehaviour: str) -> None:
    chat, kind = HOSTILE[misbehaviour]
    await fails(ScriptedOpenAI(chat=chat), kind)


async def test_bad_bytes_and_half_characters_do_not_end_the_answer() -> None:
    chat = streams(
        b'data: {"choices":[{"delta":{"content":"a\xffb\\ud800c"}}]}\n\n',
        b'data: {"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"completion_tokens":NaN}}\n\n',
    )
    events = await ask(ScriptedOpenAI(chat=chat))
    assert text(events) == "a\ufffdb\ufffdc"
    assert finished(events).usage.output_tokens is None


@pytest.mark.parametrize(
    "path", ["/v1/models", "/props", "/health", "/api/v1/models", "/v1/chat/completions/input_tokens"]
)
async def test_odd_answers_before_the_prompt_do_not_crash(path: str) -> None:
    for body in (
        b"[1,2]",
        b"null",
        b'{"data":[1,{"id":2}],"models":7}',
        b"[" * 50_000,
        b"\xff",
        b'{"input_tokens":"x"}',
    ):

        async def odd(_: Received, reply: Reply, body: bytes = body) -> None:
            await reply.whole(body)

        assert text(await ask(ScriptedOpenAI(LLAMA, overrides={path: odd}))) == "Hello there."


async def test_connection_is_used_again_for_the_next_turn() -> None:
    async with ScriptedOpenAI(LLAMA).served() as server:
        backend = backend_at(server)
        for _ in range(3):
            await answered(backend, prompt())
        await backend.aclose()
        assert server.connections == 1


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to make a certificate")
async def test_server_that_cannot_prove_who_it_is_gets_nothing(tmp_path: Path) -> None:
    got: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.append(await reader.read())

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path))
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    address = parse_server(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}", default_port=1)
    backend = OpenAICompatibleBackend(ModelSpec("openai", "x"), address, api_key="canary-key")
    _, failure = await broken_off(backend, prompt())
    await backend.aclose()
    server.close()
    assert isinstance(failure, errors.Unreachable)
    assert "could not prove who it is" in str(failure)
    assert got in ([], [b""])


def self_signed(directory: Path) -> Path:
    """Key and certificate for 127.0.0.1 in one file."""
    pem = directory / "server.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-days", "1", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(directory / "key.pem"), "-out", str(directory / "cert.pem")),
        ],
        check=True,
        capture_output=True,
    )
    pem.write_text((directory / "key.pem").read_text() + (directory / "cert.pem").read_text())
    return pem


async def test_proxies_in_the_environment_are_not_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(_: Received, reply: Reply) -> None:
        raise AssertionError("nobody may come here")

    async with ScriptedServer(never) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.address.url)
        assert text(await ask(ScriptedOpenAI())) == "Hello there."
        assert proxy.connections == 0
