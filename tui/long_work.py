"""Work that may take long: a small window says how far it is, and Esc stops it. What is soon done shows no window."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from textual.app import App

if TYPE_CHECKING:
    from tui.screens.working import Working

T = TypeVar("T")

SOON = 0.3
"""Seconds; a window for less would only flash."""


@dataclass(slots=True)
class Progress:
    """How far it is, in words; written by the work, perhaps in its thread, and read by the window."""

    words: str = ""
    stopped: bool = False
    """True once nobody wants it any more: the work then ends as soon as it can."""


async def shown(app: App[Any], title: str, about_esc: str, work: Callable[[Progress], Awaitable[T]]) -> T:
    """Do it, and give what it gives. Raises what it raises."""
    progress = Progress()
    window: Working | None = None

    def show() -> None:
        nonlocal window
        from tui.screens.working import Working

        window = Working(title, about_esc, progress)
        app.push_screen(window)

    timer = app.set_timer(SOON, show)
    try:
        return await work(progress)
    finally:
        progress.stopped = True  # also where the app ends: a thread learns of it here
        timer.stop()
        if window is not None:
            window.end()
