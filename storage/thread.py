"""The one thread that writes: an event loop hands it work, and it holds the only writing connection.

What is asked for happens in the order in which it was asked. Text of running answers is only put on a list by
`append`, which costs the event loop next to nothing; a timer of this thread, not a check per token, writes it down
every `flush_seconds`, so that a killed program loses at most that much. What nobody waits for and cannot be written
now (a locked file, a full disk), text and outcomes alike, stays in memory and is tried again; a reply is never
settled without its text.

When there is nothing to do and no text waits, the thread works on the search index, a short step at a time.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar, assert_never

from storage import files
from storage.errors import AlreadySettled, DiskFull, Locked, NotFound, StoreError
from storage.needles import Needle
from storage.records import Found, Occurrences
from storage.searcher import Searcher
from storage.store import Store
from storage.turns import Part

if TYPE_CHECKING:
    from storage.vault_key import VaultKey

P = ParamSpec("P")
R = TypeVar("R")

_CLOSE_SECONDS = 15.0
"""How long `close` waits for a disk that does not answer; the thread does not keep the process alive."""
_REST_SECONDS = 0.05
"""Nothing to do for so long before each step of the search index: a step takes some 20 ms, so others come first."""
_LAST_STEPS = 20
"""Steps at the end, so that a program that asks one question and ends leaves it findable."""


class StoreThread:
    """A store for writing in its own thread, and one for reading in the caller's."""

    def __init__(
        self,
        path: Path | None,
        *,
        now: Callable[[], datetime],
        key: VaultKey | None = None,
        flush_seconds: float = 0.25,
        on_problem: Callable[[StoreError], None] | None = None,
        content: bytes = b"",
    ) -> None:
        """`path` None means in memory, beginning with `content`; with a `key` the file is a vault.

        `on_problem` hears, in the event loop's thread, what nobody waits for."""
        self._path = path
        self._now = now
        self._on_problem = on_problem or (lambda _: None)
        self._writer = _Writer(path, key, flush_seconds, self._report, content)
        self._opened: Future[Store] = Future()
        self._thread = threading.Thread(target=self._serve, name="duologue-store", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._reader: Store | None = None
        self._searcher: Searcher | None = None
        self._closing = False
        self._untold: deque[StoreError] = deque()

    @property
    def kept(self) -> bool:
        """False where everything is in memory and gone with the program."""
        return self._path is not None

    async def start(self) -> None:
        """Open, migrate and repair the store. Raises `StoreError`.

        After `ReadOnly`, `Store.open(path, read_only=True)` still reads what was saved.
        """
        self._loop = asyncio.get_running_loop()
        self._opened.set_running_or_notify_cancel()
        self._thread.start()
        store = await asyncio.wrap_future(self._opened)
        self._reader = store.another()
        self._searcher = Searcher(store.another())

    async def run(self, function: Callable[Concatenate[Store, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call a method of `Store` in the thread and wait for its result: `await thread.run(Store.turn, 7)`.

        Once asked for it happens, even if the caller is cancelled meanwhile. Raises `StoreError`.
        """
        needs_all_text = function == Store.settle_reply
        future = self._ask(lambda store: function(store, *args, **kwargs), needs_all_text=needs_all_text)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            future.add_done_callback(self._report_failure)
            raise

    def post(self, function: Callable[Concatenate[Store, P], object], *args: P.args, **kwargs: P.kwargs) -> None:
        """Call a method of `Store` in the thread, in order, without waiting; its failure goes to `on_problem`.

        While the file is locked or the disk is full, it is tried again until it is done or the store closes.
        """
        needs_all_text = function == Store.settle_reply
        future = self._ask(
            lambda store: function(store, *args, **kwargs), needs_all_text=needs_all_text, can_wait=True
        )
        future.add_done_callback(self._report_failure)

    def append(self, reply_id: int, text: str, *, thinking: bool = False) -> None:
        """Take the next piece of a running answer; it is written down within `flush_seconds`."""
        self._writer.append(reply_id, text, thinking=thinking)

    @property
    def reader(self) -> Store:
        """A read-only store for short synchronous reads in the event loop's thread."""
        if self._reader is None:
            raise _not_open()
        return self._reader

    async def search(
        self,
        query: str,
        *,
        limit: int = 50,
        offset: int = 0,
        session_id: str | None = None,
        include_confidential: bool = False,
        thinking: bool = False,
    ) -> Found | None:
        """Search as `Store.search` does, in a thread of its own; None if a newer search was asked for meanwhile.

        Raises `StoreError`.
        """
        if self._searcher is None:
            raise _not_open()
        return await self._searcher.search(
            query,
            limit=limit,
            offset=offset,
            session_id=session_id,
            include_confidential=include_confidential,
            thinking=thinking,
        )

    async def find(self, session_id: str, needle: Needle) -> list[Occurrences] | None:
        """Look inside one session as `Store.find` does, in the thread of searches; None if a newer one came.

        Raises `StoreError`.
        """
        if self._searcher is None:
            raise _not_open()
        return await self._searcher.find(session_id, needle)

    async def look(self, read: Callable[[Store], R]) -> R | None:
        """Read in the thread of searches what takes longer than a frame; None if a newer search or look came.

        Raises `StoreError`.
        """
        if self._searcher is None:
            raise _not_open()
        return await self._searcher.look(read)

    def close(self) -> None:
        """Write down all that waits, stop the thread, close the file.

        Safe to call twice, and from a signal handler.
        """
        if self._reader is not None:
            # First: only the last connection to close folds the write-ahead log into the file, and this one cannot.
            self._reader.close()
        if self._searcher is not None:
            self._searcher.close()
        if not self._closing:
            self._closing = True
            self._writer.queue.put(_Stop())
        if self._thread.is_alive():
            self._thread.join(_CLOSE_SECONDS)
        self._tell()  # what the event loop has not told, blocked as it was by this, or ended

    def _ask(self, function: Callable[[Store], R], *, needs_all_text: bool, can_wait: bool = False) -> Future[R]:
        future: Future[R] = Future()
        # Running from the start: a caller's cancellation then leaves the work, and its place in the queue, alone.
        future.set_running_or_notify_cancel()

        def work(store: Store) -> None:
            future.set_result(function(store))

        if self._closing or not self._thread.is_alive():
            future.set_exception(_not_open())
        else:
            self._writer.queue.put(_Call(work, future.set_exception, needs_all_text, can_wait))
        return future

    def _serve(self) -> None:
        try:
            store = self._writer.open(self._now)
        except BaseException as error:  # noqa: BLE001 - whatever it is, it belongs to `start`, which waits for it
            self._opened.set_exception(error)
            return
        self._opened.set_result(store)
        try:
            self._writer.work_off(store)
        finally:
            store.close()
            self._writer.refuse_the_rest()

    def _report_failure(self, future: Future[R]) -> None:
        match future.exception():
            case None:
                pass
            case problem:
                self._report(_as_store_error(problem))

    def _report(self, error: StoreError) -> None:
        """Tell of a problem, from any thread."""
        self._untold.append(error)
        if self._loop is None:
            return
        try:
            self._loop.call_soon_threadsafe(self._tell)
        except RuntimeError:
            pass  # the loop has ended before us; `close` tells

    def _tell(self) -> None:
        while self._untold:
            self._on_problem(self._untold.popleft())


@dataclass(frozen=True, slots=True)
class _Call:
    """One piece of work."""

    work: Callable[[Store], None]
    fail: Callable[[Exception], None]
    needs_all_text: bool
    """True: not to be done while text of answers is still unwritten."""
    can_wait: bool
    """True: nobody waits for it, so that it is tried again where only the moment is wrong."""


@dataclass(frozen=True, slots=True)
class _TextCame:
    """Starts the timer; sent when text comes and the timer does not run."""


@dataclass(frozen=True, slots=True)
class _Stop:
    """The last thing to do."""


class _Unwritten:
    """The text of one running answer that is not on disk yet."""

    __slots__ = ("text", "thinking")

    def __init__(self) -> None:
        self.text: list[str] = []
        self.thinking: list[str] = []


class _Writer:
    """The thread's side: does what is in the queue, and writes text down when its time has come."""

    def __init__(
        self,
        path: Path | None,
        key: VaultKey | None,
        flush_seconds: float,
        report: Callable[[StoreError], None],
        content: bytes,
    ) -> None:
        self._path = path
        self._key = key
        self._content = content
        self._flush_seconds = flush_seconds
        self._report = report
        # SimpleQueue and deque: their operations are atomic, so a signal handler may use them at any moment.
        self.queue: SimpleQueue[_Call | _TextCame | _Stop] = SimpleQueue()
        self._appended: deque[tuple[int, str, bool]] = deque()
        self._timer_asked = False
        self._unwritten: dict[int, _Unwritten] = {}
        self._put_off: deque[_Call] = deque()
        """What is to be tried again, in its order."""
        self._due: float | None = None
        self._reported: type[StoreError] | None = None
        self._index_behind = True
        self._index_reported: type[Exception] | None = None

    def append(self, reply_id: int, text: str, *, thinking: bool) -> None:
        """Take text, on any thread."""
        self._appended.append((reply_id, text, thinking))
        if not self._timer_asked:
            self._timer_asked = True
            self.queue.put(_TextCame())

    def open(self, now: Callable[[], datetime]) -> Store:
        """Open the file and settle what dead programs left open."""
        try:
            store = Store.open(self._path, key=self._key, content=self._content)
            self._content = b""  # it is in the store now, once is enough
        except DiskFull:
            self._give_up_reserve(None)
            store = Store.open(self._path, key=self._key)
        try:
            self._with_room(store, lambda: store.repair_open_replies(now()))
        except BaseException:
            store.close()
            raise
        return store

    def work_off(self, store: Store) -> None:
        """Do what is in the queue until it says stop."""
        while True:
            match self._next():
                case None:
                    if self._due is None:
                        self._index(store)
                case _TextCame():
                    self._due = self._due or time.monotonic() + self._flush_seconds
                case _Call() as call:
                    self._perform(store, call)
                case _Stop():
                    problem = self._flush(store)
                    while problem is not None and self._put_off:
                        self._put_off.popleft().fail(problem)
                    self._index_what_was_said(store)
                    return
                case never:
                    assert_never(never)
            if self._due is not None and time.monotonic() >= self._due:
                self._flush(store)

    def refuse_the_rest(self) -> None:
        """Answer whoever still waits when the thread ends."""
        while not self.queue.empty():
            match self.queue.get():
                case _Call() as call:
                    call.fail(_not_open())
                case _:
                    pass

    def _next(self) -> _Call | _TextCame | _Stop | None:
        """The next thing to do; None when it is time to write text down, or there is time for the search index."""
        left = _REST_SECONDS if self._index_behind else None
        if self._due is not None:
            left = max(0.0, self._due - time.monotonic())
        try:
            return self.queue.get(timeout=left)
        except Empty:
            return None

    def _perform(self, store: Store, call: _Call) -> None:
        # Text first, so that work finds what was appended before it.
        problem = self._flush(store)
        if problem is None or not (call.needs_all_text or call.can_wait):
            problem = self._done(store, call)
        elif not call.can_wait:
            call.fail(problem)
        if problem is not None and call.can_wait:
            self._put_off.append(call)
            self._try_again_after(problem)
        self._index_behind = True

    def _done(self, store: Store, call: _Call) -> StoreError | None:
        """Do it; the problem if it is to be done later."""
        try:
            self._with_room(store, lambda: call.work(store))
        except Exception as error:  # noqa: BLE001 - bugs too belong to whoever asked, and the thread goes on for others
            if call.can_wait and isinstance(error, Locked | DiskFull):
                return error
            call.fail(error)
        return None

    def _try_again_after(self, problem: StoreError) -> None:
        self._due = time.monotonic() + self._flush_seconds
        if self._reported is not type(problem):
            self._reported = type(problem)
            self._report(problem)

    def _index(self, store: Store) -> None:
        """One step; what cannot be done now is left until something else was asked for."""
        try:
            self._index_behind = store.index_step()
        except (Locked, DiskFull):
            self._index_behind = False
        except Exception as error:  # noqa: BLE001 - not even a bug in the index may end the thread that saves
            self._index_behind = False
            if self._index_reported is not type(error):
                self._index_reported = type(error)
                self._report(_as_store_error(error))

    def _index_what_was_said(self, store: Store) -> None:
        try:
            for _ in range(_LAST_STEPS):
                if not store.index_changes():
                    return
        except StoreError:
            pass  # nothing is lost: the next start goes on

    def _flush(self, store: Store) -> StoreError | None:
        """Write down the text that came and what was put off; the problem if that could not be done.

        Then it is tried again later.
        """
        self._timer_asked = False  # before taking: what comes now either is taken or asks anew
        self._due = None
        problem = self._write_text(store)
        while problem is None and self._put_off:
            problem = self._done(store, self._put_off[0])
            if problem is None:
                self._put_off.popleft()
        if problem is None:
            self._reported = None
        else:
            self._try_again_after(problem)
        return problem

    def _write_text(self, store: Store) -> StoreError | None:
        parts = self._take()
        if not parts:
            return None
        try:
            self._with_room(store, lambda: store.append_parts(parts))
        except (AlreadySettled, NotFound) as error:
            self._report(error)
        except StoreError as error:
            return error
        self._unwritten.clear()
        return None

    def _take(self) -> list[Part]:
        while self._appended:
            reply_id, text, thinking = self._appended.popleft()
            unwritten = self._unwritten.setdefault(reply_id, _Unwritten())
            (unwritten.thinking if thinking else unwritten.text).append(text)
        return [
            (reply_id, "".join(unwritten.text), "".join(unwritten.thinking))
            for reply_id, unwritten in self._unwritten.items()
        ]

    def _with_room(self, store: Store, work: Callable[[], R]) -> R:
        """Do it; on a full disk make room and do it again: a transaction that failed has done nothing."""
        for make_room in (self._save_room, self._give_up_reserve):
            try:
                return work()
            except DiskFull:
                make_room(store)
        return work()

    def _save_room(self, store: Store) -> None:
        try:
            store.save_room()
        except StoreError:
            pass  # what was to be done will fail again, and say so

    def _give_up_reserve(self, store: Store | None) -> None:
        if self._path is None or not files.free_reserve(self._path.resolve()):
            return
        self._report(
            DiskFull("The disk is full; the last room, kept in reserve, is in use now. Make room before you go on.")
        )
        if store:
            self._save_room(store)


def _not_open() -> StoreError:
    return StoreError("The conversations are not open. Start the program again.")


def _as_store_error(problem: BaseException) -> StoreError:
    """What is fit to show; of a bug its kind."""
    if isinstance(problem, StoreError):
        return problem
    error = StoreError(f"A change could not be saved ({type(problem).__name__}). Please report this.")
    error.__cause__ = problem
    return error
