"""A model server that says a known text at a known rate and remembers when each marker left.

It runs as a process of its own (`python -m benchmarks.token_server`), so that measuring does not disturb it: it
prints its port, and ends when its standard input does. It speaks OpenAI's streaming chat on 127.0.0.1; the prompt
says what to stream (`sample_text.Script`). Each token is an event of its own, as llama.cpp and vLLM send them. `/log`
gives what happened as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass, field

from benchmarks.sample_text import MARKER, Script, tokens

READING_SECONDS = 0.5
"""From the request to the first token, as a model needs to read a prompt; both streams are prepared meanwhile."""
MODELS = ("left", "right")
WINDOW = 10_000_000
"""Tokens of context that the models claim to have: no prompt is ever too long."""


@dataclass(slots=True)
class StreamLog:
    """What happened to one stream. Times are `time.monotonic`; 0 is "not yet"."""

    stream: int
    prompt: str
    started: float = 0.0
    departed: dict[int, float] = field(default_factory=dict)
    """When each marker left, by its number."""
    last: float = 0.0
    """When the last token left."""
    disconnected: float = 0.0
    """When the other end was gone, whether the stream was over or not."""
    latest_tick: float = 0.0
    """Seconds by which the server itself was late at most; the lags measured from outside are no better than this."""


def due(seconds: float, rate: int, total: int) -> int:
    """How many of `total` tokens shall have left after so many seconds; the first leaves at once."""
    return 0 if seconds < 0 else min(total, int(seconds * rate) + 1)


class Connection(asyncio.Protocol):
    """One request; the answer ends with the connection."""

    def __init__(self, logs: list[StreamLog]) -> None:
        self._logs = logs
        self._received = b""
        self._transport: asyncio.Transport | None = None
        self._log: StreamLog | None = None
        self._rate = 1
        self._events: list[bytes] = []
        self._markers: dict[int, int] = {}
        """Number of the marker in the event at this index."""
        self._sent = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if separator and len(body) >= _content_length(head) and self._log is None:
            self._answer(head.split(b" ")[1].decode("ascii"), body)

    def eof_received(self) -> bool:
        self._note_end()
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio gives it
        self._note_end()
        self._transport = None

    def _note_end(self) -> None:
        if self._log is not None and not self._log.disconnected:
            self._log.disconnected = time.monotonic()

    def _answer(self, path: str, body: bytes) -> None:
        match path:
            case "/v1/chat/completions":
                self._begin(body)
            case "/v1/models":
                listed = [{"id": name, "owned_by": "vllm", "max_model_len": WINDOW} for name in MODELS]
                self._send_whole(200, {"data": listed})
            case "/log":
                self._send_whole(200, [asdict(log) for log in self._logs])
            case _:
                self._send_whole(404, {"error": {"message": "There is no such page."}})

    def _send_whole(self, status: int, value: object) -> None:
        assert self._transport is not None
        page = json.dumps(value).encode()
        head = f"HTTP/1.1 {status} -\r\ncontent-type: application/json\r\ncontent-length: {len(page)}\r\n"
        self._transport.write(head.encode() + b"connection: close\r\n\r\n" + page)
        self._transport.close()

    def _begin(self, body: bytes) -> None:
        assert self._transport is not None
        prompt = str(json.loads(body)["messages"][-1]["content"])
        script = Script.parsed(prompt)
        self._log = StreamLog(stream=len(self._logs), prompt=prompt)
        self._logs.append(self._log)
        self._rate = script.rate
        pieces = tokens(script, self._log.stream)
        self._events = [_event({"choices": [{"index": 0, "delta": {"content": piece}}]}) for piece in pieces]
        self._markers = {
            index: int(found[2])
            for index, piece in enumerate(pieces)
            if "zq" in piece and (found := MARKER.search(piece.encode()))
        }
        self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
        loop = asyncio.get_running_loop()
        self._log.started = time.monotonic() + READING_SECONDS
        loop.call_later(READING_SECONDS, self._tick, loop)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        log = self._log
        if self._transport is None or log is None or log.disconnected:
            return
        now = time.monotonic()
        log.latest_tick = max(log.latest_tick, now - log.started - self._sent / self._rate)
        until = due(now - log.started, self._rate, len(self._events))
        for index in range(self._sent, until):
            if index in self._markers:
                log.departed[self._markers[index]] = now
        self._transport.write(b"".join(self._events[self._sent : until]))
        self._sent = until
        if until == len(self._events):
            log.last = now
            self._end(until)
        else:
            # Timers of the loop end up to a millisecond early: one token too few then, and a next tick at once.
            loop.call_later(max(0.001, log.started + until / self._rate - time.monotonic()), self._tick, loop)

    def _end(self, count: int) -> None:
        assert self._transport is not None
        self._transport.write(
            _event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
            + _event({"choices": [], "usage": {"prompt_tokens": 100, "completion_tokens": count}})
            + b"data: [DONE]\n\n"
        )
        self._transport.close()


def _event(chunk: dict[str, object]) -> bytes:
    common = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "benchmark"}
    return b"data: " + json.dumps({**common, **chunk}).encode() + b"\n\n"


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


async def serve() -> None:
    """Serve until standard input ends."""
    logs: list[StreamLog] = []
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(logs), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await loop.run_in_executor(None, sys.stdin.buffer.read)


if __name__ == "__main__":
    asyncio.run(serve())
