"""Markdown to lines. Raw HTML stays text, because an answer that says `List<String>` must not lose its `<String>`.

Everything here is local: how a block looks depends on nothing that comes after it, and on nothing before it but
whether a blank line stood in between. That is what lets a growing answer keep its finished blocks (`live_answer`)
and still end up the same as the whole rendered at once. So lists are set tight or loose item by item, as they were
written, and numbers are those of the source.
"""

from __future__ import annotations

import re
from collections.abc import MutableMapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from tui.rendering.code import highlight, language_of
from tui.rendering.inline import runs_of
from tui.rendering.lines import BLANK, Ink, Kind, Line, Role, Run, as_block, fold, line, wrap
from tui.rendering.safe_text import clean
from tui.rendering.table import Row, Table, aligns_of

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

Environment = MutableMapping[str, Any]
"""markdown-it's notes while it parses: the link definitions seen so far are in "references"."""

_MARKER = Ink(Role.MARKER)
_RULE = Ink(Role.RULE)
_QUOTED = Ink(Role.DIM)
_BULLETS = "•◦▪"
CODE_INDENT = "  "
DEEPEST = 40
"""Levels of nesting; a list takes two. Python's own stack allows some three times as many."""
NARROWEST_TEXT = 12
"""Cells that nested lists and quotes leave for words."""
WIDEST_LINE = 1_000
"""Cells of a line that is scrolled sideways; what is longer is folded all the same: painting costs by the cell."""
WRAP_MARK = "↪ "
"""Before the continuation of a code line that is wider than its column; as wide as the indent, and never copied."""
_HEADINGS = (
    Ink(Role.HEADING, bold=True, underline=True),
    Ink(Role.HEADING, bold=True),
    Ink(Role.HEADING, bold=True, italic=True),
)
_NOTHING = re.compile(r"[\s>]*\Z")


@cache
def parser() -> MarkdownIt:
    """The one parser; loaded with the first answer, not with the program."""
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False, "maxNesting": DEEPEST}).enable(["table", "strikethrough"])


def parse(source: str, environment: Environment | None = None) -> list[Token]:
    """Parse cleaned Markdown. What is nested too deeply comes as one block of code, because the parser drops it."""
    from markdown_it.token import Token

    tokens = parser().parse(source, environment)
    if all(token.level < DEEPEST - 1 for token in tokens):
        return tokens
    return [Token("code_block", "code", 0, content=source, map=[0, source.count("\n") + 1])]


def render(text: str, width: int, *, unwrapped: bool = False) -> list[Line]:
    """Lay a finished answer out, whole; `text` is as the model wrote it.

    `unwrapped`: lines of code and tables may be wider than the column.
    """
    source = clean(text)
    return Writer(source.split("\n"), width, unwrapped=unwrapped).blocks(parse(source)).lines


def closing(tokens: Sequence[Token], opening: int) -> int:
    """The index of the token that closes the one at `opening` (itself, for blocks of one token)."""
    level = tokens[opening].level
    if tokens[opening].nesting == 0:
        return opening
    return next(i for i in range(opening + 1, len(tokens)) if tokens[i].level == level and tokens[i].nesting == -1)


def blank_before(source: Sequence[str], row: int) -> bool:
    """Whether a blank line (quote marks aside) stands before a row of the source."""
    return row > 0 and _NOTHING.match(source[row - 1]) is not None


def indent_for(wanted: int, taken: int, width: int) -> int:
    """How far the lines of a list item or quote are indented: not at all where that would leave no room for words."""
    return wanted if taken + wanted + NARROWEST_TEXT <= width else 0


def code_lines(
    rows: Sequence[Sequence[Run]], width: int, rest: Sequence[Run], *, opens: bool = True, unwrapped: bool = False
) -> list[Line]:
    """Lay highlighted lines of code out; what is too wide is folded, and copied as one line.

    `opens`: the block begins here.
    """
    first = [*rest, (CODE_INDENT, _RULE)]
    again = [*rest, (WRAP_MARK, _RULE)]
    wide = max(width, WIDEST_LINE) if unwrapped else width
    return as_block([each for row in rows for each in fold(row, wide, first, again)], Kind.CODE, opens=opens)


