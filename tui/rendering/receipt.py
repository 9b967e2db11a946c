"""What an answer cost and how it ended, in a few dim words: the last line of every answer.

    0.6 s · 84 tok/s · 312 tok · $0.0042 · 74 % of 8k
    stopped by you · ≈ 41 tok · Ctrl+R retry

What is not known is left out; an estimate says so with "≈". Words alone carry the meaning, colour only helps.
"""

from __future__ import annotations

from typing import assert_never

from backends import Locality
from storage import Outcome, Receipt, Reply
from tui.rendering.safe_text import one_line
from tui.words import count, money

RETRY = "Ctrl+R retry"
_CUT_SHORT = {
    "length limit": "cut at its length limit",
    "context full": "cut: its context is full",
    "refusal": "declined by the model",
}


def receipt_items(reply: Reply, variants: int = 1, *, retry: bool = False) -> list[str]:
    """The parts of a settled reply's last line, in order.

    `variants` is how many attempts there are on its side; `retry` says that the key makes one more.
    """
    items = ["DEMO"] if reply.demo else []
    match reply.outcome:
        case Outcome.OPEN:
            pass
        case Outcome.COMPLETE:
            if words := _CUT_SHORT.get(reply.receipt.stop_reason or ""):
                items.append(words)
            items += [*_speed(reply.receipt), *_amounts(reply.receipt)]
        case Outcome.STOPPED:
            items += ["stopped" if reply.note else "stopped by you", *_amounts(reply.receipt)]
        case Outcome.FAILED:
            items += ["failed", *_amounts(reply.receipt)]
        case Outcome.INTERRUPTED:
            items += ["interrupted when the program ended", *_amounts(reply.receipt)]
        case _:
            assert_never(reply.outcome)
    if retry and reply.outcome in (Outcome.STOPPED, Outcome.FAILED, Outcome.INTERRUPTED):
        items.append(RETRY)
    if reply.locality == Locality.YOUR_NETWORK:
        items.append(str(Locality.YOUR_NETWORK))
    if variants > 1:
        items.append(f"\u2039 {reply.variant}/{variants} \u203a")
    return items


def thinking_words(reply: Reply) -> str:
    """How long a settled or running reply thought: "thought for 8 s, 640 tok"."""
    receipt = reply.receipt
    parts = []
    if receipt.thinking_s is not None:
        parts.append(f"for {seconds(receipt.thinking_s)}")
    if receipt.thinking_tokens is not None:
        parts.append(f"{count(receipt.thinking_tokens)} tok")
    return f"thought {', '.join(parts)}" if parts else "thought"


def seconds(duration: float) -> str:
    """A duration: "0.6 s", "12 s", "2 min 05 s"."""
    if duration < 9.95:
        return f"{duration:.1f} s"
    whole = round(duration)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60:02} s"


def _speed(receipt: Receipt) -> list[str]:
    items = []
    if receipt.load_s is not None and receipt.load_s >= 1:
        items.append(f"loaded in {seconds(receipt.load_s)}")
    if receipt.first_token_s is not None:
        items.append(seconds(receipt.first_token_s))
    if (speed := receipt.tokens_per_second) is not None:
        items.append(f"{_about(receipt)}{speed:.0f} tok/s" if speed >= 9.5 else f"{_about(receipt)}{speed:.1f} tok/s")
    return items


def _amounts(receipt: Receipt) -> list[str]:
    items = []
    if receipt.output_tokens is not None:
        items.append(f"{_about(receipt)}{count(receipt.output_tokens)} tok")
    if receipt.cost_usd:
        items.append(f"{_about(receipt)}{money(receipt.cost_usd)}")
    if receipt.context_used is not None and receipt.context_allowed:
        share = receipt.context_used / receipt.context_allowed
        percent = "<1" if 0 < share < 0.01 else f"{100 * share:.0f}"
        items.append(f"{percent} % of {_window(receipt.context_allowed)}")
    return items


def _about(receipt: Receipt) -> str:
    return "≈ " if receipt.estimated else ""


def _window(tokens: int) -> str:
    """A context window as people say it: 8192 is "8k", 200000 is "200k"."""
    if tokens % 1024 == 0:
        return f"{tokens // 1024}k"
    return count(tokens)


def remarks(reply: Reply) -> list[str]:
    """Sentences that belong under an answer: the server's note, or why it failed. Cleaned, one line each."""
    sentences = [reply.error or "The answer could not be had."] if reply.outcome is Outcome.FAILED else []
    if reply.note:
        sentences.append(reply.note)
    return [one_line(sentence, 600) for sentence in sentences]
