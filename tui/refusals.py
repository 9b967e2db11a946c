"""Tells of what the guard refused: in words, once for each, and as a row of the ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from backends.address import display, locality_of
from tui.confinement.guard import Refusal

if TYPE_CHECKING:
    from storage.thread import StoreThread
    from tui.wiring import Wiring


def hear_refusals(wiring: Wiring, tell: Callable[[str], None], store: Callable[[], StoreThread | None]) -> None:
    """From now on `tell` hears, in this event loop and once for each, of ways out that the guard refused.

    `store` gives the one whose ledger has them, None while there is none.
    """
    guard, loop, told = wiring.guard, asyncio.get_running_loop(), set[Refusal]()
    if guard is None:
        return

    def heard(refusal: Refusal) -> None:
        # Whatever thread tried: it must neither wait nor touch the screen.
        if refusal not in told:
            told.add(refusal)
            with suppress(RuntimeError):  # the loop has ended, and with it the screen
                loop.call_soon_threadsafe(taken, refusal)

    def taken(refusal: Refusal) -> None:
        tell(in_words(refusal))
        if (ledger := store()) is not None:
            _write_down(wiring, ledger, refusal)

    guard.refused = heard


def in_words(refusal: Refusal) -> str:
    """One sentence. The host is foreign text."""
    where = display(refusal.host, refusal.port) if refusal.port else refusal.host
    return f"Refused: a part of the program tried to reach {where} unasked. Nothing was sent."


def _write_down(wiring: Wiring, ledger: StoreThread, refusal: Refusal) -> None:
    from storage.store import Store

    ledger.post(
        Store.refuse_request,
        session_id=None,
        reply_id=None,
        when=wiring.now(),
        purpose="unasked",
        host=refusal.host,
        port=refusal.port,
        locality=str(locality_of(refusal.host)),
        level=wiring.level,
        detail=refusal.event,
    )
