"""What the storage tests say, and when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from storage.records import NewReply, Outcome, Receipt, Session, Settlement, Side, Turn
from storage.store import Store

NOON = datetime(2026, 3, 1, 12, 0, 0, 123000, tzinfo=UTC)
BOTH = (NewReply(Side.LEFT, "claude:claude-sonnet-5-5"), NewReply(Side.RIGHT, "ollama:llama3.1:8b"))


def later(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def new_session(store: Store, *, seconds: float = 0, title: str = "", confidential: bool = False) -> Session:
    return store.create_session(
        left=BOTH[0].model, right=BOTH[1].model, created=later(seconds), title=title, confidential=confidential
    )


def new_turn(store: Store, session: Session, prompt: str = "Why?", *, seconds: float = 1) -> Turn:
    return store.open_turn(session.id, prompt, later(seconds), BOTH)


def complete(seconds: float = 9) -> Settlement:
    return Settlement(Outcome.COMPLETE, later(seconds))


FULL_SETTLEMENT = Settlement(
    Outcome.FAILED,
    later(9),
    served_model="claude-sonnet-5-5-20260101",
    digest="sha256:abc",
    locality="cloud",
    error="The server is busy. Try again.",
    error_kind="overloaded",
    note="A note.",
    receipt=Receipt(
        first_token_s=0.1,
        total_s=2.0,
        load_s=0.3,
        prompt_s=0.4,
        generation_s=1.5,
        thinking_s=0.6,
        input_tokens=10,
        output_tokens=20,
        thinking_tokens=5,
        cache_read_tokens=6,
        cache_write_tokens=7,
        estimated=True,
        cost_usd=0.0125,
        context_used=30,
        context_allowed=200_000,
        stop_reason="end",
    ),
)
"""Every field differs from its default."""
