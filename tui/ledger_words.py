"""What the egress ledger says in words: one line per request, and the sum that it closes with.

The sum must never sound better than what is known: a request without an end may have sent anything, a server that is
on this machine by the user's word only may pass words on, and a gateway's locality is not known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from backends import Locality
from backends.address import display, is_loopback
from storage import RequestRecord, RequestTotal
from tui.rendering.safe_text import one_line
from tui.words import plural, size

OPEN, REFUSED = "open", "refused"
_PLACES = 8
"""Addresses that are named one by one; the rest are counted."""


@dataclass(frozen=True, slots=True)
class Amount:
    """Requests added up."""

    requests: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    open: int = 0
    """Of them without an end: what they sent is not known."""

    def plus(self, total: RequestTotal) -> Amount:
        """With one more kind of requests."""
        return Amount(
            self.requests + total.requests,
            self.bytes_sent + total.bytes_sent,
            self.bytes_received + total.bytes_received,
            self.open + (total.requests if total.verdict == OPEN else 0),
        )


def request_line(request: RequestRecord, local_time: Callable[[datetime], datetime]) -> str:
    """One request: "2026-11-22 14:02:11  chat  127.0.0.1:11434  this machine  812 B out  4.1 kB in  done"."""
    peer = f" ({request.peer})" if request.peer and request.peer != request.host else ""
    parts = [
        f"{local_time(request.opened):%Y-%m-%d %H:%M:%S}",
        f"{one_line(request.purpose, 9):9}",
        one_line(f"{display(request.host, request.port)}{peer}", 120),
        place(request),
        _amount(request),
        _ending(request),
        *([one_line(request.level, 40)] if request.level else []),
    ]
    return "  ".join(parts)


def short_line(request: RequestRecord, local_time: Callable[[datetime], datetime], *, dated: bool) -> str:
    """The same on one row of a narrow screen: "14:02:11  chat  127.0.0.1:11434  this machine  812 B out  done"."""
    opened = local_time(request.opened)
    sent = "? B" if request.verdict == OPEN else size(request.bytes_sent)
    return "  ".join(
        (
            f"{opened:%Y-%m-%d %H:%M:%S}" if dated else f"{opened:%H:%M:%S}",
            f"{one_line(request.purpose, 9):5}",
            f"{one_line(display(request.host, request.port), 40):22}",
            f"{place(request):12}",
            f"{sent:>7} out",
            request.verdict,
        )
    )


def place(request: RequestRecord | RequestTotal) -> str:
    """Where that is, and on whose word: "this machine, by your word"."""
    if request.left_to:
        return f"LEFT THIS MACHINE: answered by {one_line(request.left_to, 80)}"
    if request.by_your_word:
        return f"{request.locality}, by your word"
    if _is_gateway(request):
        return "unknown: a gateway on this machine"
    return request.locality


def by_locality(totals: Iterable[RequestTotal]) -> dict[str, Amount]:
    """Sums by place, in the ledger's order. Refused requests are not in them: they went nowhere."""
    sums: dict[str, Amount] = {}
    for total in totals:
        if total.verdict != REFUSED:
            sums[_where(total)] = sums.get(_where(total), Amount()).plus(total)
    return sums


def sum_in_words(totals: Sequence[RequestTotal]) -> list[str]:
    """What left this machine, one sentence per line; the first one is the answer."""
    made = [total for total in totals if total.verdict != REFUSED]
    away = [total for total in made if _where(total) != Locality.THIS_MACHINE]
    here = [total for total in made if _where(total) == Locality.THIS_MACHINE]
    sentences = [_what_left(away, here)]
    if words := _without_end(made):
        sentences.append(words)
    if by_word := sorted({display(total.host, total.port) for total in here if total.by_your_word}):
        sentences.append(
            f"{', '.join(by_word)}: on this machine by your word; what that server does with it cannot be verified."
        )
    if refused := sum(total.requests for total in totals if total.verdict == REFUSED):
        sentences.append(f"{plural(refused, 'request')} refused before a byte was sent.")
    return sentences


def _what_left(away: Sequence[RequestTotal], here: Sequence[RequestTotal]) -> str:
    if not away and not here:
        return "0 bytes left this machine; no request was made."
    if not away:
        return f"0 bytes left this machine; {_all_to(here)}."
    parts = [*_sent_to(away), *([f"{_all_to(here)}, on this machine"] if here else [])]
    return "; ".join(parts) + "."


def _all_to(here: Sequence[RequestTotal]) -> str:
    requests = sum(total.requests for total in here)
    places = sorted({display(total.host, total.port) for total in here})
    if len(places) > _PLACES:
        return f"{plural(requests, 'request')} to {len(places)} addresses of this machine"
    every = "all to " if requests > 1 else "to "
    return f"{plural(requests, 'request')}, {every}{' and '.join(places)}" if requests else "no request"


def _sent_to(away: Sequence[RequestTotal]) -> list[str]:
    sums: dict[str, Amount] = {}
    for total in away:
        name = _destination(total)
        sums[name] = sums.get(name, Amount()).plus(total)
    named = list(sums.items())[:_PLACES]
    parts = [f"{_bytes(one)} to {name} in {plural(one.requests, 'request')}" for name, one in named]
    if rest := list(sums.values())[_PLACES:]:
        sent = sum(one.bytes_sent for one in rest)
        parts.append(f"{sent:,} bytes to {len(rest)} other addresses")
    return parts


def _destination(total: RequestTotal) -> str:
    if total.left_to:
        return f"{one_line(total.left_to, 80)} through {display(total.host, total.port)}"
    name = total.host if total.port == 443 else display(total.host, total.port)
    if _is_gateway(total):
        return f"a gateway at {name} (where it sent them is not known)"
    return f"{name} (your network)" if total.locality == Locality.YOUR_NETWORK else name


def _bytes(amount: Amount) -> str:
    if not amount.open:
        return f"{amount.bytes_sent:,} bytes"
    return f"at least {amount.bytes_sent:,} bytes" if amount.bytes_sent else "an unknown number of bytes"


def _without_end(made: Iterable[RequestTotal]) -> str:
    count = sum(total.requests for total in made if total.verdict == OPEN)
    if not count:
        return ""
    has = "has" if count == 1 else "have"
    return (
        f"{plural(count, 'request')} {has} no end: under way, or the program was killed; how much was sent then is "
        "not known."
    )


def _where(total: RequestTotal) -> str:
    if total.left_to:
        return Locality.CLOUD
    return "unknown" if _is_gateway(total) else total.locality


def _is_gateway(request: RequestRecord | RequestTotal) -> bool:
    """A cloud's model behind an address of this machine: whoever listens there passes the words on."""
    return request.locality == Locality.CLOUD and (is_loopback(request.host) or request.host == "localhost")


def _amount(request: RequestRecord) -> str:
    if request.verdict == OPEN:
        return "bytes not known"
    return f"{size(request.bytes_sent)} out, {size(request.bytes_received)} in"


def _ending(request: RequestRecord) -> str:
    if request.verdict == OPEN:
        return "open: under way, or the program was killed"
    return f"{request.verdict} ({one_line(request.detail, 80)})" if request.detail else request.verdict
