"""Sessions as nobody would write them: any text that SQLite can hold, every field set or not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from storage.records import Choice, Outcome, Receipt, Reply, Session, Side, Turn, Vote
from storage.sessions import id_from
from storage.whole import WholeAttachment, WholeSession, WholeTurn

HOSTILE = (
    "\x00",
    "\x1b]0;owned\x07",
    "\x9b31m",
    "\r\n\r\n",
    "\u202egpj.exe",
    "\u2028",
    "</script><script>alert(1)</script>",
    '"}],"turns":[',
    "```\n~~~\n````",
    "=cmd|' /C calc'!A0",
    "\ufeff",
    "\U000e0041",
    "e" + "\u0301" * 40,
    "<!-- -->]]>",
)
TEXTS = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
    st.builds("".join, st.lists(st.sampled_from([*HOSTILE, "word ", "\n"]), max_size=5)),
)
TIMES = st.integers(0, 10**12).map(lambda ms: datetime(1990, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms))
SPECS = st.sampled_from(["claude:claude-sonnet-5-5", "ollama:llama3.1:8b", "demo:", "chatgpt:gpt-9", "\x1b[31m"])
SECONDS = st.floats(0, 1e6, allow_nan=False)
COUNTS = st.integers(0, 2**63 - 1)


def _maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


RECEIPTS = st.builds(
    Receipt,
    **{name: _maybe(SECONDS) for name in ("first_token_s", "total_s", "load_s", "prompt_s", "generation_s")},
    **{name: _maybe(SECONDS) for name in ("thinking_s", "cost_usd")},
    **{name: _maybe(COUNTS) for name in ("input_tokens", "output_tokens", "thinking_tokens")},
    **{name: _maybe(COUNTS) for name in ("cache_read_tokens", "cache_write_tokens")},
    **{name: _maybe(COUNTS) for name in ("context_used", "context_allowed")},
    estimated=st.booleans(),
    stop_reason=_maybe(TEXTS),
)
SETTLED = st.sampled_from([outcome for outcome in Outcome if outcome is not Outcome.OPEN])


@st.composite
def turns(draw: Callable[[Any], Any], seq: int) -> WholeTurn:
    """A turn at a position."""
    places = [(side, variant) for side in Side for variant in range(1, draw(st.integers(0, 3)) + 1)]
    replies = tuple(
        draw(
            st.builds(
                Reply,
                id=st.just(number),
                turn_id=st.just(0),
                side=st.just(side),
                variant=st.just(variant),
                model=SPECS,
                outcome=SETTLED,
                started=TIMES,
                ended=_maybe(TIMES),
                text=TEXTS,
                thinking=TEXTS,
                served_model=_maybe(TEXTS),
                digest=_maybe(TEXTS),
                locality=_maybe(st.sampled_from(["cloud", "this machine", "\x1b"])),
                error=_maybe(TEXTS),
                error_kind=_maybe(TEXTS),
                note=TEXTS,
                receipt=RECEIPTS,
            )
        )
        for number, (side, variant) in enumerate(places, 1)
    )
    turn = draw(
        st.builds(
            Turn,
            id=st.just(0),
            session_id=st.just(""),
            seq=st.just(seq),
            prompt=TEXTS,
            asked=TIMES,
            replies=st.just(replies),
            adopted_reply_id=_maybe(st.integers(1, len(replies))) if replies else st.none(),
            note=TEXTS,
            vote=_maybe(st.builds(Vote, st.sampled_from(Choice), TIMES, TEXTS)),
        )
    )
    attachments = st.lists(
        st.builds(WholeAttachment, TEXTS, TEXTS, st.binary(max_size=40), _maybe(TEXTS)), max_size=2
    )
    return WholeTurn(turn, tuple(draw(attachments)))


@st.composite
def conversations(draw: Callable[[Any], Any]) -> tuple[WholeSession, list[WholeTurn]]:
    """A session with its turns, some of them missing in the middle."""
    session = draw(
        st.builds(
            Session,
            id=st.builds(id_from, TIMES, st.integers(0, 2**80 - 1)),
            title=TEXTS,
            created=TIMES,
            updated=TIMES,
            left=_maybe(SPECS),
            right=_maybe(SPECS),
            confidential_since=_maybe(TIMES),
            system_prompt=TEXTS,
            draft=TEXTS,
            starred=st.booleans(),
            archived=_maybe(TIMES),
            origin=TEXTS,
        )
    )
    tags = draw(st.sets(st.sampled_from(["law", "émigré", "日本", "a-b", "x1"])))
    positions = sorted(draw(st.sets(st.integers(1, 9), max_size=4)))
    return WholeSession(session, tuple(sorted(tags))), [draw(turns(seq)) for seq in positions]
