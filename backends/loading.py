"""Imports heavy libraries in the background, so that neither the first paint nor a key ever waits for one.

`import anthropic` takes 1.5 to 3 s of CPU and 3,300 modules. In a plain thread it stops the event loop for up to
0.1 s at a time, nearly all of it garbage collection of the import's own objects: with the collector off during the
import the longest stop is about 20 ms. The thread is a daemon: a program that quits does not wait for an import.
"""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable


class BackgroundImport:
    """One import that happens at most once, whoever asks for it and however often."""

    def __init__(self, load: Callable[[], object]) -> None:
        self._load = load
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._finished = threading.Event()
        self._error: BaseException | None = None
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    @property
    def done(self) -> bool:
        """True once the import has ended, well or badly."""
        return self._finished.is_set()

    def start(self) -> None:
        """Begin, unless it has begun."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="background import", daemon=True)
                self._thread.start()

    async def wait(self) -> None:
        """Begin if need be, and return when the import is done; raises what the import raised."""
        self.start()
        with self._lock:
            if not self.done:
                arrived = asyncio.Event()
                self._waiting.append((asyncio.get_running_loop(), arrived))
        if not self.done:
            await arrived.wait()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        collecting = gc.isenabled()
        gc.disable()
        try:
            self._load()
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits, which is where it can be shown
            self._error = error
        finally:
            if collecting:
                gc.freeze()
                gc.enable()
        with self._lock:
            self._finished.set()
            for loop, arrived in self._waiting:
                try:
                    loop.call_soon_threadsafe(arrived.set)
                except RuntimeError:
                    pass  # that loop has closed meanwhile: nobody waits there any more
            self._waiting.clear()
