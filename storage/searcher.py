"""Searches while a person types: one reading connection, used in a worker thread, and the newest query wins.

A search over a large store takes up to some ten milliseconds, which an event loop has not; and while it runs, the
next key has come. What runs for an older query is interrupted, what waits for its turn is dropped.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from functools import partial

from storage.errors import SearchStopped, StoreError
from storage.records import Found, Hit
from storage.store import Store


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
        self._require_open()
        self._asked += 1
        self._store.stop_search()
        find = partial(
            self._store.search,
            query,
            limit=limit,
            offset=offset,
            session_id=session_id,
            include_confidential=include_confidential,
            thinking=thinking,
        )
        number = self._asked
        found = await asyncio.to_thread(self._search, number, find)
        return found if number == self._asked else None

    def close(self) -> None:
        """Stop what runs and close the connection. Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        self._store.stop_search()
        with self._in_use:
            self._store.close()

    def _search(self, number: int, find: partial[list[Hit]]) -> Found | None:
        # One after the other: an interrupt meant for one search must not end another that runs beside it.
        with self._in_use:
            self._require_open()
            if number != self._asked:
                return None
            try:
                return Found(tuple(find()), self._store.unindexed_turns())
            except (SearchStopped, sqlite3.Error):
                # SQLite tells of an interrupt in words of its own while it reads the schema.
                if number == self._asked and not self._closed:
                    raise
                return None

    def _require_open(self) -> None:
        if self._closed:
            raise StoreError("The conversations are not open. Start the program again.")
