"""`duologue ask`, as a script uses it: the real program, the real engine, servers on loopback."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from backends.demo_model import ensure_demo_model, make_model
from storage import Outcome, Reply, Side
from storage.store import Store
from tests.backends.openai_server import ScriptedOpenAI, delta, says, sse, usage
from tests.backends.scripted_server import Received
from tests.backends.scripted_server import Reply as ServerReply
from tests.engine_fixture import need_the_wheel
from tests.tui.hostile import HOSTILE
from tests.tui.keyring_program import keyring_program
from tests.tui.program import PROJECT, Ended, Program, end, json_of, wait_for_output
from tui.exit_codes import ExitCode

NOBODY = "openai:http://127.0.0.1:9#x"


@pytest.fixture(scope="module")
def demo_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    need_the_wheel()
    return ensure_demo_model(tmp_path_factory.mktemp("demo-model"))


@pytest.fixture(scope="module")
def never_ending(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that never ends its answer."""
    need_the_wheel()
    path = tmp_path_factory.mktemp("never-ending") / "never-ending.gguf"
    make_model(path, end_chance=0.0, feed_forward=65536)
    return path


@pytest.fixture
def bare(tmp_path: Path) -> Program:
    """A program without any model."""
    return Program(tmp_path)


@pytest.fixture
def program(bare: Program, demo_model: Path) -> Program:
    """A program that has made its demo model already, whose answers are short."""
    bare.configure("max_output_tokens = 30")
    bare.data.mkdir(mode=0o700)
    os.link(demo_model, bare.data / demo_model.name)
    return bare


def saved_replies(program: Program) -> list[Reply]:
    """What is stored of the only turn there is."""
    store = Store.open(program.data / "duologue.db", read_only=True)
    try:
        session = store.latest_session()
        assert session is not None
        (turn,) = store.turns(session.id)
        return list(turn.replies)
    finally:
        store.close()


def test_both_sides_answer_as_json(program: Program) -> None:
    ended = program.run("ask", "-", "--demo", "--json", piped=b"hi")

    assert (ended.code, ended.err) == (ExitCode.OK, "")
    assert ended.out.isascii()
    document = json_of(ended)
    assert (document["prompt"], document["turn"], document["confidential"]) == ("hi", 1, False)
    for side in ("left", "right"):
        reply = document["sides"][side]
        assert (reply["outcome"], reply["locality"], reply["error"]) == ("complete", "this machine", None)
        assert reply["text"]
        assert reply["demo"] is True
        assert reply["receipt"]["output_tokens"] > 0
    saved = {reply.side: reply.text for reply in saved_replies(program)}
    assert saved[Side.LEFT] == document["sides"]["left"]["text"]
    assert saved[Side.RIGHT] == document["sides"]["right"]["text"]


def test_both_sides_are_printed_one_after_the_other(program: Program) -> None:
    ended = program.run("ask", "hi", "--demo")

    assert (ended.code, ended.err) == (ExitCode.OK, "")
    assert "\x1b" not in ended.out
    left, right = (reply.text for reply in saved_replies(program))
    first, _, second = ended.out.partition("\n\nDEMO (built-in model, this machine):\n")
    assert first.startswith(f"DEMO (built-in model, this machine):\n{left}\nDEMO · ")
    assert second.startswith(f"{right}\nDEMO · ")
    assert "tok/s" in second.splitlines()[-1]


def test_argument_comes_before_what_is_piped_in(program: Program) -> None:
    ended = program.run("ask", "Review this:", "--demo", "--only", "right", "--json", piped="naïve ✓\n".encode())

    document = json_of(ended)
    assert document["prompt"] == "Review this:\n\nnaïve ✓"
    assert document["sides"]["left"] is None


def test_side_that_fails_leaves_the_other_alone(program: Program) -> None:
    ended = program.run("ask", "-", "--demo", "--left", NOBODY, "--json", piped=b"hi")

    assert ended.code == ExitCode.INCOMPLETE
    sides = json_of(ended)["sides"]
    assert sides["left"]["outcome"] == "failed"
    assert sides["left"]["error"]["kind"] == "unreachable"
    assert "127.0.0.1:9" in sides["left"]["error"]["message"]
    assert sides["right"]["outcome"] == "complete"


