"""One line of a transcript as a value, and how running text becomes lines.

A line knows words and roles, no colours: a change of theme repaints lines, it does not make them anew. It also knows
what wrapping did to it, so that a copy gives back the text and not the column it was shown in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from enum import StrEnum
from itertools import takewhile
from typing import NamedTuple

from rich.cells import cell_len, chop_cells


class Role(StrEnum):
    """What a piece of text is; the view has one component class for each."""

    TEXT = "text"
    DIM = "dim"
    QUESTION = "question"
    HEADING = "heading"
    CODE = "code"
    LINK = "link"
    MARKER = "marker"
    RULE = "rule"
    LEFT = "left"
    RIGHT = "right"
    ERROR = "error"
    DEMO = "demo"
    KEYWORD = "keyword"
    STRING = "string"
    COMMENT = "comment"
    FUNCTION = "function"
    NUMBER = "number"
    BUILTIN = "builtin"


class Ink(NamedTuple):
    """How a piece of text is drawn."""

    role: Role = Role.TEXT
    bold: bool = False
    italic: bool = False
    strike: bool = False
    underline: bool = False


PLAIN = Ink()
FAINT = Ink(Role.DIM)

Run = tuple[str, Ink]
"""A piece of text in one ink. Cleaned, and without newlines once it is in a line."""


class Kind(StrEnum):
    """What a line is part of that is more than running text."""

    CODE = "code"
    TABLE = "table"


class Line(NamedTuple):
    """One line as it stands in its column, not padded."""

    runs: tuple[Run, ...] = ()
    width: int = 0
    """In cells."""
    lead: int = 0
    """So many characters at the start are decoration (indent, quote bar, wrap marker) and are not copied."""
    glue: str | None = None
    """None: a line of its own. Else the line before was wrapped here, and this stood in between (a space, or "")."""
    kind: Kind | None = None
    opens: bool = False
    """The first line of a block of its kind; two blocks may follow each other without a gap."""

    @property
    def text(self) -> str:
        """The characters as shown."""
        return "".join([text for text, _ in self.runs])


BLANK = Line()


def line(runs: Iterable[Run], *, lead: int = 0, glue: str | None = None) -> Line:
    """Make a line of runs; neighbours in the same ink become one, because every segment costs when painted."""
    merged: list[Run] = []
    for text, ink in runs:
        if not text:
            continue
        if merged and merged[-1][1] == ink:
            merged[-1] = (merged[-1][0] + text, ink)
        else:
            merged.append((text, ink))
    return Line(tuple(merged), sum([cell_len(text) for text, _ in merged]), lead, glue)


def as_block(lines: Sequence[Line], kind: Kind, *, opens: bool) -> list[Line]:
    """The lines as part of a block, with `opens` the first part."""
    return [each._replace(kind=kind, opens=opens and n == 0) for n, each in enumerate(lines)]


def words(text: str, ink: Ink = PLAIN) -> Line:
    """Make a line of one piece of text."""
    return line([(text, ink)])


def joined(lines: Iterable[tuple[Line, int, int]]) -> str:
    """Return what copying gives: of each line the characters from..to, soft wraps undone and decoration left out."""
    parts: list[str] = []
    for each, start, end in lines:
        if parts:
            parts.append("\n" if each.glue is None else each.glue)
        parts.append(each.text[max(start, each.lead) : end])
    return "".join(parts)


# A chunk is what may not be torn: a word with the white space after it, or one wide character with the closing
# punctuation that may not begin a line. Scripts without spaces thus wrap anywhere, as they should.
_WIDE = (
    "\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6"
    "\U00020000-\U0003fffd"
)
_CLOSING = (
    "\u3001\u3002\uff0c\uff0e\uff01\uff1f\uff1a\uff1b\uff09\uff3d\uff5d\u300d\u300f\u3011\u3009\u300b\u3015"
    "\u3017\u2019\u201d\u2026"
)
_CHUNK = re.compile(f"(?:[{_WIDE}][{_CLOSING}]*|[^\\s{_WIDE}]+[{_CLOSING}]*)|\\s+")


class Cut(NamedTuple):
    """One line's share of a text: characters from..to, and what stood between the line before and this one."""

    start: int
    end: int
    glue: str | None


