"""Texts of known content and length, cut into tokens, with marker words by which they are found on the screen.

The same script and stream number give the same text in every process: the server that streams it and the harness that
checks that nothing was lost need not talk about it.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

MARKER = re.compile(rb"zq(\d+)n(\d{5})z")
"""Stream and running number of a marker, as it stands in the terminal's output."""
MARKER_EVERY = 20
"""Tokens from one marker to the next, about."""

_SCRIPT = re.compile(r"(prose|mixed|code|table|list) at (\d+) for (\d+)")
_TOKEN = re.compile(r"\s?zq\d+n\d{5}z|\s?\S{1,4}|\s")
_PLAIN_WORD = re.compile(r"(?<= )[a-z]{4,}(?=[ ,.\n])")
_TEXT = """
the report says that each tenant keeps the garden and the stairs in order while the owner pays for larger repairs
which must be asked for in writing before the end of a month unless water or fire leaves no time for a letter and
whoever moves out returns both keys with a list of what was broken or lost during the years of the contract
"""
_WORDS = _TEXT.split()


@dataclass(frozen=True, slots=True)
class Script:
    """What a stream shall say, and how fast. Its `prompt` is how the harness asks for it."""

    kind: str
    """prose, mixed, code, table or list."""
    rate: int
    """Tokens a second."""
    tokens: int

    @property
    def prompt(self) -> str:
        """The prompt that asks the token server for it."""
        return f"{self.kind} at {self.rate} for {self.tokens}"

    @staticmethod
    def parsed(prompt: str) -> Script:
        """The script that a prompt asks for; a short one when it asks for none."""
        found = _SCRIPT.search(prompt)
        return Script(found[1], int(found[2]), int(found[3])) if found else Script("prose", 200, 40)


def marker(stream: int, number: int) -> str:
    """One marker word."""
    return f"zq{stream}n{number:05d}z"


def tokens(script: Script, stream: int) -> list[str]:
    """The tokens of one stream; the last is a marker."""
    pieces: list[str] = []
    number = since = 0
    for line in _lines(script.kind, seed=stream):
        marked = line
        if since >= MARKER_EVERY and not line.startswith(("|", "```")):
            marked = _PLAIN_WORD.sub(marker(stream, number), line, count=1)
        if marked != line:
            number, since = number + 1, 0
        cut = _TOKEN.findall(marked)
        since += len(cut)
        pieces += cut
        if len(pieces) >= script.tokens:
            break
    del pieces[script.tokens - 1 :]
    end = "\n```\n\n" if script.kind == "code" else "\n\n"
    last = sum("zq" in piece for piece in pieces)
    return [*pieces, end + marker(stream, last)]


@lru_cache(maxsize=8)
def document(kind: str, characters: int) -> str:
    """A text of one kind, at least so long, without markers."""
    pieces: list[str] = []
    length = 0
    for line in _lines(kind, seed=1):
        pieces.append(line)
        length += len(line)
        if length >= characters:
            break
    return "".join(pieces)


def _lines(kind: str, seed: int) -> Iterator[str]:
    """Lines without end."""
    chance = random.Random(seed)
    if kind == "code":
        yield "```python\n"
    if kind == "table":
        yield "| clause | duty | within |\n|---|---|---:|\n"
    while True:
        yield from _PARTS[kind](chance)


def _sentence(chance: random.Random, words: int) -> str:
    return " ".join(chance.choices(_WORDS, k=words))


def _prose(chance: random.Random) -> Iterator[str]:
    for _ in range(chance.randint(3, 7)):
        yield f"The {_sentence(chance, chance.randint(8, 24))}. "
    yield "\n\n"


def _mixed(chance: random.Random) -> Iterator[str]:
    yield f"## About {_sentence(chance, 4)}\n\n"
    yield f"First **{_sentence(chance, 2)}** and `{chance.choice(_WORDS)}()` for {_sentence(chance, 20)}.\n\n"
    yield from (
        f"- {_sentence(chance, 3)} with *{chance.choice(_WORDS)}* of {_sentence(chance, 8)}\n" for _ in range(4)
    )
    yield "\n```python\n"
    yield from (line for _ in range(2) for line in _code(chance))
    yield "```\n\n| clause | duty | within |\n|---|---|---:|\n"
    yield from (row for _ in range(4) for row in _table(chance))
    yield f"\n> {_sentence(chance, 14)}\n\n"


def _code(chance: random.Random) -> Iterator[str]:
    name = chance.choice(_WORDS)
    yield f"def {name}_{chance.randint(1, 999)}(self, rows: list[int]) -> str:\n"
    yield f'    """The {_sentence(chance, 5)}."""\n'
    yield f"    {chance.choice(_WORDS)} = [row * {chance.randint(2, 99)} for row in rows if row > 0]\n"
    yield f'    return f"{{rows}} {chance.choice(_WORDS)}"  # {_sentence(chance, 3)}\n\n'


def _table(chance: random.Random) -> Iterator[str]:
    yield f"| {chance.randint(1, 99)} | {_sentence(chance, 5)} | {chance.randint(1, 30)} days |\n"


def _list(chance: random.Random) -> Iterator[str]:
    for depth in range(3):
        yield "  " * depth + f"- {_sentence(chance, 7)}\n"


_PARTS: dict[str, Callable[[random.Random], Iterator[str]]] = {
    "prose": _prose,
    "mixed": _mixed,
    "code": _code,
    "table": _table,
    "list": _list,
}
