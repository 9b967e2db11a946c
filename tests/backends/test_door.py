"""The door, for both HTTP libraries: where it leads, what it refuses, what it writes down."""

from __future__ import annotations

import asyncio
import importlib
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from backends import Locality
from backends.address import AddressRefused, ServerAddress, parse_server
from backends.door import DoorRefused, client, recorded, transport_httpx, transport_httpx2
from tests.backends.scripted_server import Received, Reply, ScriptedServer, unused_port


@dataclass
class RecordingLedger:
    """Keeps lines in memory, in the order of events."""

    lines: dict[int, dict[str, Any]] = field(default_factory=dict)
    on_open: Callable[[], None] | None = None
    broken: bool = False

    async def opened(self, *, purpose: str, host: str, port: int, locality: Locality) -> int:
        if self.broken:
            raise OSError("disk full")
        await asyncio.sleep(0)
        row = len(self.lines) + 1
        self.lines[row] = {"purpose": purpose, "host": host, "port": port, "locality": locality, "verdict": "open"}
        if self.on_open is not None:
            self.on_open()
        return row

    def closed(
        self,
        row: int,
        *,
        verdict: str,
        peer: str | None,
        sent: int,
        received: int,
        detail: str = "",
        left_to: str = "",
    ) -> None:
        assert self.lines[row]["verdict"] == "open"
        self.lines[row] |= {"verdict": verdict, "peer": peer, "sent": sent, "received": received, "detail": detail}
        self.lines[row]["left_to"] = left_to

    @property
    def only(self) -> dict[str, Any]:
        (line,) = self.lines.values()
        return line


@dataclass(frozen=True)
class Library:
    """httpx or httpx2 with its door."""

    http: Any
    transport: Callable[..., Any]

    def client(self, address: ServerAddress, **options: Any) -> Any:
        return self.http.AsyncClient(
            transport=self.transport(address), base_url=address.url, trust_env=False, timeout=5, **options
        )


@pytest.fixture(params=["httpx", "httpx2"])
def library(request: pytest.FixtureRequest) -> Library:
    name: str = request.param
    return Library(importlib.import_module(name), transport_httpx if name == "httpx" else transport_httpx2)


async def echo(request: Received, reply: Reply) -> None:
    await reply.json({"path": request.path, "size": len(request.body)})


def at(text: str) -> ServerAddress:
    return parse_server(text, default_port=80)


async def test_request_is_answered_and_written_down_with_its_bytes(library: Library) -> None:
    ledger = RecordingLedger()
    async with ScriptedServer(echo) as server, library.client(server.address) as http:
        with recorded(ledger, "chat"):
            answer = await http.post("/x", content=b"y" * 1000)
    assert answer.json() == {"path": "/x", "size": 1000}
    line = ledger.only
    assert line["purpose"] == "chat"
    assert (line["host"], line["port"], line["peer"]) == ("127.0.0.1", server.port, "127.0.0.1")
    assert line["locality"] is Locality.THIS_MACHINE
    assert (line["verdict"], line["detail"]) == ("done", "HTTP 200")
    assert 1000 < line["sent"] < 1500
    assert line["received"] > len(answer.content)


async def test_pooled_connection_gives_one_line_per_request(library: Library) -> None:
    ledger = RecordingLedger()
    async with ScriptedServer(echo) as server, library.client(server.address) as http:
        with recorded(ledger, "chat"):
            for size in (10, 2000, 10):
                await http.post("/x", content=b"y" * size)
    assert server.connections == 1
    sent = [line["sent"] for line in ledger.lines.values()]
    assert abs(sent[0] - sent[2]) == 0
    assert sent[1] - sent[0] in range(1990, 1999)
    assert {line["peer"] for line in ledger.lines.values()} == {"127.0.0.1"}


async def test_line_is_stored_before_the_first_byte_leaves(library: Library) -> None:
    async with ScriptedServer(echo) as server, library.client(server.address) as http:
        ledger = RecordingLedger(on_open=lambda: seen.append(server.connections))
        seen: list[int] = []
        with recorded(ledger, "chat"):
            await http.get("/")
    assert seen == [0]


async def test_nothing_leaves_when_the_ledger_cannot_be_written(library: Library) -> None:
    async with ScriptedServer(echo) as server, library.client(server.address) as http:
        with recorded(RecordingLedger(broken=True), "chat"), pytest.raises(OSError, match="disk full"):
            await http.get("/")
        assert server.connections == 0


