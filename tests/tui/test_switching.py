"""The app at bad moments: switching, leaving, a store that fails, a search that comes back late."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from textual.pilot import Pilot

from backends import Locality, Located, ModelInfo, TextDelta
from backends.address import AddressRefused
from backends.spec import parse
from conversation.engine import Conversation
from storage import Outcome, Side, Turn
from storage.store import Store
from storage.thread import StoreThread
from tests.doubles import Hold, ScriptedBackend, answer
from tests.tui.app_services import NOON, FakeWorld
from tests.tui.screen_text import screen_lines, until
from tui.app import DuologueApp
from tui.screens.chat import ChatScreen
from tui.services import FoundServer, Start
from tui.widgets.prompt import Prompt

HERE = Located(Locality.THIS_MACHINE, "127.0.0.1:1", "a test says so")


@asynccontextmanager
async def running(world: FakeWorld) -> AsyncIterator[tuple[DuologueApp, Pilot[int]]]:
    app = DuologueApp(world.services())
    try:
        async with app.run_test(size=(120, 40)) as pilot:
            await until(lambda: chat(app).conversation is not None)
            yield app, pilot
    finally:
        world.close()


def chat(app: DuologueApp) -> ChatScreen:
    return next(screen for screen in app.screen_stack if isinstance(screen, ChatScreen))


def talk(app: DuologueApp) -> Conversation:
    conversation = chat(app).conversation
    assert conversation is not None
    return conversation


def prompt(app: DuologueApp) -> Prompt:
    return chat(app).query_one(Prompt)


async def send(app: DuologueApp, pilot: Pilot[int], text: str) -> None:
    prompt(app).draft = text
    await pilot.press("enter")


def store_of(world: FakeWorld) -> StoreThread:
    assert world.store is not None
    return world.store


def turns(world: FakeWorld) -> list[Turn]:
    reader = store_of(world).reader
    sessions = [*(summary.session.id for summary in reader.sessions()), *reader.sessions_to_move()]
    return [turn for one in dict.fromkeys(sessions) for turn in reader.turns(one)]


def settled(world: FakeWorld, count: int) -> bool:
    found = turns(world)
    return len(found) == count and all(one.outcome is not Outcome.OPEN for turn in found for one in turn.replies)


def offered(spec: str, locality: Locality, *, loaded: bool = False) -> ModelInfo:
    return ModelInfo(parse(spec), locality, loaded=loaded)


def held(hold: Hold) -> FakeWorld:
    """A cloud that answers at once, and a local side whose first answer waits."""
    return FakeWorld(
        ScriptedBackend("claude:", answer("from the cloud", locality=Locality.CLOUD)),
        ScriptedBackend("ollama:m", [HERE, TextDelta("half"), hold, *answer("")[1:]], answer("from here")),
    )


async def test_a_queued_prompt_goes_only_where_it_was_meant_to_go() -> None:
    hold = Hold()
    world = held(hold)
    async with running(world) as (app, pilot):
        await send(app, pilot, "one")
        await hold.reached.wait()
        await send(app, pilot, "/right only here")
        await until(lambda: "Queued, sent to the right side only" in screen_lines(app))
        hold.release.set()
        await until(lambda: settled(world, 2))
    assert world.left is not None
    assert [request.messages[-1].text for request in world.left.requests] == ["one"]


async def test_a_prompt_queued_during_a_retry_is_sent_after_it() -> None:
    hold = Hold()
    world = FakeWorld(
        None, ScriptedBackend("ollama:m", answer("first"), [HERE, hold, *answer("again")[1:]], answer("second"))
    )
    async with running(world) as (app, pilot):
        await send(app, pilot, "one")
        await until(lambda: settled(world, 1))
        await pilot.press("ctrl+r")
        await hold.reached.wait()
        await send(app, pilot, "two")
        await until(lambda: "Queued" in screen_lines(app))
        hold.release.set()
        await until(lambda: settled(world, 2))


async def test_a_queued_prompt_becomes_the_draft_of_a_session_that_is_left() -> None:
    hold = Hold()
    world = held(hold)
    async with running(world) as (app, pilot):
        await send(app, pilot, "one")
        await hold.reached.wait()
        await send(app, pilot, "two")
        await until(lambda: "Queued" in screen_lines(app))
        prompt(app).draft = "three"
        left = talk(app)
        await pilot.press("ctrl+n")
        await until(lambda: "still being written" in screen_lines(app))
        await pilot.press("y")
        await until(lambda: talk(app) is not left)
        assert [summary.session.draft for summary in store_of(world).reader.sessions()] == ["two\n\nthree"]
        assert settled(world, 1)
        assert prompt(app).draft == ""
    assert world.left is not None
    assert len(world.left.requests) == 1


async def test_nothing_of_the_session_that_was_left_appears_in_the_next_one() -> None:
    hold = Hold()
    world = held(hold)
    async with running(world) as (app, pilot):
        await send(app, pilot, "one")
        await hold.reached.wait()
        left = talk(app)
        await pilot.press("ctrl+n")
        await until(lambda: "still being written" in screen_lines(app))
        await pilot.press("y")
        await until(lambda: talk(app) is not left)
        await send(app, pilot, "fresh")
        await until(lambda: settled(world, 2))
        await until(lambda: "from here" in screen_lines(app))
        assert "half" not in screen_lines(app)


async def test_text_that_comes_back_stands_before_what_was_typed_since() -> None:
    async with running(held(Hold())) as (app, _):
        prompt(app).draft = "typed since"
        chat(app).give_back("not sent")
        assert prompt(app).draft == "not sent\n\ntyped since"


async def test_a_session_that_is_gone_is_said_and_a_new_one_begun() -> None:
    world = held(Hold())
    world.start = Start(session="01J00000000000000000000000")
    async with running(world) as (app, _):
        await until(lambda: "Session 01J0" in screen_lines(app))
        assert talk(app).session is None


async def test_models_of_the_command_line_hold_for_a_session_that_is_taken_up(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "duologue.db")
    session = store.create_session(left="claude:", right="ollama:m", created=NOON)
    store.close()
    world = held(Hold())
    world.database = tmp_path / "duologue.db"
    world.start = Start(session=session.id, left="off")
    async with running(world) as (app, _):
        assert set(talk(app).connectors) == {Side.RIGHT}


async def test_a_choice_that_cannot_be_stored_is_said_and_holds_for_this_run() -> None:
    world = held(Hold())
    async with running(world) as (app, pilot):
        await send(app, pilot, "/right hello")
        assert world.right is not None
        await until(lambda: bool(turns(world)))
        await pilot.press("escape")
        await until(lambda: settled(world, 1))
        store_of(world).close()
        await send(app, pilot, "/model left off")
        await until(lambda: "not open" in screen_lines(app))
        assert set(talk(app).connectors) == {Side.RIGHT}


async def test_an_adoption_that_cannot_be_stored_is_said() -> None:
    world = FakeWorld(None, ScriptedBackend("ollama:m", answer("first")))
    async with running(world) as (app, pilot):
        await send(app, pilot, "one")
        await until(lambda: settled(world, 1))
        await until(lambda: "done" in screen_lines(app))
        store_of(world).close()
        await send(app, pilot, "/adopt right")
        await until(lambda: "not open" in screen_lines(app))


async def test_a_draft_that_cannot_be_kept_is_not_thrown_away_without_asking() -> None:
    world = held(Hold())
    async with running(world) as (app, pilot):
        store_of(world).close()
        prompt(app).draft = "precious"
        await pilot.press("ctrl+q")
        await until(lambda: "cannot be kept" in screen_lines(app))
        await pilot.press("n")
        await until(lambda: prompt(app).draft == "precious")
        assert app.is_running


async def test_what_the_store_could_not_write_is_said() -> None:
    world = held(Hold())
    async with running(world) as (app, _):
        store_of(world).post(
            Store.close_request, 99, closed=NOON, verdict="done", peer=None, bytes_sent=0, bytes_received=0
        )
        await until(lambda: "Not saved: The ledger's request 99" in screen_lines(app))


async def test_a_model_chosen_while_servers_are_looked_for_stays() -> None:
    world = FakeWorld(
        ScriptedBackend("ollama:found", answer("found")), ScriptedBackend("ollama:chosen", answer("chosen"))
    )
    world.left_locality = Locality.THIS_MACHINE
    world.start = Start(left="off")
    world.servers = [FoundServer("Ollama", [offered("ollama:found", Locality.THIS_MACHINE)])]
    world.looking = asyncio.Event()
    services = world.services()
    object.__setattr__(services, "configured_right", None)
    app = DuologueApp(services)
    try:
        async with app.run_test(size=(120, 40)) as pilot:
            await until(lambda: "looking on this machine" in screen_lines(app))
            await send(app, pilot, "/model right ollama:chosen")
            await until(lambda: Side.RIGHT in talk(app).connectors)
            world.looking.set()
            await pilot.pause()
            await until(lambda: "looking on this machine" not in screen_lines(app))
            assert str(talk(app).connectors[Side.RIGHT].spec) == "ollama:chosen"
    finally:
        world.close()


class Unaddressed(FakeWorld):
    """A world whose configured address of a server is none."""

    async def find_servers(self) -> Sequence[FoundServer]:
        raise AddressRefused("'http://' is no address.")


async def test_an_address_that_is_none_is_said_and_the_search_ends() -> None:
    async with running(Unaddressed()) as (app, _):
        await until(lambda: "'http://' is no address." in screen_lines(app))
        await until(lambda: "no model yet" in screen_lines(app))
        await until(lambda: "Welcome to Duologue" in screen_lines(app))


async def test_a_model_that_a_cloud_answers_is_not_put_on_an_empty_side() -> None:
    world = FakeWorld(None, None)
    world.servers = [FoundServer("Ollama", [offered("ollama:big-cloud", Locality.CLOUD, loaded=True)])]
    async with running(world) as (app, _):
        await until(lambda: "no model yet" in screen_lines(app))
        assert talk(app).connectors == {}


async def test_the_words_for_an_empty_side_stay_when_the_other_side_changes() -> None:
    world = FakeWorld(ScriptedBackend("claude:", answer("x", locality=Locality.CLOUD)), None)
    async with running(world) as (app, pilot):
        await until(lambda: "Local · no model yet" in screen_lines(app))
        await send(app, pilot, "/model left off")
        await until(lambda: talk(app).connectors == {})
        await until(lambda: "Claude · sonnet" not in screen_lines(app))
        assert "Local · no model yet" in screen_lines(app)


async def test_a_confidential_title_is_not_shown_unasked(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "duologue.db")
    for title, confidential in (("ordinary matter", False), ("secret matter", True)):
        store.create_session(left=None, right=None, created=NOON, title=title, confidential=confidential)
    store.close()
    world = held(Hold())
    world.database = tmp_path / "duologue.db"
    async with running(world) as (app, _):
        await until(lambda: "ordinary matter" in screen_lines(app))
        assert "secret matter" not in screen_lines(app)


async def test_a_theme_that_there_is_not_is_said() -> None:
    world = held(Hold())
    world.theme = "duologue-drak"
    async with running(world) as (app, _):
        await until(lambda: "There is no theme duologue-drak" in screen_lines(app))


async def test_a_key_id_that_there_is_not_is_said_and_the_others_work() -> None:
    world = held(Hold())
    world.key_map = {"chat.rety": "f6", "chat.new_session": "f7"}
    async with running(world) as (app, pilot):
        await until(lambda: "names what there is not: chat.rety." in screen_lines(app))
        before = talk(app)
        await pilot.press("f7")
        await until(lambda: talk(app) is not before)


async def test_a_session_that_another_program_made_confidential_says_so_with_the_next_prompt(tmp_path: Path) -> None:
    world = FakeWorld(
        ScriptedBackend("claude:", answer("from the cloud", locality=Locality.CLOUD)),
        ScriptedBackend("ollama:m", answer("from here")),
    )
    world.database = tmp_path / "duologue.db"
    async with running(world) as (app, pilot):
        await send(app, pilot, "one")
        await until(lambda: settled(world, 1))
        session = talk(app).session
        assert session is not None
        other = Store.open(tmp_path / "duologue.db")
        other.mark_confidential(session.id, NOON)
        other.close()
        await send(app, pilot, "two")
        await until(lambda: settled(world, 2))
        await until(lambda: "CONFIDENTIAL" in screen_lines(app))
        assert "local only: CONFIDENTIAL" in screen_lines(app)


async def test_a_process_without_a_network_has_confidential_sessions_only_and_says_so(tmp_path: Path) -> None:
    world = FakeWorld(None, ScriptedBackend("ollama:m", answer("here")), database=tmp_path / "duologue.db")
    app = DuologueApp(replace(world.services(), level="kernel (seccomp)"))
    try:
        async with app.run_test(size=(160, 40)) as pilot:
            await until(lambda: chat(app).conversation is not None)
            assert talk(app).confidential
            first = talk(app)
            await pilot.press("ctrl+n")
            await until(lambda: "For an ordinary one, quit and start duologue" in screen_lines(app))
            await until(lambda: talk(app) is not first)
            assert talk(app).confidential
            new = talk(app)
            await send(app, pilot, "/new ordinary")
            await until(lambda: "it has confidential sessions only" in screen_lines(app))
            assert talk(app) is new
            about = {one.title: one.help for one in app.get_system_commands(app.screen)}
            assert about["New session"].startswith("Start a new confidential session")
    finally:
        world.close()


async def test_a_server_that_a_confidential_process_was_not_told_of_is_named_with_the_way_to_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "duologue.db"
    store = Store.open(path)
    spec = "openai:http://127.0.0.1:8099#x"
    session = store.create_session(left=None, right=spec, created=NOON, confidential=True)
    store.close()
    world = FakeWorld(None, ScriptedBackend(spec, answer("here")), database=path, start=Start(session=session.id))
    told = replace(
        world.services(), level="kernel (seccomp)", out_of_reach=lambda one: "127.0.0.1:8099" if one.spec.url else ""
    )
    app = DuologueApp(told)
    try:
        async with app.run_test(size=(200, 40)) as pilot:
            await until(lambda: "was not told of 127.0.0.1:8099" in screen_lines(app))
            command = f"quit and start duologue --confidential --session {session.id} --right '{spec}'"
            assert command in " ".join(screen_lines(app).split())
            assert "F5 chooses another model" in screen_lines(app)
            await pilot.press("f5")
            await until(lambda: app.screen is not chat(app))
    finally:
        world.close()
