"""Pictures of the session on screen, read as XML: what is in them, what never is, and when there is none."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from textual.pilot import Pilot

from backends import Locality
from tests.doubles import ScriptedBackend, answer
from tests.tui.app_services import FakeWorld
from tests.tui.hostile import COMMANDING, HOSTILE
from tests.tui.screen_text import screen_lines, until
from tests.tui.test_export_choice import answered, chat_of, names, send
from tui import screenshot
from tui.app import DuologueApp


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def words_in(svg: str) -> str:
    return "".join(ET.fromstring(svg).itertext()).replace("\xa0", " ")  # noqa: S314 - our own file


async def taken(app: DuologueApp, pilot: Pilot[int], path: str) -> None:
    await send(pilot, f"/screenshot {path}".strip())
    await until(lambda: "Screenshot written to" in screen_lines(app))


async def test_what_is_on_screen_goes_into_a_file_whose_name_says_nothing_of_it(folder: Path) -> None:
    async with answered() as (app, pilot):
        await taken(app, pilot, "")
        (name,) = names(folder)
        assert name in screen_lines(app).replace("\n", "")
    svg = (folder / name).read_text()
    assert name.startswith("duologue-2026")
    assert name.endswith(".svg")
    assert (folder / name).stat().st_mode & 0o777 == 0o600
    assert "Because." in words_in(svg)
    assert ">Duologue</text>" in svg
    assert "Fira Code, monospace" in svg
    assert "url(http" not in svg.replace('"', "")
    assert "/screenshot" not in words_in(svg), "the command itself is not on it"


async def test_the_palette_takes_the_session_and_not_itself(folder: Path) -> None:
    async with answered() as (app, pilot):
        await pilot.press("ctrl+p")
        await until(lambda: app.screen is not chat_of_first(app))
        await pilot.press(*"screenshot")
        await until(lambda: "A picture of the session" in screen_lines(app))
        await pilot.press("down", "enter")
        await until(lambda: names(folder))
        await until(lambda: "Screenshot written to" in screen_lines(app))
    (name,) = names(folder)
    assert "Because." in words_in((folder / name).read_text())
    assert "A picture of the session" not in words_in((folder / name).read_text())


def chat_of_first(app: DuologueApp) -> object:
    return app.screen_stack[1]


async def test_a_folder_a_name_without_an_ending_and_one_that_is_there(folder: Path) -> None:
    (folder / "pictures").mkdir()
    (folder / "there.svg").write_text("mine")
    (folder / "link.svg").symlink_to(folder / "there.svg")
    async with answered() as (app, pilot):
        await taken(app, pilot, "pictures")
        await send(pilot, "/screenshot mine")
        await until(lambda: "mine.svg" in screen_lines(app).replace("\n", ""))
        await refused(app, pilot, "there", "there.svg already")
        await refused(app, pilot, "link.svg", "not an ordinary file")
        await refused(app, pilot, "nowhere/x.svg", "nowhere")
    assert len(names(folder / "pictures")) == 1
    assert names(folder) == ["link.svg", "mine.svg", "pictures", "there.svg"]
    assert (folder / "there.svg").read_text() == "mine"


async def refused(app: DuologueApp, pilot: Pilot[int], path: str, why: str) -> None:
    await send(pilot, f"/screenshot {path}")
    await until(lambda: why in (said := str(chat_of(app).query_one("#notice").render())) and "written" not in said)


async def test_a_confidential_session_gives_no_picture(folder: Path) -> None:
    async with answered() as (app, pilot):
        conversation = chat_of(app).conversation
        assert conversation is not None
        await conversation.make_confidential()
        await send(pilot, "/screenshot secret.svg")
        await until(lambda: "No picture is taken of a confidential session." in screen_lines(app))
    assert names(folder) == []


async def test_what_a_model_wrote_commands_nobody_who_shows_the_picture(folder: Path) -> None:
    text = "\n\n".join(HOSTILE) + "\n\n<script>alert(1)</script> & ]]> \ufffe\uffff @font-face { x } end"
    here = Locality.THIS_MACHINE
    world = FakeWorld(ScriptedBackend("ollama:x", answer(text, locality=here)), left_locality=here)
    app = DuologueApp(world.services())
    try:
        async with app.run_test(size=(120, 60)) as pilot:
            chat = chat_of(app)
            await until(lambda: chat.conversation is not None)
            await send(pilot, "Why?")
            await until(lambda: not chat.busy and "end" in screen_lines(app))
            svg = screenshot.picture(app)
    finally:
        world.close()
    assert COMMANDING.search(svg.replace("\n", "")) is None
    assert [each for each in ET.fromstring(svg).iter() if each.tag.endswith(("script", "a", "image"))] == []  # noqa: S314
    assert "@font-face { x } end" in words_in(svg)
