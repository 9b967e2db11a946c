from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from pathlib import Path

import pytest
from textual.pilot import Pilot

from backends import Locality, Located, TextDelta
from backends.errors import MissingKey
from conversation.engine import Conversation
from storage import Outcome, Side, Turn
from storage.errors import Corrupt
from storage.store import Store
from tests.doubles import Hold, ScriptedBackend, answer
from tests.tui.app_services import FakeWorld
from tests.tui.screen_text import screen_lines, until
from tui.app import DuologueApp
from tui.screens.chat import ChatScreen
from tui.services import KeyState
from tui.widgets.prompt import Prompt
from tui.widgets.transcript import Columns, Transcript

Running = tuple[DuologueApp, Pilot[int]]
Run = Callable[..., AbstractAsyncContextManager[Running]]
HERE = Located(Locality.THIS_MACHINE, "127.0.0.1:1", "a test says so")


@pytest.fixture
def run() -> Run:
    @asynccontextmanager
    async def running(world: FakeWorld, size: tuple[int, int] = (120, 40)) -> AsyncIterator[Running]:
        app = DuologueApp(world.services())
        try:
            async with app.run_test(size=size) as pilot:
                if world.store_problem is None:
                    await until(lambda: chat(app).conversation is not None)
                yield app, pilot
        finally:
            world.close()

    return running


def two_sides(left: str = "from the cloud", right: str = "from here") -> FakeWorld:
    return FakeWorld(
        ScriptedBackend("claude:", answer(left, locality=Locality.CLOUD)),
        ScriptedBackend("ollama:llama3.1:8b", answer(right)),
    )


def chat(app: DuologueApp) -> ChatScreen:
    return next(screen for screen in app.screen_stack if isinstance(screen, ChatScreen))


def talk(app: DuologueApp) -> Conversation:
    conversation = chat(app).conversation
    assert conversation is not None
    return conversation


async def send(app: DuologueApp, pilot: Pilot[int], text: str) -> None:
    app.screen.query_one(Prompt).draft = text
    await pilot.press("enter")


def stored_turns(world: FakeWorld) -> list[Turn]:
    assert world.store is not None
    [summary] = world.store.reader.sessions()
    return world.store.reader.turns(summary.session.id)


def settled(world: FakeWorld) -> bool:
    try:
        turns = stored_turns(world)
    except ValueError:
        return False
    return bool(turns) and all(reply.outcome is not Outcome.OPEN for turn in turns for reply in turn.replies)


async def test_one_prompt_shows_two_answers_and_their_receipts(run: Run) -> None:
    world = two_sides()
    async with run(world) as (app, pilot):
        await send(app, pilot, "What is it?")
        await until(lambda: settled(world))
        await until(lambda: "from here" in screen_lines(app))
        shown = screen_lines(app)
        assert "What is it?" in shown
        assert "from the cloud" in shown
        assert "Claude · sonnet-5.5 · cloud" in shown
        assert "Local · llama3.1:8b · this machine" in shown
        assert shown.count("done") == 2
        assert "1 turn" in shown


async def test_a_long_model_name_does_not_hide_where_the_answer_is_made(run: Run) -> None:
    world = FakeWorld(None, ScriptedBackend("ollama:" + "long-name-" * 20, answer("from here")))
    world.left = ScriptedBackend("claude:" + "x" * 200, answer("from the cloud", locality=Locality.CLOUD))
    async with run(world) as (app, pilot):
        await send(app, pilot, "q")
        await until(lambda: settled(world))
        await until(lambda: screen_lines(app).count("done") == 2)
        assert "… · cloud" in screen_lines(app)
        assert "… · this machine" in screen_lines(app)