class Writer:
    """Lays parsed blocks out, one below the other, into `lines`."""

    def __init__(
        self, source: Sequence[str], width: int, *, gap_first: bool = False, unwrapped: bool = False
    ) -> None:
        self.lines: list[Line] = []
        self._source = source
        self._width = width
        self._unwrapped = unwrapped
        self._gap = gap_first
        """A blank line is due before the next block."""
        self._first: list[Run] = []
        """What stands before the next line: the rest, or a list marker where an item begins."""
        self._rest: list[Run] = []
        """What stands before all lines inside the lists and quotes that are open: their indent and bars."""
        self._depth = 0
        self._ink = Ink()

    def blocks(self, tokens: Sequence[Token]) -> Writer:
        """Write blocks that stand beside each other."""
        at = 0
        while at < len(tokens):
            token = tokens[at]
            end = closing(tokens, at)
            self._space(token)
            self._block(token, tokens[at + 1 : end])
            at = end + 1
        return self

    def _space(self, token: Token) -> None:
        """Set a blank line before a block: always between blocks, in lists where the source has one."""
        in_list = self._depth > 0 or token.type == "list_item_open"
        if self._gap and (not in_list or (token.map is not None and blank_before(self._source, token.map[0]))):
            bars = line(self._rest)
            self.lines.append(BLANK if not bars.text.strip() else bars._replace(lead=len(bars.text)))
        self._gap = False

    def _block(self, token: Token, inside: Sequence[Token]) -> None:
        match token.type:
            case "heading_open":
                self._text(inside[0], _HEADINGS[min(2, int(token.tag[1]) - 1)])
            case "paragraph_open":
                self._text(inside[0], self._ink)
            case "fence" | "code_block":
                code = clean(token.content).removesuffix("\n")
                language = language_of(token.info) if token.type == "fence" else ""
                lines = highlight(code, language)
                self._write(code_lines(lines, self._width, self._rest, unwrapped=self._unwrapped))
            case "hr":
                self._write([line([*self._rest, ("─" * self._room, _RULE)])])
            case "bullet_list_open" | "ordered_list_open":
                self.blocks(inside)
            case "list_item_open":
                self._item(token, inside)
            case "blockquote_open":
                self._quote(inside)
            case "table_open":
                self._write(table_of(inside, self._width, self._rest, unwrapped=self._unwrapped).lines)
            case _:
                self._write(wrap([(clean(token.content), self._ink)], self._width, self._margin(), self._rest))
        self._gap = True

    @property
    def _room(self) -> int:
        return max(2, self._width - line(self._rest).width)

    def _margin(self) -> list[Run]:
        """What stands before the next line; a list marker stands there once."""
        first, self._first = self._first or self._rest, []
        return first

    def _text(self, inline: Token, ink: Ink) -> None:
        self.lines += wrap(runs_of(inline, ink), self._width, self._margin(), self._rest)

    def _write(self, lines: Sequence[Line]) -> None:
        """Add lines that have their indent already; a list marker that is due takes a line of its own before them."""
        if self._first:
            self.lines.append(line(self._margin()))
        self.lines += lines

    def _item(self, token: Token, inside: Sequence[Token]) -> None:
        marker = f"{token.info}{token.markup} " if token.info else f"{_BULLETS[min(self._depth, 2)]} "
        rest = self._rest
        self._first = [*self._margin(), (marker, _MARKER)]
        if indent := indent_for(len(marker), line(rest).width, self._width):
            self._rest = [*rest, (" " * indent, Ink())]
        self._depth += 1
        self.blocks(inside)
        if self._first:  # an item without words
            self.lines.append(line(self._margin()))
        self._depth -= 1
        self._rest = rest

    def _quote(self, inside: Sequence[Token]) -> None:
        rest, depth, ink = self._rest, self._depth, self._ink
        bar: Run = ("▌ "[: indent_for(2, line(rest).width, self._width)], _RULE)
        self._first = [*self._margin(), bar]
        self._rest = [*rest, bar]
        self._depth, self._ink = 0, _QUOTED
        self.blocks(inside)
        self._rest, self._depth, self._ink = rest, depth, ink
        self._first = []


def table_of(inside: Sequence[Token], width: int, rest: Sequence[Run] = (), *, unwrapped: bool = False) -> Table:
    """Lay a parsed table out."""
    rows, styles = rows_of(inside)
    table = Table(rows[0], aligns_of(styles), width, rest, unwrapped=unwrapped)
    for row in rows[1:]:
        table.append(row)
    return table


def rows_of(inside: Sequence[Token]) -> tuple[list[Row], list[str]]:
    """The rows of a parsed table, header first, and the style attribute of each column."""
    rows: list[Row] = []
    styles: list[str] = []
    for token in inside:
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "th_open":
            styles.append(str(token.attrs.get("style", "")))
        elif token.type == "inline":
            rows[-1].append(runs_of(token, Ink()))
    return rows, styles
