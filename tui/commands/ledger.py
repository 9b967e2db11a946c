"""`duologue ledger`: what left this machine, request by request, and the sum in words. Reads only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from storage import RequestRecord, RequestTotal
from tui.commands.output import Output
from tui.commands.saved import open_saved
from tui.exit_codes import ExitCode
from tui.ledger_words import by_locality, place, request_line, sum_in_words
from tui.wiring import Wiring


def run(wiring: Wiring, output: Output, beginning: str | None, *, limit: int, as_json: bool) -> ExitCode:
    """Print the ledger of the session whose id begins so, or the whole one. Raises `StoreError`."""
    requests, totals = _read(wiring, beginning, limit)
    if as_json:
        output.json(_document(requests, totals))
        return ExitCode.OK
    for request in requests:
        output.line(request_line(request, datetime.astimezone))
    count = sum(total.requests for total in totals)
    if count > len(requests):
        output.aside(f"The newest {len(requests):,} of {count:,} requests; --limit shows more.")
    for sentence in sum_in_words(totals):
        output.line(sentence)
    return ExitCode.OK


def _read(
    wiring: Wiring, beginning: str | None, limit: int
) -> tuple[Sequence[RequestRecord], Sequence[RequestTotal]]:
    if beginning is None and wiring.confinement is None and not wiring.settings.database.exists():
        return [], []
    store = open_saved(wiring)
    try:
        session = None if beginning is None else store.find_session(beginning).id
        return store.requests(session, limit=limit), store.request_totals(session)
    finally:
        store.close()


def _document(requests: Sequence[RequestRecord], totals: Sequence[RequestTotal]) -> Mapping[str, Any]:
    return {
        "requests": [_request(request) for request in requests],
        "total": sum(total.requests for total in totals),
        "by_locality": {where: asdict(amount) for where, amount in by_locality(totals).items()},
        "words": " ".join(sum_in_words(totals)),
    }


def _request(request: RequestRecord) -> Mapping[str, Any]:
    return {
        "id": request.id,
        "session": request.session_id,
        "opened": request.opened.isoformat(),
        "closed": None if request.closed is None else request.closed.isoformat(),
        "purpose": request.purpose,
        "host": request.host,
        "port": request.port,
        "peer": request.peer,
        "locality": request.locality,
        "place": place(request),
        "by_your_word": request.by_your_word,
        "left_to": request.left_to or None,
        "bytes_sent": None if request.verdict == "open" else request.bytes_sent,
        "bytes_received": None if request.verdict == "open" else request.bytes_received,
        "verdict": request.verdict,
        "detail": request.detail,
        "level": request.level or None,
    }
