"""Outside of the layers: starts the child, holds ready what it may try to reach, and reads what it saw."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tui.confinement.levels import Level
from tui.proof.library_ways import VARIABLES
from tui.proof.verdict import Proof, Trial, Verdict
from tui.proof.ways import V4

_ROOT = Path(__file__).parent.parent.parent
_SECONDS = 60.0
_REDIRECT = f"HTTP/1.1 307 Temporary Redirect\r\nlocation: http://{V4}/\r\ncontent-length: 0\r\n\r\n".encode()


class NoProof(Exception):
    """The ways out could not be tried; the message says why."""


def prove(
    at_most: Level | None = Level.NAMESPACE, *, programs: frozenset[str] = frozenset(), session_bus: str = ""
) -> Proof:
    """Try every way out under the strongest level that can be had, `at_most` this; None: without any layer.

    `programs` and `session_bus` are those of a confidential process: see `confinement.enter`. Takes about a second
    and waits for it. Raises `NoProof`.
    """
    began = time.monotonic()
    with _server() as server, _abstract_listener() as abstract, _datagram() as datagram:
        orders = {
            "at_most": None if at_most is None else at_most.value,
            "process_id": os.getpid(),
            "server": server,
            "abstract": abstract,
            "datagram": datagram,
            "programs": sorted(programs),
            "session_bus": session_bus,
        }
        try:
            child = subprocess.run(
                # -P: the folder that the program was started in is no place to import from.
                [sys.executable, "-P", "-m", "tui.proof", json.dumps(orders)],
                env={
                    "PATH": os.defpath,
                    "PYTHONPATH": str(_ROOT),
                    "RES_OPTIONS": "timeout:1 attempts:1",
                    **VARIABLES,
                },
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise NoProof(f"The ways out were not all tried within {_SECONDS:.0f} seconds.") from error
    try:
        seen = json.loads(child.stdout)
    except ValueError as error:
        last = child.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise NoProof(f"The program that tries the ways out ended early: {last or child.returncode}") from error
    return Proof(
        level=None if seen["level"] is None else Level(seen["level"]),
        trials=[Trial(way, Verdict(verdict), words, below) for way, verdict, words, below in seen["trials"]],
        seconds=time.monotonic() - began,
        reasons=seen["reasons"],
    )


@contextmanager
def _server() -> Iterator[tuple[str, int]]:
    """A server on loopback that sends everybody to `V4`."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_answer, args=(listener, _REDIRECT), daemon=True).start()
        yield ("127.0.0.1", listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)


@contextmanager
def _abstract_listener() -> Iterator[str]:
    """A unix socket in the abstract namespace that takes what it gets; "" where there is no such thing."""
    if sys.platform != "linux":
        yield ""
        return
    name = f"duologue-proof-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind("\0" + name)
        listener.listen()
        threading.Thread(target=_answer, args=(listener, b"taken"), daemon=True).start()
        yield name
        listener.shutdown(socket.SHUT_RDWR)


@contextmanager
def _datagram() -> Iterator[int]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unused:
        yield unused.fileno()


def _answer(listener: socket.socket, reply: bytes) -> None:
    with suppress(OSError):  # the listener is closed at the end
        while True:
            connection, _ = listener.accept()
            with connection, suppress(OSError):
                connection.settimeout(2.0)
                if connection.recv(65536):
                    connection.sendall(reply)
