"""The one clock of everything that streams: text is moved into the views about fifteen times a second, not per token.

It runs only while something streams. A frame follows no sooner than three times the cost of the one before, so that
keys always get the larger part of the time. Frames are left out while the terminal does not keep up (the queue of
Textual's writer thread holds 30 writes and then blocks the whole program) and while the screen is suspended.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from textual.app import App
from textual.timer import Timer

from tui.gc_policy import GCPolicy

FRAME = 1 / 15
"""Seconds from one frame to the next, at least."""
SHARE = 3
"""A frame may take a third of the time."""
QUEUE_LIMIT = 3
"""Writes that may wait for the terminal before frames are left out."""
QUIET_AFTER = 2.0
"""Seconds without a frame after which garbage is collected thoroughly."""

Flush = Callable[[], bool]
"""Moves what was collected into lines; True while more may come."""


class FrameTimer:
    """Calls the registered flushes while one of them has something that streams."""

    def __init__(self, app: App[object], *, clock: Callable[[], float] = time.perf_counter) -> None:
        self._app = app
        self._clock = clock
        self._flushes: list[Flush] = []
        self._timer: Timer | None = None
        self._quiet: Timer | None = None
        self._spent = 0.0
        self._collector = GCPolicy()
        self.frames = 0
        """How many frames there were; tests look at it."""

    @property
    def running(self) -> bool:
        """Whether another frame is due."""
        return self._timer is not None

    def register(self, flush: Flush) -> None:
        """Call `flush` with every frame from now on."""
        self._flushes.append(flush)

    def unregister(self, flush: Flush) -> None:
        """Call it no more; the last one ends the frames."""
        self._flushes.remove(flush)
        if not self._flushes:
            self.stop()

    def wake(self) -> None:
        """Something began to stream. Costs nothing while frames run already."""
        if self._timer is None and self._flushes:
            self._schedule(0.0)

    def stop(self) -> None:
        """No more frames until somebody wakes the timer; garbage is collected as usual again."""
        for timer in (self._timer, self._quiet):
            if timer is not None:
                timer.stop()
        self._timer = self._quiet = None
        self._collector.quiet()

    def charge(self, seconds: float) -> None:
        """Count painting towards the cost of a frame; painting happens after the flush."""
        self._spent += seconds

    def _schedule(self, delay: float) -> None:
        if self._quiet is not None:
            self._quiet.stop()
            self._quiet = None
        self._timer = self._app.set_timer(max(0.001, delay), self._frame, name="frame")

    def _frame(self) -> None:
        if self._app._batch_count or self._writes_waiting() > QUEUE_LIMIT:  # noqa: SLF001 - no public name for a suspended or blocked screen
            self._schedule(FRAME)
            return
        cost, self._spent = self._spent, 0.0
        begin = self._clock()
        more = [flush() for flush in self._flushes]
        end = self._clock()
        self.frames += 1
        self._collector.frame(end)
        if any(more):
            self._schedule(max(FRAME, SHARE * (cost + end - begin)))
        else:
            self._timer = None
            self._quiet = self._app.set_timer(QUIET_AFTER, self._collector.quiet, name="quiet")

    def _writes_waiting(self) -> int:
        thread = getattr(self._app._driver, "_writer_thread", None)  # noqa: SLF001 - only the driver knows how far the terminal is behind
        return thread._queue.qsize() if thread is not None else 0  # noqa: SLF001 - as above
