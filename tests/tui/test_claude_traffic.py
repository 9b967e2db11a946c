"""What goes to Claude's server, and when: nothing before Enter; no key of another host, no header but ours."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backends.anthropic_server import streams, whole
from tests.backends.openai_server import ScriptedOpenAI
from tests.backends.scripted_server import ScriptedServer
from tests.backends.secret_service import SecretService, missing_programs, secret_service
from tests.tui.program import Program
from tests.tui.raw_terminal import raw_terminal
from tui.exit_codes import ExitCode

KEY = "sk-ant-api03-" + "k3y" * 20
CLAUDE = "claude:claude-sonnet-5-5"
PAUSE_SECONDS = 1.2
"""Longer than any pause in typing after which a program would look something up."""
SENTENCE = "A long draft with a canary in it, which nobody has sent yet. "


def claude() -> ScriptedServer:
    return ScriptedServer(streams(*whole("an answer")))


@pytest.mark.terminal
async def test_no_request_carries_a_draft_while_it_is_typed(tmp_path: Path) -> None:
    async with claude() as cloud, ScriptedOpenAI().served() as local:
        program = Program(tmp_path, ANTHROPIC_BASE_URL=cloud.address.url, ANTHROPIC_API_KEY=KEY)
        command = program.command("--left", CLAUDE, "--right", f"openai:{local.address.url}#qwen3")
        async with raw_terminal(command, program.environment) as terminal:
            await terminal.wait_for("Ctrl+J newline")
            for number in range(20):
                terminal.type(SENTENCE)
                terminal.type(f"[{number}]")
                await terminal.wait_for(f"[{number}]")
            await asyncio.sleep(PAUSE_SECONDS)
            assert cloud.connections == 0
            assert [one for one in local.received if b"canary" in one.body] == []
            terminal.type("\r")
            await terminal.wait_for("an answer")
            await terminal.wait_for("Hello there.")
        assert [(one.method, one.path.partition("?")[0]) for one in cloud.received] == [("POST", "/v1/messages")]
        assert b"canary" in cloud.received[0].body, "the control: the draft is what was sent"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[SecretService]:
    if missing_programs():
        pytest.skip(f"not on this machine: {missing_programs()}")
    with secret_service(tmp_path / "home") as running:
        yield running


@pytest.mark.secret_service
async def test_stored_key_goes_to_no_host_but_its_own_and_no_header_of_the_environment_to_any(
    tmp_path: Path, service: SecretService
) -> None:
    keyring = "keyring.backends.SecretService.Keyring"
    headers = f"X-Foreign: 1\nX-Api-Key: {KEY}-foreign"
    program = Program(
        tmp_path, **service.environment, PYTHON_KEYRING_BACKEND=keyring, ANTHROPIC_CUSTOM_HEADERS=headers
    )
    asking = ("ask", "hi", "--left", CLAUDE, "--right", "off")
    async with claude() as gateway:

        def work() -> None:
            assert program.run("key", "set", piped=KEY.encode()).code == ExitCode.OK
            elsewhere = program.run(*asking, ANTHROPIC_BASE_URL=gateway.address.url)
            assert elsewhere.code != ExitCode.OK
            assert "There is no API key for 127.0.0.1" in elsewhere.out + elsewhere.err
            assert gateway.connections == 0
            there = gateway.address.url
            stored = program.run("key", "set", piped=f"{KEY}-gateway".encode(), ANTHROPIC_BASE_URL=there)
            assert stored.code == ExitCode.OK
            assert program.run(*asking, ANTHROPIC_BASE_URL=there).code == ExitCode.OK

        await asyncio.to_thread(work)
        (only,) = gateway.received
        assert f"{KEY}-gateway" in str(only.headers), "the control: the key of this host is sent"
        assert "foreign" not in str(only.headers).lower()


@pytest.mark.parametrize("url", ["http://gateway.invalid", "http://192.0.2.1:8080"])
def test_plain_http_beyond_this_machine_gets_no_request(tmp_path: Path, url: str) -> None:
    program = Program(tmp_path, ANTHROPIC_BASE_URL=url, ANTHROPIC_API_KEY=KEY)
    ended = program.run("ask", "hi", "--left", CLAUDE, "--right", "off")
    assert ended.code == ExitCode.CONFIGURATION
    assert "https" in ended.err
    assert KEY not in ended.out + ended.err
