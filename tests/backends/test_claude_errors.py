"""Every way in which Anthropic's API says no, or cannot be reached, in words that end in what to do."""

from __future__ import annotations

import asyncio
import datetime as dt
import email.utils
import json
import logging
import ssl
from pathlib import Path
from typing import Any

import httpx2
import pytest

from backends import BackendError, ModelSpec
from backends.address import ServerAddress
from backends.claude import ClaudeBackend
from backends.claude_errors import Conversation, refusal_in, retry_after, translated
from backends.door import DoorRefused
from backends.errors import (
    BrokenStream,
    KeyRejected,
    NoCredit,
    NotAllowed,
    NotOnDevice,
    Overloaded,
    PromptRefused,
    PromptTooLong,
    RateLimited,
    ServerFault,
    TimedOut,
    UnknownModel,
    Unreachable,
)
from tests.backends.anthropic_server import (
    SONNET,
    Step,
    a_key,
    cut_after,
    events_of,
    gather,
    refuses,
    says,
    sse,
    start,
    streams,
    text,
    text_of,
)
from tests.backends.scripted_server import Received, Reply, ScriptedServer

ANTHROPIC = Conversation("Anthropic", "api.anthropic.com", "claude-sonnet-5-5")


async def failure(step: Step, model: ModelSpec = SONNET) -> BackendError:
    async with ScriptedServer(step) as server:
        with pytest.raises(BackendError) as caught:
            await events_of(ClaudeBackend(model, address=server.address, key=a_key))
    return caught.value


@pytest.mark.parametrize(
    ("status", "kind", "message", "details", "error", "words"),
    [
        (401, "authentication_error", "invalid x-api-key", None, KeyRejected, "press F9, or run `duologue key set`"),
        (402, "billing_error", "Payment required", None, NoCredit, "no credit. Add some"),
        (400, "invalid_request_error", "Your credit balance is too low to access", None, NoCredit, "no credit. Add"),
        (
            400,
            "invalid_request_error",
            "You have reached your specified workspace API usage limits. You will regain access on 2026-12-01.",
            None,
            NoCredit,
            "regain access on 2026-12-01. Raise it",
        ),
        (
            429,
            "rate_limit_error",
            "Limit",
            {"error_code": "enforced_spend_limit_reached"},
            NoCredit,
            "monthly limit is reached",
        ),
        (
            429,
            "rate_limit_error",
            "Limit",
            {"error_code": "contract_spend_limit_reached"},
            NoCredit,
            "monthly limit is reached",
        ),
        (
            400,
            "invalid_request_error",
            "Organization on hold",
            {"error_code": "organization_on_hold", "appeal_url": "https://support.example/appeal"},
            NotAllowed,
            "Ask for a review at https://support.example/appeal.",
        ),
        (
            400,
            "invalid_request_error",
            "Organization on hold",
            {"error_code": "organization_on_hold", "appeal_url": "javascript:alert(1)"},
            NotAllowed,
            "Ask for a review in the Console",
        ),
        (403, "permission_error", "No access to this model.", None, NotAllowed, "Pick another model (F5)"),
        (404, "not_found_error", "model: claude-sonnet-5-5", None, UnknownModel, "no model claude-sonnet-5-5"),
        (400, "invalid_request_error", "effort: unknown level", None, PromptRefused, "effort: unknown level. Change"),
        (422, "invalid_request_error", "messages: bad", None, PromptRefused, "messages: bad"),
        (
            400,
            "invalid_request_error",
            "prompt is too long: 3333404 tokens > 1000000 maximum",
            None,
            PromptTooLong,
            "2,333,404 tokens too long for claude-sonnet-5-5 (3,333,404 of 1,000,000)",
        ),
        (400, "invalid_request_error", "prompt is too long", None, PromptTooLong, "start a new session"),
        (413, "request_too_large", "Request exceeds the maximum size", None, PromptTooLong, "32 MB"),
        (
            400,
            "invalid_request_error",
            "claude-fable-5 must have data retention enabled",
            None,
            NotAllowed,
            "keep data for 30 days",
        ),
        (429, "rate_limit_error", "Number of requests", None, RateLimited, "Try again in a moment"),
        (429, "rate_limit_error", "Ramp", {"error_code": "ramp_limit_exceeded"}, RateLimited, "Try again"),
        (529, "overloaded_error", "Overloaded", None, Overloaded, "busy. Try again in a moment"),
        (503, "overloaded_error", "Overloaded", None, Overloaded, "busy. Try again in a moment"),
        (500, "api_error", "Internal server error", None, ServerFault, "Try again in a moment"),
        (504, "timeout_error", "Timeout", None, ServerFault, "Try again in a moment"),
        (409, "conflict_error", "Conflict", None, ServerFault, "Try again in a moment"),
    ],
)
async def test_refusal(
    status: int, kind: str, message: str, details: dict[str, Any] | None, error: type[BackendError], words: str
) -> None:
    caught = await failure(refuses(status, kind, message, details=details))
    assert type(caught) is error
    assert words in str(caught)
    assert caught.request_id == "req_refused"
    assert len(str(caught)) < 300


