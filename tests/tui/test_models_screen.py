"""Picking a model for a side, by keys."""

from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion

from tests.tui.screen_text import Stage, screen_lines, until
from tui.screens.models import ModelGroup, ModelPicker, ModelRow

CLAUDE = ModelGroup(
    "Claude",
    [
        ModelRow("claude:claude-sonnet-5-5", "cloud", context_tokens=1_000_000),
        ModelRow("claude:claude-haiku-5", "cloud", context_tokens=200_000, note="cheapest"),
    ],
)
OLLAMA = ModelGroup(
    "Ollama",
    [
        ModelRow("ollama:llama3.1:8b", "this machine", 4_900_000_000, 8192, loaded=True),
        ModelRow("ollama:gpt-oss:120b-cloud", "cloud", note="runs at ollama.com [/x] \x1b[31m"),
    ],
)
LOOKING = ModelGroup("LM Studio", None)


class Picking(Stage):
    def __init__(self, *groups: ModelGroup, current: str | None = None) -> None:
        super().__init__()
        self.picker = ModelPicker("right side", groups, current=current)
        self.picked: list[str | None] = []

    def on_mount(self) -> None:
        self.push_screen(self.picker, self.picked.append)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_picker_looks_as_it_should(size: tuple[int, int], snapshot: SnapshotAssertion) -> None:
    app = Picking(CLAUDE, OLLAMA, LOOKING, current="ollama:llama3.1:8b")
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        assert screen_lines(app) == snapshot


async def test_enter_keeps_the_model_in_use() -> None:
    app = Picking(CLAUDE, OLLAMA, current="ollama:llama3.1:8b")
    async with app.run_test() as pilot:
        await pilot.press("enter")
        await until(lambda: app.picked)
        assert app.picked == ["ollama:llama3.1:8b"]


async def test_arrows_skip_titles() -> None:
    app = Picking(CLAUDE, OLLAMA, current="claude:claude-haiku-5")
    async with app.run_test() as pilot:
        await pilot.press("down", "enter")
        await until(lambda: app.picked)
        assert app.picked == ["ollama:llama3.1:8b"]


async def test_escape_picks_nothing() -> None:
    app = Picking(CLAUDE)
    async with app.run_test() as pilot:
        await pilot.press("escape")
        await until(lambda: app.picked)
        assert app.picked == [None]


async def test_typing_filters_over_name_place_and_group() -> None:
    app = Picking(CLAUDE, OLLAMA)
    async with app.run_test() as pilot:
        await pilot.press(*"machine llama")
        assert "claude-sonnet" not in screen_lines(app)
        await pilot.press("enter")
        await until(lambda: app.picked)
        assert app.picked == ["ollama:llama3.1:8b"]


async def test_any_model_can_be_written() -> None:
    app = Picking(CLAUDE, OLLAMA)
    async with app.run_test() as pilot:
        await pilot.press(*"lmstudio:qwen3-8b")
        assert "lmstudio:qwen3-8b  use it as written" in screen_lines(app)
        await pilot.press("enter")
        await until(lambda: app.picked)
        assert app.picked == ["lmstudio:qwen3-8b"]


async def test_what_names_no_model_is_explained() -> None:
    app = Picking(CLAUDE)
    async with app.run_test() as pilot:
        await pilot.press(*"gpt[/x]", "enter")
        await pilot.pause()
        assert "'gpt[/x]' names no model. Write backend:model" in screen_lines(app)
        assert app.picked == []
        await pilot.press("backspace")
        assert "names no model" not in screen_lines(app)


async def test_group_that_is_found_later_does_not_move_the_pick() -> None:
    app = Picking(LOOKING, OLLAMA)
    async with app.run_test() as pilot:
        await pilot.press("down")
        assert "LM Studio  looking" in screen_lines(app)
        app.picker.set_group("LM Studio", [ModelRow("lmstudio:qwen3-8b", "this machine")])
        await pilot.pause()
        assert "LM Studio  looking" not in screen_lines(app)
        await pilot.press("enter")
        await until(lambda: app.picked)
        assert app.picked == ["ollama:gpt-oss:120b-cloud"]


async def test_group_that_failed_says_why() -> None:
    app = Picking(LOOKING)
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.pause()
        app.picker.set_group("LM Studio", "nobody answers at 127.0.0.1:1234 [/b]")
        app.picker.set_group("vLLM", [])
        await pilot.pause()
        lines = screen_lines(app)
        assert "LM Studio  nobody answers at 127.0.0.1:1234 [/b]" in lines
        assert "vLLM  none" in lines


async def test_model_that_two_servers_list_stands_there_once() -> None:
    app = Picking(OLLAMA, ModelGroup("Ollama, again", [*OLLAMA.rows, *OLLAMA.rows]))  # type: ignore[misc]
    async with app.run_test() as pilot:
        await pilot.pause()
        assert screen_lines(app).count("llama3.1:8b") == 1 + 1  # once in the placeholder


@pytest.mark.parametrize("size", [(20, 5), (1, 1)])
async def test_tiny_screen_does_not_break_it(size: tuple[int, int]) -> None:
    app = Picking(CLAUDE, LOOKING)
    async with app.run_test(size=size) as pilot:
        await pilot.press("down")
        screen_lines(app)
