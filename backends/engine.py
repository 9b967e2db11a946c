"""The embedded engine: llama.cpp serving one GGUF file to this program alone, and the care for its process.

The engine is a child process (`backends.engine_child`) on 127.0.0.1, with a port of its own and a random key that
other users of the machine do not have; in a process without a network, on a unix socket in a folder of our own. It
never outlives the program: its standard input is a pipe that closes with us. A `llama-server` on the PATH is
preferred (people have one that was built for their graphics card), else llama.cpp comes out of the `xllamacpp` wheel.
The demo model prefers the wheel, which is known to speak both protocols.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from concurrent.futures import Future
from contextlib import aclosing
from dataclasses import asdict, dataclass, field
from pathlib import Path

from backends.base import Backend, Event, Progress, Request
from backends.engine_child import LOOPBACK, Orders
from backends.errors import EngineFailed
from backends.gguf_files import trained_context
from backends.spec import ModelSpec

DEFAULT_CONTEXT = 8192
"""Tokens; less where the model was trained for less. A window costs memory whether it is used or not."""
PATIENCE_AT_THE_END = 2.0
"""Seconds between asking the child to end and ending it."""
_TAIL = 8192
"""Bytes kept of what the child prints, for the reason of a failure."""


@dataclass(frozen=True, slots=True)
class EngineAddress:
    """Where the engine listens, and the key it wants."""

    url: str
    """Such as http://127.0.0.1:40123, without a path."""
    api_key: str = field(repr=False)
    model: str
    unix_socket: str = ""
    """Where it is reached if it has no port; the URL is then a name only."""


def unavailable_reason(llama_server: Path | None) -> str | None:
    """Why no engine can run here, as one sentence; None if it can. Cheap: nothing is imported or started.

    `llama_server` is the configured one; None looks on the PATH.
    """
    if find_llama_server(llama_server) is not None:
        return None
    if llama_server is not None:
        return f"{llama_server} is not a program that can be run. Correct the setting llama_server."
    if _wheel_installed():
        return None
    return (
        "The embedded engine needs llama-server (of llama.cpp) on the PATH, or the extra: "
        "pip install 'duologue[engine]'."
    )


def find_llama_server(configured: Path | None) -> Path | None:
    """The `llama-server` to use: the configured one, else the first on the PATH."""
    found = shutil.which(configured or "llama-server")
    return Path(found) if found else None


def _wheel_installed() -> bool:
    return importlib.util.find_spec("xllamacpp") is not None


