"""What a model is told of earlier turns.

Each side has its own history: a model is told its own earlier answers only, unless the user adopted an answer on both
sides. A turn that a side did not answer is not mentioned to it: a question without an answer confuses every model,
and a refused one would be refused again. Thinking is never sent back.
"""

from __future__ import annotations

from collections.abc import Iterable

from backends import Message, Stop
from storage import Reply, Side, Turn


def messages(turns: Iterable[Turn], side: Side, prompt: str) -> tuple[Message, ...]:
    """Earlier turns as `side` should know them, oldest first, and the new prompt last."""
    told: list[Message] = []
    for turn in turns:
        answer = _answer_to_tell(turn, side)
        if answer:
            told += (Message("user", turn.prompt), Message("assistant", answer))
    return (*told, Message("user", prompt))


def _answer_to_tell(turn: Turn, side: Side) -> str:
    if turn.adopted_reply_id is not None:
        return next((reply.text for reply in turn.replies if reply.id == turn.adopted_reply_id), "")
    told = next((reply for reply in reversed(turn.variants(side)) if _tellable(reply)), None)
    return told.text if told else ""


def _tellable(reply: Reply) -> bool:
    return bool(reply.text.strip()) and reply.receipt.stop_reason != Stop.REFUSAL
