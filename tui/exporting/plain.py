"""A session as plain text, with nothing but words and lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from storage import Reply, Side, Turn
from storage.store import Store
from storage.whole import WholeSession, WholeTurn
from tui.exporting.file_text import readable
from tui.exporting.provenance import earlier, name_of, reply_facts, session_facts, title_of, turn_facts, when

_RULE = "=" * 72
_THIN = "-" * 72


def plain_pieces(store: Store, session_ids: Sequence[str], *, only: int | None = None) -> Iterator[str]:
    """All of it, piece by piece. Raises `StoreError`."""
    between = ""
    for session_id in session_ids:
        yield between + _head(store.whole_session(session_id))
        for turn in store.whole_turns(session_id, only=only):
            yield from _turn(turn)
        between = "\n\n"


def _head(whole: WholeSession) -> str:
    system = whole.session.system_prompt
    lines = [_RULE, title_of(whole.session), *session_facts(whole), _RULE]
    return "\n".join([*lines, *(["", "System prompt:", readable(system)] if system else []), ""])


def _turn(whole: WholeTurn) -> Iterator[str]:
    turn = whole.turn
    yield f"\nQUESTION {turn.seq}, {when(turn.asked)}\n\n{readable(turn.prompt)}\n"
    for attachment in whole.attachments:
        yield f"\nWith the file {readable(attachment.name)} ({len(attachment.content):,} bytes)\n"
    for side in Side:
        for reply in (*turn.variants(side)[-1:], *earlier(turn, side)):
            yield _reply(turn, reply, f"{str(side).upper()}: {name_of(reply)}")
    for fact in turn_facts(turn):
        yield f"\n{fact}\n"
    if turn.note:
        yield f"\nNote: {readable(turn.note)}\n"
    yield f"\n{_THIN}\n"


def _reply(turn: Turn, reply: Reply, title: str) -> str:
    thinking = f"[thinking]\n{readable(reply.thinking)}\n[end of thinking]\n\n" if reply.thinking else ""
    facts = "\n".join(f"[{fact}]" for fact in reply_facts(turn, reply))
    return f"\n{title}\n\n{thinking}{readable(reply.text)}\n\n{facts}\n"
