"""A long answer cut into passages: stretches of its source that can be laid out one without the others.

Only what is in view of a long answer is laid out, so there must be places to begin at. They are found by looking for
blank lines and code fences alone, which takes milliseconds for megabytes: after a blank line a line without an indent
begins a block of its own, unless it stands in a code block. (That numbers are those of the source, and that lists are
set tight or loose item by item, lets even a list be cut between its items.) What has no such place for long is cut
all the same: code between lines, tables between rows, a paragraph between words. Nothing of that is lost or shown
twice; emphasis over the cut and the colours of a string over hundreds of lines are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, assert_never

from tui.rendering.code import highlight, language_of
from tui.rendering.inline import runs_of
from tui.rendering.lines import BLANK, PLAIN, Line, wrap
from tui.rendering.markdown import Environment, Writer, closing, code_lines, parse, rows_of
from tui.rendering.table import Row, Table, aligns_of

if TYPE_CHECKING:
    from markdown_it.token import Token

PASSAGE = 1_200
"""Characters after which a passage ends with its block: some 30 rows, 3 ms to lay out."""
LONGEST_BLOCK = 4_000
"""Characters of a block that is laid out as a whole; what is longer is cut inside."""
_ROWS_TELL = 3_000
"""Characters of a long table that decide how wide its columns are, wherever in it one looks."""
_ASKED = 20_000
"""Characters that are parsed at most to learn whether an unusual code block goes on."""

_FENCE = re.compile(
    r"^(?P<lead>[ ]*(?:(?:[-+*]|\d{1,9}[.)])[ ]+)*)(?P<mark>`{3,}|~{3,})(?P<info>[^\n]*)$", re.MULTILINE
)
_BETWEEN = re.compile(r"\n(?:[ \t]*\n)+(?=\S)")
_ITEM = re.compile(r"^(?:[-+*]|\d{1,9}[.)]) +\S", re.MULTILINE)
_INDENTED = re.compile(r"^[ \t]+\S", re.MULTILINE)
_DEFINITION = re.compile(r"^ {0,3}\[[^\]\n]{1,200}\]:[ \t]*\S[^\n]{0,2000}", re.MULTILINE)
MOST_DEFINITIONS = 1_000


class Cut(Enum):
    """What a passage is a part of."""

    BLOCKS = auto()
    """Whole blocks beside each other."""
    ITEMS = auto()
    """Items of the list before it."""
    CODE = auto()
    ROWS = auto()
    """Of a table, without its head."""
    WORDS = auto()
    """Of the paragraph before it."""


@dataclass(frozen=True, slots=True)
class Passage:
    """Characters start..end of a cleaned source."""

    start: int
    end: int
    cut: Cut = Cut.BLOCKS
    lead_in: str = ""
    """What must stand before it so that it means what it meant: the opening of its code, the head of its table."""
    opens: bool = True
    """The block that it is cut from begins here."""
    torn: str = "\n"
    """What it was torn from the passage before at: a newline, a space, or nothing."""


def passages(source: str) -> list[Passage]:
    """Cut a cleaned answer; joined they are the source, but for the fences around long code."""
    return list(_Scan(source).passages())


def definitions(source: str) -> Environment:
    """What the reference links of an answer lead to, wherever in it that is said."""
    environment: Environment = {"references": {}}
    found = [match.group() for _, match in zip(range(MOST_DEFINITIONS), _DEFINITION.finditer(source), strict=False)]
    if found:
        parse("\n".join(found) + "\n", environment)
    return environment


class _Scan:
    """One way through a source."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._fence = self._next_fence(0)

    def passages(self) -> Iterator[Passage]:
        """Blocks until they are enough for a passage, and long ones cut inside."""
        source, begin, at = self._source, 0, 0
        while at < len(source):
            if self._fence is not None and self._fence.start() == at and not self._fence["lead"]:
                end, code, code_end = self._fenced(self._fence)
                if code_end - code > LONGEST_BLOCK:
                    if at > begin:
                        yield Passage(begin, at)
                    yield from _code(source, code, code_end, source[at:code])
                    begin = at = end
                    continue
            else:
                end = self._block_end(at)
                if end - at > LONGEST_BLOCK:
                    if at > begin:
                        yield Passage(begin, at)
                    yield from _long_block(source, at, end)
                    begin = at = end
                    continue
            at = end
            if at - begin >= PASSAGE:
                yield Passage(begin, at)
                begin = at
        if at > begin:
            yield Passage(begin, at)

    def _next_fence(self, at: int) -> re.Match[str] | None:
        while (found := _FENCE.search(self._source, at)) is not None:
            if found["mark"][0] == "~" or "`" not in found["info"]:
                return found
            at = found.end()
        return None

    def _fenced(self, fence: re.Match[str]) -> tuple[int, int, int]:
        """Where a code block without an indent ends, and its code begins and ends."""
        mark = fence["mark"]
        closing_line = re.compile(rf"^ {{0,3}}{mark[0]}{{{len(mark)},}}[ \t]*$", re.MULTILINE)
        code = min(len(self._source), fence.end() + 1)
        found = closing_line.search(self._source, code)
        end = min(len(self._source), found.end() + 1) if found is not None else len(self._source)
        self._fence = self._next_fence(end)
        return end, code, found.start() if found is not None else end

    def _block_end(self, at: int) -> int:
        """The end of the blocks that begin here: before a line that can only begin another one."""
        source = self._source
        looked_from = at
        while True:
            found = _BETWEEN.search(source, looked_from)
            end = found.end() if found is not None else len(source)
            fence = self._fence
            if fence is None or fence.start() >= end:
                return end
            if not fence["lead"] and fence.start() > at:
                return fence.start()
            looked_from = self._after_nested(at, fence)
            self._fence = self._next_fence(looked_from)
            looked_from = max(at, looked_from - 1)  # the newline may be the first of a gap

    def _after_nested(self, at: int, fence: re.Match[str]) -> int:
        """Where a code block inside a list item or with an indent ends, by its closing fence or by its item's end."""
        source, mark = self._source, fence["mark"]
        line = re.compile(rf"^(?:(?P<closing>[ \t]+{mark[0]}{{{len(mark)},}}[ \t]*$)|(?=\S))", re.MULTILINE)
        look = fence.end() + 1
        while look < len(source) and (found := line.search(source, look)) is not None:
            if found["closing"] is not None:
                return min(len(source), found.end() + 1)
            line_end = source.find("\n", found.start())
            line_end = len(source) if line_end < 0 else line_end
            if line_end - at > _ASKED or not _in_code(source[at:line_end]):
                return found.start()
            look = line_end + 1
        return len(source)