async def test_a_side_that_fails_says_so_in_its_column(run: Run) -> None:
    world = two_sides()
    assert world.left is not None
    world.left = ScriptedBackend("claude:", [MissingKey("No API key yet. Press F9 to paste one.")])
    async with run(world) as (app, pilot):
        await send(app, pilot, "q")
        await until(lambda: settled(world))
        await until(lambda: "from here" in screen_lines(app))
        assert "No API key yet. Press F9" in screen_lines(app)
        assert "failed" in screen_lines(app)


async def test_escape_stops_both_and_keeps_what_came(run: Run) -> None:
    holds = Hold(), Hold()
    world = FakeWorld(
        ScriptedBackend("claude:", [TextDelta("left half"), holds[0]]),
        ScriptedBackend("ollama:m", [HERE, TextDelta("right half"), holds[1]]),
    )
    async with run(world) as (app, pilot):
        await send(app, pilot, "q")
        for hold in holds:
            await hold.reached.wait()
        await pilot.press("escape")
        await until(lambda: settled(world))
        [turn] = stored_turns(world)
        assert [(reply.text, reply.outcome) for reply in turn.replies] == [
            ("left half", Outcome.STOPPED),
            ("right half", Outcome.STOPPED),
        ]
        await until(lambda: screen_lines(app).count("stopped by you") == 2)
        assert "left half" in screen_lines(app)


async def test_escape_stops_only_the_picked_side(run: Run) -> None:
    holds = Hold(), Hold()
    world = FakeWorld(
        ScriptedBackend("claude:", [TextDelta("l"), holds[0]]),
        ScriptedBackend("ollama:m", [HERE, TextDelta("r"), holds[1], *answer("")]),
    )
    async with run(world) as (app, pilot):
        await send(app, pilot, "q")
        for hold in holds:
            await hold.reached.wait()
        await pilot.press("tab")
        assert app.screen.query_one(Transcript).picked is Side.LEFT
        await pilot.press("escape")
        await until(lambda: talk(app).running == {Side.RIGHT})
        holds[1].release.set()
        await until(lambda: settled(world))
        assert [reply.outcome for reply in stored_turns(world)[0].replies] == [Outcome.STOPPED, Outcome.COMPLETE]


async def test_retry_adds_a_variant_on_both_sides(run: Run) -> None:
    world = two_sides()
    async with run(world) as (app, pilot):
        await send(app, pilot, "q")
        await until(lambda: settled(world))
        await pilot.press("ctrl+r")
        await until(lambda: settled(world) and len(stored_turns(world)[0].replies) == 4)
        await until(lambda: screen_lines(app).count("2/2") == 2)


async def test_a_prompt_sent_too_early_is_queued_visibly_and_then_sent(run: Run) -> None:
    hold = Hold()
    right = ScriptedBackend("ollama:m", [HERE, hold, *answer("first")[1:]], answer("second"))
    world = FakeWorld(None, right)
    async with run(world) as (app, pilot):
        await send(app, pilot, "one")
        await hold.reached.wait()
        await send(app, pilot, "two")
        await until(lambda: "Queued" in screen_lines(app))
        hold.release.set()
        await until(lambda: settled(world) and len(stored_turns(world)) == 2)
        assert [turn.prompt for turn in stored_turns(world)] == ["one", "two"]


async def test_an_adopted_answer_is_said_under_its_question(run: Run) -> None:
    world = two_sides()
    async with run(world) as (app, pilot):
        await send(app, pilot, "q")
        await until(lambda: settled(world))
        await send(app, pilot, "/adopt left")
        await until(lambda: "left answer adopted on both sides" in screen_lines(app))


async def test_one_side_can_be_asked_alone(run: Run) -> None:
    world = two_sides()
    async with run(world) as (app, pilot):
        await send(app, pilot, "/right only you")
        await until(lambda: settled(world))
        [turn] = stored_turns(world)
        assert turn.prompt == "only you"
        assert [reply.side for reply in turn.replies] == [Side.RIGHT]
        await until(lambda: "not asked" in screen_lines(app))


