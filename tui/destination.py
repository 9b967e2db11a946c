"""The words on the prompt box's border: where the text will go, how much it is, and what share of each window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from storage import Side
from tui.words import count


@dataclass(frozen=True, slots=True)
class SideFill:
    """How full one side's window is."""

    name: str
    used: int | None = None
    """Tokens in use after its last answer; None before the first."""
    allowed: int | None = None
    """Tokens that its window holds; None: not known."""


def destination(sides: Mapping[Side, SideFill], *, confidential: bool, only: Side | None = None) -> str:
    """Where the prompt goes: "to both", "to Claude only", "local only: CONFIDENTIAL"."""
    if confidential:
        return "local only: CONFIDENTIAL" if sides else "no local model yet: CONFIDENTIAL"
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
