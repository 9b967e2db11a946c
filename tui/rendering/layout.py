"""Where the columns of the transcript are: one for each side, or one for all.

The same numbers are used for the titles above the view, so that their rule meets the view's rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from storage import Side

WIDEST_TEXT = 100
"""Cells; longer lines are hard to read, so what a wide terminal has more becomes margin."""
MARGIN = 1
SCROLLBAR = 1


class Columns(StrEnum):
    """What the view shows of the two sides."""

    BOTH = "both"
    LEFT = "left"
    RIGHT = "right"
    STACKED = "stacked"
    """Left answer above right answer, each over the full width."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of text."""

    x: int
    width: int


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns for one width of the view."""

    width: int
    """Cells of the view, scrollbar included."""
    question: Column
    columns: dict[Side, Column]
    """Of the sides that are shown."""
    rule: int | None = None
    """Where the rule between two columns is."""

    @property
    def stacked(self) -> bool:
        """Both sides are shown, one below the other."""
        return self.rule is None and len(self.columns) == 2


def left_width(width: int) -> int:
    """Cells to the left of the rule, when a view of `width` cells has two columns."""
    return (width - 1) // 2


def layout_for(width: int, columns: Columns, sides: frozenset[Side]) -> Layout:
    """Place the columns; `sides` are those that take part in the conversation."""
    inner = max(8, width - SCROLLBAR - 2 * MARGIN)
    one = Column(MARGIN, min(WIDEST_TEXT, inner))
    question = Column(MARGIN, inner)
    shown = [side for side in Side if side in sides] or list(Side)
    if columns in (Columns.LEFT, Columns.RIGHT) and Side(columns.value) in shown:
        shown = [Side(columns.value)]
    if len(shown) == 1 or columns is Columns.STACKED:
        return Layout(width, question, dict.fromkeys(shown, one))
    rule = left_width(width)
    left = max(4, rule - 2 * MARGIN)
    right = max(4, width - SCROLLBAR - rule - 1 - 2 * MARGIN)
    return Layout(
        width,
        question,
        {
            Side.LEFT: Column(MARGIN, min(WIDEST_TEXT, left)),
            Side.RIGHT: Column(rule + 1 + MARGIN, min(WIDEST_TEXT, right)),
        },
        rule,
    )
