"""The ways in which a growing answer can be open at its end, and how each takes what has arrived.

An open end is given the text that is not frozen yet and returns a `Step`: lines that will not change any more, lines
that will, the text that is left, and the end that goes on from there.

- `OpenBlocks`: blocks beside each other. All but the last are frozen as soon as the last one's first line is complete
  (an incomplete line can still turn out to belong to the block before). In a list all items but the last, and so on
  into the last item: what is left is parsed inside a skeleton, the markers of the items around it.
- `OpenFence`: a code block. Each complete line is frozen, with the highlighter's state carried on.
- `OpenTable`: each complete row is frozen, until a column changes its width.
- `OpenParagraph`: one that is too long to be parsed with every flush, cut where no emphasis, code or link is open.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from tui.rendering.code import GrowingCode, highlight, language_of
from tui.rendering.inline import runs_of
from tui.rendering.lines import BLANK, Ink, Line, Run, wrap
from tui.rendering.markdown import Environment, Writer, blank_before, closing, code_lines, indent_for, parse, rows_of
from tui.rendering.table import Table, aligns_of

if TYPE_CHECKING:
    from markdown_it.token import Token

LONG_PARAGRAPH = 2_000
"""Characters of one paragraph that are parsed again with each flush; what is more is cut off and frozen. Of a table's
row that is longer, no more is shown until it is complete."""
LONGEST_OPEN = 4_500
"""Characters of a paragraph after which it is cut off even where something is open."""
WHOLE_AT_END = 400
"""Lines of a code block up to which it is highlighted once more, as a whole, when it ends (about 10 ms)."""


@dataclass(frozen=True, slots=True)
class Step:
    """What became of the text at the end."""

    tail: str
    """Not frozen yet; comes back with what arrives next."""
    frozen: Sequence[Line] = ()
    open: Sequence[Line] = ()
    """How `tail` looks by now."""
    replaced: int = 0
    """So many lines that were frozen earlier are taken back; `frozen` has them anew."""
    then: OpenEnd | None = None
    """Goes on with `tail` at once; None: this end waits for more."""
    exact: bool = True
    """False: what is frozen may differ from what the whole would show, for the price of staying fast."""


class OpenEnd(Protocol):
    """One way of being open."""

    def take(self, tail: str, *, ended: bool) -> Step:
        """Look at the text that is not frozen. `ended`: nothing follows, and `tail` ends with a newline."""


_ITEM_START = re.compile(r"\s*(?:[-+*]|\d{1,9}[.)])(?: {1,4}(?=\S)| |$)")
_FENCE_START = re.compile(r" *(`{3,}|~{3,})([^`\n]*)\n")
_HEAD = "# \ufffc"
"""The frozen part of an item in a skeleton: a heading, after which any block may begin without a blank line."""


@dataclass(frozen=True, slots=True)
class Skeleton:
    """The list items around the end whose beginnings are frozen."""

    markers: tuple[str, ...] = ()
    """Of each item, outermost first: its first line up to its contents."""
    gap: bool = False
    """A blank line stands before what follows."""

    @property
    def source(self) -> str:
        """Markdown in which the end means what it meant in the answer."""
        heads = "".join(f"{marker}{_HEAD}\n" for marker in self.markers)
        return heads + "\n" if heads and self.gap else heads

    @property
    def rows(self) -> int:
        """Lines of `source`."""
        return len(self.markers) + (1 if self.markers and self.gap else 0)

    @property
    def indent(self) -> int:
        """Columns that a line needs to belong to the innermost item."""
        return len(self.markers[-1]) if self.markers else 0

    def margin(self, width: int) -> list[Run]:
        """What is drawn before the lines of the innermost item: the room that its and its parents' markers take."""
        taken = 0
        for marker in self.markers:
            name = marker.strip()
            taken += indent_for(len(name) + 1 if name[-1] in ".)" else 2, taken, width)
        return [(" " * taken, Ink())] if taken else []


