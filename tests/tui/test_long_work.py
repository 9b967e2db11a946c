"""The window of long work: shown late, gone at the end, stopped by Esc."""

from __future__ import annotations

import asyncio

from textual.app import App

from tests.tui.screen_text import screen_lines, until
from tui import long_work
from tui.long_work import Progress
from tui.themes import FALLBACK_VARIABLES


class Host(App[int]):
    """An app that is busy with one thing."""

    outcome = ""
    progress: Progress | None = None

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return dict(FALLBACK_VARIABLES)

    async def busy(self, until_said: asyncio.Event) -> None:
        async def work(progress: Progress) -> str:
            self.progress = progress
            progress.words = "3 of 7"
            while not (progress.stopped or until_said.is_set()):
                await asyncio.sleep(0.01)
            return "stopped" if progress.stopped else "done"

        self.outcome = await long_work.shown(self, "Counting", "stop counting", work)


async def test_esc_stops_what_takes_long() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        app.run_worker(app.busy(asyncio.Event()))
        await until(lambda: "3 of 7" in screen_lines(app))
        await pilot.press("escape")
        await until(lambda: app.outcome == "stopped" and len(app.screen_stack) == 1)


async def test_what_is_soon_done_shows_no_window() -> None:
    app, said = Host(), asyncio.Event()
    said.set()
    async with app.run_test(size=(80, 24)):
        app.run_worker(app.busy(said))
        await until(lambda: app.outcome == "done")
        await asyncio.sleep(2 * long_work.SOON)  # the time in which a window would have come
        assert len(app.screen_stack) == 1


async def test_work_whose_worker_ends_is_told_to_end() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)):
        worker = app.run_worker(app.busy(asyncio.Event()))
        await until(lambda: app.progress is not None)
        worker.cancel()
        await until(lambda: app.progress is not None and app.progress.stopped)
