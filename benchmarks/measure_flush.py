"""What one frame costs while an answer grows: does it depend on what is there already?

In this process, without a terminal, in CPU time, so the figures hold on a busy machine as well: 64 characters are fed
to both sides of the real transcript view, flushed, and the rows in view are painted.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from textual.app import App, ComposeResult
from textual.geometry import Region

from benchmarks.figures import median, percentile
from benchmarks.pseudo_terminal import COLUMNS, ROWS
from benchmarks.report import Row, row
from benchmarks.sample_text import document
from storage import Outcome, Reply, Side, Turn
from tui.rendering.answer import RENDERED_AT_ONCE
from tui.themes import FALLBACK_VARIABLES
from tui.widgets.transcript import Transcript

KINDS = ("prose", "mixed", "code", "table", "list")
CHARACTERS_PER_TOKEN = 4
PIECE = 64
"""Characters of one flush: a token rate of 240 a second at fifteen frames."""
FILLED_WITH = 4_000
"""Characters at once on the way to the next length, where nothing is measured."""
FLUSHES = 120
"""Flushes that are measured at each length."""
ANSWERS = 3
"""How often each answer grows."""
ENDS_AT = (1_000, RENDERED_AT_ONCE // CHARACTERS_PER_TOKEN, 30_000)
"""Tokens of the answers whose end is measured; the middle one is the longest that is laid out anew at its end."""
SLICE_LIMIT = (100, 50)
"""Milliseconds of CPU that the event loop may be held at a stretch."""
RATIO_LIMIT = (1.5, 1.2)
_NAMES = {"code": "one fence", "table": "one table", "list": "nested list"}
_REPLIES = {Side.LEFT: 1, Side.RIGHT: 2}


class _View(App[None]):
    def get_theme_variable_defaults(self) -> dict[str, str]:
        return dict(FALLBACK_VARIABLES)

    def compose(self) -> ComposeResult:
        yield Transcript()


def measure(token_counts: Sequence[int]) -> list[Row]:
    """For each kind of text: the cost at each length, and the last against the first."""
    return [one for kind in KINDS for one in _rows(kind, token_counts)] + [_end_row(kind) for kind in KINDS]


def _rows(kind: str, token_counts: Sequence[int]) -> list[Row]:
    name = _NAMES.get(kind, kind)
    answers = [asyncio.run(_costs(kind, token_counts)) for _ in range(ANSWERS)]
    # A CPU that others slow down for a second would spoil one length and not the next: the better one counts.
    costs = [min(ways, key=_middle) for ways in zip(*answers, strict=True)]
    first, last = _middle(costs[0]), _middle(costs[-1])
    shown = ", ".join(
        f"{tokens // 1000}k: {_middle(cost):.1f} (p95 {percentile(cost, 0.95) or 0:.1f})"
        for tokens, cost in zip(token_counts, costs, strict=True)
    )
    ratio = f"{token_counts[-1] // 1000}k tokens against {token_counts[0] // 1000}k"
    return [
        row(f"CPU per frame, both sides, {name}", last, "ms", n=FLUSHES, note=f"ms at {shown}"),
        row(f"CPU per frame, {name}, {ratio}", last / first, "x", RATIO_LIMIT, n=FLUSHES),
    ]


def _middle(costs: Sequence[float]) -> float:
    return median(costs) or 0.0


def _end_row(kind: str) -> Row:
    """What the loop is held for when an answer of that kind ends."""
    # The first code block of a process also pays for making its lexer: not what is asked here.
    costs = [min(asyncio.run(_end_cost(kind, tokens)) for _ in range(2)) for tokens in ENDS_AT]
    shown = ", ".join(f"{tokens:,}: {cost:.0f}" for tokens, cost in zip(ENDS_AT, costs, strict=True))
    what = f"CPU at the end of an answer, {_NAMES.get(kind, kind)}, dearest length"
    return row(what, max(costs), "ms", SLICE_LIMIT, n=len(costs), note=f"ms at {shown} tokens")


async def _end_cost(kind: str, tokens: int) -> float:
    """Milliseconds of CPU for the final form of an answer and to paint it, on the side that costs more."""
    text = document(kind, tokens * CHARACTERS_PER_TOKEN)[: tokens * CHARACTERS_PER_TOKEN - 10]
    last = "\n```\n" if kind == "code" else "\n"
    app = _View()
    async with app.run_test(size=(COLUMNS, ROWS)):
        view, turn = app.query_one(Transcript), _turn()
        view.add_turn(turn)
        for at in range(0, len(text), FILLED_WITH):
            _frame(view, text[at : at + FILLED_WITH])
        left, right = (replace(reply, outcome=Outcome.COMPLETE, text=text + last) for reply in turn.replies)
        _frame(view, last)
        begin = time.process_time()
        view.settle(replace(turn, replies=(left, turn.replies[1])))
        view.render_lines(Region(0, 0, view.size.width, view.size.height))
        between = time.process_time()
        view.settle(replace(turn, replies=(left, right)))
        view.render_lines(Region(0, 0, view.size.width, view.size.height))
        return max(between - begin, time.process_time() - between) * 1000


async def _costs(kind: str, token_counts: Sequence[int]) -> list[list[float]]:
    """Milliseconds of CPU of single frames, at each length."""
    text = document(kind, token_counts[-1] * CHARACTERS_PER_TOKEN + FLUSHES * PIECE)
    app = _View()
    costs: list[list[float]] = []
    async with app.run_test(size=(COLUMNS, ROWS)):
        view = app.query_one(Transcript)
        view.add_turn(_turn())
        at = 0
        gc.collect()
        gc.disable()  # as the program does while text streams
        try:
            for tokens in token_counts:
                end = tokens * CHARACTERS_PER_TOKEN
                while at < end:
                    step = min(FILLED_WITH, end - at)
                    _frame(view, text[at : at + step])
                    at += step
                costs.append([_frame(view, text[at + n * PIECE : at + (n + 1) * PIECE]) for n in range(FLUSHES)])
                at += FLUSHES * PIECE
        finally:
            gc.enable()
    return costs


def _frame(view: Transcript, piece: str) -> float:
    """Show one piece on both sides; milliseconds of CPU."""
    begin = time.process_time()
    for reply_id in _REPLIES.values():
        view.feed(reply_id, piece)
    view.flush()
    view.render_lines(Region(0, 0, view.size.width, view.size.height))
    return (time.process_time() - begin) * 1000


def _turn() -> Turn:
    asked = datetime(2026, 1, 1, tzinfo=UTC)
    replies = tuple(Reply(reply_id, 1, side, 1, "demo:", Outcome.OPEN, asked) for side, reply_id in _REPLIES.items())
    return Turn(1, "session", 1, "a question", asked, replies)
