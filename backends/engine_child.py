"""The process that runs llama.cpp: `python -m backends.engine_child`, started by `backends.engine` and nobody else.

It reads one JSON line of orders from standard input, loads the model, and writes one JSON line to standard output
when it serves: {"port": N}, or {"socket": PATH} where the orders want a unix socket. From then on standard input is
its lifeline: it ends when that ends, so that the engine never outlives the program, not even after kill -9. The key
comes with the orders, because every user of a machine can read arguments. Only 127.0.0.1 is bound, or a socket in a
folder that this process makes for itself and removes at its end. Whatever llama.cpp prints goes to standard error.
"""

from __future__ import annotations

import contextlib
import ctypes
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

LOOPBACK = "127.0.0.1"
_PR_SET_PDEATHSIG = 1
"""From <linux/prctl.h>: the signal that a process gets when its parent dies."""


@dataclass(frozen=True, slots=True)
class Orders:
    """What to serve and how."""

    model: str
    alias: str
    api_key: str
    context_tokens: int
    """For each of the parallel requests."""
    parallel: int
    threads: int
    llama_server: str | None
    """Path of a `llama-server`; None: llama.cpp out of the wheel, inside this process."""
    unix_socket: bool = False
    """Listen on a unix socket instead of a port: for a process that has no network."""


def main() -> None:
    """Serve until standard input ends."""
    orders = Orders(**json.loads(_first_line()))
    # llama.cpp prints to standard output too; what the parent reads there must be ours alone.
    parent = os.dup(1)
    os.dup2(2, 1)

    def announce(where: int | str) -> None:
        announced = {"port": where} if isinstance(where, int) else {"socket": where}
        os.write(parent, json.dumps(announced).encode() + b"\n")
        os.close(parent)

    listens_at = _new_socket_path() if orders.unix_socket else ""
    try:
        if orders.llama_server is None:
            _serve_from_the_wheel(orders, announce, listens_at)
        else:
            _supervise(orders, orders.llama_server, announce, listens_at)
    finally:
        _remove(listens_at)


def _new_socket_path() -> str:
    """In a folder that only this user can enter. llama.cpp knows a socket by the end of its name.

    Not in the data's folder, whose path may be longer than the 108 bytes that a socket's may have.
    """
    return str(Path(tempfile.mkdtemp(prefix="duologue-"), "engine.sock"))


def _remove(socket_path: str) -> None:
    if socket_path:
        shutil.rmtree(Path(socket_path).parent, ignore_errors=True)


def _first_line() -> bytes:
    """Unbuffered: not a byte more may be taken, and none be left in a buffer of Python's."""
    line = b""
    while not line.endswith(b"\n") and (byte := os.read(0, 1)):
        line += byte
    return line


def _at_the_end_of_input(end: Callable[[], None]) -> None:
    def watch() -> None:
        with contextlib.suppress(OSError):
            while os.read(0, 4096):
                pass
        end()

    threading.Thread(target=watch, daemon=True).start()


def _serve_from_the_wheel(orders: Orders, announce: Callable[[int | str], None], socket_path: str) -> NoReturn:
    def end() -> None:
        _remove(socket_path)
        os._exit(0)

    _at_the_end_of_input(end)
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = orders.model
    params.model_alias = {orders.alias}
    params.hostnames = [socket_path or LOOPBACK]
    params.port = 0
    params.api_keys = [orders.api_key]
    # The window is shared out among the slots; each is to have all of what was asked for.
    params.n_ctx = orders.context_tokens * orders.parallel
    params.n_parallel = orders.parallel
    params.kv_unified = False
    params.fit_params = False  # it would shrink the window to fit, and say nothing
    params.cpuparams.n_threads = orders.threads
    params.cpuparams_batch.n_threads = orders.threads
    params.n_threads_http = 8
    params.use_jinja = True
    params.ctx_shift = False  # a full window is an error that is shown, never a silent loss
    params.endpoint_slots = True
    params.warmup = False
    params.ui = False
    params.offline = True
    params.cache_ram_mib = 0
    params.verbosity = 1
    try:
        server = xllamacpp.Server(params)
    except RuntimeError:  # llama.cpp has said on standard error what is wrong; a traceback would hide it
        sys.exit(1)
    announce(socket_path or int(server.listening_address.rsplit(":", 1)[1]))
    while True:
        signal.pause()


def _supervise(
    orders: Orders, llama_server: str, announce: Callable[[int | str], None], socket_path: str
) -> NoReturn:
    where = socket_path or _free_port()
    arguments = ["--host", socket_path] if socket_path else ["--host", LOOPBACK, "--port", str(where)]
    arguments += ["--model", orders.model, "--alias", orders.alias]
    arguments += ["--ctx-size", str(orders.context_tokens * orders.parallel), "--parallel", str(orders.parallel)]
    arguments += ["--threads", str(orders.threads), "--jinja", "--no-webui"]
    server = subprocess.Popen(
        [llama_server, *arguments],
        stdin=subprocess.DEVNULL,
        env={**os.environ, "LLAMA_API_KEY": orders.api_key},  # noqa: TID251  # what the parent chose, and the key
        # Whatever kills this process (nothing may be left to it to do then) takes the server along.
        preexec_fn=_die_with_the_parent if sys.platform == "linux" else None,
    )

    def end(*_: object) -> None:
        server.kill()
        _remove(socket_path)
        os._exit(0)

    signal.signal(signal.SIGTERM, end)
    _at_the_end_of_input(end)
    while server.poll() is None and not _healthy(where):
        time.sleep(0.05)
    if server.poll() is None:
        announce(where)
    status = server.wait()
    if status < 0:
        os.write(2, f"llama-server was ended by signal {-status} ({signal.strsignal(-status)})\n".encode())
    sys.exit(1)


def _die_with_the_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _free_port() -> int:
    """A port that is free now. If somebody takes it meanwhile, llama-server ends, and so does the start."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def _healthy(where: int | str) -> bool:
    """Whether the model is loaded: 503 until then."""
    connection = http.client.HTTPConnection(LOOPBACK, 0 if isinstance(where, str) else where, timeout=2)
    try:
        if isinstance(where, str):
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.settimeout(2)
            connection.sock.connect(where)
        connection.request("GET", "/health")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    main()
