from __future__ import annotations

import re
from pathlib import Path

import pytest
from textual.keys import Keys

from tui.actions import ACTIONS, BY_SLASH, KEEPING, SlashCommand, parse_slash
from tui.app import _APP_ACTIONS, DuologueApp
from tui.key_map import known_ids, unknown_ids
from tui.screens.chat import ChatScreen
from tui.widgets.prompt import Prompt

README = Path(__file__).parents[2] / "README.md"


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("/retry", SlashCommand("retry", "")),
        ("  /Retry  ", SlashCommand("retry", "")),
        ("/left What about it?", SlashCommand("left", "What about it?")),
        ("/model left ollama:llama3.1:8b", SlashCommand("model", "left ollama:llama3.1:8b")),
        ("/left two\nlines", SlashCommand("left", "two\nlines")),
        ("/adopt right", SlashCommand("adopt", "right")),
    ],
)
def test_a_line_that_begins_with_a_slash_and_a_word_is_a_command(text: str, command: SlashCommand) -> None:
    assert parse_slash(text) == command


@pytest.mark.parametrize(
    "text",
    ["", "hello", "/", "//", "/etc/hosts is what?", "/usr/bin", "see /retry", "/2 is a half", "/retry\nand more"],
)
def test_paths_and_fractions_are_prompts(text: str) -> None:
    assert parse_slash(text) is None


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
def test_every_action_has_its_method_at_one_place(action: object) -> None:
    name = getattr(action, "name", "")
    owner = DuologueApp if name in _APP_ACTIONS else ChatScreen
    assert callable(getattr(owner, f"action_{name}", None)) != (name in KEEPING)


def test_every_action_of_the_app_is_in_the_list_of_actions() -> None:
    assert {action.name for action in ACTIONS} >= _APP_ACTIONS | KEEPING


def test_ids_keys_and_slash_commands_are_not_given_twice() -> None:
    ids = [action.id for action in ACTIONS]
    keys = [key for action in ACTIONS for key in action.keys.split(",") if key]
    slashes = [action.slash for action in ACTIONS if action.slash]
    for given in (ids, keys, slashes):
        assert len(given) == len(set(given))
    assert len(BY_SLASH) == len(slashes)


def test_every_key_can_be_changed_by_its_id() -> None:
    assert {action.id for action in ACTIONS if action.keys} <= known_ids()
    assert unknown_ids({"chat.retry": "f6", "prompt.send": "ctrl+s", "chat.rety": "f6", "": "x"}) == ["", "chat.rety"]
    assert unknown_ids({}) == []


def test_the_table_of_keys_in_the_readme_names_keys_that_there_are() -> None:
    # The first table: the second one has the keys of the turns, which are other widgets'.
    section = README.read_text().split("\n## Keys\n")[1].strip().split("\n\n")[0]
    rows = [line.split("|")[1].strip() for line in section.splitlines() if line.startswith("| ")][1:]
    named = {_textual(key) for row in rows for key in re.split(r"\s*/\s*|,\s*", row)}
    bound = {
        key
        for owner in (ChatScreen, Prompt, DuologueApp)
        for binding in owner.BINDINGS
        for key in (binding[0] if isinstance(binding, tuple) else binding.key).split(",")
    } | {DuologueApp.COMMAND_PALETTE_BINDING}
    assert len(named) > 15
    assert named <= bound


def test_the_slash_commands_in_the_readme_are_ones() -> None:
    named = re.findall(r"`/([a-z]+)( [a-z]+)?", README.read_text())
    assert named
    for word, rest in named:
        assert word in ("left", "right") or word in BY_SLASH or f"{word}{rest}" in BY_SLASH


def _textual(key: str) -> str:
    """Textual's name for a key as the table writes it: "Ctrl+J" is "ctrl+j"."""
    name = {"Esc": "escape"}.get(key, key.lower())
    assert name.split("+")[-1] in {one.value for one in Keys} | {chr(code) for code in range(ord("a"), ord("z") + 1)}
    return name
