"""Code in colours: whole blocks as Pygments sees them, growing ones line by line.

A block that still streams must not be lexed anew with every line, or its cost would grow with its length: a
`GrowingCode` carries the lexer's stack of states from line to line. What only a whole block can tell (a C comment
over several lines, which Pygments matches in one go) is right once the block has ended and `highlight` has seen it.

A fence without a language is shown plain: guessing costs 150 ms for 4,000 lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from tui.rendering.lines import Ink, Role, Run

if TYPE_CHECKING:
    from pygments.lexer import Lexer

INK = Ink(Role.CODE)

LONGEST_LINE = 2_000
"""Characters. Lexers are regular expressions, some of them quadratic; minified code is shown without colours."""
LONGEST_BLOCK = 100_000
"""Characters; beyond it a whole block is highlighted line by line as well."""

_ROLES = {
    "Keyword": Role.KEYWORD,
    "Literal.String": Role.STRING,
    "Literal.Number": Role.NUMBER,
    "Comment": Role.COMMENT,
    "Name.Function": Role.FUNCTION,
    "Name.Class": Role.FUNCTION,
    "Name.Decorator": Role.FUNCTION,
    "Name.Tag": Role.KEYWORD,
    "Name.Attribute": Role.FUNCTION,
    "Name.Builtin": Role.BUILTIN,
    "Name.Exception": Role.BUILTIN,
    "Operator.Word": Role.KEYWORD,
    "Generic.Deleted": Role.ERROR,
    "Generic.Inserted": Role.STRING,
    "Generic.Heading": Role.KEYWORD,
}


@lru_cache(maxsize=512)
def _ink(token: tuple[str, ...]) -> Ink:
    """Pygments' token types are tuples of names; the longest known beginning decides."""
    for length in range(len(token), 0, -1):
        if role := _ROLES.get(".".join(token[:length])):
            return Ink(role)
    return INK


@lru_cache(maxsize=32)
def _lexer(language: str) -> Lexer | None:
    """The lexer by one of its names, or None for plain text."""
    if not language:
        return None
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        return get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return None


def language_of(info: str) -> str:
    """The language that a fence names: `python` in "```python title=x" and in "```{.python}"."""
    first = info.split(maxsplit=1)[0] if info.strip() else ""
    return first.strip("{}.").split(",")[0].lower()


def highlight(code: str, language: str) -> list[list[Run]]:
    """Return one list of runs per line of a finished block."""
    lexer = _lexer(language)
    rows = code.split("\n")
    if lexer is None:
        return [[(row, INK)] for row in rows]
    if len(code) > LONGEST_BLOCK or any(len(row) > LONGEST_LINE for row in rows):
        growing = GrowingCode(language)
        return [growing.line(row) for row in rows]
    coloured = _by_line((_ink(kind), value) for kind, value in lexer.get_tokens(code))
    # A lexer that lost or added a character must not change what is shown.
    return (
        coloured if ["".join(text for text, _ in row) for row in coloured] == rows else [[(row, INK)] for row in rows]
    )


def _by_line(tokens: Iterable[tuple[Ink, str]]) -> list[list[Run]]:
    rows: list[list[Run]] = [[]]
    for ink, value in tokens:
        first, *others = value.split("\n")
        if first:
            rows[-1].append((first, ink))
        rows.extend([(other, ink)] if other else [] for other in others)
    return rows


class GrowingCode:
    """Highlights the lines of one block in order, each once."""

    def __init__(self, language: str) -> None:
        self._lexer = _lexer(language)
        self._rules: dict[str, Any] | None = _rules(self._lexer)
        self._states = ["root"]

    def line(self, text: str) -> list[Run]:
        """Return the next line's runs."""
        if self._lexer is None or len(text) > LONGEST_LINE:
            return [(text, INK)]
        if self._rules is None:
            tokens = [(_ink(kind), value) for kind, value in self._lexer.get_tokens(text + "\n")]
        else:
            tokens = list(self._carried(text + "\n"))
        runs = _by_line(tokens)[0]
        return runs if "".join([part for part, _ in runs]) == text else [(text, INK)]

    def _carried(self, text: str) -> Iterator[tuple[Ink, str]]:
        """RegexLexer's own loop, but with the stack of states kept from the line before."""
        rules, states = self._rules or {}, self._states
        at = 0
        while at < len(text):
            for match, action, new_state in rules[states[-1]]:
                found = match(text, at)
                if found is None:
                    continue
                if isinstance(action, tuple):  # a token type
                    yield _ink(action), found.group()
                elif action is not None:
                    yield from ((_ink(kind), value) for _, kind, value in action(self._lexer, found))
                at = found.end()
                self._enter(new_state)
                break
            else:
                if text[at] == "\n":
                    states[:] = ["root"]
                yield INK, text[at]
                at += 1

    def _enter(self, new_state: str | int | tuple[str | int, ...] | None) -> None:
        """Change the stack as a lexer's rule says; the bottom always stays."""
        states = self._states
        for step in new_state if isinstance(new_state, tuple) else () if new_state is None else (new_state,):
            if isinstance(step, int):
                del states[max(1, len(states) + step) :]
            elif step == "#pop":
                del states[max(1, len(states) - 1) :]
            elif step == "#push":
                states.append(states[-1])
            else:
                states.append(step)


def _rules(lexer: Lexer | None) -> dict[str, Any] | None:
    """A lexer's table of states, or None if it has a loop of its own and each line is lexed by itself."""
    from pygments.lexer import RegexLexer

    if (
        not isinstance(lexer, RegexLexer)
        or type(lexer).get_tokens_unprocessed is not RegexLexer.get_tokens_unprocessed
    ):
        return None
    rules: dict[str, Any] = lexer._tokens  # type: ignore[attr-defined]  # noqa: SLF001 - the compiled rules have no public name
    return rules
