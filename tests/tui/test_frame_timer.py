"""Frames come while something streams, no faster than they are paid for, and not into a terminal that is behind."""

from __future__ import annotations

import gc
import queue
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from tests.tui.screen_text import Stage, until
from tui.gc_policy import MIDDLE_EVERY, YOUNG_EVERY, GCPolicy
from tui.widgets.frame_timer import FRAME, QUEUE_LIMIT, SHARE, FrameTimer


@pytest.fixture(autouse=True)
def collector_as_before() -> Iterator[None]:
    yield
    gc.enable()


async def test_frames_run_until_nothing_streams_and_start_again() -> None:
    app = Stage()
    async with app.run_test():
        timer = FrameTimer(app)
        left = [3]

        def flush() -> bool:
            left[0] -= 1
            return left[0] > 0

        timer.wake()
        assert timer.frames == 0
        timer.register(flush)
        timer.wake()
        await until(lambda: not timer.running)
        assert (left[0], timer.frames) == (0, 3)
        timer.wake()
        await until(lambda: timer.frames == 4)
        timer.unregister(flush)
        assert not timer.running


async def test_a_dear_frame_is_followed_later() -> None:
    app = Stage()
    async with app.run_test():
        ticks = iter([0.0, 0.001, 1.0, 1.5])
        timer = FrameTimer(app, clock=lambda: next(ticks))
        delays: list[float] = []
        plan = timer._schedule
        timer._schedule = lambda delay: delays.append(delay)  # type: ignore[method-assign]
        timer.register(lambda: True)
        timer._frame()
        timer.charge(0.5)
        timer._frame()
        assert delays == [FRAME, pytest.approx(SHARE * 1.0)]
        timer._schedule = plan  # type: ignore[method-assign]


async def test_no_frame_goes_to_a_terminal_that_is_behind_or_suspended() -> None:
    app = Stage()
    async with app.run_test():
        timer = FrameTimer(app)
        timer.register(lambda: True)
        waiting: queue.Queue[str] = queue.Queue()
        for _ in range(QUEUE_LIMIT + 1):
            waiting.put("x")
        assert app._driver is not None
        app._driver._writer_thread = SimpleNamespace(_queue=waiting)  # type: ignore[attr-defined]
        timer._frame()
        assert timer.frames == 0
        waiting.get()
        timer._frame()
        assert timer.frames == 1
        with app.batch_update():
            timer._frame()
        assert timer.frames == 1
        timer.stop()


def test_the_collector_is_off_while_text_streams_and_back_on_in_the_quiet() -> None:
    collected: list[int] = []
    gc.callbacks.append(lambda phase, info: collected.append(info["generation"]) if phase == "start" else None)
    try:
        policy = GCPolicy()
        policy.quiet()
        assert collected == []
        policy.frame(100.0)
        assert not gc.isenabled()
        policy.frame(100.0 + YOUNG_EVERY / 2)
        assert collected == []
        policy.frame(100.0 + YOUNG_EVERY)
        policy.frame(100.0 + MIDDLE_EVERY)
        assert collected == [0, 1]
        policy.quiet()
        assert gc.isenabled()
        assert collected == [0, 1, 2]
    finally:
        gc.callbacks.pop()
