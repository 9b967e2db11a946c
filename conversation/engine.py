"""A conversation: asks both sides, keeps their histories apart, and settles every reply.

`ask` and `retry` return when their replies are settled; deltas go to `show` meanwhile. One turn at a time; a retry of
one side may run while the other side still answers. No Textual, no HTTP and no SQL in here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from backends import Backend, Connector, Request
from conversation import history, policy
from conversation.reply_run import ReplyRun
from conversation.retries import RetryPolicy
from conversation.updates import Show, TurnOpened, VariantOpened
from storage import NewReply, Reply, Session, Side, Turn
from storage.store import Store
from storage.thread import StoreThread


class NothingToAsk(Exception):
    """No admitted side is there to answer; the message says what to do."""


class Busy(Exception):
    """That side still answers."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a conversation needs of the world, replaceable in tests."""

    now: Callable[[], datetime]
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    retries: RetryPolicy = field(default_factory=RetryPolicy)
    max_output_tokens: int | None = None


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
        self._runs: dict[Side, ReplyRun] = {}
        self._asking = False

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
        return frozenset(self._runs)

    async def ask(self, prompt: str, show: Show, *, sides: frozenset[Side] | None = None) -> Turn:
        """Store the prompt, send it to `sides` (None: all), and return the turn when every reply is settled.

        Raises `ValueError` for an empty prompt, `Busy`, `NothingToAsk`, and `StoreError` when the prompt could not be
        stored (then nothing was sent). A side's own failure is not an error here: its reply says so.
        """
        if not prompt.strip():
            raise ValueError("The prompt is empty.")
        if self._asking or self._runs:
            raise Busy("An answer is still being written. Esc stops it.")
        asked = {side: one for side, one in self._connectors.items() if sides is None or side in sides}
        if not asked:
            raise NothingToAsk(self._why_nothing())
        self._asking = True
        try:
            session = await self._stored_session()
            earlier = await self._store.run(Store.turns, session.id)
            replies = [NewReply(side, str(one.spec)) for side, one in asked.items()]
            turn = await self._store.run(Store.open_turn, session.id, prompt, self._world.now(), replies)
            if not session.title:
                self.session = await self._store.run(Store.session, session.id)
            show(TurnOpened(turn))
            await self._run([(reply, earlier) for reply in turn.replies], turn, show)
        finally:
            self._asking = False
        return await self._store.run(Store.turn, turn.id)

    async def retry(self, turn_id: int, side: Side, show: Show) -> Turn:
        """Ask one side again, as one more variant; what was said stays. Raises as `ask` does."""
        if side in self._runs:
            raise Busy("That side still answers. Esc stops it.")
        connector = self._connectors.get(side)
        if connector is None or self.session is None:
            raise NothingToAsk(self._why_nothing())
        turns = await self._store.run(Store.turns, self.session.id)
        earlier = [turn for turn in turns if turn.id < turn_id]
        reply = await self._store.run(
            Store.open_variant, turn_id, NewReply(side, str(connector.spec)), self._world.now()
        )
        turn = await self._store.run(Store.turn, turn_id)
        show(VariantOpened(turn, reply))
        await self._run([(reply, earlier)], turn, show)
        return await self._store.run(Store.turn, turn_id)

    def stop(self, side: Side | None = None) -> bool:
        """Stop one side, or both; connections close and what arrived is kept. False if nothing ran."""
        stopping = [run for at, run in self._runs.items() if side is None or at is side]
        for run in stopping:
            run.stop()
        return bool(stopping)

    async def make_confidential(self) -> None:
        """Fall the latch: only this machine's models from now on. One-way; safe to call again.

        A cloud request in flight is cancelled and its reply says why. Raises `StoreError` if the mark could not be
        stored; the clouds are cut off all the same.
        """
        self._confidential = True
        kept = policy.admitted(self._connectors, confidential=True)
        dropped = [side for side in self._connectors if side not in kept]
        for side in dropped:
            if (run := self._runs.get(side)) is not None:
                run.stop("stopped: the session became confidential")
        self._connectors = kept
        for side in dropped:
            await self._forget_backend(side)
        if self.session is not None:
            self.session = await self._store.run(Store.mark_confidential, self.session.id, self._world.now())
            await self._store_pair()

    async def use(self, side: Side, connector: Connector | None) -> None:
        """Put another model on a side, or none. Raises `NothingToAsk` if the session may not ask it."""
        if side in self._runs:
            raise Busy("That side still answers. Esc stops it.")
        if connector is not None and not policy.admits(connector, confidential=self._confidential):
            raise NothingToAsk("This session is confidential: only models on this machine can be chosen.")
        await self._forget_backend(side)
        self._connectors = {at: one for at, one in self._connectors.items() if at is not side}
        if connector is not None:
            self._connectors[side] = connector
            self._connectors = {at: self._connectors[at] for at in Side if at in self._connectors}
        if self.session is not None:
            await self._store_pair()

    async def adopt(self, turn_id: int, reply_id: int | None) -> Turn:
        """Tell both sides this answer from now on (None: each its own again)."""
        await self._store.run(Store.adopt, turn_id, reply_id)
        return await self._store.run(Store.turn, turn_id)

    async def save_draft(self, text: str) -> None:
        """Keep what stands in the prompt box; a session without turns is stored only if there is something."""
        if self.session is not None or text.strip():
            session = await self._stored_session()
            await self._store.run(Store.save_draft, session.id, text)

    async def aclose(self) -> None:
        """Stop what runs and let go of all connections."""
        self.stop()
        for side in list(self._backends):
            await self._forget_backend(side)

    async def _run(self, replies: list[tuple[Reply, list[Turn]]], turn: Turn, show: Show) -> None:
        runs = {reply.side: self._reply_run(reply, earlier, turn, show) for reply, earlier in replies}
        self._runs |= runs
        try:
            async with asyncio.TaskGroup() as group:
                for side, run in runs.items():
                    run.start(group).add_done_callback(partial(self._has_ended, side))
        finally:
            for side in runs:
                self._runs.pop(side, None)

    def _has_ended(self, side: Side, _: object) -> None:
        self._runs.pop(side, None)

    def _reply_run(self, reply: Reply, earlier: list[Turn], turn: Turn, show: Show) -> ReplyRun:
        side = reply.side
        session = self._require_session()
        return ReplyRun(
            reply,
            self._connectors[side],
            lambda: self._backend(side),
            Request(
                history.messages(earlier, side, turn.prompt),
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
        )

    def _backend(self, side: Side) -> Backend:
        """The side's client, made at its first use: a refused model never gets one."""
        if side not in self._backends:
            self._backends[side] = self._connectors[side].connect()
        return self._backends[side]

    async def _forget_backend(self, side: Side) -> None:
        if (backend := self._backends.pop(side, None)) is not None:
            await backend.aclose()

    async def _stored_session(self) -> Session:
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
        if self._confidential:
            return "This session is confidential and has no model on this machine yet. F5 chooses one."
        return "No model is chosen yet. F5 chooses one."
