"""The list of all sessions, as a person goes through it: pages of it for a line of words, and changes to sessions.

Words are looked for in titles and in what was said. What is read for a line of words is read in the thread of
searches, where the newest line wins; the first page without words is short enough to be read at once. Changes go
through the thread that writes, each to the session as it is then: another program may have changed it meanwhile.
Nothing here asks a model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from storage import Hit, Place, SessionSummary, Turn
from storage.forks import Kin
from storage.session_filter import SessionFilter, parse
from storage.store import Store
from storage.thread import StoreThread

if TYPE_CHECKING:
    from storage.carry.batches import Batch
    from storage.carry.importing import Import

LONGEST_TITLE = 200
"""Characters; a title is a line."""
_PREVIEWED = 4
_LONGEST_PREVIEWED = 60_000
"""Characters of a turn; a longer one is not read for a look in passing."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One page of the list."""

    rows: Sequence[SessionSummary]
    wanted: SessionFilter
    """What was asked for, as it was understood."""
    matching: int
    """Sessions on all pages."""
    total: int
    """Sessions in the list without any filter."""
    hits: Mapping[str, Hit] = field(default_factory=dict)
    """Where the words were found in what was said, by session."""
    ends: bool = True
    """True when there is nothing after this page."""
    unindexed_turns: int = 0
    """Turns of an older file that cannot be found yet."""


class Catalogue:
    """All sessions of one store."""

    def __init__(self, store: StoreThread, now: Callable[[], datetime], *, confidential: bool | None = None) -> None:
        """`confidential`: True for these sessions only, as a process that could not go on with the others lists them.

        None lists all, but does not look into what was said in confidential ones.
        """
        self._store = store
        self._now = now
        self._all = SessionFilter(confidential=confidential)

    # Reading

    def newest(self, limit: int) -> Listed:
        """The first page without a filter, at once: for a first paint."""
        reader = self._store.reader
        rows, total = reader.sessions(limit=limit, wanted=self._all), reader.count_sessions(self._all)
        return Listed(rows, self._all, matching=total, total=total, ends=len(rows) == total)

    async def page(self, line: str, limit: int, offset: int) -> Listed | None:
        """A page for a line of words and filter words; None if another one was asked for meanwhile.

        Raises `StoreError`.
        """
        return await self._store.look(partial(_page, everything=self._all, line=line, limit=limit, offset=offset))

    def tags(self) -> Mapping[str, int]:
        """All tags in alphabetical order, and how many sessions have each."""
        return self._store.reader.tags()

    def total(self) -> int:
        """Sessions in the list without any filter."""
        return self._store.reader.count_sessions(self._all)

    def summary(self, session_id: str) -> SessionSummary:
        """One session as it is now. Raises `NotFound`."""
        return self._store.reader.summary(session_id)

    def glance(self, session_id: str, turn_id: int | None = None) -> Sequence[Turn]:
        """Some turns of a session for a look in passing: from the one that is named on, else the last ones.

        Turns that are too long for that are left out.
        """
        reader = self._store.reader
        there = reader.turn_count(session_id)
        first = max(0, there - _PREVIEWED)
        if turn_id is not None:
            first = reader.turn_index(session_id, turn_id) or 0
        sizes = reader.turn_sizes(session_id, first, _PREVIEWED)
        short = [each.id for each in sizes if each.prompt + each.left + each.right <= _LONGEST_PREVIEWED]
        return [reader.turn(turn) for turn in short]

    def reading(self) -> Store:
        """One more reading connection, for a thread that reads long; whoever asks closes it."""
        return self._store.reader.another()

    def kin(self, session_id: str) -> tuple[Kin | None, Sequence[Kin]]:
        """The session that this one was forked from, and those that were forked from it."""
        return self._store.reader.forked_from(session_id), self._store.reader.forks(session_id)

    # Importing

    def new_import(self) -> Import:
        """An import into these sessions; where they are confidential, so is all that comes in."""
        from storage.carry.importing import Import

        return Import(confidential=self._now() if self._all.confidential else None)

    async def put(self, importing: Import, batch: Batch) -> None:
        """Store a batch of it, between other changes. Raises `StoreError`."""
        await self._store.run(importing.put, batch)

    async def give_up(self, importing: Import) -> None:
        """Take back the session that is half in; those before it stay. Raises `StoreError`."""
        while await self._store.run(importing.give_up):
            pass

    # Changing; each raises `StoreError`, `NotFound` where the session was deleted for good meanwhile

    async def rename(self, session_id: str, title: str) -> None:
        """Give another title, as one line; a title without a word changes nothing."""
        if wanted := " ".join(title.split())[:LONGEST_TITLE]:
            await self._store.run(Store.rename_session, session_id, wanted)

    async def star(self, session_id: str, *, starred: bool) -> None:
        """Put a star on it, or take it off."""
        await self._store.run(Store.star_session, session_id, starred=starred)

    async def archive(self, session_id: str, *, away: bool) -> None:
        """Put it away, or get it back into the list."""
        await self._store.run(Store.archive_session, session_id, self._now() if away else None)

    async def tag(self, session_id: str, tags: Sequence[str]) -> None:
        """Let it have these tags and no others. Raises ValueError for one without a letter or a digit."""
        await self._store.run(Store.set_tags, session_id, tags)

    async def fork(self, turn_id: int) -> str:
        """Begin a session with the turns up to this one; its id."""
        return (await self._store.run(Store.fork, turn_id, self._now())).id

    async def delete(self, session_id: str) -> None:
        """Put it into the bin."""
        await self._store.run(Store.delete_session, session_id, self._now())

    async def restore(self, session_id: str) -> None:
        """Take it out of the bin."""
        await self._store.run(Store.restore_session, session_id)

    async def bin(self) -> tuple[int, datetime]:
        """How many sessions are in the bin, and a time at which that is so."""
        until = self._now()
        return await self._store.run(Store.bin_count, self._all.confidential), until

    async def empty_bin(self, until: datetime) -> int:
        """Delete for good what was in the bin at that time; tells how many sessions that were."""
        return await self._store.run(Store.empty_bin, until, self._all.confidential)


def _page(store: Store, everything: SessionFilter, line: str, limit: int, offset: int) -> Listed:
    wanted = replace(parse(line), confidential=everything.confidential)
    said = store.sessions_saying(wanted.words) if wanted.words else {}
    may_look = store.is_vault or wanted.confidential
    for session_id in store.sessions_to_move() if said and not may_look else ():
        said.pop(session_id, None)  # an ordinary list shows nothing of what is said in confidential sessions
    rows = store.sessions(limit=limit, offset=offset, wanted=wanted, said_in=said.keys())
    matching = store.count_sessions(wanted, said.keys())
    hits = dict[str, Hit]()
    for row in rows:
        document = said.get(row.session.id)
        hit = store.hit(document, wanted.words) if document is not None else None
        if hit is not None and hit.where is not Place.TITLE:
            hits[row.session.id] = hit
    return Listed(
        rows,
        wanted,
        matching=matching,
        total=store.count_sessions(everything),
        hits=hits,
        ends=offset + len(rows) >= matching or not rows,
        unindexed_turns=store.unindexed_turns() if wanted.words else 0,
    )
