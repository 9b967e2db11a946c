"""What every backend must do, whatever it talks to. Each backend's tests hand in their own backend and server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing

from backends import (
    Backend,
    BackendError,
    Event,
    Finished,
    Located,
    Message,
    Progress,
    Request,
    TextDelta,
    ThinkingDelta,
)


def prompt(text: str = "Hello there", *, this_machine_only: bool = False, tokens: int | None = None) -> Request:
    """A request with one message."""
    return Request((Message("user", text),), max_output_tokens=tokens, this_machine_only=this_machine_only)


async def answered(backend: Backend, request: Request) -> list[Event]:
    """All events of one answer, after checking that they are what `backends.base` promises."""
    async with aclosing(backend.stream(request)) as stream:
        events = [event async for event in stream]
    check_order(events)
    return events


async def broken_off(backend: Backend, request: Request) -> tuple[list[Event], BackendError]:
    """The events of an answer that must fail, and what it fails with."""
    events: list[Event] = []
    try:
        async with aclosing(backend.stream(request)) as stream:
            async for event in stream:
                events.append(event)  # noqa: PERF401  # what came before the failure is wanted
    except BackendError as error:
        assert not any(isinstance(event, Finished) for event in events)
        return events, error
    raise AssertionError("the answer did not fail")


def text(events: list[Event]) -> str:
    """The answer in a list of events."""
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def thinking(events: list[Event]) -> str:
    """The thinking in a list of events."""
    return "".join(event.text for event in events if isinstance(event, ThinkingDelta))


def finished(events: list[Event]) -> Finished:
    """The end of a list of events."""
    assert isinstance(events[-1], Finished)
    return events[-1]


def located(events: list[Event]) -> Located:
    """The one word on where an answer is made."""
    (found,) = [event for event in events if isinstance(event, Located)]
    return found


def check_order(events: list[Event]) -> None:
    """Located once and before everything that a prompt causes; no empty pieces; exactly one Finished, at the end."""
    kinds = [type(event) for event in events]
    assert kinds.count(Finished) == 1
    assert kinds[-1] is Finished
    assert kinds.count(Located) == 1
    first_piece = next((n for n, kind in enumerate(kinds) if kind in (TextDelta, ThinkingDelta)), len(kinds) - 1)
    assert kinds.index(Located) < first_piece
    assert Progress not in kinds[first_piece:]
    for event in events:
        match event:
            case TextDelta(piece) | ThinkingDelta(piece):
                assert piece
                piece.encode()
            case Progress(fraction=float(fraction)):
                assert 0 <= fraction <= 1
            case _:
                pass


async def check_closing_stops_the_server(
    backend: Backend, at_work: Callable[[], bool], *, within: float = 1.0
) -> None:
    """Closing the generator after the first piece makes the server stop; so does cancelling the task."""
    async with aclosing(backend.stream(prompt())) as stream:
        async for event in stream:
            if isinstance(event, TextDelta | ThinkingDelta):
                break
        assert at_work()
    await until(lambda: not at_work(), within)

    async def ask() -> None:
        async with aclosing(backend.stream(prompt())) as stream:
            async for event in stream:
                if isinstance(event, TextDelta | ThinkingDelta):
                    streaming.set()

    streaming = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        asking = tasks.create_task(ask())
        await asyncio.wait_for(streaming.wait(), 20)
        assert at_work()
        asking.cancel()
    await until(lambda: not at_work(), within)


async def check_closing_twice_is_harmless(backend: Backend) -> None:
    """As the protocol says."""
    await backend.aclose()
    await backend.aclose()


async def until(condition: Callable[[], bool], within: float = 2.0) -> None:
    """Wait for something that happens elsewhere; fails when it does not."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"did not happen within {within} seconds"
        await asyncio.sleep(0.005)
