"""Which program listens on a port of this machine: a hint for people, never a proof.

A loopback address says nothing about where the words go: a tunnel, a container's proxy or a gateway listens there as
well as a model's server does. Linux tells without any right who owns a socket, and of one's own programs their name;
elsewhere, and of other users' programs, nothing is known. That a known name is not among those that pass words on
proves nothing, so this only ever adds doubt.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PASSES_ON = frozenset(
    {
        *(
            "ssh",
            "sshd",
            "autossh",
            "socat",
            "ncat",
            "stunnel",
            "chisel",
            "frpc",
            "cloudflared",
            "ngrok",
            "tailscaled",
        ),
        *("docker-proxy", "rootlessport", "rootlesskit", "gvproxy", "slirp4netns", "pasta", "passt", "kubectl"),
        *("litellm", "haproxy", "nginx", "caddy", "envoy", "traefik", "mitmproxy", "mitmdump", "mitmweb"),
    }
)
"""Programs whose work is to pass on what they are sent."""

_LISTENING = "0A"  # TCP_LISTEN in the kernel's include/net/tcp_states.h
_SOCKET = re.compile(r"socket:\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class Listener:
    """Who listens on a port."""

    program: str
    """Its name as the kernel tells it (foreign text); "" where that is not known."""
    passes_on: bool
    """True: it is known to pass on what it is sent."""


def listener(port: int, proc: Path = Path("/proc")) -> Listener | None:
    """Who listens on `port`; None where nothing is known. Takes some milliseconds, with many programs some tens."""
    inodes = set(_listening(port, proc))
    if not inodes:
        return None
    names = _names(inodes, proc)
    passing = next((name for name in names if name.lower() in PASSES_ON), None)
    return Listener(passing or (names[0] if names else ""), passing is not None)


def _listening(port: int, proc: Path) -> Iterator[str]:
    """Inodes of the sockets that listen there."""
    # A confined process has a network of its own, with nobody in it; its parent has the machine's.
    for place in (proc / "net", proc / str(os.getppid()) / "net"):
        for table in ("tcp", "tcp6"):
            try:
                lines = (place / table).read_text().splitlines()[1:]
            except OSError:
                continue
            for fields in map(str.split, lines):
                if len(fields) > 9 and fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                    yield fields[9]


def _names(inodes: set[str], proc: Path) -> list[str]:
    """Names of the first process that holds one of the sockets: its own, and that of a script it runs."""
    for process in proc.iterdir():
        if process.name.isdigit() and _holds(process, inodes):
            try:
                name = (process / "comm").read_text().strip()
                words = (process / "cmdline").read_bytes().split(b"\0")[:2]
            except OSError:
                continue
            return [name, *(Path(os.fsdecode(word)).name for word in words if word)]
    return []


def _holds(process: Path, inodes: set[str]) -> bool:
    try:
        for descriptor in (process / "fd").iterdir():
            found = _SOCKET.match(str(descriptor.readlink()))
            if found and found[1] in inodes:
                return True
    except OSError:
        pass  # it has ended, or is somebody else's
    return False