def cuts(text: str, width: int) -> list[Cut]:
    """Break one paragraph (no newlines) at white space and between wide characters, to lines of `width` cells.

    What is longer than a line is torn between graphemes.
    """
    if cell_len(text) <= width:
        return [Cut(0, len(text), None)]
    pieces: list[Cut] = []
    start = end = 0  # the line so far, without white space at its end
    room = width
    glue: str | None = None
    for chunk in _CHUNK.finditer(text):
        piece, at = chunk.group(), chunk.start()
        if piece.isspace():
            continue
        cells = cell_len(piece)
        if at - end + cells <= room:
            room -= at - end + cells
            end = chunk.end()
            continue
        if end > start:
            pieces.append(Cut(start, end, glue))
            glue = text[end:at]
            start = at
        # White space at the very beginning is an indent: it stays, even before a word that has to be torn for it.
        room, piece = width, text[start : chunk.end()]
        for torn in chop_cells(piece, width)[:-1] if cell_len(piece) > width else ():
            pieces.append(Cut(start, start + len(torn), glue))
            start += len(torn)
            glue = ""
        end = chunk.end()
        room -= cell_len(text[start:end])
    pieces.append(Cut(start, end, glue))
    return pieces


def cut_runs(runs: Sequence[Run], pieces: Sequence[Cut]) -> list[list[Run]]:
    """Share runs out to the lines that `cuts` found in their joined text."""
    shares: list[list[Run]] = []
    index, offset = 0, 0  # the run that holds the next character, and that run's first character in the text
    for start, end, _ in pieces:
        share: list[Run] = []
        while index < len(runs) and offset + len(runs[index][0]) <= start:
            offset += len(runs[index][0])
            index += 1
        at, run_start = index, offset
        while at < len(runs) and run_start < end:
            text, ink = runs[at]
            share.append((text[max(0, start - run_start) : end - run_start], ink))
            run_start += len(text)
            at += 1
        shares.append(share)
    return shares


def paragraphs(runs: Iterable[Run]) -> list[list[Run]]:
    """Split runs at newlines."""
    split: list[list[Run]] = [[]]
    for text, ink in runs:
        first, *others = text.split("\n")
        split[-1].append((first, ink))
        split.extend([(other, ink)] for other in others)
    return split


def wrap(runs: Iterable[Run], width: int, first: Sequence[Run] = (), rest: Sequence[Run] = ()) -> list[Line]:
    """Lay running text out in `width` cells, with `first` before its first line and `rest` before all others.

    The two are equally wide but for what is nested deeply. Rules in `first` are decoration; a list's marker is text
    and is copied.
    """
    wrapped: list[Line] = []
    margin: Sequence[Run] = first
    lead = sum([len(text) for text, _ in takewhile(lambda run: run[1].role is Role.RULE, first)])
    inner = max(2, width - max(sum([cell_len(text) for text, _ in each]) for each in (first, rest)))
    for paragraph in paragraphs(runs):
        pieces = cuts("".join([text for text, _ in paragraph]), inner)
        for share, piece in zip(cut_runs(paragraph, pieces), pieces, strict=True):
            wrapped.append(line([*margin, *share], lead=lead, glue=piece.glue))
            margin = rest
            lead = sum([len(text) for text, _ in rest])
    return wrapped


def fold(runs: Sequence[Run], width: int, first: Sequence[Run], rest: Sequence[Run]) -> list[Line]:
    """Lay out one line that must keep every space: torn at the column's edge, `rest` before what is continued."""
    lead = len("".join([text for text, _ in first]))
    inner = max(2, width - sum([cell_len(text) for text, _ in first]))
    text = "".join([text for text, _ in runs])
    if cell_len(text) <= inner:
        return [line([*first, *runs], lead=lead)]
    pieces: list[Cut] = []
    at = 0
    for torn in chop_cells(text, inner):
        pieces.append(Cut(at, at + len(torn), "" if pieces else None))
        at += len(torn)
    shares = cut_runs(runs, pieces)
    return [
        line([*(rest if piece.glue == "" else first), *share], lead=lead, glue=piece.glue)
        for share, piece in zip(shares, pieces, strict=True)
    ]
