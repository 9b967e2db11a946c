"""The verdicts of `doctor --prove` are what the wire says: what is called refused did not leave, what is sent did."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import netbox
from tui.confinement.levels import Level
from tui.proof import Verdict
from tui.proof.ways import NAME, V4

KERNEL = [Level.NAMESPACE, Level.SECCOMP]
BELOW_PYTHON = {
    "the engine's program",
    "TCP by system calls (ctypes)",
    "UDP by system calls (ctypes)",
    "DNS by the C library (ctypes)",
    "a program by the C library (ctypes)",
    "UDP by io_uring",
    "a socket out of another program",
    "the network of another program",
}
"""What the process guard is known not to hold."""


@pytest.fixture(autouse=True)
def _box() -> None:
    netbox.need_a_box()


@dataclass(frozen=True, slots=True)
class Shown:
    """What was shown, and what was seen on the wire meanwhile."""

    level: str | None
    verdicts: Mapping[str, Verdict]
    words: Mapping[str, str]
    sum: str
    seen: netbox.Seen

    def ways(self, verdict: Verdict) -> set[str]:
        return {way for way, found in self.verdicts.items() if found is verdict}


def shown(level: str) -> Shown:
    seen = netbox.run(
        [sys.executable, "-m", "tests.netbox.proved", level],
        environment={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(netbox.PROJECT)},
    )
    assert seen.code == 0, seen.err
    reached, trials, total = json.loads(seen.out)
    return Shown(
        level=reached,
        verdicts={way: Verdict(verdict) for way, (verdict, _, _) in trials.items()},
        words={way: words for way, (_, words, _) in trials.items()},
        sum=total,
        seen=seen,
    )


@pytest.mark.parametrize("level", KERNEL)
def test_under_the_kernel_every_way_is_refused_and_no_packet_leaves(level: Level) -> None:
    proof = shown(level.value)
    assert proof.level == level.value
    assert not proof.ways(Verdict.SENT), proof.words
    assert len(proof.ways(Verdict.REFUSED)) >= 38
    assert proof.seen.silent, (proof.seen.packets, proof.seen.names)
    assert ", 0 sent" in proof.sum


def test_under_the_guard_exactly_what_is_below_python_gets_out() -> None:
    proof = shown(Level.GUARD.value)
    assert proof.ways(Verdict.SENT) <= BELOW_PYTHON
    surely = {"the engine's program", "TCP by system calls (ctypes)", "DNS by the C library (ctypes)"}
    assert surely <= proof.ways(Verdict.SENT)
    assert set(proof.seen.packets) <= {f"tcp {V4}:443", f"udp {V4}:53", f"udp {netbox.SINK4}:53"}
    assert set(proof.seen.names) <= {NAME}
    assert "so this level does not hold them" in proof.sum


def test_without_a_layer_nearly_all_is_sent_and_the_wire_agrees() -> None:
    proof = shown("none")
    assert proof.level is None
    refused = proof.ways(Verdict.REFUSED)
    door = {way for way in proof.verdicts if way.startswith("our own door")}
    assert door <= refused, "the door needs no layer"
    assert refused - door <= {"ICMP echo"}, {way: proof.words[way] for way in refused}
    left = proof.seen.packets
    for target in (f"tcp {V4}:443", "tcp [2001:db8::66]:443", f"udp {V4}:53", "udp [2001:db8::66]:53", f"icmp {V4}"):
        assert left[target], left
    assert NAME in proof.seen.names
    assert left[f"tcp {V4}:443"] >= 8  # one for each way there at least


def test_the_command_prints_it_and_ends_well(tmp_path: Path) -> None:
    seen = netbox.run(
        [sys.executable, "-m", "tui", "doctor", "--prove"],
        environment={
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(netbox.PROJECT),
            "DUOLOGUE_DATA_DIR": str(tmp_path),
            "DUOLOGUE_CONFIG_DIR": str(tmp_path),
        },
    )
    assert seen.code == 0, seen.err
    assert seen.silent
    assert seen.out.splitlines()[-1].startswith("kernel (")
    assert "refused: " in seen.out
    assert not list(tmp_path.iterdir())
