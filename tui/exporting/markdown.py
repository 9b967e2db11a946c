"""A session as Markdown: one question after the other, below each the two answers, readable in any viewer.

Answers are Markdown themselves and stay as they were written, but none of them can swallow what follows: a code block
that was left open is closed, and a line that begins as HTML is shown, not obeyed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from storage import Reply, Side, Turn
from storage.store import Store
from storage.whole import WholeSession, WholeTurn
from tui.exporting.file_text import readable
from tui.exporting.provenance import earlier, name_of, reply_facts, session_facts, title_of, turn_facts, when

_FENCE = re.compile(r"^[ \t>]*(?:[-*+]|\d+[.)])?[ \t]*(`{3,}|~{3,})(.*)$")
_HTML = re.compile(r"^( {0,3})<(?=[!?/A-Za-z])(?!https?:)")
_SPECIAL = re.compile(r"([\\`*_\[\]<>#|~])")


def markdown_pieces(store: Store, session_ids: Sequence[str], *, only: int | None = None) -> Iterator[str]:
    """All of it, piece by piece. Raises `StoreError`."""
    between = ""
    for session_id in session_ids:
        yield between + _head(store.whole_session(session_id))
        for turn in store.whole_turns(session_id, only=only):
            yield from _turn(turn)
        between = "\n\n"


def contained(text: str) -> str:
    """Markdown of somebody else, with its open code block closed and its HTML shown."""
    lines, fence = [], ""
    for line in readable(text).split("\n"):
        found = _FENCE.match(line)
        if fence:
            if found and found[1][0] == fence[0] and len(found[1]) >= len(fence) and not found[2].strip():
                fence = ""
        elif found and not ("`" in found[2] and found[1][0] == "`"):
            fence = found[1]
        else:
            line = _HTML.sub(r"\1\\<", line)
        lines.append(line)
    if fence:
        lines.append(fence)
    return "\n".join(lines)


def escaped(text: str) -> str:
    """Words that are no Markdown."""
    return _SPECIAL.sub(r"\\\1", text)


def quoted(text: str) -> str:
    """Text set off as a quotation, with its own line breaks."""
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


def _head(whole: WholeSession) -> str:
    facts = "\n".join(f"- {escaped(fact)}" for fact in session_facts(whole))
    system = whole.session.system_prompt
    return f"# {escaped(title_of(whole.session))}\n\n{facts}\n" + (
        f"\n**System prompt**\n\n{quoted(contained(system))}\n" if system else ""
    )


def _turn(whole: WholeTurn) -> Iterator[str]:
    turn = whole.turn
    yield f"\n---\n\n## Question {turn.seq}\n\n*{when(turn.asked)}*\n\n{quoted(contained(turn.prompt))}\n"
    for attachment in whole.attachments:
        yield f"\n*With the file {escaped(readable(attachment.name))} ({len(attachment.content):,} bytes)*\n"
    for side in Side:
        reply = turn.latest(side)
        if reply is not None:
            yield _reply(turn, reply, f"{str(side).capitalize()}: {name_of(reply)}")
        for before in earlier(turn, side):
            yield _reply(turn, before, f"{str(side).capitalize()}, variant {before.variant}: {name_of(before)}")
    for fact in turn_facts(turn):
        yield f"\n**{escaped(fact)}**\n"
    if turn.note:
        yield f"\n**Note**\n\n{quoted(contained(turn.note))}\n"


def _reply(turn: Turn, reply: Reply, title: str) -> str:
    thinking = f"**Thinking**\n\n{quoted(contained(reply.thinking))}\n\n" if reply.thinking else ""
    text = contained(reply.text).strip("\n") or "*(no text)*"
    facts = "  \n".join(f"*{escaped(fact)}*" for fact in reply_facts(turn, reply))
    return f"\n### {escaped(title)}\n\n{thinking}{text}\n\n{facts}\n"