async def test_an_unknown_command_is_said_and_kept(run: Run) -> None:
    world = two_sides()
    async with run(world) as (app, pilot):
        await send(app, pilot, "/frobnicate")
        await until(lambda: "no command /frobnicate" in screen_lines(app))
        assert app.screen.query_one(Prompt).text == "/frobnicate"
        assert world.left is not None
        assert world.left.requests == []


async def test_f8_asks_once_and_takes_claude_away(run: Run) -> None:
    world = two_sides()
    async with run(world) as (app, pilot):
        await pilot.press("f8")
        await until(lambda: "Make this session confidential?" in screen_lines(app))
        await pilot.press("y")
        await until(lambda: "CONFIDENTIAL" in screen_lines(app))
        assert "Claude" not in screen_lines(app)
        assert "local only: CONFIDENTIAL" in screen_lines(app)
        await send(app, pilot, "secret")
        await until(lambda: settled(world))
        assert world.left is not None
        assert world.left.requests == []
        assert world.right is not None
        assert world.right.requests[0].this_machine_only


async def test_f8_in_mid_answer_cancels_the_cloud_says_so_and_lets_this_machine_go_on(run: Run) -> None:
    holds = Hold(), Hold()
    world = FakeWorld(
        ScriptedBackend("claude:", [TextDelta("from the cloud"), holds[0]]),
        ScriptedBackend("ollama:m", [HERE, TextDelta("from "), holds[1], *answer("here")[1:]]),
    )
    async with run(world) as (app, pilot):
        await send(app, pilot, "q")
        for hold in holds:
            await hold.reached.wait()
        await pilot.press("f8")
        await until(lambda: "Make this session confidential?" in screen_lines(app))
        await pilot.press("y")
        await until(lambda: "The request to a cloud was cancelled" in screen_lines(app))
        assert world.left is not None
        assert world.left.closed_streams == 1
        assert talk(app).running == {Side.RIGHT}
        holds[1].release.set()
        await until(lambda: settled(world))
        await until(lambda: "from here" in screen_lines(app))
        left, right = stored_turns(world)[0].replies
        assert (left.text, left.outcome, left.note) == (
            "from the cloud",
            Outcome.STOPPED,
            "stopped: the session became confidential",
        )
        assert right.outcome is Outcome.COMPLETE
        await send(app, pilot, "/left and you?")
        await until(lambda: "That side has no model on this machine" in screen_lines(app))
        assert len(world.left.requests) == 1
        assert app.screen.query_one(Prompt).draft == "and you?"


async def test_f8_answered_with_no_changes_nothing(run: Run) -> None:
    world = two_sides()
    async with run(world) as (app, pilot):
        await pilot.press("f8")
        await until(lambda: "Make this session confidential?" in screen_lines(app))
        await pilot.press("escape")
        await until(lambda: app.screen is chat(app))
        assert not talk(app).confidential


async def test_a_store_that_cannot_be_opened_is_said_and_gone_without(run: Run) -> None:
    world = two_sides()
    world.store_problem = Corrupt("The conversation file is damaged. Nothing was changed.")
    async with run(world) as (app, pilot):
        await until(lambda: "damaged" in screen_lines(app))
        await pilot.press("y")
        await until(lambda: chat(app).conversation is not None)
        await until(lambda: "OFF THE RECORD" in screen_lines(app))
        await send(app, pilot, "q")
        await until(lambda: "from here" in screen_lines(app))


async def test_a_new_session_and_back_to_the_saved_one(run: Run) -> None:
    world = two_sides()
    async with run(world) as (app, pilot):
        await send(app, pilot, "remember this")
        await until(lambda: settled(world))
        await pilot.press("ctrl+n")
        await until(lambda: "remember this · 1 turn" in screen_lines(app))
        assert "from the cloud" not in screen_lines(app)
        await pilot.press("ctrl+o")
        await until(lambda: "Sessions" in screen_lines(app))
        await pilot.press("enter")
        await until(lambda: "from the cloud" in screen_lines(app))
        assert chat(app).conversation is not None
        assert world.left is not None
        assert len(world.left.requests) == 1, "opening a saved session asks nobody"


