"""The main job in a real terminal: ask, watch two answers, quit, start again, read them."""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.tui.tmux import Terminal, needs_tmux

pytestmark = [needs_tmux, pytest.mark.terminal, pytest.mark.engine]
DUOLOGUE = f"{sys.executable} -m tui"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {
        "DUOLOGUE_DATA_DIR": str(tmp_path / "data"),
        "DUOLOGUE_CONFIG_DIR": str(tmp_path / "config"),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        "TERM": "xterm-256color",
        "PS1": "READY$ ",
        "HOME": str(tmp_path),
    }


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    terminal = Terminal(tmp_path, 120, 250)  # high enough to see the end of both answers, however long they are
    yield terminal
    terminal.close()


def outcomes(tmp_path: Path) -> list[tuple[str, str, int]]:
    database = sqlite3.connect(f"file:{tmp_path / 'data' / 'duologue.db'}?mode=ro", uri=True)
    try:
        return database.execute("SELECT side, outcome, length(text) FROM replies ORDER BY id").fetchall()
    finally:
        database.close()


def test_ask_watch_two_answers_quit_start_again_and_read(
    terminal: Terminal, environment: dict[str, str], tmp_path: Path
) -> None:
    terminal.start(f"stty -g > {tmp_path}/before; {DUOLOGUE} --demo; echo code=$?", environment)
    terminal.wait_for(lambda screen: screen.count("DEMO") >= 2, "both demo sides")
    terminal.type("What are you?")
    terminal.press("Enter")
    terminal.wait_for(lambda screen: screen.count("done") == 2, "two finished answers")
    screen = terminal.screen()
    assert "What are you?" in screen
    assert screen.count("tok/s") == 2, "each answer has its receipt"
    terminal.press("C-q")
    terminal.wait_for(lambda screen: "code=0" in screen, "a clean exit")
    assert [(side, outcome) for side, outcome, _ in outcomes(tmp_path)] == [
        ("left", "complete"),
        ("right", "complete"),
    ]

    terminal.type(f"clear; stty -g > {tmp_path}/after; {DUOLOGUE} --demo")
    terminal.press("Enter")
    terminal.wait_for(lambda screen: "DEMO" in screen, "the second start")
    terminal.press("C-o")
    terminal.wait_for(lambda screen: "What are you?" in screen and "Sessions" in screen, "the saved session")
    terminal.press("Enter")
    again = terminal.wait_for(lambda screen: screen.count("tok/s") == 2, "the saved answers with their receipts")
    assert "What are you?" in again
    assert (tmp_path / "before").read_text() == (tmp_path / "after").read_text(), "the terminal is as it was"


def test_a_killed_program_loses_neither_the_prompt_nor_the_answers(
    terminal: Terminal, environment: dict[str, str], tmp_path: Path
) -> None:
    # The process id, not a pattern: other programs of the same name may run on this machine.
    terminal.start(f"sh -c 'echo $$ > {tmp_path}/pid; exec {DUOLOGUE} --demo'", environment)
    terminal.wait_for(lambda screen: screen.count("DEMO") >= 2, "both demo sides")
    terminal.type("Tell me everything")
    terminal.press("Enter")
    terminal.wait_for(lambda _: bool(_parts(tmp_path)), "flushed text of a running answer")
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
    # Without its first letter: where the kill cut a control sequence in two, K is its end.
    terminal.wait_for(lambda screen: "illed" in screen, "the kill")
    written = _length(_parts(tmp_path)) + _length(outcomes(tmp_path))

    terminal.type(f"stty sane; {DUOLOGUE} --demo --continue")
    terminal.press("C-j")  # nobody has put the terminal right again, so Enter is not yet the end of a line
    again = terminal.wait_for(lambda screen: "interrupted" in screen, "an answer as interrupted")
    assert "Tell me everything" in again
    after = outcomes(tmp_path)
    assert len(after) == 2, "nothing is asked again"
    assert {outcome for _, outcome, _ in after} <= {"interrupted", "complete"}
    assert _length(after) == written


def _length(rows: Sequence[tuple[object, ...]]) -> int:
    return sum(length for *_, length in rows if isinstance(length, int))


def _parts(tmp_path: Path) -> list[tuple[int, int]]:
    database = sqlite3.connect(f"file:{tmp_path / 'data' / 'duologue.db'}?mode=ro", uri=True)
    try:
        return database.execute("SELECT reply_id, sum(length(text)) FROM reply_parts GROUP BY reply_id").fetchall()
    finally:
        database.close()
