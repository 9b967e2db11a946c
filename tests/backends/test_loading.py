from __future__ import annotations

import asyncio
import gc
import threading

import pytest

from backends.loading import BackgroundImport


async def test_whoever_asks_the_import_happens_once_and_off_the_event_loop() -> None:
    threads: list[threading.Thread] = []
    loading = BackgroundImport(lambda: threads.append(threading.current_thread()))
    await asyncio.gather(*(loading.wait() for _ in range(5)))
    await loading.wait()
    [thread] = threads
    assert thread is not threading.current_thread()
    assert thread.daemon
    assert loading.done


async def test_the_event_loop_goes_on_while_an_import_lasts() -> None:
    release = threading.Event()
    loading = BackgroundImport(release.wait)
    loading.start()
    waiting = asyncio.get_running_loop().create_task(loading.wait())
    for _ in range(10):
        await asyncio.sleep(0)
    assert not waiting.done()
    assert not loading.done
    release.set()
    async with asyncio.timeout(5):
        await waiting


async def test_everybody_who_waits_hears_that_it_cannot_be_imported() -> None:
    def fail() -> None:
        raise ImportError("no such library")

    loading = BackgroundImport(fail)
    heard = await asyncio.gather(loading.wait(), loading.wait(), return_exceptions=True)
    assert [str(error) for error in heard] == ["no such library"] * 2
    with pytest.raises(ImportError):
        await loading.wait()


async def test_giving_up_waiting_leaves_the_import_to_the_others() -> None:
    release = threading.Event()
    loading = BackgroundImport(release.wait)
    impatient = asyncio.get_running_loop().create_task(loading.wait())
    patient = asyncio.get_running_loop().create_task(loading.wait())
    await asyncio.sleep(0)
    impatient.cancel()
    release.set()
    async with asyncio.timeout(5):
        await patient
    assert impatient.cancelled()


async def test_the_collector_is_off_during_the_import_and_on_after_it() -> None:
    seen: list[bool] = []
    assert gc.isenabled()
    await BackgroundImport(lambda: seen.append(gc.isenabled())).wait()
    assert seen == [False]
    assert gc.isenabled()


async def test_two_imports_at_once_leave_the_collector_as_it_was() -> None:
    first, second = threading.Event(), threading.Event()
    one, two = BackgroundImport(first.wait), BackgroundImport(second.wait)
    one.start()
    two.start()
    first.set()
    await one.wait()
    second.set()
    await two.wait()
    assert gc.isenabled()


def test_a_loop_that_closed_meanwhile_is_no_error() -> None:
    release = threading.Event()
    loading = BackgroundImport(release.wait)

    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(loading.wait(), 0.01)

    asyncio.run(give_up())
    release.set()
    asyncio.run(loading.wait())
    assert loading.done
