"""The session on screen and its turns: named, starred, voted on, noted, forked, deleted; over a real store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot

from backends import Locality
from storage import Choice, Session, Turn
from storage.store import Store
from tests.doubles import ScriptedBackend, answer
from tests.tui.app_services import NOON, FakeWorld
from tests.tui.screen_text import screen_lines, until
from tests.tui.test_chat import chat, send, settled, stored_turns, talk
from tui.app import DuologueApp
from tui.screens.ask_line import AskLine
from tui.screens.confirm import Confirm
from tui.screens.forks import ForksScreen
from tui.screens.search import SearchScreen
from tui.screens.sessions import SessionsScreen
from tui.widgets.transcript import Transcript


@asynccontextmanager
async def asked(
    *prompts: str, database: Path | None = None
) -> AsyncIterator[tuple[DuologueApp, Pilot[int], FakeWorld]]:
    """The app with a session of so many answered prompts."""
    left, right = (
        ScriptedBackend(spec, *(answer(f"{side} {prompt}", locality=where) for prompt in prompts), answer("later"))
        for side, spec, where in (
            ("left", "claude:claude-opus-5-5", Locality.CLOUD),
            ("right", "ollama:llama3.1:8b", Locality.THIS_MACHINE),
        )
    )
    world = FakeWorld(left=left, right=right, database=database)
    app = DuologueApp(world.services())
    try:
        async with app.run_test(size=(120, 40)) as pilot:
            await until(lambda: chat(app).conversation is not None)
            for number, prompt in enumerate(prompts, 1):
                await send(app, pilot, prompt)
                await until(lambda: settled(world) and len(stored_turns(world)) == number)  # noqa: B023
                await until(lambda: not talk(app).running)
            yield app, pilot, world
    finally:
        world.close()


def store(world: FakeWorld) -> Store:
    assert world.store is not None
    return world.store.reader


def session(app: DuologueApp) -> Session:
    found = talk(app).session
    assert found is not None
    return found


def turn(app: DuologueApp, world: FakeWorld, seq: int) -> Turn:
    return store(world).turns(session(app).id)[seq - 1]


async def test_commands_name_star_and_tag_the_session_on_screen() -> None:
    async with asked("Why?") as (app, pilot, world):
        await send(app, pilot, "/rename The question why")
        await until(lambda: "The question why" in screen_lines(app).splitlines()[0])
        await send(app, pilot, "/star")
        await until(lambda: store(world).session(session(app).id).starred)
        await send(app, pilot, "/tag law")
        await until(lambda: store(world).summary(session(app).id).tags == ("law",))
        await until(lambda: "“The question why”: law." in screen_lines(app))
        await send(app, pilot, "/archive")
        await until(lambda: "is in the archive." in screen_lines(app))


async def test_without_an_argument_the_name_is_asked_for() -> None:
    async with asked("Why?") as (app, pilot, world):
        await send(app, pilot, "/rename")
        await until(lambda: isinstance(app.screen, AskLine))
        await pilot.press("ctrl+u", *"New", "enter")
        await until(lambda: store(world).session(session(app).id).title == "New")


async def test_a_session_without_turns_has_nothing_to_keep() -> None:
    async with asked() as (app, pilot, _):
        for command in ("/rename x", "/delete", "/note x", "/fork", "/vote left"):
            await send(app, pilot, command)
            await until(lambda: "nothing to keep" in screen_lines(app))
            chat(app).say("")


@pytest.mark.parametrize(
    ("key", "choice", "words"),
    [
        ("less_than_sign", Choice.LEFT, "the left answer is better"),
        ("greater_than_sign", Choice.RIGHT, "the right answer is better"),
        ("equals_sign", Choice.TIE, "both are equally good"),
        ("minus", Choice.NEITHER, "neither is good"),
    ],
)
async def test_a_vote_is_one_key_and_stands_under_the_question(key: str, choice: Choice, words: str) -> None:
    async with asked("Why?") as (app, pilot, world):
        chat(app).query_one(Transcript).focus()
        await pilot.press(key)
        await until(lambda: f"your vote: {words}" in screen_lines(app))
        vote = turn(app, world, 1).vote
        assert vote is not None
        assert vote.choice is choice
        await pilot.press(key)
        await until(lambda: "your vote" not in screen_lines(app))
        assert turn(app, world, 1).vote is None


async def test_the_turn_under_the_cursor_is_the_one_that_is_meant() -> None:
    async with asked("One?", "Two?") as (app, pilot, world):
        chat(app).query_one(Transcript).focus()
        await pilot.press("j", "less_than_sign")
        await until(lambda: turn(app, world, 1).vote is not None)
        await pilot.press("escape", "escape")
        await send(app, pilot, "/vote right")  # the newest, without a cursor
        await until(lambda: turn(app, world, 2).vote is not None)


async def test_a_note_stands_under_its_question_and_an_empty_one_goes() -> None:
    async with asked("Why?") as (app, pilot, world):
        await send(app, pilot, "/note ask the landlord")
        await until(lambda: "your note: ask the landlord" in screen_lines(app))
        chat(app).query_one(Transcript).focus()
        await pilot.press("a")
        await until(lambda: isinstance(app.screen, AskLine))
        await pilot.press("ctrl+u", "enter")
        await until(lambda: turn(app, world, 1).note == "")
        await until(lambda: "your note" not in screen_lines(app))


async def test_keys_go_from_one_marked_turn_to_the_next() -> None:
    async with asked(*(f"{number}?\n" + "long\n" * 9 for number in range(1, 7))) as (app, pilot, world):
        assert world.store is not None
        await world.store.run(Store.note_turn, turn(app, world, 2).id, "look")
        transcript = chat(app).query_one(Transcript)
        transcript.focus()
        await pilot.press("M")
        await until(lambda: transcript.turn_at_top == 1)
        await pilot.press("m")
        await until(lambda: "No turn after turn 2 has a vote" in screen_lines(app))


async def test_a_fork_goes_on_from_a_turn_and_finds_its_way_back() -> None:
    async with asked("One?", "Two?") as (app, pilot, world):
        parent = session(app)
        chat(app).query_one(Transcript).focus()
        await pilot.press("j", "f")
        await until(lambda: session(app).id != parent.id)
        await until(lambda: "A fork: it begins with the turns 1 to 1 of “One?”." in screen_lines(app))
        assert "Two?" not in screen_lines(app)
        await pilot.press("escape")
        await send(app, pilot, "Else?")
        await until(lambda: len(store(world).turns(session(app).id)) == 2 and not talk(app).running)
        assert world.left is not None
        told = world.left.requests[-1].messages
        assert [message.text for message in told] == ["One?", "left One?", "Else?"]
        await send(app, pilot, "/forks")
        await until(lambda: isinstance(app.screen, ForksScreen))
        await pilot.press("enter")
        await until(lambda: session(app).id == parent.id)
        await until(lambda: "1 fork from here" in screen_lines(app))


async def test_a_deleted_session_makes_room_for_a_new_one(tmp_path: Path) -> None:
    async with asked("Why?", database=tmp_path / "duologue.db") as (app, pilot, world):
        old = session(app)
        await send(app, pilot, "/delete")
        await until(lambda: isinstance(app.screen, Confirm))
        await pilot.press("n")
        await pilot.pause()
        assert session(app).id == old.id
        await send(app, pilot, "/delete")
        await until(lambda: isinstance(app.screen, Confirm))
        await pilot.press("enter")
        await until(lambda: talk(app).session is None)
        await until(lambda: "“Why?” is in the bin" in screen_lines(app))
        assert store(world).session(old.id).deleted == NOON


async def test_what_the_library_does_to_the_session_on_screen_is_seen_there() -> None:
    async with asked("Why?") as (app, pilot, world):
        await pilot.press("ctrl+o")
        await until(lambda: isinstance(app.screen, SessionsScreen))
        await pilot.press("tab", "r")
        await until(lambda: isinstance(app.screen, AskLine))
        await pilot.press(*" Because", "enter")
        await until(lambda: store(world).session(session(app).id).title == "Why? Because")
        await pilot.press("escape")
        await until(lambda: "Why? Because" in screen_lines(app).splitlines()[0])

        old = session(app)
        await pilot.press("ctrl+o")
        await until(lambda: isinstance(app.screen, SessionsScreen))
        await pilot.press("tab", "d")
        await until(lambda: store(world).session(old.id).deleted is not None)
        await pilot.press("escape")
        await until(lambda: talk(app).session is None)
        await until(lambda: "“Why? Because” is in the bin" in screen_lines(app))


async def test_a_session_deleted_and_taken_back_in_the_library_stays_on_screen() -> None:
    async with asked("Why?") as (app, pilot, world):
        old = session(app)
        await pilot.press("ctrl+o")
        await until(lambda: isinstance(app.screen, SessionsScreen))
        await pilot.press("tab", "d")
        await until(lambda: store(world).session(old.id).deleted is not None)
        await pilot.press("u")
        await until(lambda: store(world).session(old.id).deleted is None)
        await pilot.press("escape")
        await pilot.pause()
        assert session(app).id == old.id


async def test_a_hit_in_a_note_or_a_file_is_opened_at_its_turn(tmp_path: Path) -> None:
    async with asked("One?", "Two?", database=tmp_path / "duologue.db") as (app, pilot, world):
        assert world.store is not None
        await world.store.run(Store.note_turn, turn(app, world, 1).id, "ask the landlord")
        await world.store.run(Store.attach, turn(app, world, 2).id, "a.txt", "text/plain", b"cellar and attic")
        await until(lambda: store(world).database.number("SELECT count(*) FROM search_todo") == 0)
        for words, where in (("landlord", "your note on turn 1"), ("attic", "a file with turn 2")):
            await pilot.press("ctrl+f")
            await until(lambda: isinstance(app.screen, SearchScreen))
            await pilot.press(*words, "enter")
            await until(lambda: f"Found in {where}." in screen_lines(app))  # noqa: B023
            await until(lambda: chat(app).query_one(Transcript).has_focus)


async def test_a_session_off_the_record_is_not_forked(tmp_path: Path) -> None:
    async with asked(database=tmp_path / "duologue.db") as (app, pilot, world):
        await send(app, pilot, "/new off-the-record")
        await until(lambda: len(world.stores) == 2)
        await pilot.pause()
        await send(app, pilot, "Why?")
        await until(lambda: talk(app).session is not None and not talk(app).running)
        await send(app, pilot, "/fork")
        await until(lambda: "off the record has no forks" in screen_lines(app))
        assert talk(app).session is not None
