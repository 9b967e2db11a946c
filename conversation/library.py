"""All conversations: list them, start one, take one up again. Nothing here asks a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from backends import Connector, Locality
from conversation.catalogue import Catalogue
from conversation.engine import Conversation, Surroundings
from conversation.marking import Marking
from storage import (
    Found,
    Occurrences,
    Question,
    RequestRecord,
    RequestTotal,
    Session,
    SessionSummary,
    Side,
    Turn,
    TurnSize,
)
from storage.needles import Needle
from storage.session_filter import SessionFilter
from storage.store import Store
from storage.thread import StoreThread

Connect = Callable[[Side, str], Connector | None]
"""How a stored model spec becomes something that can be asked; None when it no longer can (a file is gone)."""


class Transcript:
    """One session's turns, read when they are looked at. Short synchronous reads: 0.1 ms to 5 ms each."""

    def __init__(self, store: StoreThread, session_id: str | None) -> None:
        self._store = store
        self._session_id = session_id

    def count(self) -> int:
        """How many turns there are."""
        return 0 if self._session_id is None else self._store.reader.turn_count(self._session_id)

    def sizes(self, first: int, count: int) -> Sequence[TurnSize]:
        """Lengths of a run of turns, oldest first; `first` counts from 0."""
        return [] if self._session_id is None else self._store.reader.turn_sizes(self._session_id, first, count)

    def index_of(self, turn_id: int) -> int | None:
        """How many turns come before this one; None if it is not of this session."""
        return None if self._session_id is None else self._store.reader.turn_index(self._session_id, turn_id)

    def turn(self, turn_id: int) -> Turn:
        """One turn with its replies."""
        return self._store.reader.turn(turn_id)


class Requests:
    """A part of the egress ledger, read when it is looked at."""

    def __init__(self, store: StoreThread, session_id: str | None) -> None:
        """`session_id`: None is all of the store, "" a session that has no row yet."""
        self._store = store
        self._session_id = session_id

    def totals(self) -> Sequence[RequestTotal]:
        """Added up by address and ending. Raises `StoreError`."""
        return self._store.reader.request_totals(self._session_id)

    def page(self, first: int, count: int) -> Sequence[RequestRecord]:
        """A run of requests, oldest first; `first` counts from 0. Raises `StoreError`."""
        return self._store.reader.request_page(self._session_id, first, count)


