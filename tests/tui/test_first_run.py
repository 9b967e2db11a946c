"""The welcome on a machine with nothing installed."""

from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion
from textual.widgets import Input

from tests.tui.screen_text import Stage, screen_lines
from tui.widgets.first_run import CHOOSE, FirstRun, Surroundings

NOTHING = Surroundings(
    keyring="Secret Service",
    servers_tried=("Ollama", "LM Studio", "llama-server"),
    gguf_files=2,
    gguf_where="~/models",
)


def choices(app: Stage) -> list[str]:
    return [message.choice for message in app.posted(FirstRun.Chosen)]


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_welcome_fits_the_screen(size: tuple[int, int], snapshot: SnapshotAssertion) -> None:
    app = Stage(FirstRun(NOTHING))
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        assert screen_lines(app) == snapshot


@pytest.mark.parametrize(("letter", "choice"), [("k", "key"), ("o", "ollama"), ("g", "gguf"), ("d", "demo")])
async def test_letter_chooses(letter: str, choice: str) -> None:
    app = Stage(FirstRun(NOTHING))
    async with app.run_test() as pilot:
        app.query_one(FirstRun).focus()
        await pilot.press(letter)
        assert choices(app) == [choice]
        assert CHOOSE in screen_lines(app)


async def test_letters_are_text_while_the_prompt_has_the_focus() -> None:
    entry = Input()
    app = Stage(FirstRun(NOTHING), entry)
    async with app.run_test() as pilot:
        entry.focus()
        await pilot.press("k", "o")
        assert (choices(app), entry.value) == ([], "ko")


async def test_click_chooses() -> None:
    app = Stage(FirstRun(NOTHING))
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.pause()
        lines = screen_lines(app).splitlines()
        row = next(number for number, line in enumerate(lines) if "[d]" in line)
        await pilot.click(offset=(lines[row].index("[d]"), row))
        assert choices(app) == ["demo"]


async def test_missing_engine_is_told_and_cannot_be_chosen() -> None:
    app = Stage(FirstRun(Surroundings(engine_missing="no wheel [/here]")))
    async with app.run_test(size=(120, 30)) as pilot:
        app.query_one(FirstRun).focus()
        await pilot.press("d", "g")
        assert choices(app) == []
        assert "no wheel [/here]" in screen_lines(app)


async def test_news_replaces_what_was_shown() -> None:
    app = Stage(FirstRun(NOTHING))
    async with app.run_test(size=(120, 30)) as pilot:
        app.query_one(FirstRun).surroundings = Surroundings(
            key="in your keyring", key_present=True, local="Ollama answers: 3 models"
        )
        await pilot.pause()
        lines = screen_lines(app)
        assert "in your keyring" in lines
        assert "Ollama answers: 3 models" in lines
        assert "install Ollama" not in lines


async def test_tiny_screen_does_not_break_it() -> None:
    async with Stage(FirstRun(NOTHING)).run_test(size=(20, 5)) as pilot:
        await pilot.pause()
        assert screen_lines(pilot.app)
