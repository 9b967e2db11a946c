"""What may pass between the anthropic SDK and the network, in both directions.

Outwards: only the headers named here. ANTHROPIC_CUSTOM_HEADERS cannot add one, and nothing is told about this machine
(the SDK would name its system, processor and Python version). Inwards: no compressed bodies (200 kB of gzip can be
200 MB) and no endless events: the SDK copies a pending event anew at each line, so a 200 MB one costs it minutes.

Imports httpx2, so this module is only imported once the SDK is wanted.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2

from backends.errors import BrokenStream

USER_AGENT = "duologue"
_SENT = frozenset(
    ("host", "connection", "accept", "authorization", "content-type", "content-length", "anthropic-version")
)
_EVENT_ENDS = (b"\n\n", b"\r\r", b"\r\n\r\n")


class Wire(httpx2.AsyncBaseTransport):
    """A transport around the door's."""

    def __init__(self, door: httpx2.AsyncBaseTransport, *, server: str, limit: int) -> None:
        self._door = door
        self._server = server
        self._limit = limit

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request with our headers only; the body of the answer is measured while it is read."""
        for name in [name for name in request.headers if name.lower() not in _SENT]:
            del request.headers[name]
        request.headers["user-agent"] = USER_AGENT
        request.headers["accept-encoding"] = "identity"
        response = await self._door.handle_async_request(request)
        if response.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
            await response.aclose()
            raise BrokenStream(
                f"{self._server} sent a compressed answer that nobody asked for. Check the address, then retry."
            )
        assert isinstance(response.stream, httpx2.AsyncByteStream)  # noqa: S101 - the type of an async transport's body
        events = response.headers.get("content-type", "").lower().startswith("text/event-stream")
        response.stream = _Measured(response.stream, server=self._server, limit=self._limit, in_events=events)
        return response

    async def aclose(self) -> None:
        """Close the connections."""
        await self._door.aclose()


class _Measured(httpx2.AsyncByteStream):
    """A body whose single events, or whose whole if it is not a stream of events, may have `limit` bytes."""

    def __init__(self, body: httpx2.AsyncByteStream, *, server: str, limit: int, in_events: bool) -> None:
        self._body = body
        self._server = server
        self._limit = limit
        self._in_events = in_events

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pending, tail = 0, b""
        async for chunk in self._body:
            for line in chunk.splitlines(keepends=True):
                pending += len(line)
                tail = (tail + line)[-4:]
                if pending > self._limit:
                    raise BrokenStream(
                        f"{self._server} sent more than {self._limit:,} bytes in one piece, which no answer needs. "
                        "What arrived before is kept; check the address, then retry."
                    )
                if self._in_events and tail.endswith(_EVENT_ENDS):
                    pending, tail = 0, b""
            yield chunk

    async def aclose(self) -> None:
        await self._body.aclose()
