"""The process that runs llama.cpp: `python -m backends.engine_child`, started by `backends.engine` and by nobody else.

It reads one JSON line of orders from standard input, loads the model, and writes one JSON line to standard output when
it serves: {"port": N}. Then standard input is its lifeline: at its end the process ends, so the engine cannot outlive
the program, not even after kill -9. The key comes with the orders, because arguments can be read by every user of the
machine. Only 127.0.0.1 is bound. Everything that llama.cpp prints goes to standard error.
"""

from __future__ import annotations

import contextlib
import ctypes
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import NoReturn

LOOPBACK = "127.0.0.1"
_PR_SET_PDEATHSIG = 1


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


def main() -> None:
    """Serve until standard input ends."""
    orders = Orders(**json.loads(sys.stdin.readline()))
    # llama.cpp prints to standard output too; what the parent reads there must be ours alone.
    ready = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    if orders.llama_server is None:
        threading.Thread(target=_end_with_the_parent, daemon=True).start()
        port = _serve_from_the_wheel(orders)
        print(json.dumps({"port": port}), file=ready, flush=True)
        threading.Event().wait()
    else:
        _supervise(orders, orders.llama_server, ready.fileno())


def _end_with_the_parent() -> NoReturn:
    while os.read(0, 4096):
        pass
    os._exit(0)


def _serve_from_the_wheel(orders: Orders) -> int:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = orders.model
    params.model_alias = {orders.alias}
    params.hostnames = [LOOPBACK]
    params.port = 0
    params.api_keys = [orders.api_key]
    # The window is shared out among the slots; each is to have all of what was asked for.
    params.n_ctx = orders.context_tokens * orders.parallel
    params.n_parallel = orders.parallel
    params.kv_unified = False
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
    global _server  # noqa: PLW0603  # it serves as long as it is referenced
    _server = xllamacpp.Server(params)
    return int(_server.listening_address.rsplit(":", 1)[1])


_server: object = None


def _supervise(orders: Orders, llama_server: str, ready: int) -> None:
    port = _free_port()
    arguments = ["--host", LOOPBACK, "--port", str(port), "--model", orders.model, "--alias", orders.alias]
    arguments += ["--ctx-size", str(orders.context_tokens * orders.parallel), "--parallel", str(orders.parallel)]
    arguments += ["--threads", str(orders.threads), "--jinja", "--no-webui"]
    server = subprocess.Popen(
        [llama_server, *arguments],
        stdin=subprocess.DEVNULL,
        env={**os.environ, "LLAMA_API_KEY": orders.api_key},  # noqa: TID251  # ours is clean, its is ours and the key
        preexec_fn=_die_with_the_parent if sys.platform == "linux" else None,
    )

    def end(*_: object) -> NoReturn:
        server.kill()
        os._exit(0)

    signal.signal(signal.SIGTERM, end)

    def watch() -> None:
        with contextlib.suppress(OSError):
            while os.read(0, 4096):
                pass
        end()

    threading.Thread(target=watch, daemon=True).start()
    while server.poll() is None and not _healthy(port):
        time.sleep(0.05)
    if server.poll() is None:
        os.write(ready, json.dumps({"port": port}).encode() + b"\n")
    sys.exit(server.wait())


def _die_with_the_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def _healthy(port: int) -> bool:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=2)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    main()
