from __future__ import annotations

import time
from contextlib import AsyncExitStack
from typing import Any

import pytest

from backends import Locality
from backends.address import ServerAddress, parse_server
from backends.discovery import LocalServer, local_servers
from backends.door import recorded
from tests.backends.ollama_server import Model, ScriptedOllama
from tests.backends.openai_server import LLAMA, LM_STUDIO, OTHER, VLLM, ScriptedOpenAI
from tests.backends.scripted_server import Handler, Received, Reply, ScriptedServer, unused_port
from tests.backends.test_door import RecordingLedger


def nobody() -> ServerAddress:
    return parse_server(f"127.0.0.1:{unused_port()}", default_port=1)


async def looked_at(*handlers: Handler, ollama: Handler | None = None, seconds: float = 1.0) -> list[LocalServer]:
    """What is found when these servers run."""
    async with AsyncExitStack() as stack:
        ports = tuple([(await stack.enter_async_context(ScriptedServer(handler))).port for handler in handlers])
        server = await stack.enter_async_context(ScriptedServer(ollama)) if ollama else None
        return await local_servers(ollama=server.address if server else nobody(), timeout=seconds, ports=ports)


async def test_nothing_is_found_where_nobody_answers() -> None:
    start = time.monotonic()
    assert await local_servers(ollama=nobody(), ports=(unused_port(), unused_port())) == []
    assert time.monotonic() - start < 2


async def test_every_kind_is_recognised_in_order_of_preference() -> None:
    loading: dict[str, Any] = {"error": {"code": 503, "message": "Loading model"}}

    async def loads(_: Received, reply: Reply) -> None:
        await reply.json(loading, 503)

    found = await looked_at(
        ScriptedOpenAI(LM_STUDIO).answer,
        ScriptedOpenAI(LLAMA).answer,
        ScriptedOpenAI(VLLM).answer,
        ScriptedOpenAI(OTHER).answer,
        loads,
        ollama=ScriptedOllama(models=[Model(), Model("glm:cloud")]).answer,
    )
    assert [server.kind for server in found] == [
        "ollama",
        "lmstudio",
        "llama-server",
        "vllm",
        "other",
        "llama-server",
    ]
    assert [len(server.models) for server in found] == [2, 2, 1, 1, 1, 0]
    assert found[1].title == f"LM Studio at 127.0.0.1:{found[1].address.port}"
    assert str(found[0].models[0].spec) == "ollama:qwen3:8b"
    assert found[0].models[1].locality is Locality.CLOUD
    assert str(found[1].models[0].spec) == "lmstudio:qwen/qwen3-8b"
    assert str(found[3].models[0].spec) == f"openai:{found[3].address.url}#Qwen/Qwen3-8B"


async def test_server_that_wants_a_key_is_found_without_its_models() -> None:
    async def locked(_: Received, reply: Reply) -> None:
        await reply.json({"error": {"message": "Invalid API Key", "code": 401}}, 401)

    (server,) = await looked_at(locked)
    assert (server.kind, server.models) == ("other", ())


async def _page(_: Received, reply: Reply) -> None:
    await reply.whole(b"<html>Welcome to nginx</html>", content_type="text/html")


async def _login(_: Received, reply: Reply) -> None:
    await reply.whole(b"Authentication required", 401, "text/html")


async def _json_of_others(_: Received, reply: Reply) -> None:
    await reply.json({"name": "jenkins"})


async def _redirect(_: Received, reply: Reply) -> None:
    await reply.whole(b"", 302, headers={"location": "https://example.com/"})


async def _silent(_: Received, reply: Reply) -> None:
    await reply.client_left()


async def _endless(_: Received, reply: Reply) -> None:
    await reply.start()
    while True:
        await reply.chunk(b"[" * 100_000)


async def _deep(_: Received, reply: Reply) -> None:
    await reply.whole(b"[" * 200_000)


async def _no_http(_: Received, reply: Reply) -> None:
    await reply.raw(b"SSH-2.0-OpenSSH_9.6\r\n")
    reply.cut()


async def _garbage(_: Received, reply: Reply) -> None:
    await reply.json({"version": {"a": 1}, "data": [1, {"id": [2]}], "models": [[]]})


@pytest.mark.parametrize(
    "handler",
    [_page, _login, _json_of_others, _redirect, _silent, _endless, _deep, _no_http],
    ids=lambda h: h.__name__,
)
async def test_what_is_no_model_server_is_left_out(handler: Handler) -> None:
    assert await looked_at(handler, ollama=handler, seconds=0.3) == []


async def test_garbage_of_the_right_shape_is_a_server_without_models() -> None:
    (server,) = await looked_at(_garbage, ollama=_garbage)
    assert (server.kind, server.models) == ("other", ())


async def test_cloud_is_never_looked_at() -> None:
    ledger = RecordingLedger()
    with recorded(ledger, "models"):
        assert await local_servers(ollama=parse_server("ollama.com", default_port=11434), ports=()) == []
    assert ledger.lines == {}


async def test_looks_are_written_down_as_probes() -> None:
    ledger = RecordingLedger()
    with recorded(ledger, "models"):
        await looked_at(ScriptedOpenAI(VLLM).answer)
    assert next(iter(ledger.lines.values()))["purpose"] == "probe"
    assert {line["locality"] for line in ledger.lines.values()} == {Locality.THIS_MACHINE}


async def test_port_of_ollama_is_looked_at_once() -> None:
    async with ScriptedOllama().served() as server:
        found = await local_servers(ollama=server.address, timeout=1, ports=(server.port,))
        assert [one.kind for one in found] == ["ollama"]
        assert "/v1/models" not in server.paths
