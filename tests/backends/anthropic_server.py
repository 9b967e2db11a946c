"""Anthropic's Messages API as a test scripts it: events, refusals, cuts and stalls over real HTTP on loopback."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any

from backends import Event, Message, ModelSpec, Request, TextDelta
from backends.claude import ClaudeBackend
from backends.keys import ApiKey
from tests.backends.scripted_server import Received, Reply

Step = Callable[[Received, Reply], Awaitable[None]]
SECRET = "sk-ant-api03-canary-of-the-key"


async def a_key() -> ApiKey:
    return ApiKey(SECRET)


def in_turn(*steps: Step) -> Step:
    """Each request gets the next step; the last one stays."""
    waiting = list(steps)

    async def serve(received: Received, reply: Reply) -> None:
        step = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        await step(received, reply)

    return serve


def sse(name: str, data: dict[str, Any]) -> bytes:
    """One event as Anthropic writes it."""
    return f"event: {name}\ndata: {json.dumps({'type': name, **data})}\n\n".encode()


def start(model: str = "claude-sonnet-5-5", **usage: Any) -> bytes:
    counts = {"input_tokens": 10, "output_tokens": 1, **usage}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": model, "content": []}
    return sse("message_start", {"message": {**message, "stop_reason": None, "stop_sequence": None, "usage": counts}})


def opened(kind: str, index: int = 0, **block: Any) -> bytes:
    return sse("content_block_start", {"index": index, "content_block": {"type": kind, **block}})


def delta(kind: str, index: int = 0, **piece: Any) -> bytes:
    return sse("content_block_delta", {"index": index, "delta": {"type": kind, **piece}})


def text(words: str) -> bytes:
    return delta("text_delta", text=words)


def closed(index: int = 0) -> bytes:
    return sse("content_block_stop", {"index": index})


def ended(stop_reason: str | None = "end_turn", details: dict[str, Any] | None = None, **usage: Any) -> bytes:
    ending = {"stop_reason": stop_reason, "stop_sequence": None, "stop_details": details}
    return sse("message_delta", {"delta": ending, "usage": {"output_tokens": 20, **usage}})


STOP = sse("message_stop", {})
PING = sse("ping", {})


def whole(*words: str, stop_reason: str = "end_turn") -> list[bytes]:
    """All events of a plain answer."""
    return [start(), opened("text", text=""), *map(text, words), closed(), ended(stop_reason), STOP]


def streams(*pieces: bytes, headers: dict[str, str] | None = None) -> Step:
    """Answer with these bytes as a stream that ends as HTTP wants it."""

    async def serve(_received: Received, reply: Reply) -> None:
        await begin(reply, headers)
        for piece in pieces:
            await reply.chunk(piece)
        await reply.end()

    return serve


def cut_after(*pieces: bytes) -> Step:
    """Answer with these bytes, then drop the connection in the middle of the body."""

    async def serve(_received: Received, reply: Reply) -> None:
        await begin(reply)
        for piece in pieces:
            await reply.chunk(piece)
        reply.keep = False

    return serve


def stalls_after(*pieces: bytes) -> Step:
    """Answer with these bytes, then keep silent until the client leaves."""

    async def serve(_received: Received, reply: Reply) -> None:
        await begin(reply)
        for piece in pieces:
            await reply.chunk(piece)
        await reply.client_left()
        reply.keep = False

    return serve


async def begin(reply: Reply, headers: dict[str, str] | None = None) -> None:
    given = {"content-type": "text/event-stream", "request-id": "req_stream", **(headers or {})}
    lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    await reply.raw(f"HTTP/1.1 200 OK\r\n{lines}transfer-encoding: chunked\r\n\r\n".encode())


def refuses(
    status: int,
    kind: str,
    message: str,
    *,
    headers: dict[str, str] | None = None,
    details: dict[str, Any] | None = None,
) -> Step:
    """Answer with an error in the API's shape."""

    async def serve(_received: Received, reply: Reply) -> None:
        error = {"type": kind, "message": message, "details": details}
        body = {"type": "error", "error": error, "request_id": "req_refused"}
        await reply.json(body, status, {"request-id": "req_refused", **(headers or {})})

    return serve


def says(
    body: bytes, status: int = 200, content_type: str = "text/html", headers: dict[str, str] | None = None
) -> Step:
    """Answer with any body."""

    async def serve(_received: Received, reply: Reply) -> None:
        await reply.whole(body, status, content_type, headers)

    return serve


def asking(prompt: str = "Hello?", **fields: Any) -> Request:
    return Request((Message("user", prompt),), **fields)


async def events_of(backend: ClaudeBackend, request: Request | None = None) -> list[Event]:
    """Everything that one request yields; connections are closed."""
    seen: list[Event] = []
    await gather(seen, backend, request)
    return seen


async def gather(seen: list[Event], backend: ClaudeBackend, request: Request | None = None) -> None:
    """The same into a list that the caller keeps when the stream raises."""
    try:
        async with aclosing(backend.stream(request or asking())) as events:
            async for event in events:
                seen.append(event)  # noqa: PERF401 - what came before an error must be in the list
    finally:
        await backend.aclose()


def text_of(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


SONNET = ModelSpec("claude", "claude-sonnet-5-5")
