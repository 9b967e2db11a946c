from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import pytest

from storage import files
from storage.errors import AlreadySettled, Corrupt, DiskFull, Locked, NotFound, StoreError
from storage.records import Outcome, Settlement, Turn
from storage.store import Store
from storage.thread import StoreThread
from tests.storage.samples import BOTH, NOON, complete, later, new_session, new_turn


async def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        await asyncio.sleep(0.005)


class Opened:
    """A running thread, what it complained of, and a turn to write to."""

    def __init__(self, path: Path | None, flush_seconds: float) -> None:
        self.problems: list[StoreError] = []
        self.thread = StoreThread(
            path, now=lambda: later(1000), flush_seconds=flush_seconds, on_problem=self.problems.append
        )

    async def turn(self) -> Turn:
        session = await self.thread.run(new_session)
        return await self.thread.run(Store.open_turn, session.id, "Why?", NOON, BOTH)

    def parts(self) -> int:
        return self.thread.reader._db.number("SELECT count(*) FROM reply_parts")


@pytest.fixture(params=["memory", "file"])
async def opened(request: pytest.FixtureRequest, path: Path) -> AsyncIterator[Opened]:
    opened = Opened(path if request.param == "file" else None, 0.02)
    await opened.thread.start()
    yield opened
    opened.thread.close()


@pytest.fixture
async def slow(path: Path) -> AsyncIterator[Opened]:
    """One whose timer never comes within a test."""
    opened = Opened(path, 3600)
    await opened.thread.start()
    yield opened
    opened.thread.close()


async def test_work_is_done_in_the_thread_and_read_here(opened: Opened) -> None:
    assert await opened.thread.run(lambda _: threading.current_thread().name) == "duologue-store"
    turn = await opened.turn()
    assert opened.thread.reader.turn(turn.id) == turn
    assert [row.turns for row in opened.thread.reader.sessions()] == [1]


async def test_text_is_written_down_by_a_timer_without_being_asked(opened: Opened) -> None:
    left, right = (await opened.turn()).replies
    for word in ("Be", "cause", "."):
        opened.thread.append(left.id, word)
        opened.thread.append(right.id, word, thinking=True)
    await until(lambda: opened.thread.reader.reply(left.id).text == "Because.")
    assert opened.thread.reader.reply(right.id).thinking == "Because."
    opened.thread.append(left.id, " Really.")
    await until(lambda: opened.thread.reader.reply(left.id).text == "Because. Really.")


async def test_many_pieces_become_one_row_per_reply_and_flush(slow: Opened) -> None:
    left, right = (await slow.turn()).replies
    for _ in range(500):
        slow.thread.append(left.id, "t")
        slow.thread.append(left.id, "h", thinking=True)
        slow.thread.append(right.id, "t")
    await slow.thread.run(Store.session_count)  # any work writes the text before it
    assert slow.parts() == 2
    assert (len(slow.thread.reader.reply(left.id).text), len(slow.thread.reader.reply(left.id).thinking)) == (
        500,
        500,
    )


async def test_settling_takes_along_all_text_that_came_before(slow: Opened) -> None:
    left = (await slow.turn()).replies[0]
    for number in range(1000):
        slow.thread.append(left.id, f"{number} ")
    settled = await slow.thread.run(Store.settle_reply, left.id, complete())
    assert settled.text == "".join(f"{number} " for number in range(1000))
    assert slow.problems == []


async def test_closing_writes_down_what_waits(slow: Opened, path: Path) -> None:
    session = await slow.thread.run(new_session)
    turn = await slow.thread.run(Store.open_turn, session.id, "Why?", NOON, BOTH)
    slow.thread.post(Store.rename_session, session.id, "Renamed")
    slow.thread.append(turn.replies[0].id, "last words")
    slow.thread.close()
    assert not files.wal(path).exists()
    with closing(Store.open(path, read_only=True)) as store:
        assert store.session(session.id).title == "Renamed"
        assert store.reply(turn.replies[0].id).text == "last words"


async def test_closing_twice_and_before_the_start_is_harmless(path: Path) -> None:
    StoreThread(path, now=lambda: NOON).close()
    thread = StoreThread(path, now=lambda: NOON)
    with pytest.raises(StoreError, match="not open"):
        _ = thread.reader
    with pytest.raises(StoreError, match="not open"):
        await thread.run(Store.session_count)
    await thread.start()
    thread.close()
    thread.close()
    with pytest.raises(StoreError, match="not open"):
        await thread.run(Store.session_count)


