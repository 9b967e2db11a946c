"""Marks on the turns of a conversation: votes, notes, and going from one marked turn to the next. Asks no model."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from storage import Choice, Turn
from storage.store import Store
from storage.thread import StoreThread


class Marking:
    """Marks turns of one store. Every method raises `StoreError`, `NotFound` for a turn that is gone."""

    def __init__(self, store: StoreThread, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now

    async def vote(self, turn_id: int, choice: Choice) -> Turn:
        """Keep a verdict in place of an earlier one; the same again takes it back."""
        turn = await self._store.run(Store.turn, turn_id)
        again = turn.vote is not None and turn.vote.choice is choice
        await self._store.run(Store.vote, turn_id, None if again else choice, self._now())
        return await self._store.run(Store.turn, turn_id)

    async def note(self, turn_id: int, text: str) -> Turn:
        """Keep the person's own words about a turn; an empty text removes them."""
        await self._store.run(Store.note_turn, turn_id, text.strip())
        return await self._store.run(Store.turn, turn_id)

    async def next_marked(self, session_id: str, seq: int, step: int) -> int | None:
        """The nearest turn after a position (`step` 1) or before it (-1) that has a vote, a note, or an answer that
        did not end well."""
        return await self._store.run(Store.marked_turn, session_id, seq, step)
