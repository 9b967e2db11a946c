"""The one way out: every byte that goes to a server passes through a transport made here.

A door leads to one address and nowhere else. Whatever asks it for another one (a redirect, a client with another base
URL, a web search inside a library) is refused before anything is dialled. For this machine it dials literal loopback
addresses, so no resolver and no hosts file has a say, and looks at who is on the other end of the connected socket
before a byte is written. Proxies named in the environment are not seen.

Each HTTP request is one line of the ledger, not each connection: one pooled connection serves a whole conversation.
The line is stored before the first byte leaves. What is counted is HTTP as sent and received, inside TLS.

Measured (`python -m benchmarks --only door`; loopback, 4 kB there and 8 kB back): a request through the door costs
0.9 to 1.0 times one of plain httpx (0.7 ms). With a ledger in a file it is 3 to 3.5 times: 1.5 ms for the line's
commit, the price of having it on disk before the first byte.

`anthropic` stands on httpx2 and `ollama` on httpx. The two have the same shape, so one piece of code serves both,
with the library as an argument; `Any` is for what comes out of that argument, and stays in this file.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote, urlsplit

import anyio
import anyio.abc
import anyio.to_thread

from backends.address import AddressRefused, ServerAddress, is_loopback, locality_of
from backends.base import Locality
from backends.ledger import Ledger, Verdict, current, recorded
from backends.route import Dial, DoorRefused, taken

__all__ = ["DoorRefused", "Ledger", "client", "note_that_it_left", "recorded", "transport_httpx", "transport_httpx2"]

if TYPE_CHECKING:
    import ssl
    from pathlib import Path

    import httpx
    import httpx2

# Most specific first: httpcore and httpx give the same names to the same failures.
_FAILURES = (
    *("ConnectTimeout", "ReadTimeout", "WriteTimeout", "PoolTimeout", "ConnectError", "ReadError", "WriteError"),
    *("ProxyError", "LocalProtocolError", "RemoteProtocolError", "UnsupportedProtocol"),
    *("TimeoutException", "NetworkError", "ProtocolError"),
)


def transport_httpx(address: ServerAddress, *, proxy: str | None = None) -> httpx.AsyncBaseTransport:
    """A door for clients of httpx. Raises `AddressRefused` for a proxy where none may be."""
    import httpcore
    import httpx

    return cast("httpx.AsyncBaseTransport", _transport(httpx, httpcore, address, proxy))


def transport_httpx2(
    address: ServerAddress, *, proxy: str | None = None, ca_file: Path | None = None
) -> httpx2.AsyncBaseTransport:
    """A door for clients of httpx2.

    `ca_file`: certificates (PEM) that are believed besides the system's, such as a company's own. Raises
    `AddressRefused` for a proxy where none may be, and for a file that holds no certificate.
    """
    import httpcore2
    import httpx2

    return cast("httpx2.AsyncBaseTransport", _transport(httpx2, httpcore2, address, proxy, ca_file))


def client(
    address: ServerAddress, *, headers: Mapping[str, str] | None = None, timeout: float | None = 10.0
) -> httpx.AsyncClient:
    """A client that can talk to `address` only, with its URL as base. The caller closes it.

    `timeout` is for each single step in seconds. Compressed answers are not asked for: 200 kB of gzip can be 200 MB.
    """
    import httpx

    return httpx.AsyncClient(
        base_url=address.url,
        transport=transport_httpx(address),
        trust_env=False,
        follow_redirects=False,
        timeout=timeout,
        headers={"accept-encoding": "identity", **(headers or {})},
    )


def note_that_it_left(response: httpx.Response, host: str) -> None:
    """Write into the ledger's line of this request that, by the server's own words, `host` answers it."""
    line = response.extensions.get(_LINE)
    if isinstance(line, _Line):
        line.left_to = host


UNIX_PEER = "unix socket"
"""Who is at the other end where there is no address: a process of this machine, as unix sockets go nowhere else."""
_DIAL_SECONDS = 10.0
_LINE = "ledger_line"
"""Where the answer carries its line of the ledger."""


@dataclass(slots=True)
class _Line:
    """One request on its way: counted always, written down where there is a ledger."""

    ledger: Ledger | None
    row: int
    peer: str | None = None
    sent: int = 0
    received: int = 0
    left_to: str = ""
    is_closed: bool = False

    def close(self, verdict: Verdict, detail: str) -> None:
        """Only the first call counts: a body that broke is closed once more by its reader."""
        if self.is_closed:
            return
        self.is_closed = True
        if self.ledger is not None:
            self.ledger.closed(
                self.row,
                verdict=verdict,
                peer=self.peer,
                sent=self.sent,
                received=self.received,
                detail=detail,
                left_to=self.left_to,
            )


_line: ContextVar[_Line | None] = ContextVar("line", default=None)
"""The request that the current task is sending; set while it waits for the headers of the answer."""


def _transport(http: Any, core: Any, address: ServerAddress, proxy: str | None, ca_file: Path | None = None) -> Any:
    """The transport of one library; its base classes are only known here."""
    door = type("Door", (_Door, http.AsyncBaseTransport), {})
    body = type("DoorBody", (_Body, http.AsyncByteStream), {})
    return door(http, core, body, address, proxy, ca_file)


class _Door:
    """A transport that leads to one address."""

    def __init__(
        self, http: Any, core: Any, body: Any, address: ServerAddress, proxy: str | None, ca_file: Path | None
    ) -> None:
        self._http, self._core, self._body, self._address = http, core, body, address
        via = _parsed_proxy(core, address, proxy, ca_file)
        host, port = (address.host, address.port) if via is None else (via.url.host.decode("ascii"), via.url.port)
        self._pool = core.AsyncConnectionPool(
            ssl_context=_tls(ca_file) if address.scheme == "https" else None,
            proxy=via,
            network_backend=_Dialler(
                core, host, port, address.may_be if via is None else _anywhere, unix_socket=address.unix_socket
            ),
            max_connections=8,
            keepalive_expiry=5.0,
        )

    async def handle_async_request(self, request: Any) -> Any:
        """Send one request; the body of the answer closes the ledger's line."""
        line = await self._opened(request)
        token = _line.set(line)
        try:
            self._check_target(request.url)
            response = await self._pool.handle_async_request(self._as_core_request(request))
        except BaseException as error:
            line.close("refused" if isinstance(error, DoorRefused) else "failed", type(error).__name__)
            _raise_translated(self._http, self._core, error)
            raise
        finally:
            _line.reset(token)
        return self._http.Response(
            status_code=response.status,
            headers=response.headers,
            stream=self._body(self._http, self._core, response.stream, line, f"HTTP {response.status}"),
            extensions={**response.extensions, _LINE: line},
        )

    async def aclose(self) -> None:
        await self._pool.aclose()

    async def _opened(self, request: Any) -> _Line:
        recording = current()
        if recording is None:
            return _Line(None, 0)
        host, port = _host_and_port(request.url)
        ours = (host, port) == (self._address.host, self._address.port)
        row = await recording.ledger.opened(
            purpose=str(request.extensions.get("purpose", recording.purpose)),
            host=host,
            port=port,
            locality=self._address.locality if ours else locality_of(host),
        )
        return _Line(recording.ledger, row)

    def _check_target(self, url: Any) -> None:
        asked = (url.scheme, *_host_and_port(url))
        if asked != (self._address.scheme, self._address.host, self._address.port):
            raise DoorRefused(f"This connection leads to {self._address.display} only, not to {asked[1]}:{asked[2]}.")

    def _as_core_request(self, request: Any) -> Any:
        url = request.url
        return self._core.Request(
            method=request.method,
            url=self._core.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )


class _Body:
    """The body of an answer; reading or closing it ends the request's line in the ledger."""

    def __init__(self, http: Any, core: Any, stream: Any, line: _Line, status: str) -> None:
        self._http, self._core, self._stream, self._line, self._status = http, core, stream, line, status
        self._whole = False

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        try:
            async with contextlib.aclosing(aiter(self._stream)) as chunks:
                async for chunk in chunks:
                    yield chunk
        except Exception as error:
            self._line.close("failed", type(error).__name__)
            _raise_translated(self._http, self._core, error)
            raise
        self._whole = True

    async def aclose(self) -> None:
        try:
            await self._stream.aclose()
        finally:
            self._line.close("done", self._status if self._whole else f"{self._status}, closed before the end")


class _Dialler:
    """httpcore's network backend: opens sockets to one host and port."""

    def __init__(
        self, core: Any, host: str, port: int, may_be: Callable[[str], bool], *, unix_socket: str = ""
    ) -> None:
        """`may_be` says whether the connection may end at a literal address."""
        self._core, self._host, self._port, self._may_be = core, host, port, may_be
        self._unix_socket = unix_socket
        self._inner = core.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # the signature is httpcore's
        local_address: str | None = None,  # noqa: ARG002
        socket_options: Iterable[Any] | None = None,
    ) -> _CountedStream:
        if (host, port) != (self._host, self._port):
            raise DoorRefused(f"This connection leads to {self._host}:{self._port} only, not to {host}:{port}.")
        if self._unix_socket:
            return await self._connected_to_our_own(timeout)
        if host == "localhost":
            try:
                return await self._inspected("127.0.0.1", timeout, socket_options)
            except self._core.ConnectError:
                host = "::1"
        return await self._inspected(host, timeout, socket_options)

    async def connect_unix_socket(self, path: str, *_: object, **__: object) -> _CountedStream:
        raise DoorRefused(f"This connection leads to {self._host}:{self._port} only, not to {path}.")

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(seconds)

    async def _inspected(self, host: str, seconds: float | None, options: Iterable[Any] | None) -> _CountedStream:
        """A connection whose other end was looked at: the socket itself says who is there, not what was asked for."""
        stream = await self._connected(host, seconds, options)
        try:
            peer, port = stream.get_extra_info("socket").getpeername()[:2]
        except OSError as error:  # gone again already
            await stream.aclose()
            raise self._core.ConnectError(str(error)) from error
        if (line := _line.get()) is not None:
            line.peer = peer
        if not self._may_be(peer):
            await stream.aclose()
            wanted = (
                "not this machine" if is_loopback(self._host) or self._host == "localhost" else "not your network"
            )
            raise DoorRefused(f"{self._host}:{self._port} led to {peer}:{port}, which is {wanted}.")
        return _CountedStream(stream, peer)

    async def _connected(self, host: str, seconds: float | None, options: Iterable[Any] | None) -> Any:
        route = taken()
        if route.dial is not None:
            return await self._handed_in(route.dial, host, seconds)
        with route.vouching(host):
            return await self._inner.connect_tcp(host, self._port, seconds, None, options)

    async def _handed_in(self, dial: Dial, host: str, seconds: float | None) -> Any:
        """A connection that somebody else has made for this process."""
        made: list[socket.socket] = []
        try:
            # Its time is its own: a cancelled wait goes on until the thread has an answer, so no socket is lost.
            await anyio.to_thread.run_sync(
                lambda: made.append(dial(host, self._port, _DIAL_SECONDS if seconds is None else seconds))
            )
            stream = await anyio.abc.SocketStream.from_socket(made[0])
        except BaseException as error:
            for one in made:
                one.close()
            if isinstance(error, TimeoutError):
                raise self._core.ConnectTimeout(str(error)) from error
            if isinstance(error, OSError) and not isinstance(error, DoorRefused):
                raise self._core.ConnectError(str(error)) from error
            raise
        return self._as_stream(stream)

    async def _connected_to_our_own(self, seconds: float | None) -> _CountedStream:
        """The embedded engine: a socket in a folder of ours, with a process of our own user behind it."""
        stream = await self._inner.connect_unix_socket(self._unix_socket, seconds)
        if not _is_our_user(stream.get_extra_info("socket")):
            await stream.aclose()
            raise DoorRefused("Another user of this machine answers in place of the embedded engine.")
        if (line := _line.get()) is not None:
            line.peer = UNIX_PEER
        return _CountedStream(stream, UNIX_PEER)

    def _as_stream(self, stream: Any) -> Any:
        """httpcore has no public way to take a connection that is made already."""
        return import_module(f"{self._core.__name__}._backends.anyio").AnyIOStream(stream)


