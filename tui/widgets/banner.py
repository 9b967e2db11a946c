"""The top line: what this session is, and where help is. A confidential session says so here at all times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from tui.rendering.safe_text import one_line
from tui.words import OFF_THE_RECORD, money, plural, size

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
    off_record: bool = False
    """True: nothing of this session is kept on disk."""
    level: str = ""
    """What holds the process of a confidential session, in words; "" where nothing of the system does."""
    bytes_left: int = 0
    """How many bytes of a confidential session were sent to another machine."""
    network: bool = False
    """True: a side is answered on the user's own network, by a host in their list."""
    alarm: str = ""
    """What must be known before anything else: an answer was made elsewhere although this machine had been asked."""


class Banner(Widget):
    """One row across the screen."""

    DEFAULT_CSS = """
    Banner {
        height: 1;
        & .banner--name { color: $text-muted; text-style: bold; }
        & .banner--title { color: $foreground; text-style: bold; }
        & .banner--quiet { color: $quiet; }
        & .banner--confidential { color: $confidential; text-style: bold; }
        & .banner--alarm { color: $error; text-style: bold reverse; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "banner--name",
        "banner--title",
        "banner--quiet",
        "banner--confidential",
        "banner--alarm",
    }

    text: reactive[BannerText] = reactive(BannerText())

    def render(self) -> Content:
        """Left: the session. Right: where the commands are."""
        width = self.size.width
        hints = "Ctrl+P commands   F1 keys " if width >= WIDE else "Ctrl+P  F1 "
        left = self._session(width - len(hints) - 2)
        if self.text.confidential and left.cell_length > width - len(hints) - 2:
            hints = ""  # what holds the process, and what left, come before what F1 says too
            left = left.truncate(width, ellipsis=True)
        gap = " " * max(1, width - left.cell_length - len(hints))
        return Content.assemble(left, gap, (hints, self.get_visual_style("banner--quiet")))

    def _session(self, width: int) -> Content:
        """The session; longer than `width` only if it is confidential."""
        if not self.text.confidential:
            whole = self._said(width, named=width >= WIDE - 30, brief=False)
            return whole.truncate(width, ellipsis=True) if whole.cell_length > width else whole
        for named, brief in ((width >= WIDE - 30, False), (False, False), (False, True)):
            whole = self._said(width, named=named, brief=brief)
            if whole.cell_length <= width:
                break
        return whole

    def _said(self, width: int, *, named: bool, brief: bool) -> Content:
        text = self.text
        quiet = self.get_visual_style("banner--quiet")
        parts: list[Content] = [Content(" ")]
        if named and not text.alarm:
            parts.append(Content.styled("Duologue   ", self.get_visual_style("banner--name")))
        facts = [plural(text.turns, "turn")] if text.turns else []
        if text.cost_usd:
            facts.append(money(text.cost_usd))
        if text.off_record and not text.confidential:
            parts.append(Content.styled(f"{OFF_THE_RECORD}  ", self.get_visual_style("banner--confidential")))
        if text.alarm:
            parts.append(Content.styled(f"{one_line(text.alarm, 60)}  ", self.get_visual_style("banner--alarm")))
        if text.confidential:
            facts = [*self._confidential_facts(brief=brief), *facts]
            words = f"CONFIDENTIAL · {OFF_THE_RECORD}" if text.off_record else "CONFIDENTIAL"
            parts.append(Content.styled(words, self.get_visual_style("banner--confidential")))
        else:
            taken = sum(part.cell_length for part in parts) + sum(len(fact) + 3 for fact in facts)
            room = max(10, width - taken)
            parts.append(Content.styled(one_line(text.title, room), self.get_visual_style("banner--title")))
        tail = "".join(f" · {fact}" for fact in facts)
        return Content("").join([*parts, Content.styled(tail, quiet)])

    def _confidential_facts(self, *, brief: bool) -> list[str]:
        earlier = self.text.cloud_turns
        stays = "stays on this machine and your network" if self.text.network else "stays on this machine"
        held = [self.text.level, _left(self.text.bytes_left)] if self.text.level else []
        if brief and held:
            return [*([f"{plural(earlier, 'turn')} sent to a cloud"] if earlier else []), *held]
        if not earlier:
            return [stays, *held]
        were = "was" if earlier == 1 else "were"
        # In this order: what is cut off in a narrow terminal must not be what a person has to know.
        return [f"{plural(earlier, 'earlier turn')} {were} sent to a cloud", f"{stays} from now on", *held]


def _left(sent: int) -> str:
    return f"{size(sent)} left" if sent else "0 bytes left"
