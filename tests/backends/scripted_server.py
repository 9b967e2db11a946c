"""A real HTTP/1.1 server on loopback whose behaviour a test writes as a coroutine, byte by byte if it wants to."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from backends.address import ServerAddress, parse_server


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(slots=True)
class Reply:
    """What a handler answers with."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    keep: bool = True
    """False: the connection is closed after this reply."""
    sent: int = 0
    """Bytes that were written, headers and all."""

    async def raw(self, data: bytes) -> None:
        self.sent += len(data)
        self.writer.write(data)
        await self.writer.drain()

    async def whole(
        self,
        body: bytes,
        status: int = 200,
        content_type: str = "application/json",
        headers: dict[str, str] | None = None,
    ) -> None:
        extra = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        head = f"HTTP/1.1 {status} x\r\ncontent-type: {content_type}\r\ncontent-length: {len(body)}\r\n{extra}\r\n"
        await self.raw(head.encode() + body)

    async def json(self, value: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        await self.whole(json.dumps(value).encode(), status, headers=headers)

    async def start(self, content_type: str = "application/x-ndjson", status: int = 200) -> None:
        head = f"HTTP/1.1 {status} x\r\ncontent-type: {content_type}\r\ntransfer-encoding: chunked\r\n\r\n"
        await self.raw(head.encode())

    async def chunk(self, data: bytes) -> None:
        await self.raw(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    async def line(self, value: Any) -> None:
        await self.chunk(json.dumps(value, ensure_ascii=False).encode() + b"\n")

    async def end(self) -> None:
        await self.raw(b"0\r\n\r\n")

    def cut(self) -> None:
        """Drop the connection as a crash would."""
        self.keep = False
        self.writer.transport.abort()

    async def client_left(self) -> None:
        """Return when the client has closed the connection."""
        while not (self.reader.at_eof() or self.writer.transport.is_closing()):  # asyncio tells nobody
            await asyncio.sleep(0.005)


Handler = Callable[[Received, Reply], Awaitable[None]]


@dataclass(slots=True)
class ScriptedServer:
    """Serves `handler` while it is entered."""

    handler: Handler
    host: str = "127.0.0.1"
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    bytes_received: int = 0
    """Of whole requests, headers and all."""
    bytes_sent: int = 0
    """Of whole replies."""
    port: int = 0
    """0: any that is free; the one in use while it is entered."""
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def address(self) -> ServerAddress:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return parse_server(f"http://{host}:{self.port}", default_port=80)

    @property
    def paths(self) -> list[str]:
        return [request.path for request in self.received]

    def bodies(self, path: str) -> list[Any]:
        return [request.json for request in self.received if request.path == path]

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            while await self._answer(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client left, or the test is over
        finally:
            writer.close()
            self._tasks.discard(task)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        received = await reader.readuntil(b"\r\n\r\n")
        head = received.decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ", 2)
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)
        }
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        request = Received(method, path, headers, body)
        self.received.append(request)
        self.bytes_received += len(received) + len(body)
        reply = Reply(reader, writer)
        await self.handler(request, reply)
        self.bytes_sent += reply.sent
        return reply.keep


def unused_port(host: str = "127.0.0.1") -> int:
    """A loopback port that nobody listens on."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port
