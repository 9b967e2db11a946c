"""Makes docs/chat.svg: the real program with the built-in demo model on both sides, asked a question.

.venv/bin/python docs/screenshot.py
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tui.app import DuologueApp
from tui.launch import World
from tui.screens.chat import ChatScreen
from tui.services import Start
from tui.settings import load
from tui.widgets.banner import Banner
from tui.widgets.prompt import Prompt
from tui.wiring import Wiring

QUESTION = "Who are you, and what can you do?"
DEADLINE_SECONDS = 60.0


async def picture() -> str:
    """Ask, wait for the answers, and give the screen as SVG."""
    with tempfile.TemporaryDirectory() as directory:
        wiring = Wiring(load({"DUOLOGUE_DATA_DIR": directory, "DUOLOGUE_CONFIG_DIR": directory}))
        world = World(wiring, keep=True)
        app = DuologueApp(world.services(Start(left="demo:", right="demo:")))
        try:
            async with app.run_test(size=(120, 42)) as pilot:
                screen = app.screen_stack[-1]
                assert isinstance(screen, ChatScreen)
                await until(lambda: screen.conversation is not None)
                app.screen.query_one(Prompt).draft = QUESTION
                await pilot.press("enter")
                await until(partial(answered, screen, 1))
                await pilot.press("tab", "home", "escape", "escape")  # a long answer is shown from its beginning
                await pilot.pause(0.5)
                return app.export_screenshot(title="Duologue")
        finally:
            world.close_now()


def answered(screen: ChatScreen, turns: int) -> bool:
    """True once so many questions have both answers."""
    return screen.query_one(Banner).text.turns == turns and not screen.busy


async def until(condition: Callable[[], object]) -> None:
    """Wait for a condition, or fail."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            sys.exit("the program did not get there in time")
        await asyncio.sleep(0.05)


if __name__ == "__main__":
    Path(__file__).with_name("chat.svg").write_text(asyncio.run(picture()), encoding="utf-8")
