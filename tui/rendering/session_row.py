"""A session's row in the list: one line where that fits, two in a narrow list, and the words that were found.

A row always begins with the cursor and the star. All rows of a list are equally high, so that a row's place follows
from its number.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from textual.content import Content
from textual.style import Style

from storage import Hit
from tui.rendering.columns import column
from tui.rendering.found_words import found_words
from tui.rendering.session_words import SessionWords

ONE_LINE_COLUMNS = 100
"""Cells from which on all that a row says fits on one line."""
HEAD = 3
"""Cells of the cursor and the star."""
_WHEN = 11
_TURNS = 9
_COST = 7
_GAP = "  "
_NARROW_WHEN = 13


class Shape(IntEnum):
    """How a row is laid out; the number is its height."""

    LINE = 1
    """All on one line."""
    TWO = 2
    """Title and time; below it the rest, or the words that were found."""


@dataclass(frozen=True, slots=True)
class RowStyles:
    """The styles of a row's parts, on top of the row's own."""

    title: Style
    quiet: Style
    found: Style
    star: Style
    confidential: Style


def shape_for(width: int, *, with_words: bool) -> Shape:
    """How rows are laid out in a list of so many cells; `with_words`: what was found is shown beneath."""
    return Shape.TWO if with_words or width < ONE_LINE_COLUMNS else Shape.LINE


def row_line(said: SessionWords, hit: Hit | None, part: int, width: int, picked: bool, styles: RowStyles) -> Content:
    """One line of a row: `part` 0 or 1."""
    if width >= ONE_LINE_COLUMNS:
        return _found(hit, width, styles) if part else _all(said, picked, width, styles)
    if part == 0:
        return _title_and_time(said, picked, width, styles)
    return _found(hit, width, styles) if hit is not None else _figures(said, width, styles)


def _all(said: SessionWords, picked: bool, width: int, styles: RowStyles) -> Content:
    pair = max(31, min(44, width // 4))
    marks = max(16, min(40, width // 5 - 8))
    title = width - HEAD - pair - _TURNS - _COST - _WHEN - marks - 5 * len(_GAP)
    return Content(_GAP).join(
        [
            _head(said, picked, title, styles),
            column(said.pair, pair),
            column(said.turns, _TURNS, right=True).stylize(styles.quiet),
            column(said.cost, _COST, right=True).stylize(styles.quiet),
            column(said.when, _WHEN),
            _marks(said, marks, styles),
        ]
    )


def _title_and_time(said: SessionWords, picked: bool, width: int, styles: RowStyles) -> Content:
    title = _head(said, picked, width - HEAD - _NARROW_WHEN - 2, styles)
    return Content.assemble(title, " ", column(said.when, _NARROW_WHEN, right=True), " ")


def _figures(said: SessionWords, width: int, styles: RowStyles) -> Content:
    figures = " · ".join(part for part in (said.pair, said.turns, said.cost) if part)
    marks = min(len(said.marks), max(0, width - 26))
    rest = max(0, width - marks - HEAD - 2)
    return Content.assemble(" " * HEAD, column(figures, rest).stylize(styles.quiet), " ", _marks(said, marks, styles))


def _found(hit: Hit | None, width: int, styles: RowStyles) -> Content:
    if hit is None:
        return Content("")
    line = found_words(hit, styles.found).truncate(max(0, width - HEAD - 1), ellipsis=True)
    return Content(" " * HEAD) + line


def _head(said: SessionWords, picked: bool, width: int, styles: RowStyles) -> Content:
    star = Content("★ " if said.starred else "  ").stylize(styles.star)
    return Content("▸" if picked else " ") + star + column(said.title, width).stylize(styles.title)


def _marks(said: SessionWords, width: int, styles: RowStyles) -> Content:
    marks = column(said.marks, width).stylize(styles.quiet)
    return marks.stylize(styles.confidential, 0, len("CONFIDENTIAL")) if said.confidential else marks
