"""What may happen to a confidential program while it runs, seen in the real one: helpers and servers that go away."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from contextlib import closing
from pathlib import Path

import pytest

from storage import Outcome
from storage.store import Store
from tests.backends.anthropic_server import SECRET, stalls_after, start
from tests.backends.anthropic_server import opened as block
from tests.backends.anthropic_server import text as piece
from tests.backends.openai_server import ScriptedOpenAI, delta, says, sse
from tests.backends.scripted_server import Received, Reply, ScriptedServer
from tests.tui.confinement.confined import need, needs_linux
from tests.tui.confinement.test_barrier import run_here
from tests.tui.keyring_program import KeyringProgram, keyring_program
from tests.tui.program import Program
from tests.tui.raw_terminal import RawTerminal, raw_terminal
from tui.confinement.levels import Level

pytestmark = needs_linux
NO_NAMESPACES = """
import json, os
from pathlib import Path
from tui.confinement import linux
from tui.confinement.barrier import enter
user, group = os.geteuid(), os.getegid()
linux.unshare(linux.CLONE_NEWUSER)
Path("/proc/self/setgroups").write_text("deny")
Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
Path("/proc/sys/user/max_user_namespaces").write_text("0")
held = enter([], require_kernel=True)
print(json.dumps([held.level.value, " ".join(held.reasons)]))
"""


def test_where_namespaces_are_forbidden_the_other_barrier_of_the_kernel_holds_and_it_is_said_why() -> None:
    need(Level.NAMESPACE)
    level, why = json.loads(run_here(NO_NAMESPACES))
    assert level == Level.SECCOMP.value
    assert "does not give a program a network of its own" in why


class Halting:
    """A local model whose first answer waits in its middle, each over a connection of its own."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()

    async def chat(self, _: Received, reply: Reply) -> None:
        await reply.start("text/event-stream")
        await reply.chunk(sse(delta("the first half, ")))
        await self.go_on.wait()
        for part in (delta("the second half"), delta(finish="stop"), "[DONE]"):
            await reply.chunk(sse(part))
        await reply.end()
        reply.keep = False


def confidential(server: ScriptedServer) -> list[str]:
    """The arguments of a session that is kept nowhere."""
    pair = ["--left", "off", "--right", f"openai:{server.address.url}#qwen3"]
    return ["--confidential", "--off-the-record", "--attest", server.address.display, *pair]


def only_child(terminal: RawTerminal) -> int:
    (child,) = Path(f"/proc/{terminal.process.pid}/task/{terminal.process.pid}/children").read_text().split()
    return int(child)


@pytest.mark.terminal
async def test_broker_that_dies_in_mid_stream_costs_the_next_question_and_not_this_answer(tmp_path: Path) -> None:
    model = Halting()
    program = Program(tmp_path)
    async with (
        ScriptedOpenAI(chat=model.chat).served() as server,
        raw_terminal(program.command(*confidential(server)), program.environment) as terminal,
    ):
        await terminal.wait_for("CONFIDENTIAL")
        terminal.type("hi\r")
        await terminal.wait_for("the first half")
        os.kill(only_child(terminal), signal.SIGKILL)
        model.go_on.set()
        await terminal.wait_for("the second half")
        await terminal.wait_for("tok/s")
        asked = len(server.bodies("/v1/chat/completions"))
        terminal.type("again\r")
        await terminal.wait_for("quit and start again")
        assert len(server.bodies("/v1/chat/completions")) == asked == 1


@pytest.mark.terminal
async def test_local_server_that_was_restarted_answers_the_next_question(tmp_path: Path) -> None:
    program = Program(tmp_path)
    before = ScriptedOpenAI(chat=says(delta("before it"), delta(finish="stop"), "[DONE]"))
    after = ScriptedOpenAI(chat=says(delta("after it"), delta(finish="stop"), "[DONE]"))
    async with before.served() as server:
        command = program.command(*confidential(server))
        port = server.port
        async with raw_terminal(command, program.environment) as terminal:
            await terminal.wait_for("CONFIDENTIAL")
            terminal.type("hi\r")
            await terminal.wait_for("before it")
            await terminal.wait_for("tok/s")
            await server.__aexit__(None, None, None)
            async with ScriptedServer(after.answer, port=port):
                terminal.type("again\r")
                await terminal.wait_for("after it")


@pytest.mark.terminal
@pytest.mark.secret_service
async def test_session_that_is_marked_while_two_answers_stream_moves_with_what_had_come(
    tmp_path: Path,
) -> None:
    cloud = ScriptedServer(stalls_after(start(), block("text", text=""), piece("half of the cloud's")))
    model = Halting()
    with keyring_program(tmp_path) as program:
        async with cloud, ScriptedOpenAI(chat=model.chat).served() as server:
            program.configure(f'attested = ["{server.address.display}"]')
            words = ["--left", "claude:claude-sonnet-5-5", "--right", f"openai:{server.address.url}#qwen3"]
            environment = {
                **program.environment,
                "ANTHROPIC_BASE_URL": cloud.address.url,
                "ANTHROPIC_API_KEY": SECRET,
            }
            async with raw_terminal(program.command(*words), environment) as terminal:
                await terminal.wait_for("Ctrl+J newline")
                terminal.type("hi\r")
                await terminal.wait_for("half of the cloud")
                await terminal.wait_for("the first half")
                terminal.type(b"\x1b[19~")  # F8
                await terminal.wait_for("without a network")
                asked = terminal.mark()
                terminal.type("y")
                await terminal.wait_for("1 turn sent to a cloud")  # the short form, at 120 columns
                await terminal.wait_for("the first half", since=asked)
                assert SECRET.encode() not in terminal.written
            assert len(cloud.received) == 1
            await asyncio.to_thread(in_the_vault_alone, program)


def in_the_vault_alone(program: KeyringProgram) -> None:
    with program.opened_vault() as vault:
        (session,) = vault.sessions()
        (turn,) = vault.turns(session.session.id)
    told = {reply.side.value: (reply.outcome, reply.text) for reply in turn.replies}
    assert told["left"] == (Outcome.STOPPED, "half of the cloud's")
    assert told["right"] == (Outcome.STOPPED, "the first half, ")
    with closing(Store.open(program.data / "duologue.db", read_only=True)) as main:
        assert main.sessions_to_move() == []
        assert main.session_count() == 0
