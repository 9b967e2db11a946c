"""What the door costs per request and the guard per audited event, beside plain httpx in the same run.

Both kinds of client ask the same server on loopback in turns, in batches over one kept connection each, so whatever
else the machine does hits both. The guard cannot be taken off again: everything is measured in a process of its own,
first without it and then under it. The server shares that process; its share makes the ratios smaller, by little.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import httpx

from backends import door
from backends.address import parse_server
from backends.ledger import recorded
from backends.route import Route, take
from benchmarks.figures import median
from benchmarks.report import Row, row
from benchmarks.server_process import ROOT
from conversation.ledger import StoredLedger
from storage.thread import StoreThread
from tui.confinement.guard import Guard

PROMPT, ANSWER = b"x" * 4_000, b"y" * 8_000
_BATCH = 20
_EVENTS = 100_000
_REPLY = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(ANSWER), ANSWER)

Ask = Callable[[], Awaitable[None]]


def measure(batches: int) -> list[Row]:
    """Ratios of a request through the door, and microseconds per audited event."""
    child = [sys.executable, "-m", "benchmarks.measure_door", str(batches)]
    found = json.loads(subprocess.run(child, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout)
    n, plain = batches * _BATCH, found["plain"]
    note = f"plain httpx {plain * 1000:.2f} ms"
    return [
        row("door: one request, beside plain httpx", found["door"] / plain, "x", n=n, note=note),
        row("both under the guard: the same", found["guarded door"] / found["guarded plain"], "x", n=n),
        row("door with a ledger in a file, beside plain httpx", found["ledger"] / plain, "x", n=n),
        row("guard: an audited event that is none of its own", found["other event"] * 1e6, "us", n=_EVENTS),
        row("guard: a connection that it checks", found["connect"] * 1e6, "us", n=_EVENTS),
    ]


class _Server(asyncio.Protocol):
    """Answers each whole prompt with the same answer, and keeps the connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport, self._received = transport, b""

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._received.endswith(PROMPT):
            self._received = b""
            self._transport.write(_REPLY)


async def _in_turns(asked: dict[str, Ask], batches: int) -> dict[str, float]:
    """Seconds per request, the median of the batches."""
    taken: dict[str, list[float]] = {name: [] for name in asked}
    for number in range(batches + 1):
        for name, ask in asked.items():
            before = time.perf_counter()
            for _ in range(_BATCH):
                await ask()
            if number:  # the first batch connects
                taken[name].append((time.perf_counter() - before) / _BATCH)
    return {name: median(sample) or 0.0 for name, sample in taken.items()}


async def _requests(batches: int, guard: Guard) -> dict[str, float]:
    server = await asyncio.get_running_loop().create_server(_Server, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    with tempfile.TemporaryDirectory(prefix="duologue-bench-") as folder:
        store = StoreThread(Path(folder) / "door.db", now=lambda: datetime.now(UTC))
        await store.start()
        ledger = StoredLedger(store, lambda: datetime.now(UTC))
        async with (
            server,
            httpx.AsyncClient(base_url=url, trust_env=False) as plain,
            door.client(parse_server(url, default_port=80)) as ours,
        ):
            try:

                async def in_ledger() -> None:
                    with recorded(ledger, "chat"):
                        await _posted(ours)

                asked: dict[str, Ask] = {"plain": lambda: _posted(plain), "door": lambda: _posted(ours)}
                found = await _in_turns({**asked, "ledger": in_ledger}, batches)
                guard.install()
                take(Route(None, guard.vouching))
                under = await _in_turns(asked, batches)
            finally:
                store.close()
    return {**found, **{f"guarded {name}": seconds for name, seconds in under.items()}}


async def _posted(client: httpx.AsyncClient) -> None:
    (await client.post("/", content=PROMPT)).raise_for_status()


def _per_event(name: str, *arguments: object) -> float:
    before = time.perf_counter()
    for _ in range(_EVENTS):
        sys.audit(name, *arguments)
    return (time.perf_counter() - before) / _EVENTS


def _main(arguments: Sequence[str]) -> None:
    # An ordinary guard, as a confidential one would refuse the server's port, which is not known yet: the same hook.
    guard = Guard(confidential=False)
    events = {"other event": ("open", "a file", "r", 0), "connect": ("socket.connect", None, ("127.0.0.1", 11434))}
    without = {name: _per_event(*event) for name, event in events.items()}
    found = asyncio.run(_requests(int(arguments[0]), guard))
    with guard.vouching("127.0.0.1"):
        held = {name: _per_event(*event) for name, event in events.items()}
    print(json.dumps({**found, **{name: held[name] - without[name] for name in events}}))


if __name__ == "__main__":
    _main(sys.argv[1:])