def _in_code(source: str) -> bool:
    """Whether the last line stands in a code block, or closes it."""
    tokens = parse(source)
    return bool(tokens) and tokens[-1].type == "fence" and tokens[-1].level == 0


def _code(source: str, start: int, end: int, opening: str) -> Iterator[Passage]:
    at = start
    torn = "\n"
    while at < end:
        cut, next_torn = _line_cut(source, at, end)
        yield Passage(at, cut, Cut.CODE, opening, opens=at == start, torn=torn)
        at, torn = cut, next_torn


def _line_cut(source: str, at: int, end: int) -> tuple[int, str]:
    """Where to cut lines: where a paragraph of them ends if that is near, else between two, else anywhere."""
    wanted = at + PASSAGE
    if end - wanted < PASSAGE // 2:
        wanted = end
    if wanted < end:
        gap = source.rfind("\n\n", wanted - PASSAGE // 2, wanted)
        if gap >= 0:
            return gap + 2, "\n"
    newline = source.find("\n", wanted - 1, min(end, at + LONGEST_BLOCK))
    if newline >= 0:
        return newline + 1, "\n"
    if end - at <= LONGEST_BLOCK:
        return end, "\n"
    space = source.rfind(" ", at + PASSAGE // 2, at + PASSAGE)
    return (space + 1 if space > 0 else at + PASSAGE), ""


def _long_block(source: str, start: int, end: int) -> Iterator[Passage]:
    second = source.find("\n", source.find("\n", start) + 1) + 1
    head = source[start:second] if 0 < second - start < LONGEST_BLOCK and second <= end else ""
    if head and (tokens := parse(head)) and tokens[0].type == "table_open":
        return _cut_rows(source, start, second, end)
    if _ITEM.match(source, start):
        return _cut_items(source, start, end)
    if _INDENTED.match(source, start):
        return iter([Passage(start, end)])
    return _cut_words(source, start, end)


def _cut_rows(source: str, start: int, rows: int, end: int) -> Iterator[Passage]:
    beginning = source[start : min(end, max(rows, start + _ROWS_TELL))]
    at, cut, torn = start, rows, "\n"
    while cut < end or at == start:
        cut, next_torn = _line_cut(source, cut, end)
        yield Passage(at, cut, Cut.ROWS, beginning, opens=at == start, torn=torn)
        at, torn = cut, next_torn


def _cut_items(source: str, start: int, end: int) -> Iterator[Passage]:
    """Between items of the outermost list; an item that is very long itself, anywhere between lines."""
    at = start
    while at < end:
        item = _ITEM.search(source, min(end, at + PASSAGE), end)
        cut = item.start() if item is not None else end
        if cut - at > 4 * LONGEST_BLOCK:
            cut, _ = _line_cut(source, at, end)
        yield Passage(at, cut, Cut.BLOCKS if at == start else Cut.ITEMS)
        at = cut


def _cut_words(source: str, start: int, end: int) -> Iterator[Passage]:
    at, torn = start, "\n"
    while at < end:
        wanted = at + PASSAGE
        cut = end
        if end - wanted > PASSAGE // 2:
            cut = next(
                (
                    found + 1
                    for mark in ("\n", ". ", " ")
                    if (found := source.rfind(mark, at + PASSAGE // 2, wanted)) > 0
                ),
                wanted,
            )
            cut += source[cut : cut + 1] == " "
        yield Passage(at, cut, Cut.BLOCKS if at == start else Cut.WORDS, opens=at == start, torn=torn)
        at, torn = cut, source[cut - 1] if source[cut - 1] in " \n" else ""


class PassageWriter:
    """Lays passages of one source out in a column of `width` cells."""

    def __init__(self, source: str, width: int, *, unwrapped: bool = False) -> None:
        self._source = source
        self._width = width
        self._unwrapped = unwrapped
        self._environment = definitions(source)
        self._tables: dict[str, Table] = {}
        """By their beginnings, which decide how wide columns are."""

    def lines(self, passage: Passage) -> list[Line]:
        """The lines of one passage, with the blank one that separates it from what is before it."""
        text = self._source[passage.start : passage.end]
        match passage.cut:
            case Cut.CODE:
                lines = self._code(text, passage)
            case Cut.ROWS:
                lines = self._rows_of_table(text, passage)
            case Cut.WORDS:
                return self._words(text, passage.torn)
            case Cut.BLOCKS | Cut.ITEMS:
                return self._blocks(text, gap=passage.start > 0 and passage.cut is Cut.BLOCKS)
            case _:
                assert_never(passage.cut)
        return [BLANK, *lines] if passage.opens and passage.start > 0 else lines

    def _blocks(self, text: str, *, gap: bool) -> list[Line]:
        writer = Writer(text.split("\n"), self._width, gap_first=gap, unwrapped=self._unwrapped)
        return writer.blocks(self._parse(text)).lines

    def _parse(self, text: str) -> list[Token]:
        return parse(text, {"references": dict(self._environment["references"])})

    def _code(self, text: str, passage: Passage) -> list[Line]:
        language = language_of(passage.lead_in.strip("`~\n "))
        rows = highlight(text.removesuffix("\n"), language)
        lines = code_lines(rows, self._width, [], opens=passage.opens, unwrapped=self._unwrapped)
        if not passage.torn:
            lines[0] = lines[0]._replace(glue="")
        return lines

    def _rows_of_table(self, text: str, passage: Passage) -> list[Line]:
        """Rows in columns as wide as the beginning of the table wants them."""
        beginning = passage.lead_in
        table = self._tables.get(beginning)
        if table is None:
            rows, styles = self._rows(beginning)
            table = self._tables[beginning] = Table(
                rows[0], aligns_of(styles), self._width, unwrapped=self._unwrapped
            )
            table.fit(rows[1:])
        head = "".join(beginning.splitlines(keepends=True)[:2])
        rows, _ = self._rows(text if passage.opens else head + text)
        shown = rows if passage.opens else rows[1:]
        return [
            each
            for number, row in enumerate(shown)
            for each in table.in_columns(row, first=passage.opens and number == 0)
        ]

    def _rows(self, source: str) -> tuple[list[Row], list[str]]:
        tokens = self._parse(source)
        return rows_of(tokens[1 : closing(tokens, 0)])

    def _words(self, text: str, torn: str) -> list[Line]:
        """A paragraph's continuation: parsed after a word, so that nothing in it begins another block."""
        tokens = self._parse(f"x{torn}{text}")
        runs = runs_of(tokens[1], PLAIN)
        word, ink = runs[0]
        runs[0] = (word[1:].lstrip(" "), ink)
        first, *others = wrap(runs, self._width)
        lines = others if torn == "\n" else [first._replace(glue=torn), *others]
        end = closing(tokens, 0) + 1
        if end < len(tokens):
            source = f"x{torn}{text}".split("\n")
            lines += Writer(source, self._width, gap_first=True, unwrapped=self._unwrapped).blocks(tokens[end:]).lines
        return lines
