"""The place in a text where a search has found something, short enough for one line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import islice

from storage.search_query import Term
from storage.words import MARKS, SPACED_LETTER, fold, is_unspaced

Snippet = tuple[tuple[str, bool], ...]
"""Pieces of text, and whether each is what was looked for. Raw words of other people, white space made single."""

SNIPPET_LETTERS = 180
_BEFORE = 50
_FOLDED_AT_ONCE = 65_536
_OVERLAP = 1_000
_CONSIDERED = 40
_SPACE = re.compile(r"\s+")


class Marker:
    """Finds terms in texts, by the index's idea of a word."""

    def __init__(self, terms: Sequence[Term]) -> None:
        # The longest first: of two terms that begin alike, the whole phrase is to be found.
        self._terms = sorted(terms, key=lambda term: len(term.expression), reverse=True)

    def spots(self, text: str) -> Iterator[tuple[int, int]]:
        """Where they stand."""
        pattern = self._plain if text.isascii() else self._any
        return (spot.span() for spot in pattern.finditer(fold(text).replace("_", " ")) if spot.group())

    @cached_property
    def _plain(self) -> re.Pattern[str]:
        """For ASCII text: ten times as quick to make, and quicker to use."""
        terms = [term for term in self._terms if term.expression.isascii()]
        return re.compile("|".join(_plain_source(term) for term in terms) or "(?!)")

    @cached_property
    def _any(self) -> re.Pattern[str]:
        return re.compile("|".join(_source(term) for term in self._terms))


def _plain_source(term: Term) -> str:
    rest = r"\w*" if term.unfinished else ""
    return r"\b" + r"\W*\b".join(term.words) + rest + r"\b"


def _source(term: Term) -> str:
    """A regular expression for a term; between the words may stand whatever is no letter."""
    pieces = []
    for word in term.words:
        if is_unspaced(word):
            pieces.append(re.escape(word))
        else:
            letters = "".join(f"{re.escape(letter)}[{MARKS}]*" for letter in word)
            pieces.append(f"(?<!{SPACED_LETTER}){letters}(?!{SPACED_LETTER})")
    if term.unfinished:
        pieces[-1] = pieces[-1].removesuffix(f"(?!{SPACED_LETTER})") + f"(?:{SPACED_LETTER}|[{MARKS}])*"
    return r"[\W_]*".join(pieces)


def snippet(text: str, marker: Marker) -> Snippet | None:
    """The part of a text that has most of what was looked for; None when nothing of it is there.

    Only as much of a long text is looked at as is needed to find something.
    """
    for start in range(0, max(1, len(text)), _FOLDED_AT_ONCE):
        part = text[start : start + _FOLDED_AT_ONCE + _OVERLAP]
        spots = list(islice(marker.spots(part), _CONSIDERED))
        if spots:
            first, last = max(_windows(spots), key=lambda window: _worth(part, spots[window[0] : window[1]]))
            before = text[max(0, start - _BEFORE) : start]
            return _cut(before + part, [(a + len(before), b + len(before)) for a, b in spots[first:last]], start > 0)
    return None


def beginning(text: str) -> Snippet:
    """The beginning of a text in which no place is known."""
    line = " ".join(text[: 2 * SNIPPET_LETTERS].split())
    return ((line if len(line) <= SNIPPET_LETTERS else f"{line[:SNIPPET_LETTERS]}…", False),)


def _windows(spots: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """For each spot the run of spots, from it on, that one snippet can show."""
    windows = []
    for first, (start, _) in enumerate(spots):
        last = first + 1
        while last < len(spots) and spots[last][1] <= start + SNIPPET_LETTERS - _BEFORE:
            last += 1
        windows.append((first, last))
    return windows


def _worth(part: str, spots: list[tuple[int, int]]) -> tuple[int, int]:
    """Different words first, then how many; of equals `max` takes the first."""
    return len({fold(part[start:end]) for start, end in spots}), len(spots)


def _cut(text: str, spots: list[tuple[int, int]], more_before: bool) -> Snippet:
    start = _word_start(text, max(0, spots[0][0] - _BEFORE), spots[0][0])
    end = min(len(text), max(start + SNIPPET_LETTERS, min(spots[0][1], start + 2 * SNIPPET_LETTERS)))
    pieces: list[tuple[str, bool]] = [("…", False)] if start > 0 or more_before else []
    at = start
    for a, b in spots:
        pieces += [(text[at:a], False), (text[a : min(b, end)], True)]
        at = min(b, end)
    pieces += [(text[at:end], False), *([("…", False)] if end < len(text) else [])]
    return tuple((_SPACE.sub(" ", words), found) for words, found in pieces if words)


def _word_start(text: str, earliest: int, latest: int) -> int:
    """The first beginning of a word from `earliest` on."""
    if earliest == 0:
        return 0
    space = _SPACE.search(text, earliest, latest)
    return space.end() if space else earliest
