"""Ways out through libraries as they come, and through our own door: what a careless dependency would do.

The child's environment names `V4` as the proxy for everything.
"""

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import Sequence

from tui.proof.ways import NAME, PORT, V4, WORDS, NotHere, Outside, Way, packets_sent

_SECONDS = 0.2
_LOCAL = "http://127.0.0.1:11434/api/chat"
VARIABLES = dict.fromkeys(("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"), f"http://{V4}:3128")
"""For the environment of the child."""


def ways() -> Sequence[Way]:
    """All of them."""
    return (
        Way("urllib, through a proxy variable", lambda _: _urllib()),
        Way("httpx", lambda _: _httpx(f"http://{V4}:{PORT}/", trust_env=False)),
        Way("httpx, through a proxy variable", lambda _: _httpx(_LOCAL, trust_env=True)),
        Way("httpx2, through a proxy variable", lambda _: _httpx2()),
        Way("uvloop", lambda _: _uvloop(), below_python=True),
        Way("our own door, an address elsewhere", lambda outside: _door(outside, f"http://{V4}:{PORT}/")),
        Way("our own door, a name", lambda outside: _door(outside, f"http://{NAME}/")),
        Way("our own door, a redirect of the local server", lambda outside: _door(outside, "/api/chat")),
    )


def _left(before: int) -> str:
    """Libraries say in many ways that a connection was not to be had; whether a packet left, the kernel counts."""
    if packets_sent() == before:
        raise OSError("no packet left")
    return "a packet left"


def _urllib() -> str:
    before = packets_sent()
    try:
        with urllib.request.urlopen(f"http://{NAME}/", WORDS, timeout=_SECONDS):
            return "it was answered"
    except TimeoutError:
        return _left(before)
    except OSError as error:
        if isinstance(error.__cause__ or getattr(error, "reason", None), TimeoutError):
            return _left(before)
        raise


def _httpx(url: str, *, trust_env: bool) -> str:
    import httpx

    before = packets_sent()
    try:
        with httpx.Client(trust_env=trust_env, timeout=_SECONDS) as client:
            client.post(url, content=WORDS)
    except httpx.TimeoutException:
        return _left(before)
    return "it was answered"


def _httpx2() -> str:
    import httpx2

    before = packets_sent()
    try:
        with httpx2.Client(timeout=_SECONDS) as client:
            client.post(_LOCAL, content=WORDS)
    except httpx2.TimeoutException:
        return _left(before)
    return "it was answered"


def _uvloop() -> str:
    from importlib.util import find_spec

    if find_spec("uvloop") is None:
        raise NotHere("it is not installed")
    from importlib import import_module

    before = packets_sent()

    async def connect() -> None:
        async with asyncio.timeout(_SECONDS):
            await asyncio.open_connection(V4, PORT)

    with asyncio.Runner(loop_factory=import_module("uvloop").new_event_loop) as runner:
        try:
            runner.run(connect())
        except TimeoutError:
            return _left(before)
    return "it was answered"


def _door(outside: Outside, target: str) -> str:
    from backends.address import parse_server
    from backends.door import client

    host, port = outside.server

    async def ask() -> int:
        async with client(parse_server(f"http://{host}:{port}", default_port=port), timeout=2.0) as http:
            return (await http.post(target, content=WORDS)).status_code

    before = packets_sent()
    status = asyncio.run(ask())
    if status in (301, 302, 303, 307, 308):
        raise OSError(f"the redirect was not followed (HTTP {status})")
    return _left(before)
