"""Turns to show, a source that gives them, and a stage with the program's colours and its guard."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from textual.filter import LineFilter
from textual.widget import Widget

from storage import Outcome, Receipt, Reply, Side, Turn, TurnSize
from tests.tui.screen_text import Stage
from tui.rendering.line_guard import LineGuard
from tui.themes import FALLBACK_VARIABLES

WHEN = datetime(2026, 11, 22, 14, 2, tzinfo=UTC)


def reply(
    number: int,
    turn: int,
    side: Side,
    text: str = "",
    outcome: Outcome = Outcome.COMPLETE,
    *,
    variant: int = 1,
    thinking: str = "",
    receipt: Receipt | None = None,
    error: str | None = None,
    note: str = "",
    model: str = "ollama:llama3.1:8b",
) -> Reply:
    return Reply(
        number,
        turn,
        side,
        variant,
        model,
        outcome,
        WHEN,
        text=text,
        thinking=thinking,
        receipt=receipt or Receipt(first_token_s=0.6, output_tokens=312),
        error=error,
        note=note,
    )


def turn(number: int, prompt: str, *replies: Reply) -> Turn:
    return Turn(number, "s", number, prompt, WHEN, replies)


def answered(number: int, left: str = "left answer", right: str = "right answer") -> Turn:
    """A settled turn; its replies are 10 * number + 1 and + 2."""
    return turn(
        number,
        f"question {number}",
        reply(10 * number + 1, number, Side.LEFT, left),
        reply(10 * number + 2, number, Side.RIGHT, right),
    )


def asked(number: int, *sides: Side) -> Turn:
    """A turn whose replies are open."""
    opened = [
        reply(10 * number + 1 + (side is Side.RIGHT), number, side, outcome=Outcome.OPEN) for side in sides or Side
    ]
    return turn(number, f"question {number}", *opened)


class Turns:
    """A source that remembers which turns were read."""

    def __init__(self, turns: Iterable[Turn]) -> None:
        self._turns = {each.id: each for each in turns}
        self.read: list[int] = []
        self.sizes_read = 0

    def count(self) -> int:
        return len(self._turns)

    def sizes(self, first: int, count: int) -> Sequence[TurnSize]:
        self.sizes_read += count
        return [
            TurnSize(each.id, each.seq, len(each.prompt), *(self._length(each, side) for side in Side))
            for each in list(self._turns.values())[first : first + count]
        ]

    def index_of(self, turn_id: int) -> int | None:
        return list(self._turns).index(turn_id) if turn_id in self._turns else None

    @staticmethod
    def _length(each: Turn, side: Side) -> int:
        latest = each.latest(side)
        return len(latest.text) if latest is not None else 0

    def turn(self, turn_id: int) -> Turn:
        self.read.append(turn_id)
        return self._turns[turn_id]


class GuardedStage(Stage):
    """A stage with the program's colour names and its guard against control characters."""

    def __init__(self, *widgets: Widget) -> None:
        super().__init__(*widgets)
        self._guard = LineGuard()

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return dict(FALLBACK_VARIABLES)

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [*super().get_line_filters(), self._guard]
