"""Opening a link of an answer, by keys."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from textual.pilot import Pilot

from backends import Locality
from tests.doubles import ScriptedBackend, answer
from tests.tui.app_services import FakeWorld
from tests.tui.screen_text import screen_lines, until
from tui.app import DuologueApp
from tui.screens.chat import ChatScreen
from tui.widgets.prompt import Prompt

ADDRESS = "https://evil.example/a?q=1"


@asynccontextmanager
async def answered(world: FakeWorld) -> AsyncIterator[tuple[DuologueApp, Pilot[int]]]:
    app = DuologueApp(world.services())
    try:
        async with app.run_test(size=(120, 40)) as pilot:
            screen = app.screen_stack[-1]
            assert isinstance(screen, ChatScreen)
            await until(lambda: screen.conversation is not None)
            app.screen.query_one(Prompt).draft = "Where?"
            await pilot.press("enter")
            await until(lambda: not screen.busy and "evil.example" in screen.picked_answers)
            yield app, pilot
    finally:
        world.close()


def says(text: str, *, browser: bool = True, locality: Locality = Locality.CLOUD) -> FakeWorld:
    return FakeWorld(
        ScriptedBackend("claude:", answer(text, locality=locality)), browser=browser, left_locality=locality
    )


async def test_a_link_is_opened_after_its_exact_address_was_shown() -> None:
    world = says(f"[bank.example]({ADDRESS})")
    async with answered(world) as (app, pilot):
        app.screen_stack[-1].query_one(Prompt).draft = "/links"
        await pilot.press("enter")
        await until(lambda: ADDRESS in screen_lines(app))
        assert world.opened == []
        await pilot.press("y")
        await until(lambda: world.opened == [ADDRESS])


async def test_no_is_the_answer_of_enter() -> None:
    world = says(ADDRESS)
    async with answered(world) as (app, pilot):
        await pilot.press("shift+tab", "l")
        if ADDRESS not in screen_lines(app):
            app.action_links()
        await until(lambda: "Leave it" in screen_lines(app))
        await pilot.press("enter")
        await until(lambda: "Leave it" not in screen_lines(app))
        assert world.opened == []


async def test_of_several_links_one_is_chosen() -> None:
    world = says(f"{ADDRESS} and https://second.example")
    async with answered(world) as (app, pilot):
        app.action_links()
        await until(lambda: "Links in this answer" in screen_lines(app))
        await pilot.press("down", "enter")
        await until(lambda: "Open this address?" in screen_lines(app))
        await pilot.press("y")
        await until(lambda: world.opened == ["https://second.example"])


async def test_without_a_browser_the_address_is_copied() -> None:
    world = says(ADDRESS, browser=False)
    async with answered(world) as (app, pilot):
        app.action_links()
        await until(lambda: "Copy this address?" in screen_lines(app))
        await pilot.press("y")
        await until(lambda: app.clipboard == ADDRESS)


async def test_a_confidential_session_opens_nothing() -> None:
    world = says(ADDRESS, locality=Locality.THIS_MACHINE)
    async with answered(world) as (app, _):
        app.action_new_session("confidential")
        chat = app.screen_stack[-1]
        assert isinstance(chat, ChatScreen)
        await until(lambda: chat.conversation is not None and chat.conversation.confidential)
        app.action_links()
        await until(lambda: "opens no links" in screen_lines(app))
        assert world.opened == []