@dataclass(slots=True)
class OpenBlocks:
    """Blocks beside each other, perhaps inside list items."""

    environment: Environment
    skeleton: Skeleton = field(default_factory=Skeleton)
    width: int = 80
    unwrapped: bool = False

    def take(self, tail: str, *, ended: bool) -> Step:
        """Freeze all that is before the last block, or hand over to an end of its own kind."""
        text = self.skeleton.source + tail
        source = text.split("\n")
        tokens = parse(text, {"references": dict(self.environment.get("references", {}))})
        path = _last_path(tokens, source, self.skeleton)
        if path.row > self.skeleton.rows:
            head = "\n".join(source[: path.row]) + "\n"
            frozen = self._lines(head, parse(head, self.environment))
            return Step("\n".join(source[path.row :]), frozen, then=self._inside(path.skeleton))
        token = path.token or next(iter(tokens), None)  # a long first line is not complete for a long time
        if token is not None and token.map is not None and token.map[0] == self.skeleton.rows:
            other = self._handed_over(token, tail)
            if other is not None:
                return other
        if ended:
            parse(text, self.environment)
        return Step(tail, open=self._lines(text, tokens))

    def _inside(self, skeleton: Skeleton) -> OpenBlocks:
        return OpenBlocks(self.environment, skeleton, self.width, self.unwrapped)

    def _lines(self, text: str, tokens: Sequence[Token]) -> list[Line]:
        heads = len(self.skeleton.markers)
        writer = Writer(
            text.split("\n"), self.width, gap_first=self.skeleton.gap and not heads, unwrapped=self.unwrapped
        )
        return writer.blocks(tokens).lines[heads:]

    def _handed_over(self, token: Token, tail: str) -> Step | None:
        """Let a fence, a table or a long paragraph that begins here be taken by its own kind of end."""
        gap = [BLANK] if self.skeleton.gap else []
        if token.type == "fence" and (start := _FENCE_START.match(tail)):
            fence = OpenFence(self, start.group(1), language_of(token.info), start.end(1) - len(start.group(1)))
            return Step(tail[start.end() :], gap, then=fence)
        if self.skeleton.markers:
            return None
        if token.type == "table_open" and tail.count("\n") > 1:
            first, second, rest = tail.split("\n", 2)
            table = OpenTable(self, f"{first}\n{second}\n")
            return Step(rest, [*gap, *table.lines], then=table)
        if token.type == "paragraph_open" and len(tail) > LONG_PARAGRAPH:
            return Step(tail, gap, then=OpenParagraph(self))
        return None

    def after_block(self) -> OpenBlocks:
        """The end after a block that began here and is closed."""
        if self.skeleton.markers:
            return self._inside(Skeleton(self.skeleton.markers))
        return self._inside(Skeleton(gap=True))


@dataclass(frozen=True, slots=True)
class _Path:
    """Where the last block is that begins on a complete line."""

    row: int
    token: Token | None
    skeleton: Skeleton
    """What is around it."""


def _last_path(tokens: Sequence[Token], source: Sequence[str], around: Skeleton) -> _Path:
    """Go down through lists into the last item and its last block, as long as their first lines are complete."""
    markers: list[str] = []
    siblings = _siblings(tokens, source)
    if not siblings:
        return _Path(0, None, Skeleton())
    token, inside = siblings[-1]
    row, gap = token.map[0] if token.map else 0, len(siblings) > 1 or (around.gap and not around.markers)
    while token.type in ("bullet_list_open", "ordered_list_open"):
        items = _siblings(inside, source)
        if not items:
            break
        item, contents = items[-1]
        if len(items) > 1 and item.map:
            row, gap, token = item.map[0], blank_before(source, item.map[0]), item
        children = [
            each for each in _siblings(contents, source) if each[0].map and item.map and each[0].map[0] > item.map[0]
        ]
        start = _ITEM_START.match(source[item.map[0]]) if item.map else None
        if not children or start is None:
            break
        markers.append(start.group().ljust(start.end() + (0 if start.group().endswith(" ") else 1)))
        token, inside = children[-1]
        row = token.map[0] if token.map else row
        gap = blank_before(source, row)
    return _Path(row, token, Skeleton(tuple(markers), gap))


