from dataclasses import replace

import pytest

from backends import Connector, Locality
from backends.address import parse_server
from conversation import policy
from storage import Side
from tests.doubles import ScriptedBackend, answer, connector


@pytest.mark.parametrize("locality", [Locality.CLOUD, Locality.YOUR_NETWORK])
def test_a_confidential_session_admits_this_machine_and_nothing_that_is_not_listed(locality: Locality) -> None:
    away = connector(ScriptedBackend("claude:", answer("x")), locality)
    here = connector(ScriptedBackend("demo:", answer("x")), Locality.THIS_MACHINE)
    pair = {Side.LEFT: away, Side.RIGHT: here}
    assert set(policy.admitted(pair, confidential=True)) == {Side.RIGHT}
    assert set(policy.admitted(pair, confidential=False)) == {Side.LEFT, Side.RIGHT}


def at(text: str, locality: Locality = Locality.YOUR_NETWORK, *trusted: str) -> Connector:
    """A model at an address, with these hosts in the list."""
    server = parse_server(text, default_port=11434, trusted_hosts=frozenset(trusted))
    return replace(connector(ScriptedBackend("ollama:x", answer("x")), locality), server=server)


def test_a_listed_host_is_admitted_and_its_neighbour_is_not() -> None:
    listed = at("https://gpu.example.lan", Locality.YOUR_NETWORK, "gpu.example.lan")
    neighbour = at("https://192.168.1.6", Locality.YOUR_NETWORK, "192.168.1.5")
    assert policy.admits(listed, confidential=True)
    assert not policy.admits(neighbour, confidential=True)
    assert policy.admits(neighbour, confidential=False)


def test_an_answer_from_elsewhere_is_refused_once_it_is_located() -> None:
    here = at("127.0.0.1", Locality.THIS_MACHINE)
    listed = at("10.0.0.5", Locality.YOUR_NETWORK, "10.0.0.5")
    assert not policy.answer_is_acceptable(here, Locality.CLOUD, confidential=True)
    assert not policy.answer_is_acceptable(here, Locality.YOUR_NETWORK, confidential=True)
    assert policy.answer_is_acceptable(here, Locality.THIS_MACHINE, confidential=True)
    assert policy.answer_is_acceptable(listed, Locality.YOUR_NETWORK, confidential=True)
    assert not policy.answer_is_acceptable(listed, Locality.CLOUD, confidential=True)


def test_claude_behind_a_listed_gateway_is_still_a_cloud() -> None:
    gateway = replace(
        parse_server("https://gw.lan", default_port=443, trusted_hosts=frozenset({"gw.lan"})), is_gateway=True
    )
    claude = replace(connector(ScriptedBackend("claude:x", answer("x")), gateway.locality), server=gateway)
    assert not policy.admits(claude, confidential=True)
