"""Reading what a server sends, within bounds and without trust.

A server may send half a line, 200 MB of one, a compressed bomb, JSON that is a thousand lists deep, or a list where
an object should be. What is read here is cut at limits, parsed once, and then looked at only through getters that
give nothing back when the type is wrong, so that no odd answer can crash the program or grow its memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, cast

from backends.errors import BackendError, BrokenStream, NotOnDevice, TimedOut, Unreachable
from backends.patience import Watch

if TYPE_CHECKING:
    import httpx

Record: TypeAlias = Mapping[str, object]
"""A JSON object of which nothing is known yet."""

REPLY_LIMIT = 4_000_000
"""Bytes of one reply that is not streamed: Ollama's list of a thousand models is under 1 MB."""
_WORDS_LIMIT = 300
# As Anthropic, OpenAI and their like make them (sk-ant-api03-..., sk-proj-...), and whatever was sent as a token.
_KEY = re.compile(r"\bsk-[\w-]{6,}|(?<=\bBearer )[\w.~+/=-]{6,}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole reply."""

    status: int
    body: bytes
    retry_after: float | None = None
    """Seconds that the server asks to wait."""

    @property
    def record(self) -> Record:
        """The JSON object in it; empty when there is none."""
        try:
            return parsed(self.body)
        except BrokenStream:
            return {}


async def ask(
    http: httpx.AsyncClient,
    method: str,
    path: str,
    *,
    purpose: str,
    seconds: float = 10.0,
    body: Record | None = None,
) -> Reply:
    """One small request, answered whole within `seconds`. Raises what httpx raises, `TimedOut` and `BrokenStream`."""
    request = http.build_request(method, path, json=body, extensions={"purpose": purpose})
    try:
        async with asyncio.timeout(seconds):
            response = await http.send(request, stream=True)
            try:
                return await _reply(response)
            finally:
                await response.aclose()
    except TimeoutError as error:
        server = request.url.netloc.decode("ascii")
        raise TimedOut(f"{server} did not answer within {seconds:g} seconds. See whether it is stuck.") from error


async def error_body(response: httpx.Response, watch: Watch) -> Reply:
    """The reply of a stream that did not start."""
    return await watch.wait(_reply(response))


async def lines(response: httpx.Response, watch: Watch, limit: int) -> AsyncGenerator[bytes, None]:
    """The lines of a streamed body, split at b"\\n" only, without line ends. The last one may have had none.

    httpx's own splitter also splits at U+0085, U+2028 and U+2029, which may stand inside JSON. Raises `BrokenStream`
    for a line of more than `limit` bytes, and what `watch` raises.
    """
    rest = b""
    async with contextlib.aclosing(_chunks(response)) as chunks:
        while True:
            try:
                chunk = await watch.wait(anext(chunks))
            except StopAsyncIteration:
                break
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                _check_length(line, limit)
                yield line.removesuffix(b"\r")
            _check_length(rest, limit)
    if rest:
        yield rest


async def drain(rest: AsyncGenerator[object, None], seconds: float = 0.5) -> None:
    """Read the few bytes after the end of an answer, so that the connection can serve the next request."""
    import httpx

    try:
        async with asyncio.timeout(seconds):
            for _ in range(8):
                await anext(rest)
    except (StopAsyncIteration, TimeoutError, BackendError, httpx.TransportError):
        pass  # the answer is whole; a server that has more to say is cut off by the closing of the response


def parsed(data: bytes) -> Record:
    """The JSON object in `data`; raises `BrokenStream`."""
    try:
        value = json.loads(data.decode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        raise BrokenStream("The server sent something that is not JSON, so the answer ends here. Retry.") from error
    if not isinstance(value, dict):
        raise BrokenStream("The server sent JSON that is no object, so the answer ends here. Retry.")
    return value


def text_of(record: Record, *keys: str) -> str:
    """The first text among `keys` that is not empty, fit for storage (no lone surrogates); "" when there is none."""
    for key in keys:
        value = record.get(key)
        if isinstance(value, str) and value:
            return storable(value)
    return ""


def storable(text: str) -> str:
    """Text that can be written as UTF-8: JSON can spell half a character, which SQLite refuses to store."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def count_of(record: Record, *keys: str) -> int | None:
    """The first whole number from zero on among `keys`; None when there is none. Limited to what SQLite can hold."""
    for key in keys:
        value = record.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63:
            return value
    return None


def number_of(record: Record, key: str) -> float | None:
    """A finite number from zero on; None when there is none."""
    value = record.get(key)
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e18:
        return float(value)
    return None


def record_of(record: Record, key: str) -> Record:
    """The object under `key`; empty when there is none."""
    value = record.get(key)
    return value if isinstance(value, dict) else {}


def records_of(record: Record, key: str) -> list[Record]:
    """The objects in the list under `key`."""
    value = record.get(key)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def error_words(value: object) -> tuple[str, Record]:
    """What a server says went wrong, as words and as the object they came in.

    An error is a text, an object with a message, or (Ollama, when its engine failed) such an object as text inside a
    text.
    """
    for _ in range(4):
        if isinstance(value, str) and value.lstrip().startswith("{"):
            try:
                value = parsed(value.encode("utf-8", "replace"))
            except BrokenStream:
                break
        elif isinstance(value, dict) and isinstance(value.get("error"), dict | str):
            value = value["error"]
        else:
            break
    if isinstance(value, dict):
        return one_line(text_of(value, "message", "error", "detail")), value
    return (one_line(value) if isinstance(value, str) else ""), {}


def one_line(words: str) -> str:
    """A server's words, short enough to stand inside a sentence of ours.

    Without keys: a server may quote the one that it refuses, and what it says is shown and kept.
    """
    line = " ".join("".join(c if c.isprintable() else " " for c in storable(words[: 4 * _WORDS_LIMIT])).split())
    line = _KEY.sub("(a key)", line)
    return line if len(line) <= _WORDS_LIMIT else line[: _WORDS_LIMIT - 3] + "..."


def as_backend_error(error: Exception, *, address: str, start_it: str) -> BackendError | None:
    """A failure between us and a server, from httpx or from the door; None if it is neither.

    `start_it` says how such a server is started.
    """
    import httpx

    from backends.route import DoorRefused, WayClosed

    match error:
        case WayClosed():
            return Unreachable(str(error))
        case DoorRefused():
            return NotOnDevice(f"{error} Check the server's address.")
        case httpx.ConnectError() if "certificate" in str(error).lower():
            return Unreachable(
                f"{address} could not prove who it is, so nothing was sent ({one_line(str(error))}). "
                "Correct the address, or have its certificate signed by an authority that this system trusts."
            )
        case httpx.ConnectError():
            return Unreachable(f"Nobody answers at {address}. {start_it}")
        case httpx.ConnectTimeout() | httpx.PoolTimeout():
            return Unreachable(f"{address} did not take the connection. {start_it}")
        case httpx.TimeoutException():
            return TimedOut(f"{address} did not answer in time. See whether it is busy or stuck, then retry.")
        case httpx.TransportError():
            return BrokenStream(f"The connection to {address} broke ({type(error).__name__}). Retry.")
        case _:
            return None


def _chunks(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    """The body as it comes, never decompressed: we ask for none, and a bomb is then only bytes that are no JSON."""
    return cast("AsyncGenerator[bytes, None]", response.aiter_raw())


async def _reply(response: httpx.Response) -> Reply:
    asked = response.headers.get("retry-after", "")
    retry_after = float(asked) if asked.isascii() and asked.isdigit() and len(asked) < 10 else None
    body = bytearray()
    async with contextlib.aclosing(_chunks(response)) as chunks:
        async for chunk in chunks:
            body += chunk
            _check_length(body, REPLY_LIMIT)
    return Reply(response.status_code, bytes(body), retry_after)


def _check_length(data: bytes | bytearray, limit: int) -> None:
    if len(data) > limit:
        raise BrokenStream(f"The server sent more than {limit:,} bytes in one piece, so the answer ends here. Retry.")
