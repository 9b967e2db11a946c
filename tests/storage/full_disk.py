"""What a small disk of its own, given as argument, does when it gets full; run by `test_full_disk`."""

from __future__ import annotations

import asyncio
import errno
import os
import sys
from io import FileIO
from pathlib import Path

from storage import files
from storage.errors import DiskFull, StoreError
from storage.store import Store
from storage.thread import StoreThread
from tests.storage.samples import BOTH, NOON, complete, new_session


def fill(ballast: Path) -> None:
    """Take every byte that is left."""
    with ballast.open("ab", buffering=0) as file:
        for size in (65536, 4096, 1):
            while _written(file, size):
                pass


def _written(file: FileIO, size: int) -> bool:
    try:
        file.write(b"x" * size)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return False
    return True


async def store_until_full(store: StoreThread, session_id: str) -> int:
    """Ask and answer until there is no room; tells how many turns were stored."""
    for stored in range(10_000):
        try:
            turn = await store.run(Store.open_turn, session_id, f"Why {stored}?", NOON, BOTH)
        except DiskFull:
            return stored
        for reply in turn.replies:
            store.append(reply.id, "Because. " * 20)
            try:
                await store.run(Store.settle_reply, reply.id, complete())
            except DiskFull:
                return stored + 1
    raise AssertionError("the disk never got full")


async def main(folder: Path) -> None:
    """Fill, go on with the reserve, make room, go on; start again on a full disk."""
    path = folder / "conversations.db"
    problems: list[StoreError] = []
    store = StoreThread(path, now=lambda: NOON, flush_seconds=0.01, on_problem=problems.append)
    await store.start()
    session = await store.run(new_session)
    await store.run(lambda it: it._db.rows("PRAGMA wal_checkpoint(TRUNCATE)"))  # as in a file long in use
    fill(folder / "ballast")
    assert files.reserve(path).exists()
    stored = await store_until_full(store, session.id)
    assert not files.reserve(path).exists()
    assert stored >= 50, stored
    assert any("reserve" in str(problem) for problem in problems), problems
    assert len(store.reader.turns(session.id)) == stored  # reading goes on
    (folder / "ballast").unlink()
    await store.run(Store.open_turn, session.id, "Room again", NOON, BOTH)
    assert await store.run(Store.problems, thorough=True) == []
    store.close()

    Store.open(path).close()
    assert files.reserve(path).exists()
    fill(folder / "ballast")
    again = StoreThread(path, now=lambda: NOON, on_problem=problems.append)
    await again.start()
    turns = again.reader.turns(session.id)
    assert [turn.prompt for turn in turns] == [*(f"Why {number}?" for number in range(stored)), "Room again"]
    await again.run(Store.open_turn, session.id, "From the reserve", NOON, BOTH)
    again.close()
    print(f"{stored} turns after the disk was full")


if __name__ == "__main__":
    os.umask(0o022)
    asyncio.run(main(Path(sys.argv[1])))
