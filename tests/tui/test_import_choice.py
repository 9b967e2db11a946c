"""Importing from inside the app: by keys, out of real files."""

from __future__ import annotations

from pathlib import Path

from textual.widgets import Input

from storage.carry.batches import TURNS
from tests.tui.screen_text import screen_lines, until
from tests.tui.test_export_choice import answered, chat_of, send
from tui.screens.working import Working

HEAD = '{"type": "head", "format": "duologue", "version": 1}\n'
AT = '"2026-03-01T09:30:00.000Z"'


def session_line(number: int) -> str:
    times = f'"created": {AT}, "updated": {AT}'
    return f'{{"type": "session", "id": "{number:026}", "title": "Rhubarb {number}", {times}}}\n'


def turn_line(session: int, number: int) -> str:
    return f'{{"type": "turn", "session": "{session:026}", "turn": {number}, "prompt": "Q{number}", "asked": {AT}}}\n'


async def test_what_is_in_a_file_is_in_the_library(tmp_path: Path) -> None:
    (tmp_path / "ours.jsonl").write_text(HEAD + session_line(1) + turn_line(1, 1))
    async with answered() as (app, pilot):
        await send(pilot, "/import")
        await until(lambda: "Import conversations from a file" in screen_lines(app))
        app.screen.query_one(Input).value = str(tmp_path / "ours.jsonl")
        await pilot.press("enter")
        await until(lambda: "1 session with 1 turn imported (duologue jsonl)." in screen_lines(app))
        await pilot.press("ctrl+o")
        await until(lambda: "Rhubarb 1" in screen_lines(app))


async def test_what_was_left_out_is_told_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "ours.jsonl").write_text(HEAD + session_line(1) + "{oops\n" + turn_line(1, 1))
    async with answered((80, 24)) as (app, pilot):
        await send(pilot, f"/import {tmp_path / 'ours.jsonl'}")
        await until(lambda: "Not all of the file was imported" in screen_lines(app))
        assert "line 3: it is not JSON" in screen_lines(app)
        assert "1 session with 1 turn" in screen_lines(app)
        await pilot.press("escape")
        await until(lambda: "1 problem." in screen_lines(app))


async def test_a_file_that_is_none_is_told_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("Dear diary")
    async with answered() as (app, pilot):
        await send(pilot, f"/import {tmp_path / 'x.json'}")
        await until(lambda: "is no export that is known here" in screen_lines(app))
        await send(pilot, f"/import {tmp_path / 'none'}")
        await until(lambda: "cannot be read" in screen_lines(app))


async def test_esc_stops_a_long_import_and_leaves_no_half_session(tmp_path: Path) -> None:
    turns = 100 * TURNS
    (tmp_path / "long.jsonl").write_text(
        HEAD + session_line(1) + turn_line(1, 1) + session_line(2) + "".join(turn_line(2, n) for n in range(1, turns))
    )
    async with answered() as (app, pilot):
        app.action_import(str(tmp_path / "long.jsonl"))
        await until(lambda: isinstance(app.screen, Working))
        await app.screen.run_action("stop")  # of Esc; the pilot's keys wait until the program is idle
        await until(lambda: "stopped" in screen_lines(app) and app.screen is chat_of(app), seconds=30)
        await pilot.press("ctrl+o")
        await until(lambda: "Rhubarb 1" in screen_lines(app))
        assert "Rhubarb 2" not in screen_lines(app)