async def test_request_may_name_its_own_purpose(library: Library) -> None:
    ledger = RecordingLedger()
    async with ScriptedServer(echo) as server, library.client(server.address) as http:
        with recorded(ledger, "chat"):
            await http.get("/", extensions={"purpose": "preflight"})
    assert ledger.only["purpose"] == "preflight"


async def test_other_addresses_are_refused_and_written_down(library: Library) -> None:
    ledger = RecordingLedger()
    async with ScriptedServer(echo) as ours, ScriptedServer(echo) as other, library.client(ours.address) as http:
        with recorded(ledger, "chat"):
            for url in (other.address.url, f"https://127.0.0.1:{ours.port}", "https://example.com/api"):
                with pytest.raises(DoorRefused):
                    await http.post(url, content=b"words")
        assert ours.connections == other.connections == 0
    assert [line["verdict"] for line in ledger.lines.values()] == ["refused"] * 3
    assert {line["sent"] for line in ledger.lines.values()} == {0}
    assert [line["locality"] for line in ledger.lines.values()][-1] is Locality.CLOUD


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirect_cannot_carry_a_prompt_away_even_where_the_client_follows_it(
    library: Library, status: int
) -> None:
    ledger = RecordingLedger()
    async with ScriptedServer(echo) as thief:

        async def redirect(_: Received, reply: Reply) -> None:
            await reply.whole(b"", status, headers={"location": f"http://127.0.0.1:{thief.port}/"})

        async with (
            ScriptedServer(redirect) as server,
            library.client(server.address, follow_redirects=True) as http,
        ):
            with recorded(ledger, "chat"), pytest.raises(DoorRefused):
                await http.post("/", content=b"words")
        assert thief.connections == 0
    assert [line["verdict"] for line in ledger.lines.values()] == ["done", "refused"]


async def test_proxies_in_the_environment_are_not_seen(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    async with ScriptedServer(echo) as proxy, ScriptedServer(echo) as server:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.address.url)
        async with library.client(server.address) as http:
            await http.post("/", content=b"words")
        async with client(server.address) as http:
            await http.post("/", content=b"words")
        assert (server.connections, proxy.connections) == (2, 0)


async def test_localhost_is_dialled_without_asking_a_resolver(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_resolver(*arguments: object, **_: object) -> None:
        raise AssertionError(f"resolver was asked for {arguments}")

    async with ScriptedServer(echo) as server:
        monkeypatch.setattr(socket, "getaddrinfo", no_resolver)
        async with library.client(at(f"http://localhost:{server.port}")) as http:
            assert (await http.get("/")).status_code == 200
        assert server.received[0].headers["host"] == f"localhost:{server.port}"


async def test_localhost_is_also_found_on_ipv6(library: Library) -> None:
    ledger = RecordingLedger()
    async with ScriptedServer(echo, host="::1") as server:
        async with library.client(at(f"http://localhost:{server.port}")) as http:
            with recorded(ledger, "chat"):
                assert (await http.get("/")).status_code == 200
        async with library.client(server.address) as http:
            assert (await http.get("/")).status_code == 200
    assert ledger.only["peer"] == "::1"


def test_socket_that_led_elsewhere_is_closed_before_a_byte_is_sent(tmp_path: Any) -> None:
    """In a fresh interpreter, where the kernel's answer can be faked without touching this one."""
    script = tmp_path / "elsewhere.py"
    script.write_text(
        """
import asyncio, asyncio.trsock
from backends.address import parse_server
from backends.door import DoorRefused, client

async def main():
    got = []
    async def serve(reader, writer):
        got.append(await reader.read())
        writer.close()
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    asyncio.trsock.TransportSocket.getpeername = lambda self: ("203.0.113.7", 80)
    async with client(parse_server(f"http://127.0.0.1:{port}", default_port=1)) as http:
        try:
            await http.post("/", content=b"words")
        except DoorRefused as refused:
            print(refused)
    while not got:
        await asyncio.sleep(0.01)
    print(got)
    server.close()

asyncio.run(asyncio.wait_for(main(), 10))
"""
    )
    ended = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True, timeout=30)
    assert "led to 203.0.113.7:80, which is not this machine." in ended.stdout
    assert ended.stdout.endswith("[b'']\n")