async def test_words_are_found_in_a_session_before_and_shown_where_they_stand(run: Run) -> None:
    world = two_sides("something about tenants", "from here")
    async with run(world) as (app, pilot):
        await send(app, pilot, "an old question")
        await until(lambda: settled(world))
        await pilot.press("ctrl+n")
        await until(lambda: "something about tenants" not in screen_lines(app))
        await pilot.press("ctrl+f")
        await until(lambda: "Search" in screen_lines(app))
        await pilot.press(*"tenants")
        await until(lambda: "an old question" in screen_lines(app) or "something about" in screen_lines(app))
        await pilot.press("enter")
        await until(lambda: app.screen is chat(app))
        await until(lambda: "something about tenants" in screen_lines(app))
        await until(lambda: "1 of 1" in screen_lines(app))
        await pilot.press("escape")
        await until(lambda: "1 of 1" not in screen_lines(app))
        assert app.screen.query_one(Prompt).has_focus


async def test_words_are_found_in_the_session_on_screen_from_the_prompt_and_from_the_turns(run: Run) -> None:
    world = two_sides("tenant and tenant", "no such word")
    async with run(world) as (app, pilot):
        await pilot.press("f7")
        await until(lambda: "no turns" in screen_lines(app))
        await send(app, pilot, "about a Tenant")
        await until(lambda: settled(world) and not chat(app).busy)
        await pilot.press("f7", *"tenant")
        await until(lambda: "1 of 3" in screen_lines(app))
        await pilot.press("down")
        await until(lambda: "2 of 3" in screen_lines(app))
        await pilot.press("enter", "n", "n", "N")
        await until(lambda: "1 of 3" in screen_lines(app) or "3 of 3" in screen_lines(app))
        await pilot.press("slash", *"zzz")
        await until(lambda: "not found" in screen_lines(app))
        await pilot.press("escape")
        await until(lambda: "not found" not in screen_lines(app))
        assert app.screen.query_one(Prompt).has_focus
        await send(app, pilot, "/within such")
        await until(lambda: "1 of 1" in screen_lines(app))


async def test_the_outline_goes_to_a_question_and_wide_code_is_unwrapped_by_a_command(run: Run) -> None:
    world = two_sides("word\n\n" * 60 + "```\n" + "x" * 200 + "\n```")
    async with run(world) as (app, pilot):
        await send(app, pilot, "/questions")
        await until(lambda: "no questions" in screen_lines(app))
        await send(app, pilot, "the first of all")
        await until(lambda: settled(world))
        await until(lambda: "↪" in screen_lines(app))
        await send(app, pilot, "/wrap")
        await until(lambda: "↪" not in screen_lines(app))
        app.screen.query_one(Transcript).focus()
        await pilot.press("g")
        await until(lambda: "1 question" in screen_lines(app))
        await pilot.press("enter")
        await until(lambda: app.screen is chat(app) and "the first of all" in screen_lines(app).split("\n")[4])


async def test_a_place_on_the_other_side_is_shown_in_one_column(run: Run) -> None:
    world = two_sides("left words", "right words")
    async with run(world, (80, 24)) as (app, pilot):
        await send(app, pilot, "/within")
        await send(app, pilot, "ask")
        await until(lambda: settled(world))
        assert "right words" not in screen_lines(app).split("Find")[0].split("left words")[1]
        await pilot.press("f7", *"right w")
        await until(lambda: "1 of 1" in screen_lines(app))
        assert app.screen.query_one(Transcript).columns is Columns.RIGHT


