"""`duologue doctor`: says what is there, and holds no secret."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.backends.openai_server import LLAMA, ScriptedOpenAI
from tests.tui.confinement.confined import need, needs_linux
from tests.tui.program import Program, json_of
from tui.confinement.levels import Level
from tui.exit_codes import ExitCode

SECRET = "sk-ant-api03-very-secret"


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


def test_fresh_machine_is_not_broken(program: Program) -> None:
    ended = program.run("doctor")

    assert (ended.code, ended.err) == (ExitCode.OK, "")
    assert ended.out.endswith("\nNothing is broken.\n")
    assert not program.data.exists()


def test_report_is_one_document_with_the_same_words(program: Program) -> None:
    document = json_of(program.run("doctor", "--json"))

    assert document["broken"] == []
    assert document["program"]["Python"].startswith("3.")
    assert document["places"]["data"] == "~/data (not there yet)"
    assert document["claude"]["API key"] == "no API key yet (for api.anthropic.com)"
    assert document["addresses"]["Ollama"] == "http://127.0.0.1:9 (OLLAMA_HOST), this machine"
    assert document["addresses"]["Claude"] == "https://api.anthropic.com:443 (default), cloud"
    assert set(document) >= {"terminal", "store", "engine", "local servers"}


@needs_linux
def test_level_of_a_confidential_process_is_told_with_what_keeps_a_stronger_one_away(program: Program) -> None:
    need(Level.NAMESPACE)
    program.configure("require_kernel = true")

    strongest = json_of(program.run("doctor", "--json"))["confidential"]
    weaker = json_of(program.run("doctor", "--json", DBUS_SESSION_BUS_ADDRESS="unix:abstract=/tmp/x"))["confidential"]
    none = json_of(program.run("doctor", "--json", DUOLOGUE_CONFINEMENT="guard"))

    assert strongest["level here"] == "kernel (namespace)"
    assert strongest["require_kernel"].startswith("true")
    assert weaker["level here"] == "kernel (seccomp)"
    assert "abstract address" in weaker["no stronger level"]
    assert [one["name"] for one in none["broken"]] == ["level here"]
    assert "require_kernel = false" in none["confidential"]["level here"]


def test_no_secret_is_in_the_report(program: Program) -> None:
    program.configure(f'[claude]\nproxy = "http://user:{SECRET}@127.0.0.1:9"')

    ended = program.run(
        "doctor",
        ANTHROPIC_API_KEY=SECRET,
        HTTPS_PROXY=f"http://user:{SECRET}@127.0.0.1:9",
        OLLAMA_HOST=f"http://user:{SECRET}@127.0.0.1:9",
    )

    assert SECRET not in ended.out + ended.err
    assert "from ANTHROPIC_API_KEY" in ended.out
    assert "HTTPS_PROXY: set, and not used" in ended.out


def test_address_that_cannot_be_used_is_broken(program: Program) -> None:
    ended = program.run("doctor", ANTHROPIC_BASE_URL="http://192.0.2.1")

    assert ended.code == ExitCode.INCOMPLETE
    assert "Claude: BROKEN: 192.0.2.1:80 is not this machine" in ended.out
    assert "from ANTHROPIC_BASE_URL" in ended.out


def test_store_is_described(program: Program) -> None:
    program.run("ask", "hi", "--left", "openai:http://127.0.0.1:9#x", "--right", "off")

    store = json_of(program.run("doctor", "--json"))["store"]

    assert store["file"] == "~/data/duologue.db (mode 0600)"
    assert store["format"].endswith("journal mode wal")
    assert store["holds"].startswith("1 session, ")
    assert store["check"] == "no damage found"


def test_damaged_store_is_broken_and_everything_else_is_told(program: Program) -> None:
    program.data.mkdir()
    (program.data / "duologue.db").write_bytes(b"not a database at all" * 100)

    ended = program.run("doctor", "--json")

    assert ended.code == ExitCode.INCOMPLETE
    document = json_of(ended)
    assert [one["topic"] for one in document["broken"]] == ["store"]
    assert document["engine"]


def test_unusable_prices_are_broken(program: Program, tmp_path: Path) -> None:
    prices = tmp_path / "prices.toml"
    prices.write_text("nonsense")
    program.configure(f'[claude]\nprices = "{prices}"')

    ended = program.run("doctor", "--json")

    assert ended.code == ExitCode.INCOMPLETE
    assert json_of(ended)["broken"][0]["name"] == "prices"


def test_llama_server_that_is_not_there_is_broken(program: Program, tmp_path: Path) -> None:
    program.configure(f'[engine]\nllama_server = "{tmp_path / "nowhere"}"')

    ended = program.run("doctor", "--json")

    assert ended.code == ExitCode.INCOMPLETE
    assert json_of(ended)["broken"][0]["name"] == "llama-server"


async def test_server_is_named_with_where_it_is_and_how_sure_that_is(program: Program) -> None:
    async with ScriptedOpenAI(pages=LLAMA).served() as server:
        program.configure(f'[lmstudio]\nurl = "http://127.0.0.1:{server.port}"')
        document = json_of(await asyncio.to_thread(program.run, "doctor", "--json"))

    words = document["local servers"][f"llama-server at 127.0.0.1:{server.port}"]
    assert words.startswith("this machine (loopback; ")
    assert ", 1 model" in words
    assert "ALARM" not in words
