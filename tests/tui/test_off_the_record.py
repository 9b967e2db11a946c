"""Off the record: what is said there is in memory, shown as such, and in no file ever."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from textual.pilot import Pilot

from backends.errors import LeftThisMachine
from storage.store import Store
from tests.doubles import ScriptedBackend, answer
from tests.tui.app_services import FakeWorld
from tests.tui.screen_text import screen_lines, until
from tests.tui.test_switching import chat, prompt, send, talk
from tui.app import DuologueApp

CANARY = "kestrel-7731"


@asynccontextmanager
async def running(world: FakeWorld) -> AsyncIterator[tuple[DuologueApp, Pilot[int]]]:
    app = DuologueApp(world.services())
    try:
        async with app.run_test(size=(120, 40)) as pilot:
            await until(lambda: chat(app).conversation is not None)
            yield app, pilot
    finally:
        world.close()


def two_sides(folder: Path) -> FakeWorld:
    return FakeWorld(
        ScriptedBackend("claude:", answer("from ", "the cloud")),
        ScriptedBackend("ollama:m", answer("from ", CANARY)),
        database=folder / "duologue.db",
    )


def files_with(folder: Path, words: str) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file() and words.encode() in path.read_bytes()]


async def confirm(app: DuologueApp, pilot: Pilot[int], question: str) -> None:
    await until(lambda: question in screen_lines(app))
    await pilot.press("y")


async def test_nothing_of_it_reaches_the_disk_on_the_way_in_during_and_on_the_way_out(tmp_path: Path) -> None:
    world = two_sides(tmp_path)
    world.right = ScriptedBackend("ollama:m", answer("from here"), answer("from ", CANARY))
    async with running(world) as (app, pilot):
        await send(app, pilot, "kept words")
        await until(lambda: not chat(app).busy and "from here" in screen_lines(app))
        await send(app, pilot, "/new off-the-record")
        await until(lambda: "OFF THE RECORD" in screen_lines(app))
        assert "to both · OFF THE RECORD" in screen_lines(app)
        await send(app, pilot, f"{CANARY} question")
        await until(lambda: not chat(app).busy and f"from {CANARY}" in screen_lines(app))
        assert world.stores[-1].reader.latest_session() is not None
        assert CANARY not in app.title + app.sub_title
        prompt(app).draft = f"{CANARY} draft"
        await pilot.press("ctrl+n")
        await confirm(app, pilot, "Forget this session?")
        await until(lambda: "OFF THE RECORD" not in screen_lines(app))
        assert len(world.stores) == 1
        assert CANARY not in screen_lines(app)
        await pilot.press("up")
        assert CANARY not in prompt(app).draft
        assert files_with(tmp_path, CANARY) == []
        assert files_with(tmp_path, "kept words") != []
    with_store = Store.open(tmp_path / "duologue.db", read_only=True)
    assert with_store.session_count() == 1
    with_store.close()
    assert files_with(tmp_path, CANARY) == []


async def test_it_goes_with_confidential_and_both_are_shown(tmp_path: Path) -> None:
    world = two_sides(tmp_path)
    async with running(world) as (app, pilot):
        await send(app, pilot, "/new confidential off-the-record")
        await until(lambda: "local only: CONFIDENTIAL · OFF THE RECORD" in screen_lines(app))
        assert talk(app).confidential
        await send(app, pilot, CANARY)
        await until(lambda: not chat(app).busy and f"from {CANARY}" in screen_lines(app))
        assert world.left is not None
        assert world.left.requests == []
    assert files_with(tmp_path, CANARY) == []


async def test_one_after_the_other_and_staying_when_asked(tmp_path: Path) -> None:
    world = two_sides(tmp_path)
    async with running(world) as (app, pilot):
        await send(app, pilot, "/new off-the-record")
        await until(lambda: len(world.stores) == 2)
        await send(app, pilot, "first")
        await until(lambda: not chat(app).busy and talk(app).session is not None)
        first = talk(app)
        await send(app, pilot, "/new off-the-record")
        await until(lambda: "Forget this session?" in screen_lines(app))
        await pilot.press("n")
        await until(lambda: app.screen is chat(app))
        assert talk(app) is first
        await send(app, pilot, "/new off-the-record")
        await confirm(app, pilot, "Forget this session?")
        await until(lambda: talk(app) is not first)
        assert len(world.stores) == 2
        assert "OFF THE RECORD" in screen_lines(app)


async def test_an_unknown_kind_of_session_is_said(tmp_path: Path) -> None:
    world = two_sides(tmp_path)
    async with running(world) as (app, pilot):
        await send(app, pilot, "/new secret")
        await until(lambda: "There is no new secret" in screen_lines(app))
        assert len(world.stores) == 1


async def test_an_answer_made_elsewhere_is_an_alarm_on_the_screen(tmp_path: Path) -> None:
    alarm = LeftThisMachine("Ollama had this answer made elsewhere (ollama.com).", to="ollama.com")
    world = FakeWorld(None, ScriptedBackend("ollama:m", [*answer("x")[:1], alarm]), database=tmp_path / "duologue.db")
    async with running(world) as (app, pilot):
        await send(app, pilot, "/new confidential")
        await until(lambda: "CONFIDENTIAL" in screen_lines(app))
        await send(app, pilot, "secret")
        await until(lambda: "ALARM: ANSWERED ELSEWHERE" in screen_lines(app))
        session = talk(app).session
        assert session is not None
        await until(lambda: world.stores[0].reader.cloud_turns(session.id) == 1)
        assert "1 earlier turn was sent to a cloud" in screen_lines(app)


async def test_slash_ledger_says_what_left(tmp_path: Path) -> None:
    world = two_sides(tmp_path)
    async with running(world) as (app, pilot):
        await send(app, pilot, "/ledger")
        await until(lambda: "0 bytes left this machine; no request was made." in screen_lines(app))
