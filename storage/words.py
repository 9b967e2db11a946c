"""What the search index takes for a word. The index, the query and the snippet must agree, so it is said once.

SQLite's tokenizer `unicode61` makes words of runs of letters and digits, in any case and without diacritics. Scripts
that are written without spaces would become one word per sentence, so each of their characters is a word of its own:
a query of two characters is then two words next to each other, found anywhere in a sentence, and no second index is
needed.

`spaced` must stay as it is for as long as there are files: to take a text out of an index without content, SQLite
wants exactly what was put in.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

# Thai to Burmese, Khmer, iteration marks, kana, bopomofo, Han and Hangul syllables (Korean words carry endings).
UNSPACED = (
    "\u0e01-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3041-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
"""For a character class: each such character is a word."""
MARKS = "\u0300-\u036f"
"""For a character class: combining marks, which belong to their letter and are passed over."""
SPACED_LETTER = rf"[^\W_{UNSPACED}]"
"""Matches a letter or digit of a script that is written with spaces."""


@cache
def _unspaced() -> re.Pattern[str]:
    """Made when it is first needed, as the other: together they take 7 ms."""
    return re.compile(f"([{UNSPACED}])")


@cache
def _word() -> re.Pattern[str]:
    return re.compile(rf"[{UNSPACED}]|{SPACED_LETTER}(?:{SPACED_LETTER}|[{MARKS}])*")


def spaced(text: str) -> str:
    """The text as it goes to the tokenizer."""
    return text if text.isascii() else _unspaced().sub(r" \1 ", text)


def words(text: str) -> list[str]:
    """The words of a text, folded."""
    found = _word().findall(text)
    return [fold(re.sub(f"[{MARKS}]", "", word)) for word in found]


def is_unspaced(word: str) -> bool:
    """True for a word of one character that may stand inside a run of others."""
    return _unspaced().fullmatch(word) is not None


def fold(text: str) -> str:
    """The text in lower case and without diacritics, character by character: its length stays."""
    return text.lower() if text.isascii() else text.translate(_FOLDED)


class _Folded(dict[int, str]):
    """Fills itself with the characters that occur."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        parts = unicodedata.normalize("NFD", character)
        if all(unicodedata.combining(mark) for mark in parts[1:]):
            character = parts[0]
        lower = character.lower()
        self[code] = lower if len(lower) == 1 else character
        return self[code]


_FOLDED = _Folded()
