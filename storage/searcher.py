"""Searches while a person types: one reading connection, used in a worker thread, and the newest query wins.

A search over a large store takes up to some ten milliseconds, which an event loop has not; and while it runs, the
next key has come. What runs for an older query is interrupted, what waits for its turn is dropped.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from storage.errors import SearchStopped, StoreError
from storage.needles import Needle
from storage.records import Found, Hit, Occurrences
from storage.store import Store

R = TypeVar("R")


class Searcher:
    """Asked from one event loop."""

    def __init__(self, store: Store) -> None:
        """Take over a store that reads."""
        self._store = store
        self._asked = 0
        self._in_use = threading.Lock()
        self._closed = False

    async def search(
        self,
        query: str,
        *,
        limit: int,
        offset: int,
        session_id: str | None,
        include_confidential: bool,
        thinking: bool,
    ) -> Found | None:
        """As `StoreThread.search`."""
        find = partial(
            self._store.search,
            query,
            limit=limit,
            offset=offset,
            session_id=session_id,
            include_confidential=include_confidential,
            thinking=thinking,
        )
        return await self._newest(lambda _: self._found(find))

    async def find(self, session_id: str, needle: Needle) -> list[Occurrences] | None:
        """As `StoreThread.find`."""
        return await self._newest(
            lambda number: self._store.find(session_id, needle, lambda: number == self._asked and not self._closed)
        )

    async def look(self, read: Callable[[Store], R]) -> R | None:
        """As `StoreThread.look`."""
        return await self._newest(lambda _: read(self._store))

    def _found(self, find: partial[list[Hit]]) -> Found:
        return Found(tuple(find()), self._store.unindexed_turns())

    async def _newest(self, look: Callable[[int], R]) -> R | None:
        """Stop what runs, and look in a thread; None if something newer was asked for meanwhile."""
        self._require_open()
        self._asked += 1
        self._store.stop_search()
        number = self._asked
        found = await asyncio.to_thread(self._look, number, look)
        return found if number == self._asked else None

    def close(self) -> None:
        """Stop what runs and close the connection. Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        self._store.stop_search()
        with self._in_use:
            self._store.close()

    def _look(self, number: int, look: Callable[[int], R]) -> R | None:
        # One after the other: an interrupt meant for one search must not end another that runs beside it.
        with self._in_use:
            self._require_open()
            if number != self._asked:
                return None
            try:
                return look(number)
            except (SearchStopped, sqlite3.Error):
                # SQLite tells of an interrupt in words of its own while it reads the schema.
                if number == self._asked and not self._closed:
                    raise
                return None

    def _require_open(self) -> None:
        if self._closed:
            raise StoreError("The conversations are not open. Start the program again.")
