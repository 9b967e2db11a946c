"""The list of keys comes from the bindings, so it cannot disagree with them."""

from __future__ import annotations

from typing import ClassVar

import pytest
from textual.binding import Binding, BindingType
from textual.widgets import Input

from tests.tui.screen_text import Stage, screen_lines
from tui.screens.keys_help import EDITING, KeyGroup, KeyLine, KeysHelp, groups_of, key_words
from tui.widgets.prompt import Prompt


class Keyed(Stage):
    BINDING_GROUP_TITLE = "Everywhere"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1", "help", "Keys", id="app.help", tooltip="All keys that are active now"),
        Binding("f8", "nothing", "", id="app.silent"),
    ]

    def action_help(self) -> None:
        self.push_screen(KeysHelp(groups_of(self.screen.active_bindings)))


async def test_list_names_the_keys_that_work_and_what_they_do() -> None:
    prompt = Prompt()
    app = Keyed(prompt)
    async with app.run_test(size=(120, 60)) as pilot:
        prompt.focus()
        await pilot.press("f1")
        lines = screen_lines(app).splitlines()
        assert lines[0].split() == ["Prompt"]
        assert any(line.split() == ["Enter", "Send"] for line in lines)
        assert any(line.split() == ["Ctrl+J,", "Alt+Enter", "New", "line"] for line in lines)
        assert any("F1" in line and "All keys that are active now" in line for line in lines)
        assert any(line.strip() == EDITING for line in lines)
        assert not any("F8" in line for line in lines)


async def test_list_follows_a_changed_key() -> None:
    prompt = Prompt()
    app = Keyed(prompt)
    async with app.run_test(size=(120, 60)) as pilot:
        app.set_keymap({"prompt.send": "ctrl+s"})
        prompt.focus()
        await pilot.press("f1")
        assert any(line.split() == ["Ctrl+S", "Send"] for line in screen_lines(app).splitlines())


async def test_list_follows_the_focus() -> None:
    entry, prompt = Input(), Prompt()
    app = Keyed(entry, prompt)
    async with app.run_test() as pilot:
        entry.focus()
        await pilot.pause()
        assert "Prompt" not in [group.title for group in groups_of(app.screen.active_bindings)]
        prompt.focus()
        await pilot.pause()
        assert groups_of(app.screen.active_bindings)[0].title == "Prompt"


@pytest.mark.parametrize("key", ["f1", "escape"])
async def test_key_closes_the_list(key: str) -> None:
    app = Keyed(Prompt())
    async with app.run_test() as pilot:
        await pilot.press("f1")
        assert isinstance(app.screen, KeysHelp)
        await pilot.press(key)
        assert not isinstance(app.screen, KeysHelp)


async def test_words_of_a_binding_are_not_read_as_markup() -> None:
    app = Stage()
    async with app.run_test() as pilot:
        app.push_screen(KeysHelp([KeyGroup("[/a]", (KeyLine(("[",), "does [/b] \x1b[31m"),))]))
        await pilot.pause()
        assert "does [/b] ␛[31m" in screen_lines(app)


async def test_tiny_screen_does_not_break_it() -> None:
    app = Keyed(Prompt())
    async with app.run_test(size=(20, 5)) as pilot:
        await pilot.press("f1", "down", "pagedown")
        assert screen_lines(app)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("ctrl+j", "Ctrl+J"),
        ("alt+enter", "Alt+Enter"),
        ("f12", "F12"),
        ("slash", "/"),
        ("k", "k"),
        ("shift+up", "Shift+↑"),
        ("escape", "Esc"),
    ],
)
def test_keys_are_written_as_people_write_them(key: str, words: str) -> None:
    assert key_words(key) == words