async def test_closing_within_a_signal_handler_saves_the_text(slow: Opened, path: Path) -> None:
    reply = (await slow.turn()).replies[0]
    before = signal.signal(signal.SIGUSR1, lambda *_: slow.thread.close())
    try:
        slow.thread.append(reply.id, "last words")
        os.kill(os.getpid(), signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)
    with closing(Store.open(path, read_only=True)) as store:
        assert store.reply(reply.id).text == "last words"


async def test_a_write_happens_although_its_caller_is_cancelled(opened: Opened) -> None:
    session = await opened.thread.run(new_session)
    gate = threading.Event()
    async with asyncio.TaskGroup() as group:
        blocked = group.create_task(opened.thread.run(lambda _: gate.wait(10)))
        rename = group.create_task(opened.thread.run(Store.rename_session, session.id, "Renamed"))
        await asyncio.sleep(0)
        rename.cancel()
        await asyncio.sleep(0)
        gate.set()
        assert await blocked
    assert rename.cancelled()
    assert (await opened.thread.run(Store.session, session.id)).title == "Renamed"
    assert opened.problems == []


async def test_a_failure_that_its_cancelled_caller_cannot_hear_is_told(opened: Opened) -> None:
    gate = threading.Event()
    async with asyncio.TaskGroup() as group:
        blocked = group.create_task(opened.thread.run(lambda _: gate.wait(10)))
        rename = group.create_task(opened.thread.run(Store.rename_session, "nowhere", "x"))
        await asyncio.sleep(0)
        rename.cancel()
        await asyncio.sleep(0)
        gate.set()
        assert await blocked
    await until(lambda: bool(opened.problems))
    assert isinstance(opened.problems[0], NotFound)