async def test_failures_have_the_librarys_own_types(library: Library) -> None:
    ledger = RecordingLedger()
    with recorded(ledger, "chat"):
        async with library.client(at(f"http://127.0.0.1:{unused_port()}")) as http:
            with pytest.raises(library.http.ConnectError):
                await http.get("/")

        async def half(_: Received, reply: Reply) -> None:
            await reply.raw(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
            reply.cut()

        async def silent(_: Received, reply: Reply) -> None:
            await reply.client_left()

        async with ScriptedServer(half) as server, library.client(server.address) as http:
            with pytest.raises(library.http.TransportError):
                await http.get("/")
        async with ScriptedServer(silent) as server, library.client(server.address) as http:
            with pytest.raises(library.http.ReadTimeout):
                await http.get("/", timeout=0.05)
    lines = list(ledger.lines.values())
    assert [line["verdict"] for line in lines] == ["failed"] * 3
    assert [line["peer"] for line in lines] == [None, "127.0.0.1", "127.0.0.1"]
    assert lines[0]["sent"] == 0
    assert lines[2]["sent"] > 0


async def test_closing_an_answer_early_closes_the_connection_and_the_line(library: Library) -> None:
    ledger = RecordingLedger()
    left = asyncio.Event()

    async def endless(_: Received, reply: Reply) -> None:
        await reply.start()
        await reply.chunk(b"one\n")
        await reply.client_left()
        left.set()

    async with ScriptedServer(endless) as server, library.client(server.address) as http:
        with recorded(ledger, "chat"):
            async with http.stream("POST", "/", content=b"x") as answer:
                async for _ in answer.aiter_bytes():
                    break
            await asyncio.wait_for(left.wait(), 1)
    assert ledger.only["verdict"] == "done"
    assert "before the end" in ledger.only["detail"]


async def test_cancelled_request_is_closed_in_the_ledger(library: Library) -> None:
    ledger = RecordingLedger()
    waiting, left = asyncio.Event(), asyncio.Event()

    async def silent(_: Received, reply: Reply) -> None:
        waiting.set()
        await reply.client_left()
        left.set()

    async with ScriptedServer(silent) as server, library.client(server.address) as http:

        async def ask() -> None:
            with recorded(ledger, "chat"):
                await http.get("/")

        async with asyncio.TaskGroup() as tasks:
            asking = tasks.create_task(ask())
            await asyncio.wait_for(waiting.wait(), 2)
            asking.cancel()
        await asyncio.wait_for(left.wait(), 1)
    assert (ledger.only["verdict"], ledger.only["detail"]) == ("failed", "CancelledError")


async def test_answers_are_asked_for_uncompressed() -> None:
    async with ScriptedServer(echo) as server, client(server.address, headers={"x-own": "1"}) as http:
        await http.get("/")
    assert server.received[0].headers["accept-encoding"] == "identity"
    assert server.received[0].headers["x-own"] == "1"
    assert "authorization" not in server.received[0].headers


async def test_explicit_proxy_carries_cloud_requests_through_a_tunnel(library: Library) -> None:
    async def refuse(_: Received, reply: Reply) -> None:
        await reply.whole(b"", 403)

    ledger = RecordingLedger()
    async with ScriptedServer(refuse) as proxy:
        door = library.transport(at("https://api.example.com"), proxy=proxy.address.url.replace("//", "//me:secret@"))
        async with library.http.AsyncClient(transport=door, base_url="https://api.example.com") as http:
            with recorded(ledger, "chat"), pytest.raises(library.http.ProxyError):
                await http.post("/", content=b"words")
    assert [(request.method, request.path) for request in proxy.received] == [("CONNECT", "api.example.com:443")]
    assert proxy.received[0].headers["proxy-authorization"].startswith("Basic ")
    assert (ledger.only["host"], ledger.only["peer"]) == ("api.example.com", "127.0.0.1")
    assert ledger.only["locality"] is Locality.CLOUD


def test_proxy_is_refused_for_anything_but_the_cloud(library: Library) -> None:
    for address in (at("127.0.0.1"), at("https://192.168.1.1")):
        with pytest.raises(AddressRefused, match="reached directly"):
            library.transport(address, proxy="http://127.0.0.1:3128")
    with pytest.raises(AddressRefused, match="Write the proxy"):
        library.transport(at("https://example.com"), proxy="socks5://127.0.0.1:1080")
    with pytest.raises(AddressRefused, match="Write http://"):
        library.transport(at("https://example.com"), proxy="http://127.0.0.1:99999")
    library.transport(at("https://example.com"), proxy="https://[::1]:3128")


def test_tls_ignores_the_environment(library: Library, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    keys = tmp_path / "keys.log"
    monkeypatch.setenv("SSLKEYLOGFILE", str(keys))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    library.transport(at("https://example.com"))
    assert not keys.exists()


def resolver(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """Every name leads there."""
    real = socket.getaddrinfo

    def lookup(_: object, port: object, *arguments: Any, **named: Any) -> Any:
        return real(address, port, *arguments, **named)  # type: ignore[arg-type]  # whatever the library asks for

    monkeypatch.setattr(socket, "getaddrinfo", lookup)


async def test_listed_host_is_written_down_as_your_network(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = RecordingLedger()
    resolver(monkeypatch, "127.0.0.1")
    async with ScriptedServer(echo) as server:
        address = parse_server(f"gpu.lan:{server.port}", default_port=80, trusted_hosts=frozenset({"gpu.lan"}))
        async with library.client(address) as http:
            with recorded(ledger, "chat"):
                assert (await http.post("/", content=b"words")).status_code == 200
    assert (ledger.only["host"], ledger.only["peer"]) == ("gpu.lan", "127.0.0.1")
    assert ledger.only["locality"] is Locality.YOUR_NETWORK


async def test_gateway_on_this_machine_is_a_cloud_in_the_ledger_and_still_checked(library: Library) -> None:
    ledger = RecordingLedger()
    async with ScriptedServer(echo) as server:
        gateway = replace(server.address, is_gateway=True)
        async with library.client(gateway) as http:
            with recorded(ledger, "chat"):
                await http.post("/", content=b"words")
    assert (ledger.only["host"], ledger.only["locality"]) == ("127.0.0.1", Locality.CLOUD)
    with pytest.raises(AddressRefused, match="reached directly"):
        library.transport(gateway, proxy="http://127.0.0.1:3128")


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A company's own certificate for 127.0.0.1, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    made, key = tmp_path / "ca.pem", tmp_path / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-days", "2", "-subj", "/CN=gateway", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", key, "-out", made),
        ],
        check=True,
        capture_output=True,
    )
    return made, key


@asynccontextmanager
async def serving_tls(certificate: tuple[Path, Path]) -> AsyncGenerator[ServerAddress]:
    """A server on loopback that answers "ok" to everything, with this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield at(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}")


async def test_certificate_that_the_user_named_is_believed_and_no_other(certificate: tuple[Path, Path]) -> None:
    import httpx2

    async with serving_tls(certificate) as address:
        async with httpx2.AsyncClient(transport=transport_httpx2(address, ca_file=certificate[0])) as http:
            assert (await http.get(address.url)).text == "ok"
        async with httpx2.AsyncClient(transport=transport_httpx2(address)) as http:
            with pytest.raises(httpx2.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                await http.get(address.url)


async def test_keys_of_a_connection_are_written_to_no_file_whatever_the_environment_asks(
    certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import httpx
    import httpx2

    keys = tmp_path / "keys.log"
    monkeypatch.setenv("SSLKEYLOGFILE", str(keys))
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    async with serving_tls(certificate) as address:
        async with httpx2.AsyncClient(transport=transport_httpx2(address, ca_file=certificate[0])) as http:
            assert (await http.get(address.url)).text == "ok"
        assert not keys.exists()
        for http_library in (httpx, httpx2):
            async with http_library.AsyncClient() as plain:
                assert (await plain.get(address.url)).text == "ok"
            assert "CLIENT_HANDSHAKE_TRAFFIC_SECRET" in keys.read_text(), "the control: the library's default obeys"
            keys.unlink()


def test_certificate_file_that_is_none_is_told(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing")
    for path in (empty, tmp_path / "absent.pem"):
        with pytest.raises(AddressRefused, match="ca_file in the configuration cannot be used"):
            transport_httpx2(at("https://example.com"), ca_file=path)