def _is_our_user(connected: socket.socket) -> bool:
    """By the kernel's word; where it gives none, the folder's permissions stand alone."""
    peer_credentials = getattr(socket, "SO_PEERCRED", None)
    if peer_credentials is None:
        return True
    _, user, _ = struct.unpack("3i", connected.getsockopt(socket.SOL_SOCKET, peer_credentials, 12))
    return bool(user == os.geteuid())


def _anywhere(_: str) -> bool:
    """Of a connection to a proxy, which the user named, nothing is known."""
    return True


class _CountedStream:
    """A connected socket whose bytes are counted for the request that is on it (HTTP/1.1: one at a time)."""

    def __init__(self, inner: Any, peer: str) -> None:
        self._inner, self._peer = inner, peer
        self._request: _Line | None = None

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109  # httpcore's
        data: bytes = await self._inner.read(max_bytes, timeout)
        if self._request is not None:
            self._request.received += len(data)
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109  # httpcore's
        # A pooled connection changes hands between requests, and the first sign of that is a write.
        self._request = _line.get() or self._request
        if self._request is not None:
            self._request.peer = self._peer
            self._request.sent += len(buffer)
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def start_tls(self, *arguments: Any, **named: Any) -> _CountedStream:
        return _CountedStream(await self._inner.start_tls(*arguments, **named), self._peer)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _raise_translated(http: Any, core: Any, error: BaseException) -> None:
    """Raise httpcore's failure as the library above it calls it; return if it is none of httpcore's."""
    for name in _FAILURES:
        if isinstance(error, getattr(core, name)):
            raise getattr(http, name)(str(error)) from error