async def test_errors_reach_whoever_asked_and_the_thread_goes_on(opened: Opened) -> None:
    with pytest.raises(NotFound):
        await opened.thread.run(Store.turn, 99)
    with pytest.raises(ZeroDivisionError):
        await opened.thread.run(lambda _: 1 // 0)
    with pytest.raises(sqlite3.OperationalError):  # wrong SQL is a bug and says so
        await opened.thread.run(lambda store: store._db.rows("SELEC"))
    assert await opened.thread.run(Store.session_count) == 0


async def test_posted_work_keeps_its_order_and_tells_its_failures_in_the_event_loop(opened: Opened) -> None:
    session = await opened.thread.run(new_session)
    for number in range(50):
        opened.thread.post(Store.rename_session, session.id, str(number))
    opened.thread.post(Store.rename_session, "nowhere", "x")
    opened.thread.post(lambda _: 1 // 0)
    assert (await opened.thread.run(Store.session, session.id)).title == "49"
    await until(lambda: len(opened.problems) == 2)
    assert [type(problem) for problem in opened.problems] == [NotFound, StoreError]
    assert isinstance(opened.problems[1].__cause__, ZeroDivisionError)


async def test_a_problem_while_closing_is_told(slow: Opened) -> None:
    slow.thread.post(Store.rename_session, "nowhere", "x")
    slow.thread.close()
    assert [type(problem) for problem in slow.problems] == [NotFound]
    slow.thread.post(Store.rename_session, "nowhere", "x")
    slow.thread.close()
    assert "not open" in str(slow.problems[1])


async def test_late_text_is_told_once_and_does_not_come_back(opened: Opened) -> None:
    left, right = (await opened.turn()).replies
    await opened.thread.run(Store.settle_reply, left.id, complete())
    opened.thread.append(left.id, "late")
    opened.thread.append(right.id, "in time")
    await until(lambda: opened.thread.reader.reply(right.id).text == "in time")
    await until(lambda: bool(opened.problems))
    opened.thread.append(right.id, "!")
    await until(lambda: opened.thread.reader.reply(right.id).text == "in time!")
    assert [type(problem) for problem in opened.problems] == [AlreadySettled]


async def test_text_waits_in_memory_while_the_file_is_locked(path: Path) -> None:
    opened = Opened(path, 0.01)
    await opened.thread.start()
    left = (await opened.turn()).replies[0]
    await opened.thread.run(lambda store: store._db._set("busy_timeout", "20"))
    with closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        opened.thread.append(left.id, "one ")
        await until(lambda: bool(opened.problems))
        opened.thread.append(left.id, "two ")
        with pytest.raises(Locked):
            await opened.thread.run(Store.settle_reply, left.id, complete())
        assert await opened.thread.run(Store.session_count) == 1  # reading goes on
        other.rollback()
    opened.thread.append(left.id, "three")
    settled = await opened.thread.run(Store.settle_reply, left.id, complete())
    assert settled.text == "one two three"
    assert [type(problem) for problem in opened.problems] == [Locked]  # told once, not with every attempt
    opened.thread.close()


async def test_an_outcome_waits_in_memory_while_the_file_is_locked(path: Path) -> None:
    opened = Opened(path, 0.01)
    await opened.thread.start()
    left, right = (await opened.turn()).replies
    await opened.thread.run(lambda store: store._db._set("busy_timeout", "20"))
    with closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        opened.thread.append(left.id, "one")
        opened.thread.post(Store.settle_reply, left.id, complete())
        await until(lambda: bool(opened.problems))
        opened.thread.post(Store.settle_reply, right.id, complete())
        other.rollback()
    reader = opened.thread.reader
    await until(lambda: reader.reply(right.id).outcome is Outcome.COMPLETE)
    assert (reader.reply(left.id).outcome, reader.reply(left.id).text) == (Outcome.COMPLETE, "one")
    assert [type(problem) for problem in opened.problems] == [Locked]  # told once, not with every attempt
    opened.thread.close()


async def test_an_outcome_that_cannot_be_stored_to_the_end_is_told(path: Path) -> None:
    opened = Opened(path, 0.01)
    await opened.thread.start()
    left = (await opened.turn()).replies[0]
    await opened.thread.run(lambda store: store._db._set("busy_timeout", "20"))
    with closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        opened.thread.post(Store.settle_reply, left.id, complete())
        opened.thread.close()
        other.rollback()
    assert {type(problem) for problem in opened.problems} == {Locked}
    with closing(Store.open(path)) as store:
        store.repair_open_replies(later(5))
        assert store.reply(left.id).outcome is Outcome.INTERRUPTED


async def test_a_reply_is_never_settled_without_its_text(path: Path) -> None:
    opened = Opened(path, 3600)
    await opened.thread.start()
    left = (await opened.turn()).replies[0]
    await opened.thread.run(lambda store: store._db._set("max_page_count", "1"))  # full: at the present size
    opened.thread.append(left.id, "x" * 100_000)
    with pytest.raises(DiskFull):
        await opened.thread.run(Store.settle_reply, left.id, complete())
    assert opened.thread.reader.reply(left.id).outcome is Outcome.OPEN
    await opened.thread.run(lambda store: store._db._set("max_page_count", "1000000"))
    settled = await opened.thread.run(Store.settle_reply, left.id, Settlement(Outcome.STOPPED, later(3)))
    assert (settled.outcome, len(settled.text)) == (Outcome.STOPPED, 100_000)
    opened.thread.close()
    assert not files.reserve(path).exists()  # given up on the way


async def test_a_start_settles_what_a_dead_program_left_open(path: Path) -> None:
    with closing(Store.open(path)) as dead:
        turn = new_turn(dead, new_session(dead))
        dead.append_parts([(turn.replies[0].id, "Half", "")])
    opened = Opened(path, 1)
    await opened.thread.start()
    repaired = opened.thread.reader.turn(turn.id).replies[0]
    assert (repaired.outcome, repaired.text, repaired.ended) == (Outcome.INTERRUPTED, "Half", later(1000))
    opened.thread.close()


async def test_a_second_program_leaves_the_first_ones_answers_alone(slow: Opened, path: Path) -> None:
    reply = (await slow.turn()).replies[0]
    second = Opened(path, 1)
    await second.thread.start()
    assert second.thread.reader.reply(reply.id).outcome is Outcome.OPEN
    second.thread.close()
    slow.thread.append(reply.id, "Goes on.")
    assert (await slow.thread.run(Store.settle_reply, reply.id, complete())).text == "Goes on."


async def test_a_failing_start_says_why_and_leaves_no_thread(path: Path) -> None:
    files.prepare(path)
    with closing(path.open("wb")) as file:
        file.write(b"not a database" * 100)
    thread = StoreThread(path, now=lambda: NOON)
    with pytest.raises(Corrupt):
        await thread.start()
    thread.close()
    assert not thread._thread.is_alive()


async def test_taking_text_costs_the_event_loop_next_to_nothing(slow: Opened) -> None:
    left = (await slow.turn()).replies[0]
    gate = threading.Event()
    slow.thread.post(lambda _: gate.wait(10))  # even while the thread waits for a disk
    for _ in range(10_000):
        slow.thread.append(left.id, "word ")
    gate.set()
    settled = await slow.thread.run(Store.settle_reply, left.id, complete())
    assert len(settled.text) == 50_000
