"""The blocks that a reader goes through one by one: each answer, and in it each block of code.

A block is named by its number within its answer, which stays the same whatever the width. Which lines it has is
looked up when somebody asks; the lines themselves say where code begins.
"""

from __future__ import annotations

from typing import NamedTuple

from storage import Side, Where
from tui.rendering.lines import Kind
from tui.rendering.turn_block import Part, Place, TurnBlock


class Block(NamedTuple):
    """An answer, or a block of code in it."""

    turn_id: int
    side: Side
    code: int | None = None
    """Which block of code, from 0; None: the whole answer."""


class Extent(NamedTuple):
    """Lines of a part, first..last."""

    part: Part
    first: int
    last: int
    """Not among them."""


def answer_extent(block: TurnBlock, side: Side) -> Extent | None:
    """The words of an answer, without its thinking and its receipt; None where there are none."""
    extent = block.extent(Where(side.value))
    return Extent(*extent) if extent is not None and extent[1] < extent[2] else None


def code_extents(block: TurnBlock, side: Side) -> list[Extent]:
    """The blocks of code in an answer, in order."""
    answer = answer_extent(block, side)
    if answer is None:
        return []
    found: list[Extent] = []
    inside = False
    for at in range(answer.first, answer.last):
        each = block.line_of(Place(answer.part, at))
        if each.kind is Kind.CODE and each.opens:
            found.append(Extent(answer.part, at, at + 1))
        elif each.kind is Kind.CODE and inside:
            found[-1] = found[-1]._replace(last=at + 1)
        inside = each.kind is Kind.CODE
    return found


def blocks_of(block: TurnBlock, sides: list[Side], *, code_only: bool = False) -> list[Block]:
    """All blocks of a turn in the order of reading."""
    found: list[Block] = []
    for side in sides:
        if answer_extent(block, side) is not None:
            found += [] if code_only else [Block(block.turn.id, side)]
            found += [Block(block.turn.id, side, n) for n in range(len(code_extents(block, side)))]
    return found


def extent_of(turn: TurnBlock, block: Block) -> Extent | None:
    """The lines of a block; None if it is not on screen."""
    if block.code is None:
        return answer_extent(turn, block.side)
    found = code_extents(turn, block.side)
    return found[block.code] if block.code < len(found) else None