def _siblings(tokens: Sequence[Token], source: Sequence[str]) -> list[tuple[Token, Sequence[Token]]]:
    """The blocks beside each other that begin on complete lines, each with what is inside it."""
    complete = len(source) - 1
    found: list[tuple[Token, Sequence[Token]]] = []
    at = 0
    while at < len(tokens):
        token, end = tokens[at], closing(tokens, at)
        # A table is one only once its second line is complete: "---|x" would make it part of the paragraph before.
        if token.map is not None and token.map[0] + (token.type == "table_open") < complete:
            found.append((token, tokens[at + 1 : end]))
        at = end + 1
    return found


class OpenFence:
    """A code block between fences."""

    def __init__(self, around: OpenBlocks, mark: str, language: str, indent: int) -> None:
        self._around = around
        self._language = language
        self._indent = indent
        """Columns before the opening fence: the same are taken from every line, as far as they are spaces."""
        self._closing = re.compile(rf" {{0,3}}{mark[0]}{{{len(mark)},}}[ \t]*\Z")
        self._highlighter = GrowingCode(language)
        self._code: list[str] = []
        self._frozen = 0

    def take(self, tail: str, *, ended: bool) -> Step:
        """Freeze complete lines, up to the one that closes the block."""
        *rows, last = tail.split("\n")
        frozen: list[Line] = []
        least = self._around.skeleton.indent
        for n, row in enumerate(rows):
            indent = len(row) - len(row.lstrip(" "))
            if row.strip() and indent < least:
                return self._closed(frozen, "\n".join([*rows[n:], last]))
            if indent < least + 4 and self._closing.match(row[least:]):
                return self._closed(frozen, "\n".join([*rows[n + 1 :], last]))
            frozen += self._take(row)
        if ended:
            return self._closed(frozen, last)
        self._frozen += len(frozen)
        part = last[min(self._indent, len(last) - len(last.lstrip(" "))) :]
        hidden = not part.strip("`~ ")  # nothing yet, or about to close
        return Step(last, frozen, [] if hidden else self._lines([[(part, Ink())]], opens=not self._code))

    def _take(self, row: str) -> list[Line]:
        text = row[min(self._indent, len(row) - len(row.lstrip(" "))) :]
        self._code.append(text)
        return self._lines([self._highlighter.line(text)], opens=len(self._code) == 1)

    def _lines(self, rows: Sequence[Sequence[Run]], *, opens: bool = True) -> list[Line]:
        margin = self._around.skeleton.margin(self._around.width)
        return code_lines(rows, self._around.width, margin, opens=opens, unwrapped=self._around.unwrapped)

    def _closed(self, frozen: list[Line], tail: str) -> Step:
        then = self._around.after_block()
        if not self._code:
            return Step(tail, self._lines([[]]), then=then)
        if len(self._code) > WHOLE_AT_END:
            return Step(tail, frozen, then=then, exact=not self._language)
        whole = self._lines(highlight("\n".join(self._code), self._language))
        return Step(tail, whole, replaced=self._frozen, then=then)


class OpenTable:
    """A table whose head is complete."""

    def __init__(self, around: OpenBlocks, head: str) -> None:
        self._around = around
        self._head = head
        rows, styles = self._rows("")[0]
        self._table = Table(rows[0], aligns_of(styles), around.width, unwrapped=around.unwrapped)

    @property
    def lines(self) -> list[Line]:
        """The rows so far."""
        return self._table.lines

    def take(self, tail: str, *, ended: bool) -> Step:
        """Freeze complete rows, up to the line that is none."""
        cut = tail.rfind("\n") + 1
        complete, part = tail[:cut], tail[cut:]
        before = len(self.lines)
        (rows, _), taken = self._rows(complete)
        redone = False
        for row in rows[1:]:
            redone = self._table.append(row) or redone
        frozen = self.lines if redone else self.lines[before:]
        replaced = before if redone else 0
        if taken < complete.count("\n"):
            rest = "\n".join(complete.split("\n")[taken:]) + part
            return Step(rest, list(frozen), replaced=replaced, then=self._around.after_block())
        if ended:
            return Step("", list(frozen), replaced=replaced)
        preview = self._rows(part[:LONG_PARAGRAPH] + "\n")[0][0][1:] if part.strip() else []
        shown = [each for row in preview for each in self._table.laid_out(row)]
        return Step(part, list(frozen), shown, replaced=replaced)

    def _rows(self, source: str) -> tuple[tuple[list[list[list[Run]]], list[str]], int]:
        """The head and the rows of more source, and how many of its lines are rows."""
        tokens = parse(self._head + source, {"references": dict(self._around.environment.get("references", {}))})
        end = closing(tokens, 0)
        return rows_of(tokens[1:end]), (tokens[0].map or [0, 2])[1] - 2


