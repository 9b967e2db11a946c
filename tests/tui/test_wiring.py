"""What a model's name stands for: which locality is claimed, what is refused, and that nobody is connected yet."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from backends import Locality, Located, Request
from backends.address import AddressRefused
from backends.base import Message
from backends.errors import NotOnDevice
from backends.spec import SpecError
from conversation import policy
from storage import Side
from tui.confinement.barrier import Confinement
from tui.confinement.broker import Target
from tui.confinement.guard import Guard
from tui.confinement.levels import Level
from tui.launch import World
from tui.services import Start, first_on_this_machine
from tui.settings import Settings
from tui.wiring import Wiring

HERE, NETWORK, CLOUD = Locality.THIS_MACHINE, Locality.YOUR_NETWORK, Locality.CLOUD


def wiring(folder: Path, *, offline: bool = False, **settings: object) -> Wiring:
    return Wiring(Settings(folder, folder / "config.toml", **settings), offline=offline)  # type: ignore[arg-type]  # any


@pytest.mark.parametrize(
    ("text", "locality"),
    [
        ("claude:", CLOUD),
        ("ollama:m", HERE),
        ("lmstudio:m", HERE),
        ("openai:http://127.0.0.1:8080", HERE),
        ("openai:http://localhost:8080#m", HERE),
        ("openai:http://[::1]:8080#m", HERE),
        ("openai:http://gpu.example.lan:8000#m", NETWORK),
        ("openai:https://192.168.1.5#m", NETWORK),
        ("openai:https://models.example.com#m", CLOUD),
        ("openai:https://127.0.0.1.example.com#m", CLOUD),
        ("gguf:notes.gguf", HERE),
        ("demo:", HERE),
    ],
)
def test_the_address_alone_says_how_far_the_words_go(tmp_path: Path, text: str, locality: Locality) -> None:
    made = wiring(tmp_path, trusted_hosts=frozenset({"gpu.example.lan"})).connector(Side.RIGHT, text)
    assert made.locality is locality
    assert policy.admits(made, confidential=True) is (locality is HERE or "gpu.example.lan" in text)


async def test_claude_behind_a_gateway_on_this_machine_is_a_cloud_all_the_same(tmp_path: Path) -> None:
    made = wiring(tmp_path, claude_url="http://127.0.0.1:9").connector(Side.LEFT, "claude:")
    assert made.locality is CLOUD
    await made.prepare()
    backend = made.connect()
    question = (Message("user", "secret"),)
    with pytest.raises(NotOnDevice):
        await anext(backend.stream(Request(question, this_machine_only=True)))
    stream = backend.stream(Request(question))
    located = await anext(stream)
    await stream.aclose()
    await backend.aclose()
    assert isinstance(located, Located)
    assert located.locality is CLOUD


@pytest.mark.parametrize("text", ["claude:", "openai:https://models.example.com#m", "openai:https://192.168.1.5#m"])
def test_offline_only_this_machine_can_be_named(tmp_path: Path, text: str) -> None:
    offline = wiring(tmp_path, offline=True)
    with pytest.raises(SpecError, match="--offline"):
        offline.connector(Side.LEFT, text)
    assert offline.saved_connector(Side.LEFT, text) is None
    assert offline.connector(Side.LEFT, "ollama:m").locality is HERE


def test_plain_http_beyond_this_machine_is_refused_unless_the_host_is_listed(tmp_path: Path) -> None:
    with pytest.raises(AddressRefused, match="trusted_hosts"):
        wiring(tmp_path).connector(Side.RIGHT, "openai:http://gpu.example.lan:8000#m")
    with pytest.raises(AddressRefused):
        wiring(tmp_path, ollama_url="http://gpu.example.lan:11434").connector(Side.RIGHT, "ollama:m")
    with pytest.raises(AddressRefused, match="https"):
        wiring(tmp_path, claude_url="http://gateway.example.com").connector(Side.LEFT, "claude:")
    listed = wiring(tmp_path, ollama_url="http://gpu.example.lan", trusted_hosts=frozenset({"gpu.example.lan"}))
    assert listed.connector(Side.RIGHT, "ollama:m").locality is NETWORK


def test_a_name_out_of_the_store_that_is_none_any_more_leaves_the_side_empty(tmp_path: Path) -> None:
    assert wiring(tmp_path).saved_connector(Side.LEFT, "hal:9000") is None
    assert wiring(tmp_path).saved_connector(Side.LEFT, "openai:http://gpu.example.lan") is None


def test_a_file_in_the_home_of_somebody_unknown_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="not known here"):
        wiring(tmp_path).connector(Side.RIGHT, "gguf:~nobody-of-that-name/x.gguf")


def test_the_demo_model_speaks_claudes_protocol_on_the_left_and_the_other_on_the_right(tmp_path: Path) -> None:
    made = wiring(tmp_path)
    assert str(made.connector(Side.LEFT, "demo:").spec) == "demo:messages"
    assert str(made.connector(Side.RIGHT, "demo:").spec) == "demo:chat"
    assert str(made.connector(Side.LEFT, "demo:chat").spec) == "demo:chat"


def test_naming_models_makes_nothing_and_imports_nothing(tmp_path: Path) -> None:
    made = wiring(tmp_path / "data")
    for text in ("claude:", "ollama:m", "demo:", "gguf:x.gguf"):
        made.connector(Side.LEFT, text)
    assert not (tmp_path / "data").exists()
    assert not made.claude_import.done
    assert not made.local_import.done


def test_known_models_of_claude_are_said_to_be_in_a_cloud(tmp_path: Path) -> None:
    known = wiring(tmp_path).known_claude_models()
    assert known
    assert {model.locality for model in known} == {CLOUD}
    assert first_on_this_machine(known) is None


async def test_probes_of_the_app_stand_in_the_ledger(tmp_path: Path) -> None:
    """A server on loopback that closes every connection: the look at it is a request, and is recorded."""

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    world = World(wiring(tmp_path, ollama_url=f"http://127.0.0.1:{port}"), keep=True)
    services = world.services(Start())
    try:
        library = await services.open_library(True, print)  # noqa: FBT003 - a callable's argument has no name
        await services.find_servers(False)  # noqa: FBT003 - a callable's argument has no name
        talk = library.start({})
        assert library.requests(talk).page(0, 10) == []
        recorded = library._store.reader.requests()
        assert {line.purpose for line in recorded} == {"probe"}
        assert {(line.host, line.locality) for line in recorded} == {("127.0.0.1", "this machine")}
        assert port in {line.port for line in recorded}
    finally:
        world.close_now()
        server.close()
        await server.wait_closed()


async def test_a_look_that_nobody_asked_for_stays_on_this_machine(tmp_path: Path) -> None:
    elsewhere = wiring(tmp_path, ollama_url="http://192.0.2.1:11434", trusted_hosts=frozenset({"192.0.2.1"}))
    world = World(elsewhere, keep=True)
    services = world.services(Start())
    try:
        library = await services.open_library(True, print)  # noqa: FBT003 - a callable's argument has no name
        await services.find_servers_here()
        assert {line.host for line in library._store.reader.requests()} == {"127.0.0.1"}
    finally:
        world.close_now()


async def test_the_list_of_models_in_a_confidential_session_leaves_hosts_alone_that_are_not_listed(
    tmp_path: Path,
) -> None:
    """An https address of a network is allowed in ordinary sessions without being listed."""
    elsewhere = wiring(tmp_path, ollama_url="https://192.168.255.254:11434")
    assert elsewhere.ollama_address.locality is NETWORK
    world = World(elsewhere, keep=True)
    services = world.services(Start())
    try:
        library = await services.open_library(True, print)  # noqa: FBT003 - a callable's argument has no name
        await services.find_servers(True)  # noqa: FBT003 - likewise
        assert {line.host for line in library._store.reader.requests()} == {"127.0.0.1"}
    finally:
        world.close_now()


async def test_a_key_for_this_run_is_known_and_never_shown(tmp_path: Path) -> None:
    services = World(wiring(tmp_path), keep=False).services(Start())
    services.use_key_for_this_run("sk-ant-test-key")
    state = await services.key_state()
    assert (state.present, state.words) == (True, "for this run only")
    assert "sk-ant-test-key" not in repr(state)


def test_confidential_process_knows_which_servers_it_was_not_told_of(tmp_path: Path) -> None:
    told = frozenset({Target("127.0.0.1", 8080), Target("gpu.example.lan", 8000)})
    held = Confinement(Level.GUARD, Guard(confidential=True), None, told)
    settings = Settings(tmp_path, tmp_path / "config.toml", trusted_hosts=frozenset({"gpu.example.lan"}))
    confined = Wiring(settings, confinement=held)
    world, ordinary = World(confined, keep=False), World(Wiring(settings), keep=False)

    for spec, words in [
        ("openai:http://127.0.0.1:8080#m", ""),
        ("openai:http://localhost:8080#m", ""),
        ("openai:http://gpu.example.lan:8000#m", ""),
        ("openai:http://127.0.0.1:8081#m", "127.0.0.1:8081"),
        ("openai:http://[::1]:8080#m", "[::1]:8080"),
        ("demo:", ""),
    ]:
        assert world.out_of_reach(confined.connector(Side.RIGHT, spec)) == words
        assert ordinary.out_of_reach(confined.connector(Side.RIGHT, spec)) == ""
