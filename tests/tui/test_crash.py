"""A mistake in the program is told by its type and place; no value of a variable and no message is told with it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.tui.program import PROJECT
from tests.tui.tmux import Terminal, needs_tmux
from tui.crash import MOST_FRAMES, report

CANARY = "canary-of-a-prompt"

FAIL = f"""
import asyncio, gc, logging, sys, threading
from tui import crash
crash.install()

def fail():
    prompt = {CANARY!r} + ' in a variable'
    try:
        {{}}[prompt]
    except KeyError:
        raise ValueError(f'{{prompt}} in a message')  # {CANARY} in the source
"""

WAYS = {
    "in the main thread": "fail()",
    "in a thread": "t = threading.Thread(target=fail, name='canary-of-a-prompt'); t.start(); t.join()",
    "in a destructor": """
class C:
    def __del__(self): fail()
    def __repr__(self): return 'canary-of-a-prompt'
C()
""",
    "in a callback": """
async def main():
    asyncio.get_running_loop().call_soon(fail)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
asyncio.run(main())
""",
    "in a task that nobody awaits": """
async def failing(): fail()
async def main():
    task = asyncio.get_running_loop().create_task(failing())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    del task
    gc.collect()
asyncio.run(main())
""",
    "in a group": """
async def failing(): fail()
async def main():
    async with asyncio.TaskGroup() as group:
        group.create_task(failing())
asyncio.run(main())
""",
    "and is logged": """
try: fail()
except ValueError: logging.getLogger('httpx').exception('canary-of-a-prompt %s', 'canary-of-a-prompt')
""",
}


def run(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("way", WAYS)
def test_error_is_told_without_variables_and_messages(way: str) -> None:
    ended = run(FAIL + WAYS[way])
    assert "ValueError" in ended.stderr
    assert "__main__:11 fail" in ended.stderr, "the place is told"
    assert "KeyError" in ended.stderr, "and what led to it"
    assert "Traceback" not in ended.stderr
    assert CANARY not in ended.stderr + ended.stdout


def test_control_python_itself_tells_the_message() -> None:
    assert CANARY in run(FAIL.replace("crash.install()", "") + "fail()").stderr


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error", "critical"])
def test_logged_words_are_not_shown(level: str) -> None:
    for name in ("anthropic", "httpx", "httpcore.http11", "textual", "root"):
        ended = run(f"{FAIL}logging.getLogger({name!r}).{level}('%s', {CANARY!r})")
        assert CANARY not in ended.stderr + ended.stdout
        assert ended.stderr.startswith("duologue: ") == (level in ("error", "critical"))


def test_same_error_at_the_same_place_has_the_same_id() -> None:
    def told(words: str) -> str:
        try:
            return str(int(words))
        except ValueError as error:
            return report(error)

    assert told("one") == told("two")
    assert "'one'" not in told("one")


def test_endless_recursion_is_told_shortly() -> None:
    def again() -> None:
        again()

    with pytest.raises(RecursionError) as caught:
        again()
    assert len(report(caught.value).splitlines()) < MOST_FRAMES + 5


BROKEN_APP = f"""
import sys
sys.argv = ['duologue', '--demo']
from tui import app, cli
def broken(self):
    prompt = {CANARY!r}
    raise KeyError(prompt)
app.DuologueApp.action_layout = broken
app._APP_ACTIONS |= {{'layout'}}
sys.exit(cli.main())
"""


@needs_tmux
@pytest.mark.terminal
def test_app_that_crashes_leaves_a_clean_terminal_and_no_words(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text(BROKEN_APP)
    terminal = Terminal(tmp_path, 120, 60)
    environment = {
        "DUOLOGUE_DATA_DIR": str(tmp_path / "data"),
        "DUOLOGUE_CONFIG_DIR": str(tmp_path / "config"),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        "PYTHONPATH": str(PROJECT),
        "HOME": str(tmp_path),
    }
    try:
        terminal.start(f"{sys.executable} {tmp_path}/broken.py; echo code=$?", environment)
        terminal.wait_for(lambda screen: "Ctrl+J newline" in screen, "the prompt")
        terminal.type(CANARY)
        terminal.press("F3")
        screen = terminal.wait_for(lambda screen: "code=1" in screen, "the end")
    finally:
        terminal.close()
    assert "a mistake in this program (KeyError)" in screen
    assert "__main__:7 broken" in screen
    assert CANARY not in screen
    assert "Traceback" not in screen
