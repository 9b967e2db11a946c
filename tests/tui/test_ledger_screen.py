"""The ledger on the screen: rows of a real store, of one session and of all, at both sizes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from textual.pilot import Pilot

from conversation.library import Requests
from storage.store import Store
from storage.thread import StoreThread
from tests.tui.app_services import NOON
from tests.tui.hostile import COMMANDING, HOSTILE
from tests.tui.screen_text import Stage, screen_lines
from tui.screens.ledger import LedgerScreen


async def ask(
    store: StoreThread, session: str | None, host: str, locality: str, *, times: int = 1, detail: str = "HTTP 200"
) -> None:
    for number in range(times):
        row = await store.run(
            Store.open_request,
            session_id=session,
            reply_id=None,
            opened=NOON,
            purpose="chat",
            host=host,
            port=11434,
            locality=locality,
            level="process guard",
        )
        await store.run(
            Store.close_request,
            row,
            closed=NOON,
            verdict="done",
            peer=host,
            bytes_sent=1000 + number,
            bytes_received=5,
            detail=detail,
        )


@asynccontextmanager
async def shown(
    store: StoreThread, session: str, size: tuple[int, int]
) -> AsyncIterator[tuple[Stage, Pilot[object]]]:
    app = Stage()
    async with app.run_test(size=size) as pilot:
        parts = Requests(store, session), Requests(store, None)
        await app.push_screen(LedgerScreen(*parts, local_time=lambda when: when))
        await pilot.pause()
        yield app, pilot


@asynccontextmanager
async def a_store() -> AsyncIterator[tuple[StoreThread, str]]:
    store = StoreThread(None, now=lambda: NOON)
    await store.start()
    try:
        session = await store.run(Store.create_session, left=None, right="ollama:m", created=NOON)
        yield store, session.id
    finally:
        store.close()


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_session_is_listed_to_its_newest_request_and_closes_with_the_sum(size: tuple[int, int]) -> None:
    async with a_store() as (store, session):
        await ask(store, session, "127.0.0.1", "this machine", times=250)
        await ask(store, None, "api.anthropic.com", "cloud")
        async with shown(store, session, size) as (app, pilot):
            text = screen_lines(app)
            assert "What left: 250 requests of this session" in text
            assert "0 bytes left this machine; 250 requests, all to 127.0.0.1:11434." in text
            row = next(line for line in text.split("\n") if "▸" in line)
            assert "12:00:00  chat   127.0.0.1:11434         this machine   1.2 kB out  done" in row
            assert "process guard" in text, "the picked request is told in full"
            assert "anthropic" not in text

            await pilot.press("home")
            assert "▸" in screen_lines(app).split("\n")[2]

            await pilot.press("a")
            await pilot.pause()
            text = screen_lines(app)
            assert "What left: 251 requests of all sessions" in text
            assert "1,000 bytes to api.anthropic.com:11434 in 1 request" in text
            assert "api.anthropic.com:11434  cloud " in next(line for line in text.split("\n") if "▸" in line)


async def test_requests_that_came_meanwhile_are_read_when_asked_for() -> None:
    async with a_store() as (store, session), shown(store, session, (80, 24)) as (app, pilot):
        assert "0 bytes left this machine; no request was made." in screen_lines(app)
        await ask(store, session, "127.0.0.1", "this machine")
        await pilot.press("r")
        await pilot.pause()
        assert "1 request, to 127.0.0.1:11434" in screen_lines(app)
        await pilot.press("escape")
        await pilot.pause()
        assert not isinstance(app.screen, LedgerScreen)


async def test_hostile_addresses_and_endings_are_harmless() -> None:
    async with a_store() as (store, session):
        for words in HOSTILE:
            safe = words.encode("utf-8", "replace").decode()
            await ask(store, session, safe, "cloud", detail=safe)
        async with shown(store, session, (80, 24)) as (app, pilot):
            for _ in HOSTILE:
                assert not COMMANDING.search(screen_lines(app))
                await pilot.press("up")