def test_failure_is_told_on_standard_error_where_output_is_piped(bare: Program) -> None:
    ended = bare.run("ask", "hi", "--left", NOBODY, "--right", "off")

    assert ended.code == ExitCode.INCOMPLETE
    assert ended.err.startswith("duologue: left: Nobody answers at 127.0.0.1:9.")
    assert ended.out.splitlines()[-1] == "failed"


def test_prompt_that_does_not_fit_is_told_in_numbers(program: Program) -> None:
    megabyte = b"All work and no play makes Jack a dull boy.\n" * 24_000
    assert len(megabyte) > 1_000_000

    ended = program.run("ask", "-", "--demo", "--only", "right", "--json", piped=megabyte)

    assert ended.code == ExitCode.INCOMPLETE
    reply = json_of(ended)["sides"]["right"]
    assert reply["error"]["kind"] == "prompt-too-long"
    assert "of 8,192" in reply["error"]["message"]
    assert json_of(ended)["prompt"] == megabyte.decode().rstrip("\n")


@pytest.mark.parametrize(
    ("arguments", "piped", "words"),
    [
        (("-",), b"", "empty"),
        (("-",), b" \n\t\n", "empty"),
        (("",), b"", "empty"),
        ((), b"", "empty"),
        (("-",), b"caf\xe9", "not UTF-8 text (byte 4 of 4)"),
        (("Review:",), b"\xff\xfe\x00", "not UTF-8 text"),
        (("--confidential", "a secret"), b"", "Pipe it in"),
    ],
)
def test_prompt_that_cannot_be_used_is_refused_before_anything_happens(
    bare: Program, arguments: tuple[str, ...], piped: bytes, words: str
) -> None:
    ended = bare.run("ask", *arguments, "--left", NOBODY, "--right", "off", piped=piped)

    assert ended.code == ExitCode.USAGE
    assert words in ended.err
    assert "secret" not in ended.err
    assert (ended.err.count("\n"), ended.out) == (1, "")
    assert not bare.data.exists()


def test_byte_order_mark_is_no_part_of_the_prompt(bare: Program) -> None:
    ended = bare.run("ask", "--left", NOBODY, "--right", "off", "--json", piped=b"\xef\xbb\xbfhi\r\n")

    assert json_of(ended)["prompt"] == "hi"


def test_nothing_to_ask_is_told(bare: Program) -> None:
    ended = bare.run("ask", "hi", "--left", "off")

    assert ended.code == ExitCode.NOTHING_TO_ASK
    assert "--demo" in ended.err


def test_confidential_session_does_not_ask_claude(bare: Program) -> None:
    named = bare.run("ask", "-", "--confidential", "--no-save", "--left", "claude:", piped=b"hi")
    unnamed = bare.run("ask", "-", "--confidential", "--no-save", piped=b"hi")

    assert (named.code, unnamed.code) == (ExitCode.NOTHING_TO_ASK, ExitCode.NOTHING_TO_ASK)
    assert "confidential" in named.err


@pytest.mark.secret_service
def test_confidential_answer_comes_from_this_machine(tmp_path: Path) -> None:
    with keyring_program(tmp_path) as program:
        ended = program.run("ask", "-", "--confidential", "--demo", "--json", piped=b"hi")
        document = json_of(ended)
        session = document["session"]
        open_ = program.run("ask", "in the open", "--session", session)
        latched = program.run("ask", "hi", "--demo", "--json")
        more = ("ask", "-", "--confidential", "--demo", "--json", "--session")
        again = program.run(*more, session, piped=b"and then?")
        moved = program.run(*more, json_of(latched)["session"], piped=b"and then?")

        assert ended.code == ExitCode.OK
        assert "so are all confidential sessions" in ended.err, "what a lost key means is said once"
        assert document["confidential"] is True
        assert {reply["locality"] for reply in document["sides"].values()} == {"this machine"}
        assert open_.code == ExitCode.USAGE
        assert f"duologue --confidential --session {session}" in open_.err
        assert (json_of(again)["turn"], json_of(moved)["turn"], moved.err) == (2, 2, "")
        with program.opened_vault() as store:
            assert store.session_count() == 2


def test_confidential_question_without_a_keyring_or_a_terminal_is_asked_of_nobody(program: Program) -> None:
    ended = program.run("ask", "-", "--confidential", "--demo", piped=b"hi")

    assert ended.code == ExitCode.STORE
    assert "--off-the-record" in ended.err
    assert [one.name for one in program.data.iterdir() if one.suffix == ".db"] == []


