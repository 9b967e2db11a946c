"""The dialog that takes an API key."""

from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion
from textual import events
from textual.widgets import Input

from tests.tui.screen_text import Stage, screen_lines, until
from tui.screens.api_key import IMPOSSIBLE, MISSING, UNUSUAL, ApiKeyDialog, KeyChoice

KEY = "sk-ant-api03-not-a-real-key"


class Asking(Stage):
    def __init__(self, *, usable: bool = True, state: str = "") -> None:
        super().__init__()
        words = "Secret Service found" if usable else "no usable keyring: no D-Bus session [/bus]"
        self.dialog = ApiKeyDialog(keyring=words, keyring_usable=usable, state=state)
        self.choices: list[KeyChoice | None] = []

    def on_mount(self) -> None:
        self.push_screen(self.dialog, self.choices.append)

    def paste(self, text: str) -> None:
        self.post_message(events.Paste(text))


async def test_pasted_key_is_kept_in_the_keyring_by_default() -> None:
    app = Asking()
    async with app.run_test() as pilot:
        await pilot.pause()
        app.paste(f"  {KEY}\n")
        await pilot.press("enter")
        await until(lambda: app.choices)
        assert app.choices == [KeyChoice(KEY, keep=True)]


async def test_key_can_be_used_for_this_run_only() -> None:
    app = Asking()
    async with app.run_test() as pilot:
        await pilot.pause()
        app.paste(KEY)
        await pilot.press("tab", "space", "enter")
        await until(lambda: app.choices)
        assert app.choices == [KeyChoice(KEY, keep=False)]


async def test_click_says_how_long() -> None:
    app = Asking()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        app.paste(KEY)
        await pilot.click("#this-run")
        assert "(•) use it for this run only" in screen_lines(app)
        await pilot.press("enter")
        await until(lambda: app.choices)
        assert app.choices == [KeyChoice(KEY, keep=False)]


async def test_without_a_keyring_only_this_run_is_offered() -> None:
    app = Asking(usable=False)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert "it cannot be kept · no usable keyring: no D-Bus session [/bus]" in screen_lines(app)
        app.paste(KEY)
        await pilot.press("tab", "space", "enter")
        await until(lambda: app.choices)
        assert app.choices == [KeyChoice(KEY, keep=False)]


async def test_escape_leaves_without_a_key() -> None:
    app = Asking()
    async with app.run_test() as pilot:
        await pilot.pause()
        app.paste(KEY)
        await pilot.press("escape")
        await until(lambda: app.choices)
        assert app.choices == [None]


async def test_key_is_never_on_screen_on_the_clipboard_or_in_a_repr() -> None:
    app = Asking()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        app.paste(KEY)
        await pilot.pause()
        assert "•" in screen_lines(app)
        assert "sk-ant-api" not in screen_lines(app)
        entry = app.dialog.query_one(Input)
        entry.action_select_all()
        await pilot.press("ctrl+c", "ctrl+x")
        assert app.clipboard == ""
        assert entry.value == KEY
        assert KEY not in repr(KeyChoice(KEY, keep=True))
        assert KEY not in repr(entry)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("", MISSING), ("   ", MISSING), ("sk-ant-a b", IMPOSSIBLE), ("sk-ant-\u00e9", IMPOSSIBLE)],
)
async def test_what_cannot_be_a_key_is_not_taken(text: str, complaint: str) -> None:
    app = Asking()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        app.dialog.query_one(Input).value = text
        await pilot.press("enter")
        await pilot.pause()
        assert " ".join(screen_lines(app).split()).find(complaint[:40]) >= 0
        assert app.choices == []


async def test_unusual_key_is_taken_at_the_second_enter() -> None:
    app = Asking()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        app.paste("gateway-key")
        await pilot.press("enter")
        await pilot.pause()
        assert UNUSUAL[:40] in screen_lines(app)
        await pilot.press("enter")
        await until(lambda: app.choices)
        assert app.choices == [KeyChoice("gateway-key", keep=True)]


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_dialog_looks_as_it_should(size: tuple[int, int], snapshot: SnapshotAssertion) -> None:
    app = Asking(state="from ANTHROPIC_API_KEY")
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        assert screen_lines(app) == snapshot


async def test_tiny_screen_does_not_break_it() -> None:
    app = Asking()
    async with app.run_test(size=(20, 5)) as pilot:
        await pilot.pause()
        assert screen_lines(app)
