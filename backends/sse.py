"""Server-sent events, within bounds.

httpx-sse parses (0.4.3 splits lines at the three line ends of the specification only), but it keeps a line, and the
lines of an event, however long they grow, and waits for ever. So it is handed a body that is watched and measured.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator

import httpx
from httpx_sse import EventSource

from backends.errors import BrokenStream
from backends.patience import Watch


async def event_data(response: httpx.Response, watch: Watch, limit: int) -> AsyncGenerator[str, None]:
    """The data of each event; comments (pings) and events without data are left out.

    Raises `BrokenStream` for an event of more than `limit` bytes, and what `watch` raises.
    """
    body = _MeasuredBody(response, watch, limit)
    readable = httpx.Response(200, headers={"content-type": "text/event-stream; charset=utf-8"}, stream=body)
    async with contextlib.aclosing(EventSource(readable).aiter_sse()) as events:
        async for event in events:
            body.since_event = 0
            if event.data:
                yield event.data


class _MeasuredBody(httpx.AsyncByteStream):
    """A response's body, never decompressed, with an end to each wait and each event."""

    def __init__(self, response: httpx.Response, watch: Watch, limit: int) -> None:
        self._response, self._watch, self._limit = response, watch, limit
        self.since_event = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        chunks = aiter(self._response.aiter_raw())
        while True:
            try:
                chunk = await self._watch.wait(anext(chunks))
            except StopAsyncIteration:
                return
            self.since_event += len(chunk)
            if self.since_event > self._limit + len(chunk):
                raise BrokenStream(
                    f"The server sent more than {self._limit:,} bytes in one piece, so the answer ends here. Retry."
                )
            yield chunk
