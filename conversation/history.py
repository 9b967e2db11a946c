"""What a model is told of earlier turns.

Each side has its own history: a model is told its own earlier answers only, unless the user adopted an answer on both
sides. A turn that a side did not answer is not mentioned to it: a question without an answer confuses every model,
and a refused one would be refused again. Thinking is never sent back.
"""

from __future__ import annotations

from collections.abc import Iterable

from backends import Message, Stop
from storage import PastReply, PastTurn, Side
from storage.store import Store

MOST_CHARACTERS = 8_000_000
"""Of earlier turns that are read, the newest first: some two million tokens, more than any model takes in. So asking
costs no more in an endless session, and nothing that a model could be told is left out here."""


def told(
    store: Store, session_id: str, sides: Iterable[Side], *, before: int | None = None
) -> dict[Side, tuple[Message, ...]]:
    """What each side is told before the new prompt. `before`: of the turns before this one only.

    To be called in the store's thread: it takes some 0.1 s after ten thousand turns.
    """
    turns = store.past_turns(session_id, at_most=MOST_CHARACTERS, before=before)
    return {side: messages(turns, side) for side in sides}


def messages(turns: Iterable[PastTurn], side: Side) -> tuple[Message, ...]:
    """Earlier turns as `side` should know them, oldest first."""
    said: list[Message] = []
    for turn in turns:
        answer = _answer_to_tell(turn, side)
        if answer:
            said += (Message("user", turn.prompt), Message("assistant", answer))
    return tuple(said)


def _answer_to_tell(turn: PastTurn, side: Side) -> str:
    if turn.adopted_reply_id is not None:
        return next((reply.text for reply in turn.replies if reply.id == turn.adopted_reply_id), "")
    tellable = [reply for reply in turn.replies if reply.side is side and _is_tellable(reply)]
    return max(tellable, key=lambda reply: reply.variant).text if tellable else ""


def _is_tellable(reply: PastReply) -> bool:
    return bool(reply.text.strip()) and reply.stop_reason != Stop.REFUSAL
