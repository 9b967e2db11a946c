"""The filter words of the list of sessions as a person picks them: what there is, and a line with one more or less.

`storage.session_filter` reads the line; here it is only written. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from storage.session_filter import Order, SessionFilter

ORDER_WORDS = {
    Order.NEWEST: "newest first",
    Order.OLDEST: "oldest first",
    Order.TITLE: "by title",
    Order.COST: "dearest first",
    Order.TURNS: "longest first",
}


@dataclass(frozen=True, slots=True)
class Choice:
    """A filter word, and what it means."""

    word: str
    means: str


@dataclass(frozen=True, slots=True)
class Group:
    """Words that belong together; of an exclusive group a line has one at most."""

    title: str
    choices: tuple[Choice, ...]
    exclusive: bool = False


MARKS = Group(
    "Only sessions that",
    (
        Choice("is:starred", "have a star"),
        Choice("is:unfinished", "have an unfinished answer"),
        Choice("has:vote", "have a vote"),
        Choice("has:note", "have a note"),
        Choice("has:file", "have a file"),
        Choice("is:imported", "came from elsewhere"),
    ),
)
SHELVES = Group(
    "In place of the list",
    (Choice("is:archived", "the archive"), Choice("is:deleted", "the bin")),
    exclusive=True,
)
ORDERS = Group(
    "Sorted",
    tuple(Choice(f"sort:{order}", ORDER_WORDS[order]) for order in Order if order is not Order.NEWEST),
    exclusive=True,
)
_WITH_VALUES = ("tag:", "model:", "left:", "right:", "vote:left", "vote:right", "vote:tie", "vote:neither")
_WITH_DATES = ("since:2026-01-31", "before:2026-01-31", "cost:>0.10", "cost:<2")


def groups(tags: Mapping[str, int]) -> list[Group]:
    """All that can be picked: marks, each tag with its count, places, orders."""
    named = tuple(Choice(f"tag:{tag}", f"{count:,}") for tag, count in tags.items())
    return [MARKS, *([Group("Tagged", named)] if named else []), SHELVES, ORDERS]


def toggled(line: str, word: str, among: Sequence[Group] = (MARKS, SHELVES, ORDERS)) -> str:
    """The line with a filter word more, or without it if it was there; words of its exclusive group leave."""
    words = line.split()
    if word in words:
        return " ".join(each for each in words if each != word)
    rivals = {
        choice.word
        for group in among
        if group.exclusive and any(choice.word == word for choice in group.choices)
        for choice in group.choices
    }
    return " ".join([*(each for each in words if each not in rivals), word])


def completions(line: str, tags: Iterable[str]) -> list[str]:
    """Filter words that the last word of a line may be the beginning of; none for a finished or ordinary one."""
    last = "" if line[-1:].isspace() else (line.split() or [""])[-1].casefold()
    if len(last) < 2:
        return []
    known = [choice.word for group in (MARKS, SHELVES, ORDERS) for choice in group.choices]
    known += [*_WITH_VALUES, *(f"tag:{tag}" for tag in tags), *_WITH_DATES]
    return [word for word in known if word.startswith(last) and word != last]


def order_words(wanted: SessionFilter) -> str:
    """How the list is sorted, and which list it is if it is another one: "archive · newest first"."""
    shelf = {"list": "", "archive": "archive · ", "bin": "bin · "}[wanted.shelf]
    return shelf + ORDER_WORDS[wanted.order]
