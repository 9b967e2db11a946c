"""The user's word for a server: when it is needed, what it holds for, and that it is kept once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from backends import Connector, Locality
from backends.address import parse_server
from backends.listener import Listener
from conversation import policy
from conversation.attested import Attested
from tests.doubles import ScriptedBackend, answer, connector

LLAMA, TUNNEL = Listener("llama-server", passes_on=False), Listener("ssh", passes_on=True)


def at(text: str, *, unverifiable: bool = True, **trusted: frozenset[str]) -> Connector:
    server = parse_server(text, default_port=1234, **trusted)
    made = connector(ScriptedBackend("openai:http://127.0.0.1:1234#x", answer("x")), server.locality)
    return replace(made, server=server, is_unverifiable=unverifiable)


def needed(one: Connector, given: Attested, listener: Listener | None = None, *, confidential: bool = True) -> bool:
    return policy.needs_word(one, given, listener, confidential=confidential)


def test_a_server_that_proves_nothing_needs_a_word_in_a_confidential_session_only() -> None:
    assert needed(at("127.0.0.1:1234"), Attested())
    assert needed(at("localhost:1234"), Attested())
    assert not needed(at("127.0.0.1:1234"), Attested(), confidential=False)
    assert not needed(at("127.0.0.1:11434", unverifiable=False), Attested(), LLAMA)
    assert not needed(at("gpu.lan", trusted_hosts=frozenset({"gpu.lan"})), Attested())


def test_a_word_is_for_one_address_and_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "data" / "attested"
    Attested(file).add("127.0.0.1:1234", "llama-server")
    again = Attested(file)
    assert not needed(at("localhost:1234"), again, LLAMA)
    assert needed(at("127.0.0.1:1235"), again, LLAMA)
    assert needed(at("[::1]:1234"), again, LLAMA)
    assert again.names() == ["127.0.0.1:1234"]
    assert file.stat().st_mode & 0o077 == 0


def test_a_tunnel_that_listens_there_later_is_asked_about_again(tmp_path: Path) -> None:
    given = Attested(tmp_path / "attested")
    given.add("127.0.0.1:1234", "llama-server")
    assert needed(at("127.0.0.1:1234"), given, TUNNEL)
    given.add("127.0.0.1:1234", "ssh")
    assert not needed(at("127.0.0.1:1234"), given, TUNNEL)
    assert not needed(at("127.0.0.1:1234"), Attested(configured=["127.0.0.1:1234"]), TUNNEL)


def test_a_tunnel_in_front_of_ollama_needs_a_word_too() -> None:
    assert needed(at("127.0.0.1:11434", unverifiable=False), Attested(), TUNNEL)


def test_off_the_record_a_word_is_not_kept(tmp_path: Path) -> None:
    given = Attested(tmp_path / "attested")
    given.add("127.0.0.1:1234", "x", keep=False)
    assert "127.0.0.1:1234" in given
    assert not (tmp_path / "attested").exists()


def test_a_damaged_file_gives_no_word(tmp_path: Path) -> None:
    (tmp_path / "attested").write_bytes(b"\xff\xfe\n")
    assert needed(at("127.0.0.1:1234"), Attested(tmp_path / "attested"))


def test_the_place_says_on_whose_word() -> None:
    given = Attested(configured=["127.0.0.1:1234"])
    here = at("127.0.0.1:1234")
    assert policy.place(here, given, confidential=True) == "this machine, by your word"
    assert policy.place(here, given, confidential=False) == str(Locality.THIS_MACHINE)
