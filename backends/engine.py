"""The embedded engine: llama.cpp serving one GGUF file to this program alone, and the care for its process.

The engine is a child process (`backends.engine_child`) on 127.0.0.1, with a port of its own and a random key that
other users of the machine do not have. It never outlives the program: its standard input is a pipe that closes with us.
A `llama-server` on the PATH is preferred for the user's files (it is built for the machine's own graphics card), else
llama.cpp comes out of the `xllamacpp` wheel; the demo model prefers the wheel, whose protocols are known.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
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
from backends.spec import ModelSpec

DEFAULT_CONTEXT = 8192
"""Tokens; less where the model was trained for less. A window costs memory whether it is used or not."""
PATIENCE_AT_THE_END = 2.0
"""Seconds between asking the child to end and ending it."""
_TAIL = 8192
"""Bytes kept of what the child prints, for the reason of a failure."""
_PASSED_ON = ("PATH", "HOME", "TMPDIR", "LANG", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")
"""The only variables that the child gets: no proxies, no keys."""


@dataclass(frozen=True, slots=True)
class EngineAddress:
    """Where the engine listens, and the key it wants."""

    url: str
    """Such as http://127.0.0.1:40123, without a path."""
    api_key: str = field(repr=False)
    model: str


def unavailable_reason(llama_server: Path | None) -> str | None:
    """Why no engine can run here, as one sentence; None if it can. Cheap: nothing is imported or started."""
    if find_llama_server(llama_server) is not None or _wheel_installed():
        return None
    return (
        "The embedded engine needs either llama-server (llama.cpp) on the PATH or the extra: "
        "pip install 'duologue[engine]'."
    )


def find_llama_server(configured: Path | None) -> Path | None:
    """The `llama-server` to use: the configured one, else the first on the PATH."""
    if configured is not None:
        return configured if os.access(configured, os.X_OK) and configured.is_file() else None
    found = shutil.which("llama-server")
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
    ) -> None:
        self._model = model
        self._alias = alias
        self._directory = data_directory
        self._context_tokens = context_tokens
        self._parallel = parallel
        self._threads = threads
        self._llama_server = llama_server
        self._prefer_wheel = prefer_wheel
        self._environment = dict(environment or {})
        self._lock = threading.Lock()
        self._child: _Child | None = None

    @property
    def running(self) -> bool:
        """Whether the engine serves at this moment."""
        return self._child is not None and self._child.serving

    async def start(self) -> EngineAddress:
        """Where the engine serves, after starting it if need be. All callers share one start.

        Raises `EngineFailed` with the child's last words. A cancelled caller leaves the start to go on.
        """
        with self._lock:
            if self._child is None or self._child.ended:
                self._child = _Child(self._orders, self._directory, self._child_environment())
            child = self._child
        return await asyncio.wrap_future(child.address)

    async def aclose(self) -> None:
        """End the engine: ask, and after two seconds insist. Safe to call twice."""
        child = self._child
        if child is None:
            return
        child.terminate()
        try:
            deadline = time.monotonic() + PATIENCE_AT_THE_END
            while child.alive and time.monotonic() < deadline:
                await asyncio.sleep(0.02)
        finally:
            child.kill()

    def close_now(self) -> None:
        """End the engine at once, for paths that cannot wait. Safe to call twice."""
        if self._child is not None:
            self._child.kill()

    def _orders(self) -> Orders:
        model = self._model if isinstance(self._model, Path) else self._model()
        server = None if self._prefer_wheel and _wheel_installed() else find_llama_server(self._llama_server)
        if server is None and (reason := unavailable_reason(self._llama_server)):
            raise EngineFailed(reason)
        return Orders(
            model=str(model),
            alias=self._alias,
            api_key=secrets.token_urlsafe(32),
            context_tokens=self._context_tokens or DEFAULT_CONTEXT,
            parallel=self._parallel,
            threads=self._threads or max(1, (os.cpu_count() or 2) // 2),
            llama_server=str(server) if server else None,
        )

    def _child_environment(self) -> dict[str, str]:
        return {name: value for name, value in self._environment.items() if name in _PASSED_ON}


class _Child:
    """One run of the child process, from the thread that starts it to its end."""

    def __init__(self, orders: Callable[[], Orders], directory: Path, environment: dict[str, str]) -> None:
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
            self._process.wait(timeout=PATIENCE_AT_THE_END)
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    pipe.close()

    def _signal(self, number: signal.Signals) -> None:
        with self._lock:
            self._closed = True
            if self.alive and self._process is not None:
                os.killpg(self._process.pid, number)  # its group: a llama-server under it goes too

    def _run(self) -> None:
        try:
            orders = self._orders()
            port = self._start(orders)
        except EngineFailed as error:
            self.address.set_exception(error)
        except BaseException as error:  # noqa: BLE001  # handed to whoever waits
            self.address.set_exception(error)
        else:
            self.address.set_result(EngineAddress(f"http://{LOOPBACK}:{port}", orders.api_key, orders.alias))

    def _start(self, orders: Orders) -> int:
        with self._lock:
            if self._closed:
                raise EngineFailed("The embedded engine was closed while it started.")
            self._process = process = subprocess.Popen(
                [sys.executable, "-P", "-m", "backends.engine_child"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**self._environment, "PYTHONPATH": str(Path(__file__).parent.parent)},
                start_new_session=True,  # Ctrl+C in the terminal is for the program, not for the engine
            )
        assert process.stdin is not None  # noqa: S101
        assert process.stdout is not None  # noqa: S101
        reader = threading.Thread(target=self._keep_tail, name="engine-messages", daemon=True)
        reader.start()
        process.stdin.write(json.dumps(asdict(orders)).encode() + b"\n")
        process.stdin.flush()
        line = process.stdout.readline()
        if line:
            return int(json.loads(line)["port"])
        process.wait()
        reader.join(timeout=1)
        raise EngineFailed(f"The embedded engine did not start: {self._last_words()}")

    def _keep_tail(self) -> None:
        process = self._process
        assert process is not None  # noqa: S101
        assert process.stderr is not None  # noqa: S101
        with process.stderr as stream:
            while chunk := os.read(stream.fileno(), 4096):
                self._tail = (self._tail + chunk)[-_TAIL:]

    def _last_words(self) -> str:
        lines = self._tail.decode(errors="replace").split("\n")
        said = [" ".join("".join(c if c.isprintable() else " " for c in line).split()) for line in lines]
        return next((line[-300:] for line in reversed(said) if line), "it said nothing.")


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