class EmbeddedEngine:
    """One model, served from first use until `aclose`."""

    def __init__(
        self,
        model: Callable[[], Path] | Path,
        *,
        alias: str,
        data_directory: Path,
        context_tokens: int | None = None,
        parallel: int = 2,
        threads: int | None = None,
        llama_server: Path | None = None,
        prefer_wheel: bool = False,
        environment: Mapping[str, str] | None = None,
        unix_socket: bool = False,
    ) -> None:
        """`model` is called (in a thread) at each start; it may make the file, and raise `EngineFailed`.

        `data_directory` is where the child works. `context_tokens` is for each of `parallel` requests at once; None:
        as trained, 8192 at most. `environment` is all that the child gets of ours: no proxies, no keys.
        `unix_socket`: it listens on one instead of a port; llama-servers since 2025 can.
        """
        self._model = model
        self._alias = alias
        self._directory = data_directory
        self._context_tokens = context_tokens
        self._parallel = parallel
        self._threads = threads or max(1, (os.cpu_count() or 2) // 2)
        self._llama_server = llama_server
        self._prefer_wheel = prefer_wheel
        self._environment = dict(environment or {})
        self._unix_socket = unix_socket
        self._lock = threading.Lock()
        self._child: _Child | None = None

    @property
    def running(self) -> bool:
        """Whether the engine serves at this moment."""
        return self._child is not None and self._child.serving

    async def start(self) -> EngineAddress:
        """Where the engine serves, after starting it if need be. Callers share one start, and any of them may leave.

        Raises `EngineFailed` with the child's last words. After that, and after the child has died, it starts anew.
        """
        with self._lock:
            if self._child is None or self._child.ended:
                if self._child is not None:
                    self._child.kill()
                self._child = _Child(self._orders, self._directory, self._environment)
            child = self._child
        return await asyncio.wrap_future(child.address)

    async def aclose(self) -> None:
        """End the engine: ask, and after two seconds insist. Safe to call twice."""
        child = self._child
        if child is None:
            return
        child.terminate()
        deadline = time.monotonic() + PATIENCE_AT_THE_END
        try:
            while child.alive and time.monotonic() < deadline:  # noqa: ASYNC110  # the end of a process sets no event
                await asyncio.sleep(0.01)
        finally:
            child.kill()

    def close_now(self) -> None:
        """End the engine at once, for paths that cannot wait. Safe to call twice."""
        if self._child is not None:
            self._child.kill()

    def _orders(self) -> Orders:
        if reason := unavailable_reason(self._llama_server):
            raise EngineFailed(reason)
        model = self._model if isinstance(self._model, Path) else self._model()
        trained = trained_context(model)
        server = None if self._prefer_wheel and _wheel_installed() else find_llama_server(self._llama_server)
        return Orders(
            model=str(model.absolute()),
            alias=self._alias,
            api_key=secrets.token_urlsafe(32),
            context_tokens=self._context_tokens or min(trained or DEFAULT_CONTEXT, DEFAULT_CONTEXT),
            parallel=self._parallel,
            threads=self._threads,
            llama_server=str(server) if server else None,
            unix_socket=self._unix_socket,
        )


class _Child:
    """One run of the child process, from the thread that starts it to its end."""

    def __init__(self, orders: Callable[[], Orders], directory: Path, environment: Mapping[str, str]) -> None:
        self.address: Future[EngineAddress] = Future()
        # Marked as running, so that a caller who gives up waiting does not cancel it for the others.
        self.address.set_running_or_notify_cancel()
        self._orders = orders
        self._directory = directory
        self._environment = environment
        self._lock = threading.Lock()
        self._closed = False
        self._process: subprocess.Popen[bytes] | None = None
        self._tail = b""
        self._socket = ""
        # A daemon: making and loading a model takes long, and must not keep the program from ending.
        threading.Thread(target=self._run, name="engine-start", daemon=True).start()

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def serving(self) -> bool:
        return self.address.done() and self.address.exception() is None and self.alive

    @property
    def ended(self) -> bool:
        return self.address.done() and not self.serving

    def terminate(self) -> None:
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)
        if self._process is not None:
            # Killed, it is gone at once, unless it hangs in the system's own code.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=PATIENCE_AT_THE_END)
            if self._process.stdin is not None:
                self._process.stdin.close()
        if self._socket:  # the child removes it itself, unless it was killed
            shutil.rmtree(Path(self._socket).parent, ignore_errors=True)

    def _signal(self, number: signal.Signals) -> None:
        with self._lock:
            self._closed = True
            if self._process is not None and self._process.poll() is None:
                os.killpg(self._process.pid, number)  # its group: a llama-server under it goes too

    def _run(self) -> None:
        try:
            orders = self._orders()
            self.address.set_result(self._start(orders))
        except BaseException as error:  # noqa: BLE001  # handed to whoever waits, bugs included
            self.address.set_exception(error)

    def _start(self, orders: Orders) -> EngineAddress:
        process = self._popen()
        reader = threading.Thread(target=self._keep_tail, args=(process,), name="engine-messages", daemon=True)
        reader.start()
        stdin, stdout = process.stdin, process.stdout
        assert stdin is not None  # noqa: S101  # both are pipes
        assert stdout is not None  # noqa: S101
        with stdout:
            with contextlib.suppress(BrokenPipeError):  # it died at once; its last words follow
                stdin.write(json.dumps(asdict(orders)).encode() + b"\n")
            announced = stdout.readline()
        if announced:
            return self._as_address(orders, json.loads(announced))
        process.wait()
        reader.join(timeout=1)
        if self._closed:
            raise EngineFailed("The embedded engine was closed while it started.")
        raise EngineFailed(
            f"The embedded engine did not start: {self._last_words(process.returncode)}. "
            "See that the model's file is complete and that it fits into memory, or choose another."
        )

    def _as_address(self, orders: Orders, announced: dict[str, str | int]) -> EngineAddress:
        if "socket" in announced:
            self._socket = str(announced["socket"])
            return EngineAddress(f"http://{LOOPBACK}", orders.api_key, orders.alias, self._socket)
        return EngineAddress(f"http://{LOOPBACK}:{int(announced['port'])}", orders.api_key, orders.alias)

    def _popen(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._closed:
                raise EngineFailed("The embedded engine was closed while it started.")
            try:
                self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-m", "backends.engine_child"],
                    bufsize=0,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    cwd=self._directory,
                    env={**self._environment, "PYTHONPATH": str(Path(__file__).parent.parent)},
                    start_new_session=True,  # Ctrl+C in the terminal is for the program, not for the engine
                )
            except OSError as error:
                raise EngineFailed(f"The embedded engine cannot be started ({error.strerror}).") from error
            return self._process

    def _keep_tail(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stderr is not None  # noqa: S101  # it is a pipe
        with process.stderr as messages:
            while chunk := messages.read(4096):
                self._tail = (self._tail + chunk)[-_TAIL:]

    def _last_words(self, status: int) -> str:
        """Why it ended, in one line of printable characters. A file's own words may be in it."""
        lines = self._tail.decode(errors="replace").splitlines()
        said = ["".join(c if c.isprintable() else " " for c in line).strip()[:300] for line in lines]
        reasons = [reason[1] for line in said if (reason := re.search(r"error loading model: (.+)", line))]
        if status < 0:
            reasons.append(f"it was ended by signal {-status} ({signal.strsignal(-status)})")
        reasons.extend(line for line in reversed(said) if line)
        return reasons[0].rstrip(".") if reasons else "it said nothing"


class EmbeddedBackend:
    """A model behind the embedded engine: starts the engine on first use, then asks it as any other server."""

    def __init__(self, spec: ModelSpec, engine: EmbeddedEngine, connect: Callable[[EngineAddress], Backend]) -> None:
        self._spec = spec
        self._engine = engine
        self._connect = connect
        self._connected: tuple[EngineAddress, Backend] | None = None

    @property
    def spec(self) -> ModelSpec:
        """What the user chose."""
        return self._spec

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        """Ask; see `Backend.stream`. Raises `EngineFailed` besides."""
        if not self._engine.running:
            yield Progress("starting engine")
        backend = await self._backend(await self._engine.start())
        async with aclosing(backend.stream(request)) as events:
            async for event in events:
                yield event

    async def aclose(self) -> None:
        """Release the connections; the engine belongs to whoever made it."""
        if self._connected is not None:
            (_, backend), self._connected = self._connected, None
            await backend.aclose()

    async def _backend(self, address: EngineAddress) -> Backend:
        if self._connected is not None and self._connected[0] != address:
            await self.aclose()  # the engine was restarted: another port, another key
        if self._connected is None:
            self._connected = address, self._connect(address)
        return self._connected[1]
