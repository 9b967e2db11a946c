"""The library over many sessions: its first page, and each letter of a filter.

Measured where the screen asks, on the event loop's clock: the first page is read at once, before the first paint; a
filter is read in the thread of searches. The longest stop of the loop meanwhile is what else would be felt.
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
from conversation.catalogue import Catalogue
from storage.store import Store
from storage.thread import StoreThread

ROWS = 60
"""As the screen asks for."""
FIRST_LIMIT = (200, 50)
KEY_LIMIT = (50, 50)
LINES = ("contract garden", "history 12", "is:unfinished sort:title", "repairs tag:law", "zzz nothing")
_OPENINGS = 20
_BEAT = 0.002


def measure(workspace: Workspace, turns: int) -> list[Row]:
    """Four rows: the first page, p50 and p95 per key, and the longest stop of the loop."""
    data = workspace.new_data_directory()
    left, right = (workspace.server.spec(side) for side in SIDES)
    sessions = max(1, turns // 20)
    seed_store.seed(data, turns, left=left, right=right, sessions=sessions)
    store = Store.open(data / seed_store.FILE_NAME)
    while store.index_step():
        pass
    store.close()
    first, keys, stop = asyncio.run(_gone_through(data / seed_store.FILE_NAME))
    shutil.rmtree(data)
    at = f"{sessions:,} sessions"
    return [
        row(f"first page of the library with {at}, p95", percentile(first, 0.95), "ms", FIRST_LIMIT, n=len(first)),
        row(f"filter of {at}, per key, p50", percentile(keys, 0.5), "ms", n=len(keys)),
        row(f"filter of {at}, per key, p95", percentile(keys, 0.95), "ms", KEY_LIMIT, n=len(keys)),
        row(f"longest stop of the event loop while filtering {at}", stop, "ms", n=len(keys)),
    ]


async def _gone_through(path: Path) -> tuple[list[float], list[float], float]:
    """Milliseconds per first page, per key, and of the longest stop."""
    thread = StoreThread(path, now=lambda: datetime.now(UTC))
    await thread.start()
    catalogue = Catalogue(thread, lambda: datetime.now(UTC))
    longest = 0.0

    async def beat() -> None:
        nonlocal longest
        while True:
            before = time.perf_counter()
            await asyncio.sleep(_BEAT)
            longest = max(longest, time.perf_counter() - before - _BEAT)

    first, keys = list[float](), list[float]()
    try:
        for _ in range(_OPENINGS):
            before = time.perf_counter()
            catalogue.newest(ROWS)
            first.append((time.perf_counter() - before) * 1000)
        await catalogue.page("warm", ROWS, 0)
        async with asyncio.TaskGroup() as group:
            heart = group.create_task(beat())
            for line in LINES:
                for end in range(1, len(line) + 1):
                    before = time.perf_counter()
                    await catalogue.page(line[:end], ROWS, 0)
                    keys.append((time.perf_counter() - before) * 1000)
            heart.cancel()
    finally:
        thread.close()
    return first, keys, longest * 1000