def test_missing_key_is_told_and_the_other_side_answers(program: Program) -> None:
    ended = program.run("ask", "hi", "--right", "demo:", "--json")

    assert ended.code == ExitCode.INCOMPLETE
    sides = json_of(ended)["sides"]
    assert sides["left"]["model"] == "claude:claude-sonnet-5-5"
    assert sides["left"]["error"]["kind"] == "missing-key"
    assert sides["right"]["outcome"] == "complete"


def test_off_the_record_leaves_nothing_but_the_model(program: Program) -> None:
    ended = program.run("ask", "hi", "--demo", "--only", "right", "--no-save", "--json")

    assert ended.code == ExitCode.OK
    assert json_of(ended)["session"] is None
    assert [path.suffix for path in program.data.iterdir()] == [".gguf"]


async def test_session_is_gone_on_with(bare: Program) -> None:
    scripted = ScriptedOpenAI()
    async with scripted.served() as server:
        model = f"openai:{server.address.url}#qwen3"
        first = await asyncio.to_thread(bare.run, "ask", "one", "--left", model, "--right", "off", "--json")
        session = json_of(first)["session"]
        second = await asyncio.to_thread(bare.run, "ask", "two", "--session", session[:12].lower(), "--json")

        assert (first.code, second.code) == (ExitCode.OK, ExitCode.OK)
        assert (json_of(second)["session"], json_of(second)["turn"]) == (session, 2)
        told = server.bodies("/v1/chat/completions")[-1]["messages"]
        assert [message["content"] for message in told] == ["one", "Hello there.", "two"]


async def test_configured_model_is_used_where_none_is_named(bare: Program) -> None:
    async with ScriptedOpenAI().served() as server:
        bare.configure(f'left = "off"\nright = "openai:{server.address.url}#qwen3"')

        ended = await asyncio.to_thread(bare.run, "ask", "hi")

    assert ended.code == ExitCode.OK
    assert ended.out.startswith("Local (qwen3, this machine):\nHello there.\n")


async def test_first_local_model_is_found_and_the_search_is_in_the_ledger(bare: Program) -> None:
    async with ScriptedOpenAI().served() as server:
        bare.configure(f'left = "off"\n[lmstudio]\nurl = "http://127.0.0.1:{server.port}"')

        ended = await asyncio.to_thread(bare.run, "ask", "hi", "--json")

        assert ended.code == ExitCode.OK
        assert json_of(ended)["sides"]["right"]["text"] == "Hello there."
    store = Store.open(bare.data / "duologue.db", read_only=True)
    try:
        recorded = store.requests(None)
    finally:
        store.close()
    assert ("probe", server.port) in {(request.purpose, request.port) for request in recorded}


async def test_hostile_answer_goes_through_a_pipe_as_it_came_and_as_ascii_in_json(bare: Program) -> None:
    hostile = "".join(words for words in HOSTILE if words != "\ud800")
    scripted = ScriptedOpenAI(
        chat=says(*(delta(words) for words in HOSTILE if words != "\ud800"), delta(finish="stop"))
    )
    async with scripted.served() as server:
        asked = ("ask", "hi", "--left", f"openai:{server.address.url}#x", "--right", "off")
        plain = await asyncio.to_thread(bare.run, *asked)
        document = await asyncio.to_thread(bare.run, *asked, "--json")

    assert hostile.replace("\r", "\n") in plain.out.replace("\r", "\n")
    assert all(" " <= character <= "~" or character == "\n" for character in document.out)
    assert json_of(document)["sides"]["left"]["text"] == hostile


def first_words(process: subprocess.Popen[bytes]) -> bytes:
    """Wait until some of the answer is there."""
    return wait_for_output(process, b"(never-ending, this machine):\n") + wait_for_output(process, b" ")


def stopped_with(program: Program, never_ending: Path, number: signal.Signals) -> tuple[bytes, Ended]:
    with program.start("ask", "hi", "--left", "off", "--right", f"gguf:{never_ending}") as process:
        return first_words(process), end(process, number)


def test_interrupt_keeps_what_came(bare: Program, never_ending: Path) -> None:
    shown, ended = stopped_with(bare, never_ending, signal.SIGINT)

    assert (ended.code, ended.err) == (ExitCode.INTERRUPTED, "")
    (reply,) = saved_replies(bare)
    assert reply.outcome is Outcome.STOPPED
    printed = (shown.decode() + ended.out).partition("\n")[2]
    assert printed.startswith(f"{reply.text}\nstopped by you")


