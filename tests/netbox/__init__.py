"""A box: a program runs in it as on a machine that is on the Internet, and every packet it sends is seen.

The box is a network namespace with a loopback and one wire. At the other end of the wire is the sink (`sink.py`),
which owns every IPv4 and IPv6 address and answers for all of them; nothing goes further. Frames are read off the wire
(`capture.py`), so what no library reports is seen too. Plain Python and system calls: no package is needed, and
nothing is left behind. It works as root and as an ordinary user; where namespaces are forbidden, tests that need a
box skip with the reason (`need_a_box`).
"""

from __future__ import annotations

import functools
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent.parent
BOX4, SINK4, BOX6, SINK6 = "10.99.0.1", "10.99.0.2", "fd99::1", "fd99::2"
USUAL_HOSTS = "127.0.0.1\tlocalhost\n::1\tlocalhost\n"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a run in the box was seen to do."""

    code: int
    """The command's exit code; -1: it did not end in time."""
    out: str
    err: str
    packets: Mapping[str, int]
    """Frames that left, by target: "tcp 192.0.2.1:443", "udp [2001:db8::1]:53". ARP and the like is not counted."""
    names: Sequence[str]
    """Names that DNS was asked for."""
    requests: Sequence[tuple[str, int, str]]
    """Connections that reached the sink: address, port, first line."""
    sightings: Mapping[str, int]
    """How often each canary was on the wire, in clear or in a usual encoding."""

    @property
    def silent(self) -> bool:
        """Nothing left the box."""
        return not (self.packets or self.names or self.requests)


class NoBox(Exception):
    """Namespaces are forbidden here; the message says by whom."""


def run(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    canaries: Sequence[str] = (),
    hosts: str = USUAL_HOSTS,
    directory: Path | None = None,
    seconds: float = 100.0,
    uid: int | None = None,
) -> Seen:
    """Run a command in a box, to its end. Raises `NoBox`.

    `environment` is all of it. `hosts` is the text of /etc/hosts inside. `uid`: as this user (only root can).
    """
    with tempfile.TemporaryDirectory(prefix="netbox-out-") as place:
        out, err = Path(place, "out"), Path(place, "err")
        if uid is not None:
            Path(place).chmod(0o777)
        specification = {
            "command": list(command),
            "environment": dict(environment),
            "canaries": list(canaries),
            "hosts": hosts,
            "directory": str(directory or "/"),
            "seconds": seconds,
            "uid": uid,
            "out": str(out),
            "err": str(err),
        }
        box = subprocess.run(
            [sys.executable, "-m", "tests.netbox", json.dumps(specification)],
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if box.returncode == 77:
            raise NoBox(box.stderr.strip())
        assert box.returncode == 0, box.stderr
        report = json.loads(box.stdout)
        assert report["dropped"] == 0, "the capture missed frames"
        return Seen(
            code=report["code"],
            out=out.read_text(errors="replace"),
            err=err.read_text(errors="replace"),
            packets=report["packets"],
            names=report["names"],
            requests=[(address, port, line) for address, port, line in report["requests"]],
            sightings={canary: report["sightings"].get(canary, 0) for canary in canaries},
        )


@functools.cache
def why_no_box() -> str | None:
    """Why there can be no box here, or None."""
    if sys.platform != "linux":
        return "network namespaces are Linux's"
    try:
        run(["true"], environment={"PATH": "/usr/bin:/bin"})
    except NoBox as forbidden:
        return str(forbidden)
    return None


def need_a_box() -> None:
    """Skip the test where there can be no box."""
    if (reason := why_no_box()) is not None:
        pytest.skip(reason)
