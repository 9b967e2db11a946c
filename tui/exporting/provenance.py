"""Where a session, a turn and an answer come from, in the words that every format for people uses."""

from __future__ import annotations

from datetime import UTC, datetime

from storage import Outcome, Reply, Session, Side, Turn
from storage.whole import WholeSession
from tui.commands.output import heading
from tui.rendering.receipt import RETRY, receipt_items, remarks
from tui.rendering.safe_text import one_line
from tui.words import short_spec

LONGEST_TITLE = 300


def when(moment: datetime) -> str:
    """ "2026-03-01 12:00 UTC": a file is read elsewhere and later."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def title_of(session: Session) -> str:
    """The title on one clean line."""
    return one_line(session.title, LONGEST_TITLE) or "(no title)"


def session_facts(whole: WholeSession) -> list[str]:
    """Lines about a session, the warning first."""
    session = whole.session
    facts = []
    if session.confidential_since is not None:
        facts.append(f"CONFIDENTIAL since {when(session.confidential_since)}")
    facts += [
        f"{when(session.created)}, last used {when(session.updated)}",
        one_line(f"left: {short_spec(session.left)} · right: {short_spec(session.right)}", LONGEST_TITLE),
    ]
    if whole.tags:
        facts.append(one_line("tags: " + ", ".join(whole.tags), LONGEST_TITLE))
    if session.starred:
        facts.append("starred")
    if session.origin:
        facts.append(one_line(f"imported from {session.origin}", LONGEST_TITLE))
    if session.parent_id is not None:
        after = "" if whole.parent_seq is None else f" after question {whole.parent_seq}"
        facts.append(f"forked from {session.parent_id}{after}")
    facts.append(f"session {session.id}")
    return facts


def turn_facts(turn: Turn) -> list[str]:
    """What the person made of a turn."""
    facts = []
    if turn.vote is not None:
        reasons = f": {one_line(turn.vote.reasons, LONGEST_TITLE)}" if turn.vote.reasons else ""
        facts.append(f"vote: {turn.vote.choice}{reasons}")
    return facts


def name_of(reply: Reply) -> str:
    """Who answered and where: "Claude (claude-sonnet-5-5, cloud)"."""
    return heading(reply.model, reply.locality).removesuffix(":")


def reply_facts(turn: Turn, reply: Reply) -> list[str]:
    """How an answer ended, what it cost, and who exactly gave it; the error or the server's note first."""
    variants = len(turn.variants(reply.side))
    ended = [] if reply.outcome is not Outcome.COMPLETE else ["complete"]
    cost = [item for item in receipt_items(reply, variants) if item != RETRY]
    if reply.outcome is Outcome.OPEN:
        cost = ["still being written when it was exported"]
    served = reply.served_model if reply.served_model and reply.served_model not in reply.model else None
    source = [
        *([f"answered by {served}"] if served else []),
        *([reply.digest] if reply.digest else []),
        when(reply.started),
        *(["adopted on both sides"] if reply.id == turn.adopted_reply_id else []),
    ]
    return [
        *remarks(reply),
        one_line(" · ".join([*ended, *cost]), LONGEST_TITLE),
        one_line(" · ".join(source), LONGEST_TITLE),
    ]


def earlier(turn: Turn, side: Side) -> tuple[Reply, ...]:
    """The variants that were asked for again, oldest first."""
    return turn.variants(side)[:-1]
