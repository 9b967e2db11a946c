"""Ollama's backend against a server that misbehaves in every way that is known of."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Any, cast

import pytest

from backends import (
    BackendError,
    Event,
    Locality,
    Located,
    Message,
    ModelSpec,
    Progress,
    Request,
    Stop,
    TextDelta,
    errors,
)
from backends.address import parse_server
from backends.door import Ledger, recorded
from backends.ollama import OllamaBackend, models, names_cloud
from backends.patience import Patience
from tests.backends import contract
from tests.backends.contract import answered, broken_off, finished, located, prompt, text, thinking
from tests.backends.ollama_server import DIGEST, Model, ScriptedOllama, endless, last, piece, says
from tests.backends.scripted_server import Received, Reply, ScriptedServer, unused_port

QUICK = Patience(connect=1, first_content=0.4, idle=0.3, total=1.0, text=10_000, events=500, line=50_000)


async def ask(ollama: ScriptedOllama, request: Request | None = None, **options: Any) -> list[Event]:
    """All events of one answer of `ollama`."""
    events, _ = await ask_and_see(ollama, request, **options)
    return events


async def ask_and_see(
    ollama: ScriptedOllama, request: Request | None = None, model: str = "qwen3:8b", **options: Any
) -> tuple[list[Event], ScriptedServer]:
    async with ollama.served() as server:
        backend = OllamaBackend(model, server.address, patience=QUICK, **options)
        try:
            return await answered(backend, request or prompt()), server
        finally:
            await backend.aclose()


async def fails(ollama: ScriptedOllama, kind: type[BackendError], request: Request | None = None) -> str:
    """The words of the error that an answer of `ollama` ends in."""
    with pytest.raises(kind) as caught:
        await ask(ollama, request)
    assert type(caught.value) is kind
    words = str(caught.value)
    assert words.endswith(".")
    assert "\x1b" not in words
    assert len(words) < 700
    return words


# ------------------------------------------------------------------------------------------------------- good answers


async def test_answer_arrives_with_place_usage_timings_and_digest() -> None:
    events = await ask(ScriptedOllama(models=[Model(context_loaded=4096)]))
    assert text(events) == "Hello there."
    assert located(events).locality is Locality.THIS_MACHINE
    assert located(events).address.startswith("127.0.0.1:")
    end = finished(events)
    assert (end.model, end.stop, end.digest, end.cost_usd) == ("qwen3:8b", Stop.END, DIGEST, 0.0)
    assert (end.usage.input_tokens, end.usage.output_tokens) == (26, 40)
    assert (end.timings.load, end.timings.prompt, end.timings.generation) == (0.5, 0.25, 2.0)
    assert end.context_tokens == 4096
    assert end.note == ""


async def test_thinking_is_kept_apart_and_the_server_decides_about_it() -> None:
    ollama = ScriptedOllama(chat=says(piece(thinking="Let me"), piece(thinking=" see."), piece("Yes."), last()))
    events, server = await ask_and_see(ollama)
    assert (thinking(events), text(events)) == ("Let me see.", "Yes.")
    assert "think" not in server.bodies("/api/chat")[0]


async def test_loading_is_told_only_when_the_model_is_not_loaded() -> None:
    assert Progress("loading model") in await ask(ScriptedOllama())
    assert Progress("loading model") not in await ask(ScriptedOllama(models=[Model(context_loaded=4096)]))


async def test_every_request_forbids_silent_truncation_and_names_its_window() -> None:
    ollama = ScriptedOllama()
    async with ollama.served() as server:
        backend = OllamaBackend("qwen3:8b", server.address)
        await answered(backend, Request((Message("user", "one"),), system="Be brief.", max_output_tokens=9))
        await answered(
            backend, Request((Message("user", "one"), Message("assistant", "two"), Message("user", "three")))
        )
        await backend.aclose()
        first, second = server.bodies("/api/chat")
        for body in (first, second):
            assert (body["truncate"], body["shift"], body["stream"], body["keep_alive"]) == (
                False,
                False,
                True,
                "10m",
            )
            assert body["options"]["num_ctx"] == 8192
        assert first["options"]["num_predict"] == 9
        assert "num_predict" not in second["options"]
        assert first["messages"] == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "one"}]
        assert [message["role"] for message in second["messages"]] == ["user", "assistant", "user"]


@pytest.mark.parametrize(
    ("model", "wanted", "tokens"),
    [
        (Model(), None, 8192),
        (Model(trained=2048), None, 2048),
        (Model(context_loaded=16384), None, 16384),
        (Model(show={"parameters": 'stop   "x"\nnum_ctx                        32768\n'}), None, 32768),
        (Model(context_loaded=4096, show={"parameters": "num_ctx 32768"}), None, 4096),
        (Model(context_loaded=4096), 20000, 20000),
        (Model(trained=10000), 20000, 10000),
        (Model(show={"model_info": None}), None, 8192),
    ],
)
async def test_window_is_chosen_from_what_is_known(model: Model, wanted: int | None, tokens: int) -> None:
    events, server = await ask_and_see(ScriptedOllama(models=[model]), context_tokens=wanted)
    assert server.bodies("/api/chat")[0]["options"]["num_ctx"] == tokens
    assert finished(events).context_tokens == tokens


async def test_window_stays_the_same_for_later_requests() -> None:
    model = Model()
    ollama = ScriptedOllama(models=[model])
    async with ollama.served() as server:
        backend = OllamaBackend("qwen3:8b", server.address)
        await answered(backend, prompt())
        model.context_loaded = 4096
        await answered(backend, prompt())
        await backend.aclose()
        assert [body["options"]["num_ctx"] for body in server.bodies("/api/chat")] == [8192, 8192]


@pytest.mark.parametrize(
    ("reason", "counts", "stop"),
    [
        ("stop", {}, Stop.END),
        ("", {}, Stop.END),
        ("length", {}, Stop.LENGTH),
        ("length", {"prompt_eval_count": 8000, "eval_count": 192}, Stop.CONTEXT_FULL),
        ("load", {}, Stop.OTHER),
        ("something new", {}, Stop.OTHER),
    ],
)
async def test_reason_for_the_end_is_told(reason: str, counts: dict[str, int], stop: Stop) -> None:
    events = await ask(ScriptedOllama(chat=says(piece("x"), last(done_reason=reason, **counts))))
    assert finished(events).stop is stop


async def test_history_that_was_left_out_is_noticed() -> None:
    first = Request((Message("user", "one"),))
    second = Request((*first.messages, Message("assistant", "two"), Message("user", "three")))
    for version, noticed in (("0.33.0", True), ("0.29.0", False)):
        ollama = ScriptedOllama(version, chat=says(piece("x"), last(prompt_eval_count=1000)))
        async with ollama.served() as server:
            backend = OllamaBackend("qwen3:8b", server.address)
            await answered(backend, first)
            ollama.chat = says(piece("x"), last(prompt_eval_count=500))
            note = finished(await answered(backend, second)).note
            await backend.aclose()
        assert ("left out" in note) is noticed


async def test_missing_counts_are_not_told_rather_than_zero() -> None:
    events = await ask(ScriptedOllama(chat=says(piece("x"), {"done": True})))
    end = finished(events)
    assert (end.usage.input_tokens, end.usage.output_tokens, end.timings.load) == (None, None, None)
    assert end.model == "qwen3:8b"


async def test_closing_or_cancelling_stops_the_server() -> None:
    ollama = ScriptedOllama()
    ollama.chat = endless(ollama)
    async with ollama.served() as server:
        backend = OllamaBackend("qwen3:8b", server.address)
        await contract.check_closing_stops_the_server(backend, lambda: ollama.at_work, within=0.5)
        await contract.check_closing_twice_is_harmless(backend)


async def test_connection_is_used_again_for_the_next_turn() -> None:
    async with ScriptedOllama().served() as server:
        backend = OllamaBackend("qwen3:8b", server.address)
        for _ in range(3):
            await answered(backend, prompt())
        await backend.aclose()
        assert server.connections == 1


async def test_place_is_known_before_the_prompt_leaves() -> None:
    async with ScriptedOllama().served() as server:
        backend = OllamaBackend("qwen3:8b", server.address)
        async with aclosing(backend.stream(prompt())) as stream:
            async for event in stream:
                assert isinstance(event, Located)
                break
        await backend.aclose()
        assert "/api/chat" not in server.paths


# --------------------------------------------------------------------------------- what the package would have done


async def test_environment_neither_crashes_nor_redirects_nor_gives_the_key_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with ScriptedServer(_never) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.address.url)
        monkeypatch.setenv("OLLAMA_API_KEY", "canary-key")
        monkeypatch.setenv("OLLAMA_HOST", proxy.address.url)
        events, server = await ask_and_see(ScriptedOllama())
        assert text(events) == "Hello there."
        assert proxy.connections == 0
    for request in server.received:
        assert "authorization" not in request.headers
        assert "canary-key" not in repr(request)
        assert request.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OLLAMA_HOST", "::1"),
        ("OLLAMA_HOST", "127.0.0.1:99999"),
        ("ALL_PROXY", "socks5://127.0.0.1:1080"),
        ("SSL_CERT_FILE", "/nonexistent/ca.pem"),
        ("NO_PROXY", "http://[bad"),
        ("SSLKEYLOGFILE", "/nonexistent/keys.log"),
    ],
)
def test_import_survives_an_environment_in_which_the_package_crashes(name: str, value: str) -> None:
    code = (
        "import os\nfrom backends.ollama import preload\npreload()\nimport ollama\n"
        f"assert os.environ[{name!r}] == {value!r}\nprint('ok')"
    )
    environment = {**os.environ, name: value}  # a child's environment, with one thing changed
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert (ended.stdout, ended.returncode) == ("ok\n", 0), ended.stderr


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirect_is_not_followed(status: int) -> None:
    async with ScriptedServer(_never) as thief:

        async def redirect(_: Received, reply: Reply) -> None:
            await reply.whole(b"", status, headers={"location": thief.address.url})

        words = await fails(ScriptedOllama(chat=redirect), errors.PromptRefused)
        assert str(status) in words
        await fails(ScriptedOllama(overrides={"/api/show": redirect}), errors.PromptRefused)
        assert thief.connections == 0


async def test_characters_that_end_lines_elsewhere_stay_inside_the_text() -> None:
    odd = "a\u0085b\u2028c\u2029d\x1ce\r\nf"
    events = await ask(ScriptedOllama(chat=says(piece(odd), last())))
    assert text(events) == odd


async def test_lines_may_arrive_in_any_pieces() -> None:
    whole = b"".join(json.dumps(chunk).encode() + b"\n\n" for chunk in (piece("Grüße 🎉"), piece("!"), last()))

    async def byte_by_byte(_: Received, reply: Reply) -> None:
        await reply.start()
        for n in range(len(whole)):
            await reply.chunk(whole[n : n + 1])
        await reply.end()

    async def all_at_once(_: Received, reply: Reply) -> None:
        await reply.start()
        await reply.chunk(whole.rstrip())
        await reply.end()

    for chat in (byte_by_byte, all_at_once):
        assert text(await ask(ScriptedOllama(chat=chat))) == "Grüße 🎉!"


async def test_half_a_character_is_made_storable() -> None:
    async def chat(_: Received, reply: Reply) -> None:
        await reply.start()
        await reply.chunk(b'{"message":{"content":"a\\ud800b"}}\n{"message":{"content":"\\ud83c\\udf89"}}\n')
        await reply.line(last())
        await reply.end()

    assert text(await ask(ScriptedOllama(chat=chat), prompt("x\ud800"))) == "a\ufffdb🎉"


# ------------------------------------------------------------------------------------------------------------- errors


async def test_nobody_there_says_how_to_start_it() -> None:
    backend = OllamaBackend("qwen3:8b", parse_server(f"http://127.0.0.1:{unused_port()}", default_port=1))
    with pytest.raises(
        errors.Unreachable, match=r"Nobody answers at 127\.0\.0\.1:\d+\. Start Ollama \(`ollama serve`"
    ):
        await answered(backend, prompt())
    await backend.aclose()


async def test_unknown_model_says_how_to_get_it() -> None:
    words = await fails(ScriptedOllama(models=[]), errors.UnknownModel)
    assert "ollama pull qwen3:8b" in words


TOO_LONG = {
    "error": {
        "code": 400,
        "message": "the request exceeds the available context size, try increasing it",
        "type": "exceed_context_size_error",
        "n_prompt_tokens": 9000,
        "n_ctx": 8192,
    }
}


@pytest.mark.parametrize(
    "error",
    [
        json.dumps(TOO_LONG),
        TOO_LONG["error"],
        "prompt is longer than the context length",
        "input exceeds the context",
    ],
)
async def test_full_window_is_told_with_its_numbers(error: object) -> None:
    async def refuse(_: Received, reply: Reply) -> None:
        await reply.json({"error": error}, 400)

    async def in_stream(_: Received, reply: Reply) -> None:
        await reply.start()
        await reply.line({"error": error})
        await reply.end()

    for chat in (refuse, in_stream):
        with pytest.raises(errors.PromptTooLong) as caught:
            await ask(ScriptedOllama(chat=chat))
        if "9000" in str(error):
            assert (caught.value.tokens, caught.value.limit) == (9000, 8192)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"error": "invalid options"}, errors.PromptRefused),
        (401, {"error": "unauthorized", "signin_url": "https://ollama.com/connect"}, errors.KeyRejected),
        (403, {"error": "ollama cloud is disabled: remote model"}, errors.NotAllowed),
        (404, {"error": "model 'qwen3:8b' not found"}, errors.UnknownModel),
        (429, {"error": "slow down"}, errors.RateLimited),
        (500, {"error": "model requires more system memory (9 GiB) than is available"}, errors.PromptRefused),
        (500, {"error": "\x1b]52;c;evil\x07 llama runner\nprocess has terminated" + "x" * 5000}, errors.ServerFault),
        (502, ["a", "list"], errors.ServerFault),
        (500, {"error": {"error": {"message": ["odd"]}}}, errors.ServerFault),
        (503, {"error": "server busy, please try again. maximum pending requests exceeded"}, errors.Overloaded),
        (418, {}, errors.PromptRefused),
    ],
)
async def test_statuses_are_told_by_what_can_be_done(status: int, body: object, kind: type[BackendError]) -> None:
    async def refuse(_: Received, reply: Reply) -> None:
        await reply.json(body, status)

    await fails(ScriptedOllama(chat=refuse), kind)


async def test_foreign_host_name_is_explained() -> None:
    async def refuse(_: Received, reply: Reply) -> None:
        await reply.whole(b"", 403)

    words = await fails(ScriptedOllama(overrides={"/api/show": refuse}), errors.NotAllowed)
    assert "127.0.0.1" in words


@pytest.mark.parametrize(
    "error", ["llama runner died", {"message": "died"}, '{"error":{"code":500,"message":"died"}}']
)
async def test_error_in_the_middle_keeps_the_pieces_before_it(error: object) -> None:
    async with ScriptedOllama(chat=says(piece("half"), {"error": error})).served() as server:
        backend = OllamaBackend("qwen3:8b", server.address)
        events, failure = await broken_off(backend, prompt())
        await backend.aclose()
    assert text(events) == "half"
    assert isinstance(failure, errors.ServerFault)
    assert "died" in str(failure)


async def _never(_: Received, reply: Reply) -> None:
    raise AssertionError("nobody may come here")


async def _silent(_: Received, reply: Reply) -> None:
    await reply.client_left()


async def _drips_headers(_: Received, reply: Reply) -> None:
    for byte in b"HTTP/1.1 200 OK\r\nx-drip: " + b"x" * 1000:
        await reply.raw(bytes([byte]))
        await asyncio.sleep(0.02)


def _streams(*parts: bytes, then: Callable[[Reply], Awaitable[None]] | None = None) -> Any:
    async def chat(_: Received, reply: Reply) -> None:
        await reply.start()
        for part in parts:
            await reply.chunk(part)
        await (then(reply) if then else reply.end())

    return chat


async def _stays_silent(reply: Reply) -> None:
    await reply.client_left()


async def _cuts(reply: Reply) -> None:
    reply.cut()


async def _repeats(reply: Reply, line: bytes) -> None:
    while True:
        await reply.chunk(line)
        await asyncio.sleep(0.01)


def _line(value: object) -> bytes:
    return json.dumps(value).encode() + b"\n"


async def _bomb(_: Received, reply: Reply) -> None:
    await reply.whole(gzip.compress(b"[" * 20_000_000), headers={"content-encoding": "gzip"})


async def _huge_headers(_: Received, reply: Reply) -> None:
    await reply.raw(b"HTTP/1.1 200 OK\r\nx: " + b"x" * 500_000 + b"\r\n\r\n")


async def _no_http(_: Received, reply: Reply) -> None:
    await reply.raw(b"SSH-2.0-OpenSSH_9.6\r\n")
    reply.cut()


HOSTILE: dict[str, tuple[Any, type[BackendError]]] = {
    "silent": (_silent, errors.TimedOut),
    "headers one byte at a time": (_drips_headers, errors.TimedOut),
    "silent after the headers": (_streams(then=_stays_silent), errors.TimedOut),
    "silent after a piece": (_streams(_line(piece("x")), then=_stays_silent), errors.TimedOut),
    "pings for ever": (_streams(then=lambda reply: _repeats(reply, b"\n")), errors.TimedOut),
    "empty pieces for ever": (_streams(then=lambda reply: _repeats(reply, _line(piece()))), errors.TimedOut),
    "thinks for ever": (_streams(then=lambda r: _repeats(r, _line(piece(thinking="h")))), errors.TimedOut),
    "talks for ever": (_streams(then=lambda reply: _repeats(reply, _line(piece("x")))), errors.TimedOut),
    "too much text": (_streams(_line(piece("x" * 9000)), _line(piece("x" * 9000))), errors.BrokenStream),
    "too many pieces": (_streams(*[_line(piece())] * 600), errors.BrokenStream),
    "endless line": (_streams(b'{"message":{"content":"' + b"x" * 60_000), errors.BrokenStream),
    "long line": (_streams(b" " * 60_000 + b"\n"), errors.BrokenStream),
    "compressed bomb": (_bomb, errors.BrokenStream),
    "cut": (_streams(_line(piece("x")), then=_cuts), errors.BrokenStream),
    "ends without the end": (_streams(_line(piece("x"))), errors.BrokenStream),
    "empty": (_streams(), errors.BrokenStream),
    "cut in a line": (_streams(_line(piece("x")), b'{"message":{"con'), errors.BrokenStream),
    "not JSON": (_streams(b"<html>nope</html>\n"), errors.BrokenStream),
    "deep JSON": (_streams(b"[" * 40_000 + b"\n"), errors.BrokenStream),
    "a list": (_streams(b"[1]\n"), errors.BrokenStream),
    "wrong types": (
        _streams(_line({"message": [], "done": "yes"}), _line({"message": {"content": 7}})),
        errors.BrokenStream,
    ),
    "huge headers": (_huge_headers, errors.BrokenStream),
    "no HTTP": (_no_http, errors.BrokenStream),
}


@pytest.mark.parametrize("misbehaviour", HOSTILE)
async def test_hostile_answer_ends_in_an_error_that_can_be_shown(misbehaviour: str) -> None:
    chat, kind = HOSTILE[misbehaviour]
    await fails(ScriptedOllama(chat=chat), kind)


async def test_bad_bytes_and_odd_numbers_do_not_end_the_answer() -> None:
    chat = _streams(
        b'{"message":{"content":"a\xff\xfeb"}}\n',
        b'{"message":{"content":"c"},"done":true,"eval_count":NaN,"prompt_eval_count":-3,"eval_duration":1e999}\n',
    )
    events = await ask(ScriptedOllama(chat=chat))
    assert text(events) == "a\ufffd\ufffdbc"
    assert finished(events).usage.output_tokens is None
    assert finished(events).timings.generation is None


async def test_words_after_the_end_are_not_read() -> None:
    for then in (lambda reply: _repeats(reply, _line(piece("more"))), _stays_silent, _cuts):
        chat = _streams(_line(piece("x")), _line(last()), then=then)
        assert text(await ask(ScriptedOllama(chat=chat))) == "x"


@pytest.mark.parametrize("path", ["/api/version", "/api/show", "/api/tags", "/api/ps"])
async def test_odd_answers_before_the_prompt_do_not_crash(path: str) -> None:
    for body in (
        b"[1,2]",
        b"null",
        b'{"models":null,"version":7}',
        b"[" * 50_000,
        b"\xff",
        b'{"models":[1,{"name":2}]}',
    ):

        async def odd(_: Received, reply: Reply, body: bytes = body) -> None:
            await reply.whole(body)

        assert text(await ask(ScriptedOllama(overrides={path: odd}))) == "Hello there."


async def test_huge_answer_before_the_prompt_is_cut() -> None:
    async def huge(_: Received, reply: Reply) -> None:
        await reply.start()
        while True:
            await reply.chunk(b" " * 100_000)

    await fails(ScriptedOllama(overrides={"/api/show": huge}), errors.BrokenStream)


# ------------------------------------------------------------------------------------------------- this machine only

ONLY_HERE = prompt(this_machine_only=True)


@pytest.mark.parametrize(
    "name", ["gpt-oss:120b-cloud", "x:CLOUD", " kimi:cloud ", "h:5000/n/m:1-Cloud", "a:b:cloud", "glm:cloud:local"]
)
async def test_cloud_name_is_refused_before_ollama_is_asked_anything(name: str) -> None:
    assert names_cloud(name)
    async with ScriptedOllama(models=[Model(name)]).served() as server:
        backend = OllamaBackend(name, server.address)
        with pytest.raises(errors.NotOnDevice, match="cloud model"):
            await answered(backend, ONLY_HERE)
        await backend.aclose()
        assert server.connections == 0


@pytest.mark.parametrize("name", ["llama3.2", "cloud", "my-cloud", "x:8b", "h:5000/a-cloud", "cloud:8b", "x:cloudy"])
def test_names_that_only_look_like_the_cloud(name: str) -> None:
    assert not names_cloud(name)


@pytest.mark.parametrize("url", ["https://192.168.1.7:11434", "https://example.com"])
async def test_other_machines_are_refused_before_anything_is_dialled(url: str) -> None:
    address = parse_server(url, default_port=1)
    backend = OllamaBackend("qwen3:8b", address)
    with pytest.raises(errors.NotOnDevice, match="is not this machine"):
        await answered(backend, ONLY_HERE)
    await backend.aclose()


@pytest.mark.parametrize(
    ("version", "disabled", "sent_as"),
    [
        ("0.33.0-rc2", False, "qwen3:8b:local"),
        ("0.17.6", False, "qwen3:8b:local"),
        ("0.33.0", True, "qwen3:8b:local"),
        ("0.16.5", True, "qwen3:8b"),
        ("0.0.0", True, "qwen3:8b"),
        ("0.17.5", False, None),
        ("0.16.2", False, None),
        ("0.15.0", False, None),
        ("0.11.0", False, None),
        ("0.0.0", False, None),
        ("", False, None),
    ],
)
async def test_each_version_must_promise_what_it_can(version: str, disabled: bool, sent_as: str | None) -> None:
    ollama = ScriptedOllama(version, cloud_disabled=disabled)
    if sent_as is None:
        words = await fails(ollama, errors.NotOnDevice, ONLY_HERE)
        assert "0.17.6" in words
        assert "OLLAMA_NO_CLOUD=1" in words
        return
    events, server = await ask_and_see(ollama, ONLY_HERE)
    assert server.bodies("/api/chat")[0]["model"] == sent_as
    assert located(events).locality is Locality.THIS_MACHINE
    assert located(events).proof
    assert finished(events).model == "qwen3:8b"
    assert finished(events).cost_usd == 0.0


@pytest.mark.parametrize("version", ["0.12.0", "0.16.2", "0.17.6", "0.33.0"])
async def test_cloud_model_under_an_innocent_name_is_refused_without_the_prompt(version: str) -> None:
    stub = Model(remote="https://ollama.com:443")
    async with ScriptedOllama(version, models=[stub], cloud_disabled=True).served() as server:
        backend = OllamaBackend("qwen3:8b", server.address)
        with pytest.raises(errors.NotOnDevice, match=r"ollama\.com"):
            await answered(backend, ONLY_HERE)
        await backend.aclose()
        assert not {"/api/chat", "/api/show"} & set(server.paths)
        assert "Hello there" not in repr(server.received)


@pytest.mark.parametrize("fields", [{"remote_model": "gpt-oss:120b"}, {"remote_host": 7}, {"remote_host": ["x"]}])
async def test_remote_field_of_any_kind_counts_in_show_and_in_tags(fields: dict[str, Any]) -> None:
    for model in (Model(show=fields), Model(tag=fields)):
        await fails(ScriptedOllama(models=[model]), errors.NotOnDevice, ONLY_HERE)
        assert located(await ask(ScriptedOllama(models=[model]))).locality is Locality.CLOUD


async def test_model_that_became_remote_in_between_is_refused_by_the_server() -> None:
    ollama = ScriptedOllama()

    async def gone(_: Received, reply: Reply) -> None:
        await reply.json({"error": "model 'qwen3:8b:local' not found"}, 404)

    ollama.chat = gone
    words = await fails(ollama, errors.NotOnDevice, ONLY_HERE)
    assert "qwen3:8b that it runs itself" in words


async def test_every_question_is_asked_anew_for_each_confidential_prompt() -> None:
    model = Model()
    async with ScriptedOllama(models=[model]).served() as server:
        backend = OllamaBackend("qwen3:8b", server.address)
        await answered(backend, ONLY_HERE)
        model.remote = "https://ollama.com"
        with pytest.raises(errors.NotOnDevice):
            await answered(backend, ONLY_HERE)
        await backend.aclose()
        assert server.paths.count("/api/chat") == 1


@pytest.mark.parametrize("request_", [prompt(), ONLY_HERE], ids=["ordinary", "this machine only"])
@pytest.mark.parametrize("where", ["first chunk", "last chunk"])
async def test_answer_from_elsewhere_is_stopped_within_one_chunk(request_: Request, where: str) -> None:
    remote = {"remote_host": "https://ollama.com", "remote_model": "x"}
    first = where == "first chunk"
    chat = says(piece("ok", **(remote if first else {})), piece("leaked"), last(**remote))
    async with ScriptedOllama(chat=chat).served() as server:
        backend = OllamaBackend("qwen3:8b", server.address)
        events, failure = await broken_off(backend, request_)
        await backend.aclose()
    assert isinstance(failure, errors.NotOnDevice)
    assert "made elsewhere" in str(failure)
    assert any(isinstance(event, TextDelta) for event in events) is not first


class LeftLines:
    """A ledger that keeps who is said to have answered."""

    def __init__(self) -> None:
        self.left: list[str] = []

    async def opened(self, **_: object) -> int:
        return 1

    def closed(self, _: int, *, left_to: str = "", **__: object) -> None:
        self.left.append(left_to)


@pytest.mark.parametrize("version", ["0.11.0", "0.15.0", "0.16.5", "0.33.0"])
async def test_no_prompt_goes_to_a_model_that_has_a_remote_host(version: str) -> None:
    """Under every name and on every version: a marked stub, an alias, a name of the cloud, one that shows it late."""
    host = "https://ollama.com:443"
    stubs = [Model(name, remote=host) for name in ("notes:latest", "gpt-oss:120b-cloud", "glm-5.1:cloud", "qwen3:8b")]
    only_in_show = Model("alias:latest", show={"remote_host": host, "remote_model": "x"})
    ollama = ScriptedOllama(version, models=[*stubs, only_in_show], cloud_disabled=version == "0.16.5")
    async with ollama.served() as server:
        for model in [*ollama.models, Model("notes"), Model("never-pulled:cloud")]:
            backend = OllamaBackend(model.name, server.address)
            with pytest.raises(errors.NotOnDevice):
                await answered(backend, ONLY_HERE)
            await backend.aclose()
        assert server.bodies("/api/chat") == []
        assert "Hello there" not in repr(server.received)


async def test_answer_from_elsewhere_is_an_alarm_in_the_ledger() -> None:
    lines = LeftLines()
    chat = says(piece("ok", remote_host="https://ollama.com", remote_model="x"), last())
    async with ScriptedOllama(chat=chat).served() as server:
        backend = OllamaBackend("qwen3:8b", server.address)
        with recorded(cast("Ledger", lines), "chat"):
            _, failure = await broken_off(backend, ONLY_HERE)
        await backend.aclose()
    assert isinstance(failure, errors.LeftThisMachine)
    assert failure.to == "https://ollama.com"
    assert [one for one in lines.left if one] == ["https://ollama.com"]


@pytest.mark.parametrize("listed", [True, False])
async def test_ollama_on_a_listed_host_is_asked_in_a_confidential_session(
    listed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda _, *more, **named: real("127.0.0.1", *more, **named))
    async with ScriptedOllama().served() as server:
        trusted = frozenset({"gpu.lan"})
        address = parse_server(f"gpu.lan:{server.port}", default_port=80, trusted_hosts=trusted)
        backend = OllamaBackend("qwen3:8b", address if listed else replace(address, trusted=False))
        if listed:
            events = await answered(backend, ONLY_HERE)
            assert located(events).locality is Locality.YOUR_NETWORK
            assert "you listed" in located(events).proof
        else:
            with pytest.raises(errors.NotOnDevice):
                await answered(backend, ONLY_HERE)
            assert server.received == []
        await backend.aclose()


async def test_cloud_model_is_allowed_in_an_ordinary_session_and_named_as_such() -> None:
    remote = {"remote_host": "https://ollama.com:443", "remote_model": "gpt-oss:120b"}
    chat = says(piece("Hi", **remote), last(**remote))
    ollama = ScriptedOllama(models=[Model(remote="https://ollama.com:443")], chat=chat)
    events = await ask(ollama)
    assert located(events).locality is Locality.CLOUD
    assert "ollama.com" in located(events).proof
    assert finished(events).cost_usd is None
    assert not any(isinstance(event, Progress) for event in events)
    by_name = ScriptedOllama(models=[Model("gpt-oss:120b-cloud")])
    events, _ = await ask_and_see(by_name, model="gpt-oss:120b-cloud")
    assert located(events).locality is Locality.CLOUD


# -------------------------------------------------------------------------------------------------------------- list


async def test_models_are_listed_with_place_size_and_state() -> None:
    ollama = ScriptedOllama(
        models=[
            Model("qwen3:8b", context_loaded=4096),
            Model("llama3.2:latest", trained=131072),
            Model("my-model:latest", remote="https://ollama.com"),
            Model("glm-5.1:cloud"),
            Model("old", tag={"details": None, "size": "big"}),
            Model(""),
        ]
    )
    async with ollama.served() as server:
        found = await models(server.address)
    assert [str(info.spec) for info in found] == [
        "ollama:qwen3:8b",
        "ollama:llama3.2:latest",
        "ollama:my-model:latest",
        "ollama:glm-5.1:cloud",
        "ollama:old",
    ]
    here, cloud = Locality.THIS_MACHINE, Locality.CLOUD
    assert [info.locality for info in found] == [here, here, cloud, cloud, here]
    assert [info.loaded for info in found] == [True, False, False, False, False]
    assert [info.context_tokens for info in found] == [4096, 131072, 40960, 40960, None]
    assert [info.size_bytes for info in found] == [5_200_000_000, 5_200_000_000, 300, 5_200_000_000, None]


async def test_listing_an_absent_server_says_how_to_start_it() -> None:
    with pytest.raises(errors.Unreachable, match="Start Ollama"):
        await models(parse_server(f"http://127.0.0.1:{unused_port()}", default_port=1))


def test_spec_is_the_users_choice() -> None:
    backend = OllamaBackend("qwen3:8b", parse_server("127.0.0.1", default_port=11434))
    assert backend.spec == ModelSpec("ollama", "qwen3:8b")
