"""A conversation: asks both sides, keeps their histories apart, and settles every reply.

`ask` and `retry` return when their replies are settled; deltas go to `show` meanwhile. One turn at a time; a retry of
one side may run while the other side still answers. No Textual, no HTTP and no SQL in here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from backends import Backend, Connector, Message, Request
from backends.listener import listener
from conversation import history, policy
from conversation.attested import Attested
from conversation.errors import Busy, NothingToAsk, WordNeeded
from conversation.reply_run import ReplyRun
from conversation.retries import RetryPolicy
from conversation.updates import Show, TurnOpened, VariantOpened
from storage import NewReply, Reply, Session, Side, Turn
from storage.store import Store
from storage.thread import StoreThread


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a conversation needs of the world, replaceable in tests."""

    now: Callable[[], datetime]
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    retries: RetryPolicy = field(default_factory=RetryPolicy)
    max_output_tokens: int | None = None
    attested: Attested = field(default_factory=Attested)
    """Servers that are on this machine by the user's word."""
    level: str = ""
    """What keeps this process from every way out but the models': for the ledger; "" is not known."""


@dataclass(slots=True, eq=False)
class _Place:
    """A side's place in the work under way: taken before its reply is stored, so that nobody else takes it."""

    connector: Connector
    run: ReplyRun | None = None
    stop_note: str | None = None
    """Set when a stop came, perhaps before there was anything to stop."""

    def stop(self, note: str = "") -> None:
        if self.stop_note is None:
            self.stop_note = note
        if self.run is not None:
            self.run.stop(note)


_LOOKS, _LOOK_SECONDS = 100, 0.02
_RECENT = timedelta(minutes=10)
"""Longer than any prompt takes to be sent."""


