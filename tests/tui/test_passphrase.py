from __future__ import annotations

import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Static

from tui.screens.passphrase import MAKE, OPEN, PassphraseScreen
from tui.themes import FALLBACK_VARIABLES

WORDS = "quinces on a blue plate"


class Asked(App[None]):
    def __init__(self, *, making: bool) -> None:
        super().__init__()
        self.making = making
        self.given: list[str | None] = []

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return dict(FALLBACK_VARIABLES)

    def on_mount(self) -> None:
        self.push_screen(PassphraseScreen(MAKE if self.making else OPEN, twice=self.making), self.given.append)


async def write(pilot: Pilot[None], words: str) -> None:
    await pilot.press(*("space" if letter == " " else letter for letter in words), "enter")
    await pilot.pause()


def shown(app: App[None]) -> str:
    return "\n".join("".join(segment.text for segment in strip) for strip in app.screen._compositor.render_strips())


async def test_a_new_passphrase_is_written_twice_and_never_shown() -> None:
    app = Asked(making=True)
    async with app.run_test(size=(80, 24)) as pilot:
        await write(pilot, "short")
        assert "at least 12" in str(app.screen.query_one("#trouble", Static).content)
        await pilot.press(*["backspace"] * 5)
        await write(pilot, WORDS)
        await write(pilot, "something else")
        assert "not the same" in str(app.screen.query_one("#trouble", Static).content)
        assert "quinces" not in shown(app)
        assert "lost means that all" in " ".join(shown(app).replace("│", " ").split())
        assert app.given == []
        await write(pilot, WORDS)
        assert app.given == [WORDS]


@pytest.mark.parametrize(("keys", "given"), [(("enter", "escape"), None), (("a", "b", "enter"), "ab")])
async def test_a_vault_that_is_there_asks_once(keys: tuple[str, ...], given: str | None) -> None:
    app = Asked(making=False)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press(*keys)
        await pilot.pause()
        assert app.given == [given]