def test_termination_settles_the_reply_as_interrupted(bare: Program, never_ending: Path) -> None:
    _, ended = stopped_with(bare, never_ending, signal.SIGTERM)

    assert (ended.code, ended.err) == (ExitCode.TERMINATED, "")
    (reply,) = saved_replies(bare)
    assert reply.outcome is Outcome.INTERRUPTED
    assert reply.text


def test_engine_does_not_outlive_the_program(bare: Program, never_ending: Path) -> None:
    with bare.start("ask", "hi", "--left", "off", "--right", f"gguf:{never_ending}") as process:
        first_words(process)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        if not children.exists():
            pytest.skip("this system does not list children")
        engines = [Path(f"/proc/{pid}") for pid in children.read_text().split()]
        assert engines
        end(process, signal.SIGINT)

    assert not any(engine.exists() for engine in engines)


def test_reader_that_goes_away_stops_the_answer(bare: Program, never_ending: Path) -> None:
    with bare.start("ask", "hi", "--left", "off", "--right", f"gguf:{never_ending}") as process:
        first_words(process)
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        complaints = process.stderr.read()
        code = process.wait()

    assert (code, complaints) == (ExitCode.OUTPUT_CLOSED, b"")
    (reply,) = saved_replies(bare)
    assert reply.outcome is Outcome.STOPPED
    assert reply.text


async def test_interrupt_before_the_first_word_ends_at_once(bare: Program) -> None:
    reached = asyncio.Event()

    async def silent(_: Received, reply: ServerReply) -> None:
        reached.set()
        await reply.client_left()

    async with ScriptedOpenAI(chat=silent).served() as server:
        process = bare.start("ask", "hi", "--left", f"openai:{server.address.url}#x", "--right", "off", "--json")
        with process:
            await asyncio.wait_for(reached.wait(), 30)
            ended = await asyncio.to_thread(end, process, signal.SIGINT)

    assert ended.code == ExitCode.INTERRUPTED
    assert json_of(ended)["sides"]["left"]["outcome"] == "stopped"


async def test_slower_first_side_does_not_lose_the_second(bare: Program) -> None:
    let_go = asyncio.Event()

    async def slow(_: Received, reply: ServerReply) -> None:
        await reply.start("text/event-stream")
        await reply.chunk(sse(delta("slow ")))
        await let_go.wait()
        await reply.chunk(sse(delta("left"), delta(finish="stop"), usage(), "[DONE]"))
        await reply.end()

    async def quick(_: Received, reply: ServerReply) -> None:
        await says(delta("quick right"), delta(finish="stop"), usage(), "[DONE]")(_, reply)
        let_go.set()

    async with ScriptedOpenAI(chat=slow).served() as left, ScriptedOpenAI(chat=quick).served() as right:
        pair = ("--left", f"openai:{left.address.url}#a", "--right", f"openai:{right.address.url}#b")
        ended = await asyncio.to_thread(bare.run, "ask", "hi", *pair)

    assert ended.code == ExitCode.OK
    assert ended.out.index("slow left\n") < ended.out.index("\n\nLocal (b, this machine):\nquick right\n")


async def test_way_out_that_a_library_tries_unasked_is_refused_and_told(tmp_path: Path) -> None:
    # What Python runs at its start stands for a library that reports home until it is stopped.
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "sitecustomize.py").write_text(
        "import socket, threading, time\n"
        "def report():\n"
        "    for _ in range(2000):\n"
        "        try:\n"
        "            socket.getaddrinfo('telemetry\\x1b[31m.invalid', 443)\n"
        "        except OSError:\n"
        "            pass\n"
        "        time.sleep(0.005)\n"
        "threading.Thread(target=report, daemon=True).start()\n"
    )
    program = Program(tmp_path, PYTHONPATH=f"{PROJECT}{os.pathsep}{tmp_path / 'library'}")
    async with ScriptedOpenAI().served() as server:
        model = f"openai:{server.address.url}#x"
        ended = await asyncio.to_thread(program.run, "ask", "--left", "off", "--right", model, "Hello?")

    assert ended.code == ExitCode.OK, ended.err
    assert ended.err.count("Refused: a part of the program tried to reach telemetry") == 1
    assert "\x1b" not in ended.err
    with closing(Store.open(program.data / "duologue.db", read_only=True)) as store:
        assert [one.purpose for one in store.requests(None)].count("unasked") == 1
