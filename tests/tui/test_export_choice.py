"""Exporting from inside the app: by keys, into real files."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from backends import Locality
from tests.doubles import ScriptedBackend, answer
from tests.tui.app_services import FakeWorld
from tests.tui.screen_text import screen_lines, until
from tui.app import DuologueApp
from tui.screens.chat import ChatScreen
from tui.widgets.prompt import Prompt


@asynccontextmanager
async def answered(size: tuple[int, int] = (120, 40)) -> AsyncIterator[tuple[DuologueApp, Pilot[int]]]:
    here = Locality.THIS_MACHINE
    world = FakeWorld(ScriptedBackend("ollama:x", answer("Because.", locality=here)), left_locality=here)
    app = DuologueApp(world.services())
    try:
        async with app.run_test(size=size) as pilot:
            chat = chat_of(app)
            await until(lambda: chat.conversation is not None)
            await send(pilot, "Why?")
            await until(lambda: not chat.busy and "Because" in chat.picked_answers)
            yield app, pilot
    finally:
        world.close()


def chat_of(app: DuologueApp) -> ChatScreen:
    chat = app.screen_stack[-1]
    assert isinstance(chat, ChatScreen)
    return chat


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


async def send(pilot: Pilot[int], text: str) -> None:
    pilot.app.screen.query_one(Prompt).draft = text
    await pilot.press("enter")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


async def test_a_session_goes_into_a_file_of_its_own_name_where_the_program_was_started(folder: Path) -> None:
    async with answered() as (app, pilot):
        await send(pilot, "/export")
        await until(lambda: "Export this session" in screen_lines(app))
        assert "1 turn" in screen_lines(app)
        await pilot.press("down", "enter")  # at once: the name has to follow the format before the Enter comes
        await until(lambda: "Exported to" in screen_lines(app))
    (name,) = names(folder)
    file = folder / name
    assert (file.suffix, file.stat().st_mode & 0o777) == (".html", 0o600)
    assert file.read_text().startswith("<!doctype html>")


async def test_a_path_that_is_typed_asks_nothing_more(folder: Path) -> None:
    async with answered() as (app, pilot):
        await send(pilot, "/export mine.json")
        await until(lambda: "Exported to" in screen_lines(app))
        await send(pilot, "/export text mine.out")
        await until(lambda: "mine.out" in screen_lines(app))
    assert names(folder) == ["mine.json", "mine.out"]
    assert (folder / "mine.json").read_text().startswith('{"format": "duologue"')
    assert "Because." in (folder / "mine.out").read_text()


async def test_a_file_that_is_there_is_replaced_only_when_that_is_said(folder: Path) -> None:
    (folder / "mine.md").write_text("mine")
    async with answered() as (app, pilot):
        await send(pilot, "/export mine.md")
        await until(lambda: "Replace the file?" in screen_lines(app))
        await pilot.press("enter")  # the answer of Enter is no
        await until(lambda: "Export this session" in screen_lines(app))
        assert (folder / "mine.md").read_text() == "mine"
        await pilot.press("enter", "y")
        await until(lambda: "Exported to" in screen_lines(app))
    assert "Because." in (folder / "mine.md").read_text()


async def test_what_cannot_be_written_is_told_and_may_be_mended(folder: Path) -> None:
    async with answered() as (app, pilot):
        await send(pilot, "/export nowhere/mine.md")
        await until(lambda: "nowhere" in screen_lines(app) and "Export this session" in screen_lines(app))
        app.screen.query_one("#path", Input).value = "mine.jsonl"
        await pilot.press("enter")
        await until(lambda: "Exported to" in screen_lines(app))
    assert (folder / "mine.jsonl").read_text().startswith('{"type": "head"')


async def test_esc_leaves_no_file(folder: Path) -> None:
    async with answered((80, 24)) as (app, pilot):
        await send(pilot, "/export")
        await until(lambda: "Esc leave" in screen_lines(app))
        await pilot.press("escape")
        await until(lambda: "Nothing was exported." in screen_lines(app))
    assert names(folder) == []


async def test_a_confidential_session_is_written_after_it_was_said_who_can_read_it(folder: Path) -> None:
    async with answered() as (app, pilot):
        conversation = chat_of(app).conversation
        assert conversation is not None
        await conversation.make_confidential()
        await send(pilot, "/export secret.md")
        await until(lambda: "not encrypted" in screen_lines(app))
        assert str(folder / "secret.md")[:40] in screen_lines(app)
        assert names(folder) == []
        await pilot.press("y")
        await until(lambda: "Exported to" in screen_lines(app))
    assert "CONFIDENTIAL" in (folder / "secret.md").read_text()


async def test_without_a_turn_there_is_nothing_to_export(folder: Path) -> None:
    async with answered() as (app, pilot):
        app.action_new_session()
        await until(lambda: not chat_of(app).picked_answers)
        await send(pilot, "/export")
        await until(lambda: "nothing to export" in screen_lines(app))
    assert names(folder) == []


async def test_e_in_the_list_exports_the_session_that_is_picked_there(folder: Path) -> None:
    async with answered() as (app, pilot):
        await pilot.press("ctrl+o")
        await until(lambda: "Sessions" in screen_lines(app) and "Why?" in screen_lines(app))
        await pilot.press("down", "e")
        await until(lambda: "Export this session" in screen_lines(app))
        await pilot.press("enter")
        await until(lambda: "Exported to" in screen_lines(app))
    assert len(names(folder)) == 1
