"""The place in a text where a search has found something, short enough for one line."""

from __future__ import annotations

import re

from storage.words import fold

Snippet = tuple[tuple[str, bool], ...]
"""Pieces of text, and whether each is what was looked for. Raw words of other people, white space made single."""

SNIPPET_LETTERS = 180
_BEFORE = 50
_FOLDED_AT_ONCE = 65_536
_OVERLAP = 1_000
_CONSIDERED = 40
_SPACE = re.compile(r"\s+")


def snippet(text: str, pattern: re.Pattern[str]) -> Snippet | None:
    """The part of a text that has most of what was looked for; None when nothing of it is there.

    Only as much of a long text is looked at as is needed to find something.
    """
    for start in range(0, max(1, len(text)), _FOLDED_AT_ONCE):
        part = text[start : start + _FOLDED_AT_ONCE + _OVERLAP]
        spots = _spots(part, pattern)
        if spots:
            first, last = max(_windows(spots), key=lambda window: _worth(part, spots[window[0] : window[1]]))
            before = text[max(0, start - _BEFORE) : start]
            return _cut(before + part, [(a + len(before), b + len(before)) for a, b in spots[first:last]], start > 0)
    return None


def beginning(text: str) -> Snippet:
    """The beginning of a text in which no place is known."""
    line = " ".join(text[: 2 * SNIPPET_LETTERS].split())
    return ((line if len(line) <= SNIPPET_LETTERS else f"{line[:SNIPPET_LETTERS]}…", False),)


def _spots(part: str, pattern: re.Pattern[str]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for spot in pattern.finditer(fold(part)):
        if spot.end() > spot.start():
            found.append(spot.span())
        if len(found) == _CONSIDERED:
            break
    return found


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
