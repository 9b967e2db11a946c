"""Rows of a transcript to strips: roles become the colours of the theme, columns are padded, the rule is drawn.

Colours come from the view's component classes, so a theme, a style sheet or a terminal's own palette decides them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from itertools import pairwise

from rich.cells import set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from storage import Side
from tui.rendering.lines import Ink, Line, Role, Run
from tui.rendering.sideways import MORE_AFTER, MORE_BEFORE, character_at, seen
from tui.rendering.turn_block import Part, Placed

COMPONENTS = {f"transcript--{role}" for role in Role} | {
    *("transcript--notice", "transcript--found", "transcript--current", "transcript--cursor")
}


CURSOR = "▌"
"""In the margin of what is under the block cursor."""


class Mark(StrEnum):
    """Why characters stand out. Of several the last one given is painted on top."""

    FOUND = "found"
    """Looked for."""
    CURRENT = "current"
    """Looked for, and the one that keys have gone to."""
    SELECTED = "selected"


Marked = tuple[int, int, Mark]
"""Characters of a line, from..to, and why they stand out."""
Overlay = Callable[[Placed], Sequence[Marked]]
"""What of a line stands out; laid over its own colours when it is painted, so that no line is made anew for it."""
RIGHT_BASE = 100_000
"""Added to the column of a place in the right answer, so that one number tells the part."""


class Painter:
    """Draws in the colours of one theme."""

    def __init__(self, base: Style, component: Callable[[str], Style], selection: Style) -> None:
        """`component` gives the partial style of a component class."""
        self._base = base
        self._component = component
        self._looks = {
            Mark.FOUND: component("transcript--found"),
            Mark.CURRENT: component("transcript--current"),
            Mark.SELECTED: selection,
        }
        self._styles: dict[Ink, Style] = {}

    def style(self, ink: Ink) -> Style:
        """How an ink looks."""
        style = self._styles.get(ink)
        if style is None:
            attributes = Style(
                bold=ink.bold or None,
                italic=ink.italic or None,
                strike=ink.strike or None,
                underline=ink.underline or None,
            )
            style = self._base + self._component(f"transcript--{ink.role}") + attributes
            self._styles[ink] = style
        return style

    def row(
        self,
        placed: Sequence[Placed],
        width: int,
        rule: int | None,
        *,
        picked: Side | None = None,
        overlay: Overlay | None = None,
        cursor: Callable[[Placed], bool] | None = None,
    ) -> Strip:
        """One row of `width` cells; the rule between the columns, if there is one, shows which side is picked."""
        segments: list[Segment] = []
        at = 0
        for each in placed:
            under = cursor is not None and each.x > at and cursor(each)
            at = self._pad(segments, at, each.x - under, rule, picked=picked)
            if under:
                segments.append(Segment(CURSOR, self._base + self._component("transcript--cursor")))
                at += 1
            painted = list(self._line(each, overlay(each) if overlay is not None else ()))
            segments += painted
            is_plain = each.line.width <= each.width and not each.offset
            at += each.line.width if is_plain else sum([segment.cell_length for segment in painted])
        self._pad(segments, at, width, rule, picked=picked)
        return Strip(segments, width)

    def notice(self, text: str, width: int) -> Strip:
        """A row of the view's own words, centred."""
        style = self._base + self._component("transcript--notice")
        shown = set_cell_size(f" {text} ", min(width, len(text) + 2))
        before = (width - len(shown)) // 2
        return Strip(
            [
                Segment(" " * before, self._base),
                Segment(shown, style),
                Segment(" " * (width - before - len(shown)), self._base),
            ],
            width,
        )

    def _pad(self, segments: list[Segment], start: int, end: int, rule: int | None, *, picked: Side | None) -> int:
        if rule is not None and start <= rule < end:
            before, after = rule - start, end - rule - 1
            colour = self._base + self._component(f"transcript--{picked or Role.RULE}")
            segments += [Segment(" " * before, self._base), Segment("┃" if picked else "│", colour)]
            segments.append(Segment(" " * after, self._base))
        elif end > start:
            segments.append(Segment(" " * (end - start), self._base))
        return end

    def _line(self, placed: Placed, marked: Sequence[Marked]) -> Iterable[Segment]:
        if placed.offset or (placed.line.kind is not None and placed.line.width > placed.width):
            return self._sideways(placed, marked)
        runs = cropped(placed.line, placed.width)
        if not marked:
            return [Segment(text, self.style(ink)) for text, ink in runs]
        return self._marked(runs, marked)

    def _sideways(self, placed: Placed, marked: Sequence[Marked]) -> Iterable[Segment]:
        """The part of a wide line that is seen, with marks where there is more."""
        whole = Strip(self._marked(placed.line.runs, marked), placed.line.width)
        part = seen(placed.line, placed.width, placed.offset)
        mark = self.style(Ink(Role.MARKER, bold=True))
        start, end = part.start + part.before, part.end - part.after
        pieces: list[Segment] = list(whole.crop(0, part.lead))
        if part.before:
            pieces.append(Segment(MORE_BEFORE, mark))
        if end > start:
            pieces += whole.crop(start, end)
        if part.after:
            pieces.append(Segment(MORE_AFTER, mark))
        return pieces

    def _marked(self, runs: Iterable[Run], marked: Sequence[Marked]) -> Iterable[Segment]:
        at = 0
        for text, ink in runs:
            cuts = {0, len(text)}
            for start, end, _ in marked:
                cuts |= {cut - at for cut in (start, end) if 0 < cut - at < len(text)}
            for low, high in pairwise(sorted(cuts)):
                style = self.style(ink)
                for start, end, mark in marked:
                    if start <= at + low and at + high <= end:
                        style += self._looks[mark]
                yield Segment(text[low:high], style)
            at += len(text)


def cropped(line: Line, width: int) -> Sequence[Run]:
    """The runs of a line, cut at `width` cells: no line may push the rule or the other column aside."""
    if line.width <= width:
        return line.runs
    kept: list[Run] = []
    room = width
    for text, ink in line.runs:
        cells = Segment(text).cell_length
        kept.append((text if cells <= room else set_cell_size(text, room), ink))
        room -= cells
        if room <= 0:
            break
    return kept


def with_offsets(placed: Sequence[Placed], width: int, row: int) -> Strip:
    """The same row as `Painter.row` draws, each character with the place that a mouse finds there.

    Only asked for under the mouse, never for painting: the places are pickled into styles, which is slow.
    """
    segments: list[Segment] = []
    at = 0
    for n, each in enumerate(placed):
        base = RIGHT_BASE if each.part is Part.RIGHT else 0
        end = placed[n + 1].x - 1 if n + 1 < len(placed) else width
        lead, rest, first, cells = "", each.line.text, 0, each.line.width
        if each.offset or (each.line.kind is not None and cells > each.width):
            part = seen(each.line, each.width, each.offset)
            first = character_at(each.line, part.lead, each.offset)
            lead, rest = set_cell_size(rest, part.lead), set_cell_size(rest[first:], each.width - part.lead)
            cells = each.width
        for piece, x in (
            (" " * (each.x - at), base),
            (lead, base),
            (rest, base + first),
            (" " * (end - each.x - cells), base + first + len(rest)),
        ):
            segments.append(Segment(piece, Style.from_meta({"offset": (x, row)})))
        at = end
    if not placed:
        segments.append(Segment(" " * width, Style.from_meta({"offset": (0, row)})))
    return Strip(segments, width)
