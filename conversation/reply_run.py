"""One reply from open to settled: attempts, waiting, deltas, receipt, and exactly one settlement.

Whatever happens (an end, an error, a stop, quitting, a bug) the reply is settled once, in `finally`, by a write that
is queued without awaiting: a cancelled task finishes nothing that it has to wait for.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from typing import assert_never

from backends import (
    Backend,
    BackendError,
    Connector,
    Finished,
    Locality,
    Metered,
    Progress,
    Request,
    TextDelta,
    ThinkingDelta,
    Timings,
    Usage,
)
from backends import Located as BackendLocated
from backends.errors import LeftThisMachine, NotOnDevice
from backends.ledger import recorded
from conversation import estimate, policy
from conversation.attested import Attested
from conversation.ledger import StoredLedger
from conversation.retries import RetryPolicy
from conversation.updates import Delta, Located, RetryWaiting, Settled, Show, State, StateChanged
from storage import Outcome, Receipt, Reply, Settlement
from storage.store import Store
from storage.thread import StoreThread

_STATES = {
    "starting engine": State.STARTING_ENGINE,
    "loading model": State.LOADING_MODEL,
    "reading prompt": State.READING_PROMPT,
}


class ReplyRun:
    """Asks one model once (and again, where a server is busy) and keeps what it says."""

    def __init__(
        self,
        reply: Reply,
        connector: Connector,
        backend: Callable[[], Backend],
        request: Request,
        *,
        session_id: str,
        confidential: Callable[[], bool],
        store: StoreThread,
        show: Show,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        retries: RetryPolicy,
        attested: Attested,
        level: str,
    ) -> None:
        self.reply = reply
        self.connector = connector
        self._backend = backend
        self._request = request
        self._session_id = session_id
        self._confidential = confidential
        self._store = store
        self._show = show
        self._now = now
        self._monotonic = monotonic
        self._sleep = sleep
        self._retries = retries
        self._attested = attested
        self._level = level
        self._task: asyncio.Task[None] | None = None
        self._stop_note: str | None = None
        self._text: list[str] = []
        self._thinking: list[str] = []
        self._state: State | None = None
        self._asked_at = monotonic()
        self._first_at: float | None = None
        self._thinking_from: float | None = None
        self._thinking_until: float | None = None
        self._located: BackendLocated | None = None
        self._left_to: str | None = None
        """Who answered instead of this machine, after the prompt had been sent; None as long as all is well."""
        self._metered = Usage()
        self._finished: Finished | None = None
        self._has_settled = False

    @property
    def is_answered_elsewhere(self) -> bool:
        """True once it is known that the answer is not made on this machine, whatever the address says."""
        return self._located is not None and not policy.answer_is_acceptable(
            self.connector, self._located.locality, confidential=True
        )

    def start(self, group: asyncio.TaskGroup) -> asyncio.Task[None]:
        """Begin in the caller's group, which thereby owns the work."""
        self._task = group.create_task(self._run(), name=f"reply {self.reply.id}")
        self._task.add_done_callback(self._settle_if_never_begun)
        return self._task

    def stop(self, note: str = "") -> None:
        """End this reply now; what has arrived is kept. `note` says why, if it was not the person's Esc."""
        if self._stop_note is None and self._task is not None and not self._task.done():
            self._stop_note = note
            self._task.cancel()

    async def _run(self) -> None:
        outcome, error = Outcome.INTERRUPTED, None
        try:
            await self._attempts()
            outcome = Outcome.COMPLETE
        except BackendError as failure:
            outcome, error = Outcome.FAILED, failure
        except asyncio.CancelledError:
            if self._stop_note is None:
                raise
            outcome = Outcome.STOPPED
            if (task := asyncio.current_task()) is not None:
                task.uncancel()
        finally:
            self._settle(outcome, error)

    def _settle_if_never_begun(self, _: asyncio.Task[None]) -> None:
        """A task that is cancelled before its first step runs none of its code, not even a `finally`."""
        if not self._has_settled:
            self._settle(Outcome.INTERRUPTED if self._stop_note is None else Outcome.STOPPED, None)

    async def _attempts(self) -> None:
        attempt = 1
        while True:
            try:
                await self._attempt()
            except BackendError as error:
                wait = self._retries.wait(error, attempt)
                if wait is None or self._first_at is not None:
                    raise
                await self._count_down(wait, str(error))
                attempt += 1
            else:
                return

    async def _attempt(self) -> None:
        self._asked_at = self._monotonic()
        self._enter(State.WAITING)
        await self._prepare()
        # Asked here and not earlier: the latch may have fallen while a library was imported.
        request = replace(self._request, this_machine_only=self._confidential())
        ledger = StoredLedger(
            self._store,
            self._now,
            session_id=self._session_id,
            reply_id=self.reply.id,
            level=self._level,
            attested=self._attested.__contains__,
        )
        try:
            if not policy.admits(self.connector, confidential=request.this_machine_only):
                raise NotOnDevice("This session is confidential: only models on this machine are asked.")
            if policy.needs_word(self.connector, self._attested, confidential=request.this_machine_only):
                raise NotOnDevice(
                    "This session is confidential, and nothing proves that this server is on this machine. Ask again "
                    "to say that it is."
                )
            with recorded(ledger, "chat"):
                await self._answered(request)
        except LeftThisMachine as alarm:
            self._left_to = alarm.to
            raise
        except NotOnDevice as refusal:
            self._write_down(refusal, ledger)
            raise

    async def _answered(self, request: Request) -> None:
        async with aclosing(self._backend().stream(request)) as events:
            async for event in events:
                match event:
                    case TextDelta(text):
                        self._receive(text, thinking=False)
                    case ThinkingDelta(text):
                        self._receive(text, thinking=True)
                    case Progress(state, fraction):
                        self._enter(_STATES[state], fraction)
                    case BackendLocated():
                        self._locate(event)
                    case Metered(usage):
                        self._metered = usage
                    case Finished():
                        self._finished = event
                    case _:
                        assert_never(event)

    def _write_down(self, refusal: NotOnDevice, ledger: StoredLedger) -> None:
        """A prompt that was not sent is a line of the ledger as well."""
        server = self.connector.server
        if server is not None:
            locality = self._located.locality if self._located else server.locality
            ledger.refused(purpose="chat", host=server.host, port=server.port, locality=locality, detail=refusal.kind)

    async def _prepare(self) -> None:
        """Wait for the client library; say so only if it is not there at once."""
        waiting = asyncio.get_running_loop().call_later(0.05, self._enter, State.STARTING_CLIENT)
        try:
            await self.connector.prepare()
        finally:
            waiting.cancel()
        self._enter(State.WAITING)

    def _locate(self, event: BackendLocated) -> None:
        if not policy.answer_is_acceptable(self.connector, event.locality, confidential=self._confidential()):
            raise NotOnDevice(
                f"{self.connector.spec.model or 'This model'} would be answered from {event.address}, not on this "
                "machine. Nothing was sent. Choose another model for this confidential session."
            )
        self._located = event
        self._asked_at = self._monotonic()  # what follows is the model's own wait
        place = str(event.locality)
        if event.locality is self.connector.locality:
            place = policy.place(self.connector, self._attested, confidential=self._confidential())
        self._show(Located(self.reply.side, self.reply.id, place, event.address, event.proof))

    def _receive(self, text: str, *, thinking: bool) -> None:
        if not text:
            return
        at = self._monotonic()
        if self._first_at is None:
            self._first_at = at
        if thinking:
            self._thinking_from = self._thinking_from or at
            self._thinking_until = None
            self._thinking.append(text)
        else:
            if self._thinking_from is not None and self._thinking_until is None:
                self._thinking_until = at
            self._text.append(text)
        self._enter(State.THINKING if thinking else State.ANSWERING)
        self._store.append(self.reply.id, text, thinking=thinking)
        self._show(Delta(self.reply.side, self.reply.id, text, thinking))

    def _enter(self, state: State, fraction: float | None = None) -> None:
        if state is not self._state or fraction is not None:
            self._state = state
            self._show(StateChanged(self.reply.side, self.reply.id, state, fraction))

    async def _count_down(self, seconds: float, reason: str) -> None:
        for left in range(max(1, math.ceil(seconds)), 0, -1):
            self._show(RetryWaiting(self.reply.side, self.reply.id, left, reason))
            await self._sleep(1.0)
        self._state = None

    def _settle(self, outcome: Outcome, error: BackendError | None) -> None:
        self._has_settled = True
        settlement = Settlement(
            outcome=outcome,
            ended=self._now(),
            served_model=self._finished.model if self._finished else None,
            digest=self._finished.digest if self._finished else None,
            locality=self._locality(),
            error=_told(error, self._retries) if error else None,
            error_kind=error.kind if error else None,
            note=self._finished.note if self._finished else self._stop_note or "",
            receipt=self._receipt(),
        )
        self._store.post(Store.settle_reply, self.reply.id, settlement)
        self._show(Settled(self._settled_reply(settlement)))

    def _locality(self) -> str | None:
        if self._left_to is not None:
            return str(Locality.CLOUD)
        return str(self._located.locality) if self._located else None

    def _settled_reply(self, settlement: Settlement) -> Reply:
        """The same value that the store will give back, without waiting for it."""
        return replace(
            self.reply,
            outcome=settlement.outcome,
            text="".join(self._text),
            thinking="".join(self._thinking),
            ended=settlement.ended,
            served_model=settlement.served_model,
            digest=settlement.digest,
            locality=settlement.locality,
            error=settlement.error,
            error_kind=settlement.error_kind,
            note=settlement.note,
            receipt=settlement.receipt,
        )

    def _receipt(self) -> Receipt:
        finished = self._finished
        usage = finished.usage if finished else self._metered
        timings = finished.timings if finished else Timings()
        ended_at = self._monotonic()
        output, estimated = usage.output_tokens, False
        if finished is None or output is None:
            # Counts of an unfinished stream are placeholders; what arrived is counted by our own rough rule.
            output, estimated = estimate.tokens("".join(self._text) + "".join(self._thinking)) or None, True
        used = None if usage.input_tokens is None else usage.input_tokens + (output or 0)
        return Receipt(
            first_token_s=None if self._first_at is None else self._first_at - self._asked_at,
            total_s=ended_at - self._asked_at,
            load_s=timings.load,
            prompt_s=timings.prompt,
            generation_s=timings.generation,
            thinking_s=self._thinking_seconds(ended_at),
            input_tokens=usage.input_tokens,
            output_tokens=output,
            thinking_tokens=usage.thinking_tokens,
            cache_read_tokens=usage.cache_read_tokens,
            cache_write_tokens=usage.cache_write_tokens,
            estimated=estimated and output is not None,
            cost_usd=self._cost(),
            context_used=used,
            context_allowed=finished.context_tokens if finished else None,
            stop_reason=str(finished.stop) if finished else None,
        )

    def _thinking_seconds(self, ended_at: float) -> float | None:
        if self._thinking_from is None:
            return None
        return (self._thinking_until or ended_at) - self._thinking_from

    def _cost(self) -> float | None:
        if self._finished is not None:
            return self._finished.cost_usd
        on_this_machine = self._located is not None and self._located.locality is Locality.THIS_MACHINE
        return 0.0 if on_this_machine else None


def _told(error: BackendError, retries: RetryPolicy) -> str:
    """The error's words, and what the server said beside them."""
    lines = [str(error)]
    if (patience := retries.too_long_a_wait(error)) is not None:
        lines.append(f"The server asks to wait {patience}.")
    if error.request_id:
        lines.append(f"Request id: {error.request_id}")
    return "\n".join(lines)
