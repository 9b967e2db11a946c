"""`duologue models list`: what is found here, and what Anthropic says when it is asked."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from storage.store import Store
from tests.backends.openai_server import LLAMA, LM_STUDIO, ScriptedOpenAI
from tests.backends.scripted_server import Received, Reply, ScriptedServer
from tests.tui.program import Program, json_of
from tui.exit_codes import ExitCode


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


def test_without_anything_the_built_in_list_and_what_is_missing_are_shown(program: Program) -> None:
    ended = program.run("models")

    assert (ended.code, ended.err) == (ExitCode.OK, "")
    assert "\n  claude:claude-sonnet-5-5  " in ended.out
    assert not program.data.exists()


async def test_servers_of_this_machine_are_listed(program: Program) -> None:
    async with ScriptedOpenAI(pages=LM_STUDIO).served() as server:
        program.configure(f'[lmstudio]\nurl = "http://127.0.0.1:{server.port}"')
        plain = await asyncio.to_thread(program.run, "models", "list")
        document = json_of(await asyncio.to_thread(program.run, "models", "list", "--json"))

    assert f"LM Studio at 127.0.0.1:{server.port}, this machine:\n  lmstudio:qwen/qwen3-8b  Qwen3 8B, " in plain.out
    found = next(one for one in document["servers"] if one["address"] == f"http://127.0.0.1:{server.port}")
    assert [model["model"] for model in found["models"]] == ["lmstudio:qwen/qwen3-8b", "lmstudio:gemma"]


def test_files_of_other_programs_are_listed(program: Program, tmp_path: Path) -> None:
    models = tmp_path / "models"
    models.mkdir()
    (models / "notes.gguf").write_bytes(b"GGUF" + bytes(1000))

    document = json_of(program.run("models", "list", "--json"))

    (file,) = document["files"]
    assert (file["model"], file["size_bytes"]) == (f"gguf:{models / 'notes.gguf'}", 1004)
    assert f"gguf:{models / 'notes.gguf'}" in program.run("models").out


async def test_anthropic_is_asked_only_when_told_and_the_ledger_knows(tmp_path: Path) -> None:
    async def answer(received: Received, reply: Reply) -> None:
        assert received.headers["authorization"] == "Bearer sk-ant-test"
        entry = {
            "type": "model",
            "id": "claude-new-6",
            "display_name": "Claude New 6",
            "created_at": "2026-11-01T00:00:00Z",
        }
        await reply.json({"data": [entry], "has_more": False, "first_id": "claude-new-6", "last_id": "claude-new-6"})

    async with ScriptedServer(answer) as server:
        program = Program(tmp_path, ANTHROPIC_BASE_URL=server.address.url, ANTHROPIC_API_KEY="sk-ant-test")
        silent = await asyncio.to_thread(program.run, "models", "--json")
        assert (silent.code, server.received) == (ExitCode.OK, [])

        ended = await asyncio.to_thread(program.run, "models", "--claude", "--json")

    assert (ended.code, ended.err) == (ExitCode.OK, "")
    claude = json_of(ended)["claude"]
    assert claude["source"] == "anthropic"
    assert [model["model"] for model in claude["models"]] == ["claude:claude-new-6"]
    store = Store.open(program.data / "duologue.db", read_only=True)
    try:
        recorded = {(request.purpose, request.port) for request in store.requests(None)}
    finally:
        store.close()
    assert ("models", server.port) in recorded


def test_asking_anthropic_without_a_key_says_how_to_get_one(program: Program) -> None:
    ended = program.run("models", "--claude")

    assert (ended.code, ended.out) == (ExitCode.INCOMPLETE, "")
    assert "duologue key set" in ended.err


async def test_name_that_commands_a_terminal_cannot(program: Program) -> None:
    pages = {**LLAMA, "/v1/models": {"data": [{"id": "evil\x1b]0;PWN\x07", "owned_by": "llamacpp"}]}}
    async with ScriptedOpenAI(pages=pages).served() as server:
        program.configure(f'[lmstudio]\nurl = "http://127.0.0.1:{server.port}"')
        ended = await asyncio.to_thread(program.run, "models")

    assert f"127.0.0.1:{server.port}" in ended.out
    assert "\x1b" not in ended.out


def test_engine_that_is_missing_is_explained(program: Program, tmp_path: Path) -> None:
    program.configure(f'[engine]\nllama_server = "{tmp_path / "nowhere"}"')

    engine = json_of(program.run("models", "--json"))["engine"]

    assert engine["available"] is (engine["reason"] is None)


def test_file_of_another_name_is_no_model(program: Program, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "notes.gguf").write_bytes(os.urandom(100))

    assert json_of(program.run("models", "--json"))["files"] == []