class Library:
    """The one object through which the app reaches what was said."""

    def __init__(
        self, store: StoreThread, connect: Connect, surroundings: Surroundings, *, confidential_only: bool = False
    ) -> None:
        """`confidential_only`: the others are not listed and not found, because this process could not go on with
        them."""
        self._confidential_only = confidential_only
        self._store = store
        self._connect = connect
        self._world = surroundings

    def start(self, pair: Mapping[Side, Connector], *, confidential: bool = False) -> Conversation:
        """A new conversation, not stored until its first prompt."""
        return Conversation(self._store, pair, self._world, confidential=confidential)

    async def resume(self, session_id: str) -> Conversation:
        """Take up a saved session with its own pair. Raises `StoreError`."""
        session = await self._store.run(Store.session, session_id)
        return Conversation(self._store, self._pair(session), self._world, session=session)

    def transcript(self, conversation: Conversation) -> Transcript:
        """What was said in it, for the screen."""
        return Transcript(self._store, conversation.session.id if conversation.session else None)

    @property
    def catalogue(self) -> Catalogue:
        """The list of all sessions, to go through and to put in order."""
        return Catalogue(self._store, self._world.now, confidential=self._listed)

    @property
    def marking(self) -> Marking:
        """Votes and notes on turns."""
        return Marking(self._store, self._world.now)

    def turn(self, turn_id: int) -> Turn:
        """One turn as it is stored. Raises `StoreError`."""
        return self._store.reader.turn(turn_id)

    @property
    def _listed(self) -> bool | None:
        return True if self._confidential_only else None

    def ordinary_summaries(self, limit: int) -> Sequence[SessionSummary]:
        """The last sessions that are not confidential, newest first: for places that show them unasked."""
        return self._store.reader.sessions(limit=limit, wanted=SessionFilter(confidential=False))

    def bytes_left(self, conversation: Conversation) -> int:
        """How many bytes of it were sent to anywhere but this machine."""
        if conversation.session is None:
            return 0
        totals = self._store.reader.request_totals(conversation.session.id)
        return sum(one.bytes_sent for one in totals if one.left_to or one.locality != Locality.THIS_MACHINE)

    async def search(self, query: str, *, limit: int = 50, offset: int = 0, thinking: bool = False) -> Found | None:
        """Where `query` is found in the sessions that are listed; None if a newer search was asked for meanwhile.

        Off the event loop: over a large store it takes longer than a frame. Raises `StoreError`.
        """
        return await self._store.search(
            query, limit=limit, offset=offset, thinking=thinking, include_confidential=self._confidential_only
        )

    async def find(self, conversation: Conversation, needle: Needle) -> Sequence[Occurrences] | None:
        """Which of a conversation's turns have it, oldest first; None if a newer search was asked for meanwhile.

        Off the event loop, a few turns at a time. Raises `StoreError`.
        """
        session = conversation.session
        return [] if session is None else await self._store.find(session.id, needle)

    def questions(self, conversation: Conversation, first: int, count: int) -> Sequence[Question]:
        """A run of a conversation's questions, oldest first; `first` counts from 0. Raises `StoreError`."""
        session = conversation.session
        return [] if session is None else self._store.reader.questions(session.id, first, count)

    @property
    def kept(self) -> bool:
        """False where this run's sessions are in memory only."""
        return self._store.kept

    def bytes_in_memory(self) -> int:
        """How much there is of a store that is not kept."""
        return self._store.reader.size_bytes()

    async def memory(self) -> bytes:
        """All of a store that is not kept, for the process that comes after this one. Raises `StoreError`."""
        return await self._store.run(Store.in_memory_content)

    async def cost(self, conversation: Conversation) -> float:
        """What the session's answers have cost so far, in US dollars, as far as prices are known.

        Off the event loop: it is a sum over all turns. What settles after the call is not in it. Raises `StoreError`.
        """
        if conversation.session is None:
            return 0.0
        return (await self._store.run(Store.summary, conversation.session.id)).cost_usd or 0.0

    def newest_session(self) -> str | None:
        """Id of the session that was used last."""
        newest = self._store.reader.sessions(limit=1, wanted=SessionFilter(confidential=self._listed))
        return newest[0].session.id if newest else None

    def whole_id(self, beginning: str) -> str:
        """The id of the session whose id begins so. Raises `NotFound`, `Ambiguous`."""
        return self._store.reader.find_session(beginning).id

    @property
    def anything_waits(self) -> bool:
        """True if a confidential session is here that belongs into the vault. Raises `StoreError`."""
        return self._store.kept and not self._store.reader.is_vault and bool(self._store.reader.sessions_to_move())

    def count(self) -> int:
        """How many sessions there are."""
        return self._store.reader.session_count()

    def cloud_turns(self, conversation: Conversation) -> int:
        """How many turns had left this machine before the session became confidential."""
        return 0 if conversation.session is None else self._store.reader.cloud_turns(conversation.session.id)

    def requests(self, conversation: Conversation) -> Requests:
        """The conversation's part of the egress ledger."""
        return Requests(self._store, "" if conversation.session is None else conversation.session.id)

    def all_requests(self) -> Requests:
        """The whole egress ledger: requests of every session here, and those that no session asked for."""
        return Requests(self._store, None)

    def last_pair(self) -> Mapping[Side, str]:
        """The models of the newest session of this kind, for the next; the demo is nobody's choice for long."""
        same_kind = SessionFilter(confidential=self._confidential_only)
        newest = next(iter(self._store.reader.sessions(limit=1, wanted=same_kind)), None)
        if newest is None:
            return {}
        pair = {Side.LEFT: newest.session.left, Side.RIGHT: newest.session.right}
        return {side: spec for side, spec in pair.items() if spec is not None and not spec.startswith("demo:")}

    def recent_prompts(self, conversation: Conversation, limit: int = 50) -> list[str]:
        """Prompts of this session, oldest first, for the prompt box's history."""
        session = conversation.session
        return [] if session is None else self._store.reader.recent_prompts(session.id, limit)

    def last_turn(self, conversation: Conversation) -> Turn | None:
        """The newest turn; its `seq` is how many there are."""
        session = conversation.session
        return None if session is None else self._store.reader.last_turn(session.id)

    def _pair(self, session: Session) -> dict[Side, Connector]:
        chosen = {Side.LEFT: session.left, Side.RIGHT: session.right}
        found = {side: self._connect(side, spec) for side, spec in chosen.items() if spec is not None}
        return {side: one for side, one in found.items() if one is not None}
