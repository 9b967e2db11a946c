"""A look into a session beside the list: some questions and the beginnings of their answers."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.widgets import Static

from storage import Hit, SessionSummary, Side, Turn
from tui.rendering.safe_text import content, one_line
from tui.words import short_spec

_BEGINNING = 420
"""Characters of an answer."""
_QUESTION = 300


class SessionGlance(Static):
    """Reads nothing itself; what does not fit is cut off."""

    DEFAULT_CSS = """
    SessionGlance {
        width: 44%;
        height: 1fr;
        padding: 0 1 0 2;
        border-left: solid $rule;
        overflow: hidden;
    }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name for it
        super().__init__("", id=id, markup=False)

    def show(self, summary: SessionSummary | None, turns: Sequence[Turn], hit: Hit | None = None) -> None:
        """Show the beginning of these turns; with a hit, the first of them is where it is."""
        if summary is None:
            self.update("")
            return
        pieces = [content(one_line(summary.session.title, 200) or "untitled").stylize("bold")]
        if not turns:
            pieces.append(content("Nothing to show in passing. Enter opens it.").stylize("$quiet"))
        if turns and turns[0].seq > 1:
            pieces.append(content("found here" if hit else f"the last of {summary.turns:,} turns").stylize("$quiet"))
        for turn in turns:
            pieces.append(_question(turn))
            pieces += [_answer(turn, side) for side in Side if turn.latest(side) is not None]
        self.update(Content("\n\n").join(pieces))


def _question(turn: Turn) -> Content:
    return Content.assemble((f"{turn.seq}  ", "$quiet"), content(_cut(turn.prompt, _QUESTION)).stylize("bold"))


def _answer(turn: Turn, side: Side) -> Content:
    reply = turn.latest(side)
    if reply is None:
        return Content("")
    name = content(one_line(short_spec(reply.model), 40)).stylize(
        "$side-left" if side is Side.LEFT else "$side-right"
    )
    text = _cut(reply.text, _BEGINNING) or f"({reply.outcome})"
    return Content.assemble(name, "\n", content(text))


def _cut(text: str, length: int) -> str:
    """The beginning, without blank lines."""
    lines = "\n".join(filter(str.strip, text[: 2 * length].splitlines()))
    return lines if len(lines) <= length else lines[: length - 1].rstrip() + "…"
