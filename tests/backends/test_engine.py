from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from backends.base import Backend, Event, Finished, Message, Progress, Request, Stop, TextDelta
from backends.demo_model import make_model
from backends.engine import EmbeddedBackend, EmbeddedEngine, EngineAddress, find_llama_server, unavailable_reason
from backends.errors import EngineFailed
from backends.spec import ModelSpec
from tests.engine_fixture import need_the_wheel

PROJECT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that is loaded in a moment."""
    need_the_wheel()
    path = tmp_path_factory.mktemp("model") / "small.gguf"
    make_model(path, feed_forward=256)
    return path


@pytest.fixture
def engine(small_model: Path, tmp_path: Path) -> Iterator[EmbeddedEngine]:
    made = EmbeddedEngine(small_model, alias="small", data_directory=tmp_path, threads=1, prefer_wheel=True)
    yield made
    made.close_now()


async def eventually(condition: Callable[[], bool], *, within: float = 5.0) -> float:
    """Seconds until the condition held; fails when it does not in time."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() < started + within, "did not come true"
        await asyncio.sleep(0.01)
    return time.monotonic() - started


def gone(pid: int) -> bool:
    """Whether the process has ended (a zombie has: who reaps it is not our matter)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def pid_of(engine: EmbeddedEngine) -> int:
    assert engine._child is not None
    assert engine._child._process is not None
    return engine._child._process.pid


@contextlib.asynccontextmanager
async def client_of(address: EngineAddress) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {address.api_key}"}
    async with httpx.AsyncClient(base_url=address.url, headers=headers, trust_env=False, timeout=30) as client:
        yield client


QUESTION = [{"role": "user", "content": "Who are you?"}]


# ---- what it serves ------------------------------------------------------------------------------------------------


async def test_engine_wants_its_key(demo_engine: EngineAddress) -> None:
    async with httpx.AsyncClient(base_url=demo_engine.url, trust_env=False) as client:
        assert (await client.get("/slots")).status_code == 401
        assert (await client.post("/v1/chat/completions", json={"messages": QUESTION})).status_code == 401
    assert demo_engine.api_key not in repr(demo_engine)


async def test_each_of_two_slots_has_the_whole_window(demo_engine: EngineAddress) -> None:
    async with client_of(demo_engine) as client:
        slots = (await client.get("/slots")).json()

    assert [slot["n_ctx"] for slot in slots] == [8192, 8192]


async def test_both_protocols_are_answered_at_once(never_ending_engine: EngineAddress) -> None:
    async with (
        client_of(never_ending_engine) as client,
        client.stream(
            "POST", "/v1/chat/completions", json={"messages": QUESTION, "stream": True, "max_tokens": 4000}
        ) as first,
    ):
        lines = first.aiter_lines()
        assert (await anext(lines)).startswith("data: ")
        second = await client.post("/v1/messages", json={"model": "any", "messages": QUESTION, "max_tokens": 10})
        assert (await anext(lines)) is not None
    answer = second.json()

    assert second.status_code == 200
    assert answer["stop_reason"] == "max_tokens"
    assert "demo" in answer["content"][0]["text"].lower()


async def test_engine_goes_idle_when_the_client_goes(never_ending_engine: EngineAddress) -> None:
    async def busy() -> int:
        async with client_of(never_ending_engine) as observer:
            return sum(slot["is_processing"] for slot in (await observer.get("/slots")).json())

    async with client_of(never_ending_engine) as client:
        body = {"messages": QUESTION, "stream": True}
        async with client.stream("POST", "/v1/chat/completions", json=body) as response:
            await anext(response.aiter_lines())
            assert await busy() == 1
    deadline = time.monotonic() + 5
    while await busy():
        assert time.monotonic() < deadline


# ---- starting and ending -------------------------------------------------------------------------------------------


async def test_two_callers_share_one_start(engine: EmbeddedEngine) -> None:
    first, second = await asyncio.gather(engine.start(), engine.start())

    assert first == second == await engine.start()
    assert engine.running
    assert first.model == "small"
    assert urlsplit(first.url).hostname == "127.0.0.1"


async def test_caller_who_leaves_does_not_stop_the_start_for_another(engine: EmbeddedEngine) -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(engine.start(), 0.01)

    assert (await engine.start()).model == "small"


async def test_dead_engine_is_started_anew_with_another_key(engine: EmbeddedEngine) -> None:
    first = await engine.start()
    os.kill(pid_of(engine), signal.SIGKILL)
    await eventually(lambda: not engine.running)
    second = await engine.start()

    assert second.api_key != first.api_key
    async with client_of(second) as client:
        assert (await client.get("/health")).status_code == 200


async def test_closed_engine_is_gone_and_may_be_closed_again(engine: EmbeddedEngine) -> None:
    await engine.aclose()
    address = await engine.start()
    pid = pid_of(engine)
    await engine.aclose()
    await engine.aclose()
    engine.close_now()

    assert gone(pid)
    assert not engine.running
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", urlsplit(address.url).port)):
        pass


async def test_engine_closed_while_it_starts_says_so(engine: EmbeddedEngine) -> None:
    async def close_soon() -> None:
        await eventually(lambda: engine._child is not None)
        engine.close_now()

    with pytest.raises(EngineFailed, match="closed while it started"):
        await asyncio.gather(engine.start(), close_soon())


async def test_child_has_a_session_a_directory_and_an_environment_of_its_own(
    small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "ALL_PROXY", "ANTHROPIC_API_KEY"):
        monkeypatch.setenv(name, "http://proxy.invalid:1")
    engine = EmbeddedEngine(
        small_model, alias="small", data_directory=tmp_path, prefer_wheel=True, environment={"LANG": "C.UTF-8"}
    )
    try:
        address = await engine.start()
        process = Path(f"/proc/{pid_of(engine)}")
        environment = process.joinpath("environ").read_text().strip("\0").split("\0")

        assert {variable.partition("=")[0] for variable in environment} <= {"LANG", "PYTHONPATH", "LC_CTYPE"}
        assert address.api_key not in process.joinpath("cmdline").read_text()
        assert os.getsid(pid_of(engine)) == pid_of(engine)
        assert process.joinpath("cwd").readlink() == tmp_path
    finally:
        await engine.aclose()


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
async def test_engine_ends_with_a_program_that_is_killed(
    end: signal.Signals, small_model: Path, tmp_path: Path
) -> None:
    program = f"""
        import asyncio, json, time
        from pathlib import Path
        from backends.engine import EmbeddedEngine
        engine = EmbeddedEngine(Path({str(small_model)!r}), alias="a", data_directory=Path({str(tmp_path)!r}),
                                prefer_wheel=True)
        asyncio.run(engine.start())
        print(engine._child._process.pid, flush=True)
        time.sleep(60)
    """
    pid = killed_program(program, end)

    assert await eventually(lambda: gone(pid)) < 2


def killed_program(program: str, end: signal.Signals) -> int:
    """Run a Python program until it prints a number, kill it, and give back the number."""
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, cwd=PROJECT, text=True
    ) as running:
        assert running.stdout is not None
        pid = int(running.stdout.readline())
        assert not gone(pid)
        running.send_signal(end)
    return pid


# ---- what can be wrong ---------------------------------------------------------------------------------------------


async def failure_of(engine: EmbeddedEngine) -> str:
    with pytest.raises(EngineFailed) as failed:
        await engine.start()
    assert not engine.running
    engine.close_now()
    assert "\n" not in str(failed.value)
    return str(failed.value)


@pytest.fixture
def cut(small_model: Path, tmp_path: Path) -> Path:
    """A download that broke off: the header is whole, the weights are not."""
    path = tmp_path / "cut.gguf"
    path.write_bytes(small_model.read_bytes()[:1_000_000])
    return path


async def test_file_that_is_cut_off_is_told_in_llamas_words(cut: Path, tmp_path: Path) -> None:
    said = await failure_of(EmbeddedEngine(cut, alias="cut", data_directory=tmp_path, prefer_wheel=True))

    assert "corrupted or incomplete" in said
    assert "choose another" in said


async def test_file_that_is_no_model_never_reaches_llama(tmp_path: Path) -> None:
    need_the_wheel()
    for path, says in [(PROJECT / "README.md", "not a GGUF file"), (tmp_path / "nowhere.gguf", "no file")]:
        assert says in await failure_of(EmbeddedEngine(path, alias="a", data_directory=tmp_path, prefer_wheel=True))


async def test_failed_start_can_be_tried_again(small_model: Path, tmp_path: Path) -> None:
    later = tmp_path / "later.gguf"
    engine = EmbeddedEngine(later, alias="later", data_directory=tmp_path, prefer_wheel=True)
    await failure_of(engine)
    later.symlink_to(small_model)
    try:
        assert (await engine.start()).model == "later"
    finally:
        await engine.aclose()


async def test_model_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    need_the_wheel()

    def make() -> Path:
        raise EngineFailed("No room.")

    assert await failure_of(EmbeddedEngine(make, alias="a", data_directory=tmp_path, prefer_wheel=True)) == "No room."


def test_configured_llama_server_that_is_none_is_told(tmp_path: Path) -> None:
    reason = unavailable_reason(tmp_path / "llama-server")

    assert reason is not None
    assert "llama_server" in reason


# ---- with a llama-server -------------------------------------------------------------------------------------------

FAKE_LLAMA_SERVER = """#!{python}
import http.server, json, os, sys, time
arguments = dict(zip(sys.argv[1::1], sys.argv[2::1]))
if os.path.exists({directory!r} + "/broken"):
    print("llama_model_load: error loading model: something \\x1b[31mis wrong", file=sys.stderr)
    sys.exit(1)
