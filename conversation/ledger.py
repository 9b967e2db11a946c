"""The egress ledger as rows of the store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from backends import Locality
from backends.address import display
from backends.errors import NotOnDevice, NotRecorded
from backends.ledger import Verdict
from storage.errors import Refused, StoreError
from storage.store import Store
from storage.thread import StoreThread


class StoredLedger:
    """Writes each request of one reply (or of none: probes, model lists) into the store. See `backends.ledger`."""

    def __init__(
        self,
        store: StoreThread,
        now: Callable[[], datetime],
        *,
        session_id: str | None = None,
        reply_id: int | None = None,
        level: str = "",
        attested: Callable[[str], bool] = lambda _: False,
    ) -> None:
        """`level` is what keeps this process from other ways out; `attested` knows the servers (HOST:PORT) that are
        on this machine by the user's word."""
        self._store = store
        self._now = now
        self._session_id = session_id
        self._reply_id = reply_id
        self._level = level
        self._attested = attested
        self._has_refused = False

    async def opened(self, *, purpose: str, host: str, port: int, locality: Locality) -> int:
        """Commit the row; the request may be sent once this returns.

        Raises `NotOnDevice` where the store knows better than we that the session is confidential (another program
        made it so), and `NotRecorded` for all else that keeps the row from being written.
        """
        try:
            return await self._store.run(
                Store.open_request,
                session_id=self._session_id,
                reply_id=self._reply_id,
                opened=self._now(),
                purpose=purpose,
                host=host,
                port=port,
                locality=str(locality),
                level=self._level,
                by_your_word=locality is Locality.THIS_MACHINE and self._attested(display(host, port)),
            )
        except Refused as refusal:
            self._has_refused = True
            raise NotOnDevice(str(refusal)) from refusal
        except StoreError as problem:
            raise NotRecorded(f"Nothing was sent, because the ledger could not be written. {problem}") from problem

    def refused(self, *, purpose: str, host: str, port: int, locality: Locality, detail: str) -> None:
        """Queue a row for what was refused before anybody could dial; one per reply, however often it is told."""
        if self._has_refused:
            return
        self._has_refused = True
        self._store.post(
            Store.refuse_request,
            session_id=self._session_id,
            reply_id=self._reply_id,
            when=self._now(),
            purpose=purpose,
            host=host,
            port=port,
            locality=str(locality),
            level=self._level,
            detail=detail,
        )

    def closed(
        self,
        row: int,
        *,
        verdict: Verdict,
        peer: str | None,
        sent: int,
        received: int,
        detail: str = "",
        left_to: str = "",
    ) -> None:
        """Queue the row's counts."""
        self._store.post(
            Store.close_request,
            row,
            closed=self._now(),
            verdict=verdict,
            peer=peer,
            bytes_sent=sent,
            bytes_received=received,
            detail=detail,
            left_to=left_to,
        )
