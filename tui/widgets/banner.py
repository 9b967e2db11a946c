"""The top line: what this session is, and where help is. A confidential session says so here at all times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from tui.rendering.safe_text import one_line
from tui.words import money, plural

WIDE = 100
"""Columns from which the program's name and the long hints are shown."""


@dataclass(frozen=True, slots=True)
class BannerText:
    """What the line says."""

    title: str = "New session"
    """Foreign text (the first prompt's first line): cleaned here."""
    turns: int = 0
    cost_usd: float = 0.0
    confidential: bool = False
    cloud_turns: int = 0
    """Turns that had been sent to a cloud before the session became confidential."""
    unsaved: bool = False
    """True: this run keeps nothing on disk."""


class Banner(Widget):
    """One row across the screen."""

    DEFAULT_CSS = """
    Banner {
        height: 1;
        & .banner--name { color: $text-muted; text-style: bold; }
        & .banner--title { color: $foreground; text-style: bold; }
        & .banner--quiet { color: $quiet; }
        & .banner--confidential { color: $confidential; text-style: bold; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"banner--name", "banner--title", "banner--quiet", "banner--confidential"}

    text: reactive[BannerText] = reactive(BannerText())

    def render(self) -> Content:
        """Left: the session. Right: where the commands are."""
        width = self.size.width
        hints = "Ctrl+P commands   F1 keys " if width >= WIDE else "Ctrl+P  F1 "
        left = self._session(width - len(hints) - 2)
        gap = " " * max(1, width - left.cell_length - len(hints))
        return Content.assemble(left, gap, (hints, self.get_visual_style("banner--quiet")))

    def _session(self, width: int) -> Content:
        text = self.text
        quiet = self.get_visual_style("banner--quiet")
        parts: list[Content] = [Content(" ")]
        if width >= WIDE - 30:
            parts.append(Content.styled("Duologue   ", self.get_visual_style("banner--name")))
        facts = [plural(text.turns, "turn")] if text.turns else []
        if text.cost_usd:
            facts.append(money(text.cost_usd))
        if text.unsaved:
            facts.append("NOT SAVED")
        if text.confidential:
            facts = [*self._confidential_facts(), *facts]
            parts.append(Content.styled("CONFIDENTIAL", self.get_visual_style("banner--confidential")))
        else:
            taken = sum(part.cell_length for part in parts) + sum(len(fact) + 3 for fact in facts)
            room = max(10, width - taken)
            parts.append(Content.styled(one_line(text.title, room), self.get_visual_style("banner--title")))
        tail = "".join(f" · {fact}" for fact in facts)
        whole = Content("").join([*parts, Content.styled(tail, quiet)])
        return whole.truncate(width, ellipsis=True) if whole.cell_length > width else whole

    def _confidential_facts(self) -> list[str]:
        earlier = self.text.cloud_turns
        if not earlier:
            return ["stays on this machine"]
        were = "was" if earlier == 1 else "were"
        # In this order: what is cut off in a narrow terminal must not be what a person has to know.
        return [f"{plural(earlier, 'earlier turn')} {were} sent to a cloud", "stays on this machine from now on"]