loaded_at = time.monotonic() + 0.3
with open({directory!r} + "/seen.json", "w") as seen:
    json.dump({{"pid": os.getpid(), "arguments": sys.argv[1:], "key": os.environ["LLAMA_API_KEY"]}}, seen)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if time.monotonic() > loaded_at else 503)
        self.send_header("Content-Length", "0")
        self.end_headers()
http.server.HTTPServer((arguments["--host"], int(arguments["--port"])), Handler).serve_forever()
"""


@pytest.fixture
def llama_server(tmp_path: Path) -> Path:
    """A stand-in for llama-server that takes its flags and answers /health, loading at first."""
    program = tmp_path / "bin/llama-server"
    program.parent.mkdir()
    program.write_text(FAKE_LLAMA_SERVER.format(python=sys.executable, directory=str(tmp_path)))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program


async def test_llama_server_on_the_path_is_preferred(
    llama_server: Path, small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{llama_server.parent}:{os.defpath}")
    assert find_llama_server(None) == llama_server
    assert unavailable_reason(None) is None
    engine = EmbeddedEngine(small_model, alias="small", data_directory=tmp_path, context_tokens=1024, parallel=3)
    try:
        address = await engine.start()
        seen = json.loads((tmp_path / "seen.json").read_text())
        given = dict(zip(seen["arguments"][::2], seen["arguments"][1::2], strict=False))

        assert given["--host"] == "127.0.0.1"
        assert address.url == f"http://127.0.0.1:{given['--port']}"
        assert given["--model"] == str(small_model)
        assert (given["--ctx-size"], given["--parallel"], given["--alias"]) == ("3072", "3", "small")
        assert seen["key"] == address.api_key
        assert address.api_key not in seen["arguments"]
        async with client_of(address) as client:
            assert (await client.get("/health")).status_code == 200
    finally:
        await engine.aclose()
    assert await eventually(lambda: gone(seen["pid"])) < 2


async def test_demo_prefers_the_wheel(
    llama_server: Path, small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{llama_server.parent}:{os.defpath}")
    engine = EmbeddedEngine(small_model, alias="small", data_directory=tmp_path, prefer_wheel=True)
    try:
        await engine.start()
        assert not (tmp_path / "seen.json").exists()
    finally:
        await engine.aclose()


async def test_llama_servers_last_words_are_told_without_control_characters(
    llama_server: Path, small_model: Path, tmp_path: Path
) -> None:
    (tmp_path / "broken").touch()
    engine = EmbeddedEngine(small_model, alias="a", data_directory=tmp_path, llama_server=llama_server)

    said = await failure_of(engine)

    assert "something  [31mis wrong" in said


async def test_dead_llama_server_is_noticed_and_started_anew(
    llama_server: Path, small_model: Path, tmp_path: Path
) -> None:
    engine = EmbeddedEngine(small_model, alias="a", data_directory=tmp_path, llama_server=llama_server)
    try:
        first = await engine.start()
        os.kill(json.loads((tmp_path / "seen.json").read_text())["pid"], signal.SIGKILL)
        await eventually(lambda: not engine.running)

        assert await engine.start() != first
    finally:
        await engine.aclose()


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
async def test_llama_server_ends_with_a_program_that_is_killed(
    end: signal.Signals, llama_server: Path, small_model: Path, tmp_path: Path
) -> None:
    program = f"""
        import asyncio, json, time
        from pathlib import Path
        from backends.engine import EmbeddedEngine
        engine = EmbeddedEngine(Path({str(small_model)!r}), alias="a", data_directory=Path({str(tmp_path)!r}),
                                llama_server=Path({str(llama_server)!r}))
        asyncio.run(engine.start())
        print(json.loads(Path({str(tmp_path / "seen.json")!r}).read_text())["pid"], flush=True)
        time.sleep(60)
    """
    pid = killed_program(program, end)

    assert await eventually(lambda: gone(pid)) < 2


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")
async def test_llama_server_ends_when_its_supervisor_is_killed(
    llama_server: Path, small_model: Path, tmp_path: Path
) -> None:
    engine = EmbeddedEngine(small_model, alias="a", data_directory=tmp_path, llama_server=llama_server)
    try:
        await engine.start()
        pid = json.loads((tmp_path / "seen.json").read_text())["pid"]
        os.kill(pid_of(engine), signal.SIGKILL)

        assert await eventually(lambda: gone(pid)) < 2
    finally:
        engine.close_now()


# ---- as a backend --------------------------------------------------------------------------------------------------


class Echo:
    """A backend at an address that says where it was connected."""

    def __init__(self, address: EngineAddress) -> None:
        self.spec = ModelSpec("demo", "")
        self.address = address
        self.closed = 0

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        yield TextDelta(request.messages[-1].text)
        yield Finished(self.address.model, Stop.END)

    async def aclose(self) -> None:
        self.closed += 1


async def test_backend_starts_the_engine_says_so_and_delegates(engine: EmbeddedEngine) -> None:
    connected: list[Echo] = []

    def connect(address: EngineAddress) -> Backend:
        connected.append(Echo(address))
        return connected[-1]

    backend = EmbeddedBackend(ModelSpec("demo", ""), engine, connect)
    request = Request((Message("user", "hello"),))

    async def events() -> list[Event]:
        async with aclosing(backend.stream(request)) as stream:
            return [event async for event in stream]

    assert await events() == [Progress("starting engine"), TextDelta("hello"), Finished("small", Stop.END)]
    assert await events() == [TextDelta("hello"), Finished("small", Stop.END)]
    assert len(connected) == 1

    engine.close_now()
    assert (await events())[0] == Progress("starting engine")
    assert len(connected) == 2
    assert connected[0].closed == 1

    await backend.aclose()
    await backend.aclose()
    assert connected[1].closed == 1
    assert engine.running
