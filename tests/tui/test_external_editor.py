"""Ctrl+G in a real terminal, with small scripts as the editor."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tui.program import PROJECT
from tests.tui.tmux import Terminal, needs_tmux
from tui.external_editor import FOLDER
from tui.settings import load

pytestmark = [needs_tmux, pytest.mark.terminal]
MODES = 'stat -c %a "$2" "$(dirname "$2")" "$(dirname "$(dirname "$2")")"'


class Desk:
    """The program in a terminal, with an editor of its own."""

    def __init__(self, folder: Path) -> None:
        (folder / "tmux").mkdir()
        self.folder = folder
        self.data = folder / "data"
        self.terminal = Terminal(folder / "tmux", 80, 24)

    def start(self, script: str, *arguments: str) -> None:
        """`script` is run as the editor; its $1 shall be "an argument", $2 the file."""
        editor = self.folder / "an editor"
        editor.write_text(f"#!/bin/sh\n{script}\n")
        editor.chmod(0o700)
        environment = {
            "EDITOR": f"'{editor}' 'an argument'",
            "DUOLOGUE_DATA_DIR": str(self.data),
            "DUOLOGUE_CONFIG_DIR": str(self.folder / "config"),
            "PYTHONPATH": str(PROJECT),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
            "OLLAMA_HOST": "127.0.0.1:9",
            "TERM": "xterm-256color",
        }
        words = " ".join(arguments)
        self.terminal.start(
            f"sh -c 'echo $$ > {self.folder}/pid; exec {sys.executable} -m tui {words}'; echo code=$?", environment
        )
        self.terminal.wait_for(lambda screen: "to Claude only" in screen or "CONFIDENTIAL" in screen, "the session")

    def edit(self, draft: str) -> None:
        self.terminal.type(draft)
        self.terminal.wait_for(lambda screen: draft in screen, "the draft")
        self.terminal.press("C-g")

    @property
    def leftovers(self) -> list[Path]:
        return list((self.data / FOLDER).rglob("*"))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.terminal.close()


def test_the_draft_goes_to_the_editor_and_comes_back(desk: Desk) -> None:
    desk.start(f'[ "$1" = "an argument" ] || exit 9; {MODES} > {desk.folder}/modes; printf " and more" >> "$2"')
    desk.edit("first words")
    desk.terminal.wait_for(lambda screen: "first words and more" in screen, "the edited text")
    assert (desk.folder / "modes").read_text().split() == ["600", "700", "700"]
    assert desk.leftovers == []


def test_an_editor_that_fails_leaves_the_draft_as_it_was(desk: Desk) -> None:
    desk.start('echo lost > "$2"; exit 3')
    desk.edit("first words")
    screen = desk.terminal.wait_for(lambda screen: "ended with code 3" in screen, "the reason")
    assert "first words" in screen
    assert "lost" not in screen
    assert desk.leftovers == []


def test_what_a_killed_program_left_behind_goes_at_the_next_start(desk: Desk) -> None:
    desk.start(f'touch "$2.swp"; : > {desk.folder}/began; while [ ! -e {desk.folder}/enough ]; do sleep 0.1; done')
    desk.edit("first words")
    desk.terminal.wait_for(lambda _: (desk.folder / "began").exists(), "the editor")
    assert len(desk.leftovers) == 3
    os.kill(int((desk.folder / "pid").read_text()), signal.SIGKILL)
    (desk.folder / "enough").touch()
    desk.terminal.wait_for(lambda screen: "code=137" in screen, "the end")
    assert len(desk.leftovers) == 3

    desk.terminal.type("stty sane; clear; " + f"{sys.executable} -m tui")
    desk.terminal.press("C-j")
    desk.terminal.wait_for(lambda screen: "to Claude only" in screen or "CONFIDENTIAL" in screen, "the session")
    desk.terminal.wait_for(lambda _: desk.leftovers == [], "an empty folder")


def test_a_confidential_draft_goes_to_the_editor_after_a_question_alone(desk: Desk) -> None:
    desk.start('printf " and more" >> "$2"', "--confidential", "--off-the-record")
    desk.edit("first words")
    desk.terminal.wait_for(lambda screen: "completes with AI" in screen, "the question")
    desk.terminal.press("Enter")
    desk.terminal.wait_for(lambda screen: "CONFIDENTIAL" in screen and "completes" not in screen, "the chat")
    assert not (desk.data / FOLDER).exists()
    desk.terminal.press("C-g")
    desk.terminal.wait_for(lambda screen: "completes with AI" in screen, "the question")
    desk.terminal.press("y")
    desk.terminal.wait_for(lambda screen: "first words and more" in screen, "the edited text")
    assert desk.leftovers == []


def test_visual_comes_before_editor_and_a_broken_one_is_none() -> None:
    path = {"PATH": os.defpath}
    assert load({**path, "VISUAL": "sh -c", "EDITOR": "cat"}).editor[1:] == ("-c",)
    assert load({**path, "EDITOR": "cat"}).editor[0].endswith("/cat")
    assert load({**path, "EDITOR": "'cat"}).editor == ()
    assert load({**path, "EDITOR": "no-such-editor-here"}).editor == ()