# What could still be closed by text to come, in the text that is left over after inline parsing: code, links, and
# emphasis that may open. ("2 * 3" and "snake_case" may not.)
_OPENING = re.compile(r"[`\[]|\*(?!\s)|(?<!\w)_(?!\s)|~~(?!\s)")
_BETWEEN_WORDS = re.compile(r"\s")


class OpenParagraph:
    """A paragraph of unusual length."""

    def __init__(self, around: OpenBlocks) -> None:
        self._around = around
        self._begun: list[Run] = []
        """The last line that is not full yet, of what was cut off."""
        self._glue: str | None = None
        """What stands between that line and the frozen one above it."""
        self._joint = ""
        """What makes the rest a paragraph's continuation: a word, and what separated it."""

    def take(self, tail: str, *, ended: bool) -> Step:
        """Freeze full lines, up to the paragraph's end."""
        tokens = parse(self._joint + tail, {"references": dict(self._around.environment.get("references", {}))})
        rows = (self._joint + tail).split("\n")
        end = tokens[0].map[1] if tokens[0].map else len(rows)
        if end < len(rows) - 1 or ended:
            rest = "\n".join(rows[end:])
            return Step(rest, self._lines(tokens[1]), then=self._around.after_block())
        if len(tail) > LONGEST_OPEN:  # what has been open for so long is most likely meant as it stands
            return self._cut_off(tail, len(tail) - LONG_PARAGRAPH // 4, exact=False)
        if len(tail) > LONG_PARAGRAPH and (cut := _safe_cut(tail)):
            return self._cut_off(tail, cut, exact=True)
        return Step(tail, open=self._lines(tokens[1]))

    def _cut_off(self, tail: str, cut: int, *, exact: bool) -> Step:
        environment = {"references": dict(self._around.environment.get("references", {}))}
        runs = self._runs(parse(self._joint + tail[:cut], environment)[1])
        lines = self._wrapped(runs)
        self._joint = "x" + (tail[cut - 1] if tail[cut - 1].isspace() else "")
        self._begun, self._glue = list(lines[-1].runs), lines[-1].glue
        return Step(tail[cut:], lines[:-1], then=self, exact=exact)

    def _runs(self, inline: Token) -> list[Run]:
        runs = runs_of(inline, Ink())
        if self._joint and runs:
            text, ink = runs[0]
            runs[0] = (text[1:], ink)  # the word of the joint
        return [*self._begun, *runs]

    def _lines(self, inline: Token) -> list[Line]:
        return self._wrapped(self._runs(inline))

    def _wrapped(self, runs: Sequence[Run]) -> list[Line]:
        first, *others = wrap(runs, self._around.width)
        return [first._replace(glue=self._glue), *others]


def _safe_cut(text: str) -> int:
    """A place in a paragraph before which nothing is open, well before its end; 0 if there is none yet."""
    latest = len(text) - LONG_PARAGRAPH // 4
    spaces = [found.end() for found in _BETWEEN_WORDS.finditer(text, max(1, latest - 600), latest)]
    for cut in spaces[:-4:-1] or ([latest] if text[latest - 1 : latest + 1].isalnum() else []):
        inline = parse("x" + text[:cut])[1]
        if not any(_OPENING.search(child.content) for child in inline.children or () if child.type == "text"):
            return cut
    return 0
