"""What stands in a session without turns: one quiet sentence, and the way back to the last sessions."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.widgets import Static

from storage import SessionSummary
from tui.rendering.safe_text import one_line
from tui.words import plural

SHOWN = 5
"""How many of the last sessions are named; Ctrl+O has them all."""


class BlankPage(Static):
    """A Static that knows its sentence."""

    DEFAULT_CSS = """
    BlankPage {
        height: 1fr;
        padding: 1 2;
        color: $quiet;
    }
    """

    def show(self, recent: Sequence[SessionSummary], *, confidential: bool) -> None:
        """Say what a prompt will do here, and name the `recent` sessions (newest first)."""
        where = "It stays on this machine." if confidential else "It goes to each side that is named above."
        lines = [Content(f"Type a question. {where}")]
        if recent:
            lines += [Content(""), Content("Last sessions · Ctrl+O opens them")]
            lines += [_line(summary) for summary in recent[:SHOWN]]
        self.update(Content("\n").join(lines))


def _line(summary: SessionSummary) -> Content:
    title = one_line(summary.session.title or "Draft", 60)
    return Content(f"  {title} · {plural(summary.turns, 'turn')}")