def _host_and_port(url: Any) -> tuple[str, int]:
    return url.raw_host.decode("ascii").strip("[]"), url.port or (443 if url.scheme == "https" else 80)


def _parsed_proxy(core: Any, address: ServerAddress, proxy: str | None, ca_file: Path | None) -> Any:
    """A proxy that the user configured for the cloud; nothing else may be between us and a local server."""
    if proxy is None:
        return None
    if address.is_here or address.locality is not Locality.CLOUD:
        raise AddressRefused(f"{address.display} is reached directly. A proxy is for addresses in the cloud only.")
    try:
        parts = urlsplit(proxy)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise AddressRefused(f"The proxy's address is none: {error}. Write http://HOST:PORT.") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise AddressRefused("Write the proxy as http://HOST:PORT or https://HOST:PORT.")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    auth = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
    context = _tls(ca_file) if parts.scheme == "https" else None
    return core.Proxy(f"{parts.scheme}://{host}:{port}", auth=auth, ssl_context=context)


def _tls(ca_file: Path | None) -> ssl.SSLContext:
    """The system's own certificates, for both libraries, and those that the user named.

    httpx's own context would obey SSLKEYLOGFILE, which writes the keys of the connection to a file.
    """
    import httpx2

    context = httpx2.create_ssl_context(trust_env=False)
    if ca_file is not None:
        try:
            context.load_verify_locations(cafile=ca_file)
        except OSError as error:  # ssl.SSLError is one
            raise AddressRefused(
                f"ca_file in the configuration cannot be used: {ca_file}: {error.strerror or error}. Name a file of "
                "certificates in PEM form."
            ) from error
    return context
