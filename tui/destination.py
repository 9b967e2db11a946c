"""The words on the prompt box's border: where the text will go, how much it is, and what share of each window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from storage import Side
from tui.words import OFF_THE_RECORD, count


@dataclass(frozen=True, slots=True)
class SideFill:
    """How full one side's window is."""

    name: str
    used: int | None = None
    """Tokens in use after its last answer; None before the first."""
    allowed: int | None = None
    """Tokens that its window holds; None: not known."""
    is_network: bool = False
    """True: it is answered on the user's own network, by a host in their list."""


def destination(
    sides: Mapping[Side, SideFill], *, confidential: bool, only: Side | None = None, off_record: bool = False
) -> str:
    """Where the prompt goes, and what is kept: "to both", "local only: CONFIDENTIAL · OFF THE RECORD"."""
    words = _confidential_words(sides) if confidential else _words(sides, only)
    return f"{words} · {OFF_THE_RECORD}" if off_record else words


def _confidential_words(sides: Mapping[Side, SideFill]) -> str:
    network = [fill.is_network for fill in sides.values()]
    if not network:
        return "no local model yet: CONFIDENTIAL"
    where = "your network" if all(network) else "local and your network" if any(network) else "local"
    return f"{where} only: CONFIDENTIAL"


def _words(sides: Mapping[Side, SideFill], only: Side | None) -> str:
    asked = [fill for side, fill in sides.items() if only is None or side is only]
    match asked:
        case []:
            return "no model yet"
        case [one]:
            return f"to {one.name} only"
        case _:
            return "to both"


def fill(sides: Mapping[Side, SideFill], prompt_tokens: int) -> str:
    """How much it is and how full it makes each window; "" for an empty prompt."""
    if prompt_tokens == 0:
        return ""
    shares = [words for one in sides.values() if (words := _share(one, prompt_tokens))]
    return " | ".join([f"about {count(prompt_tokens)} tokens", *shares])


def _share(side: SideFill, prompt_tokens: int) -> str:
    if not side.allowed:
        return ""
    share = ((side.used or 0) + prompt_tokens) / side.allowed
    warning = " TOO LONG" if share > 1 else ""
    return f"{side.name} {share:.0%} of {count(side.allowed)}{warning}"
