"""One saved session in words, for a row of a list and for the blank page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from storage import SessionSummary
from tui.rendering.safe_text import one_line
from tui.words import money, plural, short_spec


@dataclass(frozen=True, slots=True)
class SessionWords:
    """One session as its row says it."""

    title: str
    pair: str
    turns: str
    cost: str
    when: str
    starred: bool
    confidential: bool
    marks: str
    """"CONFIDENTIAL", "answering", "1 unfinished", tags: what there is of it."""


def words_of(summary: SessionSummary, updated: datetime, now: datetime) -> SessionWords:
    """Everything about one session that its row says; both times are local ones."""
    session = summary.session
    marks = []
    if session.confidential:
        marks.append("CONFIDENTIAL")
    if summary.open_replies:
        marks.append("answering")
    if summary.unhappy_replies:
        marks.append(f"{summary.unhappy_replies} unfinished")
    marks += [one_line(tag, 40) for tag in summary.tags]
    names = [one_line(short_spec(spec), 40) for spec in (session.left, session.right) if spec is not None]
    return SessionWords(
        title=one_line(session.title, 200) or "untitled",
        pair=" | ".join(names),
        turns=plural(summary.turns, "turn"),
        cost=_cost(summary.cost_usd),
        when=when(updated, now),
        starred=session.starred,
        confidential=session.confidential,
        marks=" · ".join(marks),
    )


def _cost(dollars: float | None) -> str:
    """What is not known is not shown; what cost nothing says so without decimals."""
    if dollars is None:
        return ""
    return money(dollars) if dollars else "$0"


def when(moment: datetime, now: datetime) -> str:
    """ "today 14:02", "Tue 18 Nov", or with the year if it is another one; both times are local ones."""
    if moment.date() == now.date():
        return f"today {moment:%H:%M}"
    if moment.year == now.year:
        return f"{moment:%a} {moment.day} {moment:%b}"
    return f"{moment.day} {moment:%b %Y}"
