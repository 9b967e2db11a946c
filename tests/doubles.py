"""The one double of the engine tests: a backend into which a test puts events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable

from backends import (
    BackendError,
    Connector,
    Event,
    Finished,
    Locality,
    Located,
    ModelSpec,
    Request,
    Stop,
    TextDelta,
    Usage,
)
from backends.spec import parse


class Hold:
    """In a script: wait here until the test lets go."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.release = asyncio.Event()


Step = Event | BackendError | Hold | Callable[[], None]


class ScriptedBackend:
    """Plays one script per request, in order; the last one again and again."""

    def __init__(self, spec: str, *scripts: list[Step]) -> None:
        self._spec = parse(spec)
        self._scripts = list(scripts)
        self.requests: list[Request] = []
        self.closed_streams = 0
        self.closed = False

    @property
    def spec(self) -> ModelSpec:
        return self._spec

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        self.requests.append(request)
        script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
        try:
            for step in script:
                match step:
                    case BackendError():
                        raise step
                    case Hold():
                        step.reached.set()
                        await step.release.wait()
                    case _ if callable(step):
                        step()
                    case _:
                        yield step
        finally:
            self.closed_streams += 1

    async def aclose(self) -> None:
        self.closed = True


async def _ready() -> None:
    return


def connector(backend: ScriptedBackend, locality: Locality = Locality.THIS_MACHINE) -> Connector:
    """A connector that gives this backend."""
    return Connector(backend.spec, locality, lambda: backend, _ready)


def answer(*pieces: str, locality: Locality = Locality.THIS_MACHINE, **finished: object) -> list[Step]:
    """A whole answer in these pieces."""
    located = Located(locality, "127.0.0.1:1", "a test says so")
    end = Finished("scripted", Stop.END, Usage(input_tokens=10, output_tokens=len(pieces)), context_tokens=100)
    return [located, *(TextDelta(piece) for piece in pieces), end]