async def test_both_sizes_are_kept_when_a_prompt_is_too_long() -> None:
    caught = await failure(
        refuses(400, "invalid_request_error", "prompt is too long: 250000 tokens > 200000 maximum")
    )
    assert isinstance(caught, PromptTooLong)
    assert (caught.tokens, caught.limit) == (250_000, 200_000)


@pytest.mark.parametrize(
    "error",
    [
        {
            "code": 400,
            "message": "request (1064 tokens) exceeds the available context size (512 tokens), try increasing it",
            "type": "exceed_context_size_error",
            "n_prompt_tokens": 1064,
            "n_ctx": 512,
        },
        {
            "code": 400,
            "message": "too much",
            "type": "exceed_context_size_error",
            "n_prompt_tokens": 1064,
            "n_ctx": 512,
        },
    ],
)
async def test_too_long_as_llama_cpp_says_it(error: dict[str, Any]) -> None:
    caught = await failure(says(json.dumps({"error": error}).encode(), 400, "application/json"))
    assert isinstance(caught, PromptTooLong)
    assert (caught.tokens, caught.limit) == (1064, 512)


@pytest.mark.parametrize(
    ("code", "kind", "message", "error"),
    [
        (401, "authentication_error", "Invalid API Key", KeyRejected),
        (503, "unavailable_error", "Loading model", Overloaded),
        (404, "not_found_error", "File Not Found", UnknownModel),
        (501, "not_supported_error", "This server does not support it", ServerFault),
    ],
)
async def test_refusal_in_the_shape_of_llama_cpp(
    code: int, kind: str, message: str, error: type[BackendError]
) -> None:
    body = json.dumps({"error": {"code": code, "message": message, "type": kind}}).encode()
    assert type(await failure(says(body, code, "application/json"))) is error


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("overloaded_error", Overloaded),
        ("rate_limit_error", RateLimited),
        ("api_error", ServerFault),
        ("timeout_error", ServerFault),
        ("authentication_error", KeyRejected),
        ("billing_error", NoCredit),
        ("permission_error", NotAllowed),
        ("invalid_request_error", PromptRefused),
        ("error_of_next_year", ServerFault),
    ],
)
async def test_refusal_in_mid_stream_is_told_by_its_type(kind: str, error: type[BackendError]) -> None:
    fault = sse("error", {"error": {"type": kind, "message": "Sorry", "details": None}})
    seen: list[Any] = []
    async with ScriptedServer(streams(start(), text("Half"), fault)) as server:
        with pytest.raises(BackendError) as caught:
            await gather(seen, ClaudeBackend(SONNET, address=server.address, key=a_key))
    assert type(caught.value) is error
    assert caught.value.request_id == "req_stream"
    assert text_of(seen) == "Half"


@pytest.mark.parametrize(
    ("status", "error"),
    [(403, NotAllowed), (404, Unreachable), (405, Unreachable), (413, PromptTooLong), (418, PromptRefused)]
    + [(status, ServerFault) for status in (500, 501, 502, 503, 520, 599)]
    + [(429, RateLimited), (529, Overloaded)],
)
@pytest.mark.parametrize("body", [b"", b"<html><head><title>Bad\x1b[2J gateway</title></head>" + b"<p>" * 5000])
async def test_refusal_that_is_no_json_is_told_by_its_status(
    status: int, error: type[BackendError], body: bytes
) -> None:
    caught = await failure(says(body, status))
    assert type(caught) is error
    assert len(str(caught)) < 300
    assert "<p>" not in str(caught)
    assert "\x1b" not in str(caught)


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"5",
        b'{"error": 5}',
        b'{"error": {"type": ["x"], "message": {"a": 1}, "details": [3]}}',
        b'{"error": {"type": "x", "message": "' + b"y" * 100_000 + b'", "details": {"error_code": 5}}}',
        b'{"error": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b"\xff\xfe{",
    ],
)
async def test_refusal_of_any_shape_is_one_of_ours(body: bytes) -> None:
    assert len(str(await failure(says(body, 400, "application/json")))) < 500


async def test_refusal_that_is_cut_off() -> None:
    async def serve(_received: Received, reply: Reply) -> None:
        await reply.raw(b"HTTP/1.1 500 x\r\ncontent-length: 100\r\n\r\nhalf")
        reply.keep = False

    assert isinstance(await failure(serve), Unreachable)


