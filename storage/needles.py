"""What is looked for inside one conversation, and where a text has it.

Two kinds: a `Literal` is what a person types into the line that finds inside a transcript, any part of any word; a
`Words` is a query of the search over all sessions, whose hits are shown in the transcript that it opened. Both take
letters as the search index does (`words.fold`): in any case and without diacritics.

The same needle is used on texts as they are stored, to count, and on lines as they are shown, to mark. So a gap
between words also passes over Markdown's marks: "two words" is found in "**two** words".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Protocol

from storage.search_query import parse
from storage.snippets import Marker
from storage.words import MARKS, fold

LONGEST_NEEDLE = 1_000
"""Characters; more is a paste, and its beginning is looked for."""

# All repetitions are possessive and bounded, and none takes what the piece after it begins with: otherwise a needle
# of stars on a text of stars would never end.
_MARKUP = "*_~`>|\u2022-"
_PLAIN_GAP = r"\s{1,200}+"
_GAP = r"[*_~`]{0,4}+\s[\s*_~`>|\u2022-]{0,200}+"
_ANY_MARKS = f"[{MARKS}]{{0,8}}+"


class Needle(Protocol):
    """Something that can be looked for."""

    @property
    def reach(self) -> int:
        """About how many characters one occurrence may take."""

    def spots(self, text: str) -> Iterator[tuple[int, int]]:
        """Where a text has it, from..to, in order and without overlaps."""

    def count(self, text: str) -> int:
        """How often a text has it."""


class Literal:
    """These very characters, but for case, diacritics and the width of gaps."""

    def __init__(self, text: str) -> None:
        """Take what was typed; blanks around it do not count. Nothing but blanks is found nowhere."""
        self._pieces = fold(text[:LONGEST_NEEDLE].strip()).split()
        self.reach = 2 * sum(len(piece) + 1 for piece in self._pieces)

    def spots(self, text: str) -> Iterator[tuple[int, int]]:
        """Where a text has it."""
        if not self._pieces:
            return
        pattern = self._plain if text.isascii() else self._any
        for found in pattern.finditer(fold(text)):
            yield found.span()

    def count(self, text: str) -> int:
        """How often a text has it."""
        if len(self._pieces) == 1 and text.isascii():
            return fold(text).count(self._pieces[0])  # ten times as fast
        return sum(1 for _ in self.spots(text))

    @cached_property
    def _plain(self) -> re.Pattern[str]:
        return re.compile(self._joined([re.escape(piece) for piece in self._pieces]))

    @cached_property
    def _any(self) -> re.Pattern[str]:
        """With the combining marks that a letter may have in a text."""
        return re.compile(
            self._joined(["".join(re.escape(one) + _ANY_MARKS for one in piece) for piece in self._pieces])
        )

    def _joined(self, patterns: Sequence[str]) -> str:
        joined = patterns[0]
        for before, after, pattern in zip(self._pieces, self._pieces[1:], patterns[1:], strict=False):
            joined += (_PLAIN_GAP if before[-1] in _MARKUP or after[0] in _MARKUP else _GAP) + pattern
        return joined


class Words:
    """The words and phrases of a query, as the search index takes them."""

    def __init__(self, query: str) -> None:
        """Take a query, see `search_query`."""
        terms = parse(query).terms
        self._marker = Marker(terms) if terms else None
        self.reach = 2 * max((len(term.expression) for term in terms), default=0)

    def spots(self, text: str) -> Iterator[tuple[int, int]]:
        """Where a text has one of them."""
        return self._marker.spots(text) if self._marker is not None else iter(())

    def count(self, text: str) -> int:
        """How often a text has one of them."""
        return sum(1 for _ in self.spots(text))