class Conversation:
    """One session, live: its sides, what runs, and whether it is confidential.

    The session gets its row with the first prompt, so looking around leaves no empty sessions behind.
    """

    def __init__(
        self,
        store: StoreThread,
        connectors: Mapping[Side, Connector],
        surroundings: Surroundings,
        *,
        session: Session | None = None,
        confidential: bool = False,
    ) -> None:
        self.session = session
        self._store = store
        self._world = surroundings
        self._confidential = confidential or (session is not None and session.confidential)
        self._connectors = policy.admitted(connectors, confidential=self._confidential)
        self._backends: dict[Side, Backend] = {}
        self._places: dict[Side, _Place] = {}
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False
        self._row = asyncio.Lock()
        """Held by whoever makes or changes the session's row: a latch that falls meanwhile must reach it."""

    @property
    def confidential(self) -> bool:
        """True once only this machine's models may see this session's words."""
        return self._confidential

    @property
    def connectors(self) -> Mapping[Side, Connector]:
        """The sides that can be asked."""
        return self._connectors

    @property
    def running(self) -> frozenset[Side]:
        """The sides that work on a reply now."""
        return frozenset(self._places)

    async def ask(self, prompt: str, show: Show, *, sides: frozenset[Side] | None = None) -> Turn:
        """Store the prompt, send it to `sides` (None: all), and return the turn when every reply is settled.

        Raises `ValueError` for an empty prompt, `Busy`, `NothingToAsk`, and `StoreError` when the prompt could not be
        stored (then nothing was sent), and `WordNeeded` (see `take_word`). A side's own failure is not an error here:
        its reply says so.
        """
        if not prompt.strip():
            raise ValueError("The prompt is empty.")
        if self._places:
            raise Busy("An answer is still being written. Esc stops it.")
        asked = {side: one for side, one in self._connectors.items() if sides is None or side in sides}
        with self._taken(asked) as places:
            session = await self._current_session()
            await self._check_words(asked.values())
            told = await self._store.run(history.told, session.id, asked)
            replies = [NewReply(side, str(one.spec)) for side, one in asked.items()]
            turn = await self._store.run(Store.open_turn, session.id, prompt, self._world.now(), replies)
            if not session.title:
                self.session = await self._store.run(Store.session, session.id)
            show(TurnOpened(turn))
            await self._run(turn.replies, places, told, turn, show)
        return await self._store.run(Store.turn, turn.id)

    async def retry(self, turn_id: int, side: Side, show: Show) -> Turn:
        """Ask one side again, as one more variant; what was said stays. Raises as `ask` does."""
        if side in self._places:
            raise Busy("That side still answers. Esc stops it.")
        asked = {at: one for at, one in self._connectors.items() if at is side and self.session is not None}
        with self._taken(asked) as places:
            session = await self._current_session()
            await self._check_words(asked.values())
            told = await self._store.run(history.told, session.id, asked, before=turn_id)
            new = NewReply(side, str(asked[side].spec))
            reply = await self._store.run(Store.open_variant, turn_id, new, self._world.now())
            turn = await self._store.run(Store.turn, turn_id)
            show(VariantOpened(turn, reply))
            await self._run([reply], places, told, turn, show)
        return await self._store.run(Store.turn, turn_id)

    def stop(self, side: Side | None = None) -> bool:
        """Stop one side, or both; connections close and what arrived is kept. False if nothing ran."""
        stopping = [place for at, place in self._places.items() if side is None or at is side]
        for place in stopping:
            place.stop()
        return bool(stopping)

    async def make_confidential(self) -> None:
        """Fall the latch: only this machine's models from now on. One-way; safe to call again.

        A request in flight to anywhere else is cancelled and its reply says why. Raises `StoreError` if the mark
        could not be stored; the clouds are cut off all the same.
        """
        self._confidential = True
        self._connectors = policy.admitted(self._connectors, confidential=True)
        for place in self._places.values():
            admitted = policy.admits(place.connector, confidential=True)
            if not admitted or (place.run is not None and place.run.is_answered_elsewhere):
                place.stop("stopped: the session became confidential")
        try:
            async with self._row:
                if self.session is not None:
                    await self._store.run(Store.mark_confidential, self.session.id, self._world.now())
                    await self._store_pair()
                    await self._wait_for_clouds(self.session.id)
        finally:
            for side in [side for side in self._backends if side not in self._connectors]:
                await self._forget_backend(side)

    async def _wait_for_clouds(self, session_id: str) -> None:
        """Let requests end that another window opened before the latch fell: their words may still be on the way.

        At most two seconds: an answer that streams there sends nothing more, and a dead program's request never ends.
        """
        since = self._world.now() - _RECENT
        for _ in range(_LOOKS):
            if not await self._store.run(Store.cloud_requests_under_way, session_id, since):
                return
            await self._world.sleep(_LOOK_SECONDS)

    async def use(self, side: Side, connector: Connector | None) -> None:
        """Put another model on a side, or none.

        Raises `Busy`, `NothingToAsk` if the session may not ask it, and `StoreError` if the choice could not be
        stored; it holds for this run all the same.
        """
        if side in self._places:
            raise Busy("That side still answers. Esc stops it.")
        if connector is not None and not policy.admits(connector, confidential=self._confidential):
            raise NothingToAsk("This session is confidential: only models on this machine can be chosen.")
        chosen = {at: connector if at is side else self._connectors.get(at) for at in Side}
        self._connectors = {at: one for at, one in chosen.items() if one is not None}
        await self._forget_backend(side)
        async with self._row:
            if self.session is not None:
                await self._store_pair()

    @property
    def places(self) -> Mapping[Side, str]:
        """Where each side is asked, in words: "this machine, by your word"."""
        return {
            side: policy.place(one, self._world.attested, confidential=self._confidential)
            for side, one in self._connectors.items()
        }

    def take_word(self, needed: WordNeeded) -> None:
        """The user says that this server is on this machine; kept for later runs unless off the record."""
        self._world.attested.add(needed.name, needed.program, keep=self._store.kept)

    async def adopt(self, turn_id: int, reply_id: int | None) -> Turn:
        """Tell both sides this answer from now on (None: each its own again)."""
        await self._store.run(Store.adopt, turn_id, reply_id)
        return await self._store.run(Store.turn, turn_id)

    async def refresh(self) -> None:
        """Take the session's row as it is now: it may have another title, or be in the bin. Raises `StoreError`."""
        if self.session is not None:
            await self._current_session()

    async def save_draft(self, text: str) -> None:
        """Keep what stands in the prompt box; a session without turns is stored only if there is something."""
        if self.session is not None or text.strip():
            session = await self._stored_session()
            await self._store.run(Store.save_draft, session.id, text)

    async def aclose(self) -> None:
        """Stop what runs, wait until it has settled, and let go of all connections. Nothing can be asked after it."""
        self._closed = True
        self.stop()
        await self._idle.wait()
        for side in list(self._backends):
            await self._forget_backend(side)

    @contextmanager
    def _taken(self, asked: Mapping[Side, Connector]) -> Iterator[Mapping[Side, _Place]]:
        """Keep everybody else from these sides; each is given back when its reply has ended, and all at the end."""
        if not asked or self._closed:
            raise NothingToAsk(self._why_nothing())
        places = {side: _Place(one) for side, one in asked.items()}
        self._places |= places
        self._idle.clear()
        try:
            yield places
        finally:
            for side, place in places.items():
                self._give_back(side, place)

    def _give_back(self, side: Side, place: _Place, _: object = None) -> None:
        if self._places.get(side) is place:
            del self._places[side]
        if not self._places:
            self._idle.set()

    async def _run(
        self,
        replies: Iterable[Reply],
        places: Mapping[Side, _Place],
        told: Mapping[Side, tuple[Message, ...]],
        turn: Turn,
        show: Show,
    ) -> None:
        async with asyncio.TaskGroup() as group:
            for reply in replies:
                place = places[reply.side]
                messages = (*told[reply.side], Message("user", turn.prompt))
                place.run = self._reply_run(reply, place.connector, messages, show)
                place.run.start(group).add_done_callback(partial(self._give_back, reply.side, place))
                if place.stop_note is not None:
                    place.run.stop(place.stop_note)

    def _reply_run(self, reply: Reply, connector: Connector, messages: tuple[Message, ...], show: Show) -> ReplyRun:
        side = reply.side
        session = self._require_session()
        return ReplyRun(
            reply,
            connector,
            lambda: self._backend(side, connector),
            Request(
                messages,
                system=session.system_prompt,
                max_output_tokens=self._world.max_output_tokens,
            ),
            session_id=session.id,
            confidential=lambda: self._confidential,
            store=self._store,
            show=show,
            now=self._world.now,
            monotonic=self._world.monotonic,
            sleep=self._world.sleep,
            retries=self._world.retries,
            attested=self._world.attested,
            level=self._world.level,
        )

    async def _check_words(self, asked: Iterable[Connector]) -> None:
        """Raises `WordNeeded` before anything of the prompt is stored or sent."""
        for connector in asked:
            server = connector.server
            if self._confidential and server is not None and server.is_here:
                behind = await asyncio.to_thread(listener, server.port)
                if policy.needs_word(connector, self._world.attested, behind, confidential=True):
                    raise WordNeeded(connector, server, behind)

    def _backend(self, side: Side, connector: Connector) -> Backend:
        """The side's client, made at its first use: a refused model never gets one."""
        if side not in self._backends:
            self._backends[side] = connector.connect()
        return self._backends[side]

    async def _forget_backend(self, side: Side) -> None:
        if (backend := self._backends.pop(side, None)) is not None:
            await backend.aclose()

    async def _current_session(self) -> Session:
        """The session as it is now: another program may have made it confidential since we looked."""
        session = await self._stored_session()
        self.session = await self._store.run(Store.session, session.id)
        if self.session.confidential and not self._confidential:
            await self.make_confidential()
        return self.session

    async def _stored_session(self) -> Session:
        async with self._row:
            if self.session is None:
                pair = self._pair()
                self.session = await self._store.run(
                    Store.create_session,
                    left=pair[Side.LEFT],
                    right=pair[Side.RIGHT],
                    created=self._world.now(),
                    confidential=self._confidential,
                )
            return self.session

    def _require_session(self) -> Session:
        if self.session is None:
            raise NothingToAsk("This session has no turns yet.")
        return self.session

    async def _store_pair(self) -> None:
        pair = self._pair()
        session = self._require_session()
        await self._store.run(Store.set_pair, session.id, pair[Side.LEFT], pair[Side.RIGHT])
        self.session = await self._store.run(Store.session, session.id)

    def _pair(self) -> dict[Side, str | None]:
        return {side: str(self._connectors[side].spec) if side in self._connectors else None for side in Side}

    def _why_nothing(self) -> str:
        if self._closed:
            return "This session was left meanwhile. Open it again to go on."
        if self._connectors:
            where = " on this machine, and this session is confidential" if self._confidential else ""
            return f"That side has no model{where}. F5 chooses one."
        if self._confidential:
            return "This session is confidential and has no model on this machine yet. F5 chooses one."
        return "No model is chosen yet. F5 chooses one."
