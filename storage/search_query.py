"""What a person types into the search line, as SQLite's full-text index wants it.

    tenant lease          both words, in any order; the last one may be unfinished
    "as is" -draft        a phrase; a text with `draft` in it is left out, as with NOT draft
    lease OR rent, conf*  one or the other; a word that begins so
    AND, OR, NOT          only in capitals; anything else is a word or nothing

Any text at all is a query: SQLite's own syntax raises on half of what people type, so nothing but words that were
found here, in quotes, ever reaches it. OR joins what stands to its left with what stands to its right.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from storage.words import MARKS, SPACED_LETTER, is_unspaced, words

LONGEST_QUERY = 1_000
"""Characters; more is a paste, and its beginning is looked for."""
MOST_TERMS = 24
PREFIX_LETTERS = 3
"""Letters from which on a word may be unfinished, if the caller says nothing else."""

_PIECE = re.compile(r'(?P<minus>-)?(?:"(?P<phrase>[^"]*)(?P<closed>"?)|(?P<word>[^\s"]+))')


@dataclass(frozen=True, slots=True)
class Term:
    """Words that stand next to each other."""

    words: tuple[str, ...]
    unfinished: bool = False
    """True: the last word is the beginning of one."""

    @property
    def expression(self) -> str:
        """The same for SQLite."""
        return f'"{" ".join(self.words)}"{"*" if self.unfinished else ""}'


@dataclass(frozen=True, slots=True)
class Query:
    """One of the `choices` must occur with all its terms; none of the `excluded` may."""

    choices: tuple[tuple[Term, ...], ...]
    excluded: tuple[Term, ...] = ()

    @property
    def expression(self) -> str:
        """The same for SQLite; empty when nothing is looked for."""
        if not self.choices:
            return ""
        wanted = " OR ".join(f"({' AND '.join(term.expression for term in choice)})" for choice in self.choices)
        if not self.excluded:
            return f"({wanted})"
        return f"(({wanted}) NOT ({' OR '.join(term.expression for term in self.excluded)}))"

    @property
    def terms(self) -> tuple[Term, ...]:
        """All that is looked for, once each."""
        return tuple(dict.fromkeys(term for choice in self.choices for term in choice))


def parse(text: str, prefix_letters: int = PREFIX_LETTERS) -> Query:
    """Read what was typed; words of fewer letters than that are taken as finished. Never raises."""
    choices: list[list[Term]] = [[]]
    excluded: list[Term] = []
    negated = False
    taken = 0
    for piece in _PIECE.finditer(text[:LONGEST_QUERY]):
        match piece["word"], piece["minus"]:
            case "OR", None:
                choices.append([])
            case "AND", None:
                pass
            case "NOT", None:
                negated = True
            case _, minus:
                leave_out = negated or minus is not None
                negated = False
                last = piece.end() == len(text) and not leave_out
                for term in _terms(piece, last, prefix_letters):
                    if taken < MOST_TERMS:
                        (excluded if leave_out else choices[-1]).append(term)
                        taken += 1
    return Query(tuple(tuple(choice) for choice in choices if choice), tuple(excluded))


def _terms(piece: re.Match[str], last: bool, prefix_letters: int) -> Iterator[Term]:
    """The term of a phrase or of what stands between blanks; none where there is no word in it."""
    word = piece["word"]
    said = words(piece["phrase"] if word is None else word)
    if not said:
        return
    star = word is not None and word.endswith("*")
    growing = star or (last and not piece["closed"] and _ends_in_letter(piece[0]))
    yield Term(tuple(said), growing and len(said[-1]) >= prefix_letters and not is_unspaced(said[-1]))


def _ends_in_letter(text: str) -> bool:
    return re.search(rf"(?:{SPACED_LETTER}|[{MARKS}])\Z", text) is not None
