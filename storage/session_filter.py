"""What a person types to narrow the list of sessions, read into a value. Pure; `sessions` makes SQL of it.

    tenant lease                  words that stand in the title, or in what was said
    tag:law  tag:work             all of these tags
    model:llama  left:claude      part of a model's name, on either side or on one
    is:starred  is:unfinished     also is:archived, is:deleted, is:imported
    has:attachment  has:note  has:vote
    vote:left                     left, right, tie or neither
    since:2026-11-01  before:2026-12-01
    cost:>0.10  cost:<2           US dollars
    sort:title                    newest (the default), oldest, title, cost, turns

Any text is a filter: what is not one of these words and values is looked for as it stands.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Literal

from storage.marks import tag_from
from storage.records import Choice


class Order(StrEnum):
    """How the list is sorted."""

    NEWEST = "newest"
    """Last used first."""
    OLDEST = "oldest"
    TITLE = "title"
    COST = "cost"
    """The most expensive first."""
    TURNS = "turns"
    """The longest first."""


Shelf = Literal["list", "archive", "bin"]


@dataclass(frozen=True, slots=True)
class SessionFilter:
    """Which sessions to list; every condition must hold."""

    words: str = ""
    """What is left after the words below."""
    tags: tuple[str, ...] = ()
    model: str = ""
    left: str = ""
    right: str = ""
    starred: bool = False
    unfinished: bool = False
    """An answer of it was stopped, failed or interrupted."""
    imported: bool = False
    shelf: Shelf = "list"
    attachment: bool = False
    note: bool = False
    voted: bool = False
    vote: Choice | None = None
    since: date | None = None
    """First day of use, in the person's own time zone."""
    before: date | None = None
    min_cost: float | None = None
    max_cost: float | None = None
    confidential: bool | None = None
    order: Order = Order.NEWEST

    @property
    def narrows(self) -> bool:
        """True if anything but the words and the order is asked for."""
        return replace(self, words="", order=Order.NEWEST) != SessionFilter()


EVERYTHING = SessionFilter()


def parse(text: str) -> SessionFilter:
    """Read a line of filter words; nothing raises."""
    found, words = EVERYTHING, list[str]()
    for word in text.split():
        name, colon, value = word.partition(":")
        narrowed = (
            _READERS[name.casefold()](found, value) if colon and value and name.casefold() in _READERS else None
        )
        if narrowed is None:
            words.append(word)
        else:
            found = narrowed
    return replace(found, words=" ".join(words))


def _tag(found: SessionFilter, value: str) -> SessionFilter | None:
    try:
        return replace(found, tags=(*found.tags, tag_from(value)))
    except ValueError:
        return None


def _is(found: SessionFilter, value: str) -> SessionFilter | None:
    match value.casefold():
        case "starred" | "star":
            return replace(found, starred=True)
        case "unfinished" | "failed" | "interrupted" | "stopped":
            return replace(found, unfinished=True)
        case "archived":
            return replace(found, shelf="archive")
        case "deleted" | "bin":
            return replace(found, shelf="bin")
        case "imported":
            return replace(found, imported=True)
        case _:
            return None


def _has(found: SessionFilter, value: str) -> SessionFilter | None:
    match value.casefold():
        case "attachment" | "attachments" | "file" | "files":
            return replace(found, attachment=True)
        case "note" | "notes":
            return replace(found, note=True)
        case "vote" | "votes":
            return replace(found, voted=True)
        case _:
            return None


def _vote(found: SessionFilter, value: str) -> SessionFilter | None:
    try:
        return replace(found, vote=Choice(value.casefold()))
    except ValueError:
        return None


def _since(found: SessionFilter, value: str) -> SessionFilter | None:
    day = _day(value)
    return None if day is None else replace(found, since=day)


def _before(found: SessionFilter, value: str) -> SessionFilter | None:
    day = _day(value)
    return None if day is None else replace(found, before=day)


def _day(value: str) -> date | None:
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None


def _cost(found: SessionFilter, value: str) -> SessionFilter | None:
    try:
        dollars = float(value.lstrip("<>=$"))
    except ValueError:
        return None
    if not 0 <= dollars < float("inf"):
        return None
    return replace(found, max_cost=dollars) if value.startswith("<") else replace(found, min_cost=dollars)


def _sort(found: SessionFilter, value: str) -> SessionFilter | None:
    try:
        return replace(found, order=Order(value.casefold()))
    except ValueError:
        return None


_READERS: dict[str, Callable[[SessionFilter, str], SessionFilter | None]] = {
    "tag": _tag,
    "model": lambda found, value: replace(found, model=value),
    "left": lambda found, value: replace(found, left=value),
    "right": lambda found, value: replace(found, right=value),
    "is": _is,
    "has": _has,
    "vote": _vote,
    "since": _since,
    "before": _before,
    "cost": _cost,
    "sort": _sort,
}