async def test_a_draft_comes_back_with_its_session(run: Run) -> None:
    world = two_sides()
    async with run(world) as (app, pilot):
        await send(app, pilot, "first")
        await until(lambda: settled(world))
        app.screen.query_one(Prompt).draft = "half a thought"
        await pilot.press("ctrl+n")
        await until(lambda: app.screen.query_one(Prompt).draft == "")
        await pilot.press("ctrl+o")
        await until(lambda: "Sessions" in screen_lines(app))
        await pilot.press("enter")
        await until(lambda: chat(app).query_one(Prompt).draft == "half a thought")


async def test_what_is_missing_is_said_at_the_first_run(run: Run) -> None:
    world = FakeWorld(ScriptedBackend("claude:", [MissingKey("no key")]), None)
    world.key = KeyState(present=False, words="no API key yet", keyring="Secret Service")
    async with run(world) as (app, _):
        await until(lambda: "Welcome to Duologue" in screen_lines(app))
        assert "no API key yet" in screen_lines(app)
        assert "Secret Service" in screen_lines(app)
        assert "Nothing has been sent anywhere" in screen_lines(app)


async def test_at_eighty_columns_one_side_and_a_strip_of_the_other(run: Run) -> None:
    world = two_sides()
    async with run(world, (80, 24)) as (app, pilot):
        await send(app, pilot, "q")
        await until(lambda: settled(world))
        await until(lambda: "from the cloud" in screen_lines(app))
        assert app.screen.query_one(Transcript).columns is Columns.LEFT
        await pilot.press("tab")
        assert app.screen.query_one(Transcript).columns is Columns.RIGHT
        await until(lambda: "from here" in screen_lines(app))


@pytest.mark.parametrize("size", [(20, 5), (1, 1), (300, 90)])
async def test_any_size_of_terminal_is_survived(run: Run, size: tuple[int, int]) -> None:
    world = two_sides()
    async with run(world, size) as (app, pilot):
        await send(app, pilot, "q")
        await until(lambda: settled(world))
        await pilot.resize_terminal(120, 40)
        await until(lambda: "from here" in screen_lines(app))


async def test_quitting_in_mid_answer_asks_and_keeps_the_text(run: Run) -> None:
    hold = Hold()
    world = FakeWorld(None, ScriptedBackend("ollama:m", [HERE, TextDelta("so far"), hold]))
    async with run(world) as (app, pilot):
        await send(app, pilot, "q")
        await hold.reached.wait()
        await pilot.press("ctrl+q")
        await until(lambda: "still being written" in screen_lines(app))
        await pilot.press("y")
        await until(lambda: settled(world))
        assert stored_turns(world)[0].replies[0].text == "so far"


async def test_a_key_goes_into_the_keyring_and_nowhere_else(run: Run) -> None:
    world = two_sides()
    async with run(world) as (app, pilot):
        await pilot.press("f9")
        await until(lambda: "API key" in screen_lines(app) and app.screen is not chat(app))
        await pilot.press(*"sk-ant-test", "enter")
        await until(lambda: world.kept_keys == ["sk-ant-test"])
        assert "sk-ant-test" not in screen_lines(app)


async def test_ctrl_c_says_what_to_press_instead(run: Run) -> None:
    async with run(two_sides()) as (app, pilot):
        await pilot.press("ctrl+c")
        await until(lambda: "Ctrl+Q quits" in screen_lines(app))


async def test_a_program_that_ends_in_mid_answer_has_nothing_to_complain_of(run: Run, tmp_path: Path) -> None:
    hold = Hold()
    world = FakeWorld(None, ScriptedBackend("ollama:m", [HERE, TextDelta("so far"), hold]))
    world.database = tmp_path / "duologue.db"
    async with run(world) as (app, pilot):
        await send(app, pilot, "q")
        await hold.reached.wait()
    with closing(Store.open(world.database, read_only=True)) as store:
        [summary] = store.sessions()
        [reply] = store.turns(summary.session.id)[0].replies
    assert (reply.outcome, reply.text) == (Outcome.INTERRUPTED, "so far")
