"""The user's word for a server that nothing can verify: asked once, in the app and on the command line."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from backends import Connector
from storage import Side
from tests.backends.openai_server import ScriptedOpenAI
from tests.doubles import ScriptedBackend, answer
from tests.tui.app_services import FakeWorld
from tests.tui.keyring_program import keyring_program
from tests.tui.program import json_of
from tests.tui.screen_text import screen_lines, until
from tests.tui.test_off_the_record import running
from tests.tui.test_switching import chat, prompt, send
from tui.exit_codes import ExitCode


class UnverifiableWorld(FakeWorld):
    """The right side is at an address where nothing can be verified."""

    def connector(self, side: Side, text: str) -> Connector:
        from backends.address import parse_server

        made = super().connector(side, text)
        return replace(made, server=parse_server("127.0.0.1:9", default_port=9), is_unverifiable=True)


async def test_the_word_is_asked_for_once_and_shown_from_then_on(tmp_path: Path) -> None:
    right = ScriptedBackend("ollama:m", answer("first"), answer("second"))
    world = UnverifiableWorld(None, right, database=tmp_path / "duologue.db")
    async with running(world) as (app, pilot):
        await send(app, pilot, "/new confidential")
        await until(lambda: "CONFIDENTIAL" in screen_lines(app))
        await send(app, pilot, "a secret")
        await until(lambda: "Does what answers at 127.0.0.1:9 run on this machine?" in screen_lines(app))
        assert "Which program is behind it cannot be told." in screen_lines(app)
        assert right.requests == []
        await pilot.press("n")
        await until(lambda: prompt(app).draft == "a secret")
        assert right.requests == []
        assert "--attest 127.0.0.1:9" in screen_lines(app)
        await pilot.press("enter")
        await until(lambda: "Does what answers" in screen_lines(app))
        await pilot.press("y")
        await until(lambda: "first" in screen_lines(app) and not chat(app).busy)
        assert "this machine, by your word" in screen_lines(app)
        await send(app, pilot, "another")
        await until(lambda: "second" in screen_lines(app))
        assert len(right.requests) == 2


async def test_headless_the_word_comes_with_an_option_or_the_configuration(tmp_path: Path) -> None:
    async with ScriptedOpenAI().served() as server:
        with keyring_program(tmp_path) as program:
            where = f"127.0.0.1:{server.port}"
            model = f"openai:http://{where}#x"
            ask = ("ask", "--confidential", "--left", "off", "--right", model, "--json", "-")

            def run(*more: str) -> tuple[int, str]:
                ended = program.run(*ask, *more, piped=b"a secret")
                return ended.code, ended.out + ended.err

            refused = await asyncio.to_thread(run)
            chats_then = len(server.bodies("/v1/chat/completions"))
            vouched = await asyncio.to_thread(run, "--attest", f"localhost:{server.port}")
            later = await asyncio.to_thread(run)
            wrong = await asyncio.to_thread(run, "--attest", "gpu.lan:1234")
            told = json_of(await asyncio.to_thread(lambda: program.run("ledger", "--confidential", "--json")))

            assert refused[0] == ExitCode.NOTHING_TO_ASK
            assert f"--attest {where}" in refused[1]
            assert chats_then == 0
            assert vouched[0] == later[0] == ExitCode.OK
            assert wrong[0] == ExitCode.CONFIGURATION
            assert "trusted_hosts" in wrong[1]
            assert {request["place"] for request in told["requests"]} == {"this machine, by your word"}
            assert "by your word" in told["words"]
            assert not (program.data / "duologue.db").exists()
            with program.opened_vault() as store:
                assert all(session.session.confidential for session in store.sessions())