async def test_connection_that_closes_without_an_answer() -> None:
    async def serve(_received: Received, reply: Reply) -> None:
        reply.cut()

    caught = await failure(serve)
    assert isinstance(caught, Unreachable)
    assert "Retry in a moment" in str(caught)


@pytest.mark.parametrize(
    "head",
    [b"SSH-2.0-OpenSSH_9\r\n\r\n", b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000 + b"\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n"],
)
async def test_answer_that_is_no_http(head: bytes) -> None:
    async def serve(_received: Received, reply: Reply) -> None:
        await reply.raw(head)
        reply.keep = False

    assert isinstance(await failure(serve), Unreachable)


# --- waiting ---


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after": "86400"}, 86400.0),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({}, None),
    ],
)
@pytest.mark.parametrize("status", [429, 529, 503])
async def test_wait_that_the_server_asks_for_is_passed_on_uncapped(
    status: int, headers: dict[str, str], seconds: float | None
) -> None:
    async with ScriptedServer(refuses(status, "", "Wait", headers=headers)) as server:
        with pytest.raises(BackendError) as caught:
            await events_of(ClaudeBackend(SONNET, address=server.address, key=a_key))
    assert caught.value.retry_after == seconds
    assert caught.value.worth_retrying
    assert len(server.received) == 1


def test_wait_until_a_date() -> None:
    now = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
    header = email.utils.format_datetime(now + dt.timedelta(seconds=90), usegmt=True)
    assert retry_after({"retry-after": header}, now.timestamp()) == 90.0
    assert retry_after({"retry-after": header}, now.timestamp() + 1000) == 0.0


# --- not reached ---


def connection_error(*causes: BaseException) -> Exception:
    """What the SDK raises: itself says nothing, its causes do."""
    import anthropic

    request = httpx2.Request("POST", "https://api.anthropic.com/v1/messages")
    top = anthropic.APIConnectionError(request=request)
    error: BaseException = top
    for cause in causes:
        error.__cause__ = cause
        error = cause
    return top


@pytest.mark.parametrize(
    ("causes", "error", "words"),
    [
        (
            (httpx2.ConnectError("[Errno -2] Name or service not known"),),
            Unreachable,
            "The name api.anthropic.com cannot be found",
        ),
        ((httpx2.ConnectError("All connection attempts failed"),), Unreachable, "Cannot reach api.anthropic.com"),
        ((httpx2.ConnectTimeout(""),), Unreachable, "nothing answers there"),
        ((httpx2.WriteTimeout(""),), TimedOut, "gave no answer in time"),
        ((DoorRefused("This leads to 10.0.0.1."),), NotOnDevice, "Nothing was sent"),
    ],
)
def test_failure_to_connect_is_read_from_its_causes(
    causes: tuple[BaseException, ...], error: type[BackendError], words: str
) -> None:
    ours = translated(connection_error(*causes), ANTHROPIC, is_started=False)
    assert type(ours) is error
    assert words in str(ours)


def test_proxy_that_fails_is_named() -> None:
    about = Conversation("Anthropic", "api.anthropic.com", "claude-sonnet-5-5", "proxy.example")
    ours = translated(connection_error(httpx2.ProxyError("407")), about, is_started=False)
    assert "through the proxy proxy.example" in str(ours)


def test_reading_that_times_out_in_mid_stream() -> None:
    assert isinstance(translated(httpx2.ReadTimeout(""), ANTHROPIC, is_started=True), TimedOut)


def test_failure_that_is_no_refusal_has_none() -> None:
    assert refusal_in(ValueError("x")) is None


async def test_server_that_does_not_speak_tls() -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        address = ServerAddress("https", "127.0.0.1", server.sockets[0].getsockname()[1])
        with pytest.raises(Unreachable, match="does not speak TLS"):
            await events_of(ClaudeBackend(SONNET, address=address, key=a_key))


@pytest.fixture
def self_signed(tmp_path: Path) -> ssl.SSLContext:
    """A server's side of TLS that nobody trusts."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
        .not_valid_after(dt.datetime(2120, 1, 1, tzinfo=dt.UTC))
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "server.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


async def test_certificate_that_is_not_trusted(self_signed: ssl.SSLContext) -> None:
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0, ssl=self_signed)
    async with server:
        address = ServerAddress("https", "127.0.0.1", server.sockets[0].getsockname()[1])
        with pytest.raises(Unreachable, match="certificate is not trusted"):
            await events_of(ClaudeBackend(SONNET, address=address, key=a_key))


async def test_words_of_a_refusal_are_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await failure(refuses(400, "invalid_request_error", "canary words"))
    await failure(cut_after(start(), text("canary words")))
    assert "canary" not in caplog.text


def test_broken_stream_is_what_nobody_knows() -> None:
    assert isinstance(translated(RecursionError("deep"), ANTHROPIC, is_started=True), BrokenStream)
