"""Every place of these widgets and screens where foreign words stand: none lets through what commands a terminal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from textual import events
from textual.screen import Screen
from textual.widget import Widget

from tests.tui.hostile import COMMANDING, HOSTILE
from tests.tui.library import Saved, Shelf
from tests.tui.screen_text import Stage, screen_lines, until
from tui.filter_words import groups
from tui.screens.api_key import ApiKeyDialog
from tui.screens.ask_line import AskLine
from tui.screens.confirm import Confirm
from tui.screens.filter_picker import FilterPicker
from tui.screens.keys_help import KeyGroup, KeyLine, KeysHelp
from tui.screens.models import ModelGroup, ModelPicker, ModelRow
from tui.widgets.filter_line import FilterLine
from tui.widgets.first_run import FirstRun, Surroundings
from tui.widgets.prompt import Prompt


def models(words: str) -> Screen[str | None]:
    row = ModelRow(words, words, 1, 1, loaded=True, note=words)
    return ModelPicker(
        words, [ModelGroup(words, [row]), ModelGroup(words + "2", words), ModelGroup(words + "3", None)]
    )


SCREENS: dict[str, Callable[[str], Screen[Any]]] = {
    "confirm": lambda words: Confirm(words, [words, words], yes=words, no=words),
    "api key": lambda words: ApiKeyDialog(keyring=words, keyring_usable=True, state=words),
    "line": lambda words: AskLine(words, words, placeholder=words, about=words, known=[words]),
    "filters": lambda words: FilterPicker(groups({words: 1}), words, print),
    "models": models,
    "keys": lambda words: KeysHelp([KeyGroup(words, (KeyLine((words,), words),))]),
}


def first_run(words: str) -> Widget:
    return FirstRun(
        Surroundings(
            key=words, keyring=words, servers_tried=(words,), gguf_files=1, gguf_where=words, engine_missing=words
        )
    )


def prompt(words: str) -> Widget:
    box = Prompt(placeholder=words)
    box.set_destination(words, confidential=True, fill=words)
    box.set_hint(words)
    return box


def written(words: str) -> Widget:
    box = Prompt()
    box.draft = f"a\tb {words}"
    return box


WIDGETS: dict[str, Callable[[str], Widget]] = {"first run": first_run, "prompt": prompt, "written": written}

ALL = "".join(HOSTILE)


@pytest.mark.parametrize("words", [ALL, *HOSTILE[-3:]])
@pytest.mark.parametrize("name", SCREENS)
async def test_screen_shows_nothing_that_commands_a_terminal(name: str, words: str) -> None:
    app = Stage()
    async with app.run_test(size=(120, 40)) as pilot:
        app.push_screen(SCREENS[name](words))
        await pilot.pause()
        assert COMMANDING.search(screen_lines(app).replace("\n", "")) is None


@pytest.mark.parametrize("words", [ALL, *HOSTILE[-3:]])
@pytest.mark.parametrize("name", WIDGETS)
async def test_widget_shows_nothing_that_commands_a_terminal(name: str, words: str) -> None:
    app = Stage(WIDGETS[name](words))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert COMMANDING.search(screen_lines(app).replace("\n", "")) is None


@pytest.mark.parametrize("words", [ALL.replace("\ud800", ""), HOSTILE[-3]])  # SQLite takes no surrogates
async def test_the_library_shows_nothing_that_commands_a_terminal(words: str) -> None:
    app = Shelf([Saved(words, left=words, right="ollama:" + words, said=f"before {words} after", tags=["x" + words])])
    async with app.run_test(size=(160, 40)) as pilot:
        await pilot.press("tab", "space", "slash", *"before")
        await until(lambda: app.list.hit is not None)
        await pilot.pause()
        assert COMMANDING.search(screen_lines(app).replace("\n", "")) is None
        await pilot.press("tab", "d")
        await until(lambda: app.list.loaded == 0)
        assert COMMANDING.search(screen_lines(app).replace("\n", "")) is None


@pytest.mark.parametrize("name", ["line", "models"])
async def test_pasted_filter_is_cleaned(name: str) -> None:
    app = Stage()
    async with app.run_test(size=(120, 40)) as pilot:
        app.push_screen(SCREENS[name]("words"))
        await pilot.pause()
        app.post_message(events.Paste(ALL))
        await until(lambda: app.screen.query_one(FilterLine).value)
        assert COMMANDING.search(app.screen.query_one(FilterLine).value) is None
        await pilot.pause()
        assert COMMANDING.search(screen_lines(app).replace("\n", "")) is None
