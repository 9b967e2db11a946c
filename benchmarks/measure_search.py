"""Searching while a person types: each letter of some queries, in a store whose index is complete.

Measured where the program asks, at the thread that searches, on the event loop's clock; what the screen adds is one
paint. The longest stop of the loop meanwhile is the other figure: a search must not be felt anywhere else.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import seed_store
from benchmarks.figures import percentile
from benchmarks.report import Row, row
from benchmarks.workspace import SIDES, Workspace
from storage.store import Store
from storage.thread import StoreThread

LIMIT = (50, 25)
QUERIES = ("contract garden", "repairs in writing", '"both keys"', "question 4711", "tenant -month", "zzz nothing")
"""Common words, rare ones, a phrase, a number, an exclusion, and what is not there."""
_BEAT = 0.002


def measure(workspace: Workspace, turns: int) -> list[Row]:
    """Three rows: p50 and p95 per key, and the longest stop of the loop."""
    data = workspace.new_data_directory()
    left, right = (workspace.server.spec(side) for side in SIDES)
    seed_store.seed(data, turns, left=left, right=right)
    begun = time.monotonic()
    store = Store.open(data / seed_store.FILE_NAME)
    while store.index_step():
        pass
    store.close()
    indexed = time.monotonic() - begun
    keys, stop = asyncio.run(_typed(data / seed_store.FILE_NAME))
    shutil.rmtree(data)
    at = f"{turns:,} turns"
    note = f"index made in {indexed:.0f} s"
    return [
        row(f"search in {at}, per key, p50", percentile(keys, 0.5), "ms", n=len(keys), note=note),
        row(f"search in {at}, per key, p95", percentile(keys, 0.95), "ms", LIMIT, n=len(keys)),
        row(f"longest stop of the event loop while searching {at}", stop, "ms", n=len(keys)),
    ]


async def _typed(path: Path) -> tuple[list[float], float]:
    """Milliseconds per key, and of the longest stop."""
    thread = StoreThread(path, now=lambda: datetime.now(UTC))
    await thread.start()
    longest = 0.0

    async def beat() -> None:
        nonlocal longest
        while True:
            before = time.perf_counter()
            await asyncio.sleep(_BEAT)
            longest = max(longest, time.perf_counter() - before - _BEAT)

    keys: list[float] = []
    try:
        if left := thread.reader.unindexed_turns():
            raise RuntimeError(f"{left} turns are not in the index")
        await thread.search("warm", limit=50)
        async with asyncio.TaskGroup() as group:
            heart = group.create_task(beat())
            for query in QUERIES:
                for end in range(1, len(query) + 1):
                    before = time.perf_counter()
                    await thread.search(query[:end], limit=50)
                    keys.append((time.perf_counter() - before) * 1000)
            heart.cancel()
    finally:
        thread.close()
    return keys, longest * 1000
