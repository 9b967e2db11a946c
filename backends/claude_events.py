"""Reads the events of Anthropic's Messages stream into ours. Knows the protocol, not the SDK.

The SDK builds objects without checking them: an unknown block or delta arrives as one of the known classes with a
foreign `.type` and None in every field, and a hostile server can put any JSON value anywhere. So everything is read
by `.type`, each field is checked, and what is not known is passed over: new kinds of events are announced as
compatible. https://platform.claude.com/docs/en/build-with-claude/streaming
"""

from __future__ import annotations

from backends.base import Event, Metered, Stop, TextDelta, ThinkingDelta, Usage
from backends.wire import storable

_STOPS = {
    "end_turn": Stop.END,
    "stop_sequence": Stop.END,
    "max_tokens": Stop.LENGTH,
    "model_context_window_exceeded": Stop.CONTEXT_FULL,
    "refusal": Stop.REFUSAL,
}
_LONGEST_NAME = 200
_MOST_TOKENS = 2**53
"""No count that JSON can carry exactly is larger."""


class MessageReader:
    """One answer while it is read. `is_whole` turns true when the server has said that it is at its end."""

    def __init__(self, asked_for: str) -> None:
        self.model = asked_for
        """The name that the server gave, or the one asked for until it does."""
        self.is_started = False
        self.has_text = False
        self._stop_reason = ""
        self._is_stopped = False
        self._declined_because = ""
        self._counts: dict[str, int] = {}

    @property
    def is_whole(self) -> bool:
        """A body that ends early but cleanly raises nothing: only these two say that nothing is missing."""
        return self._is_stopped and bool(self._stop_reason)

    @property
    def stop(self) -> Stop:
        """Why the answer ended; what is not known is `OTHER`."""
        return _STOPS.get(self._stop_reason, Stop.OTHER)

    @property
    def usage(self) -> Usage:
        """What is counted so far. The protocol's `input_tokens` leaves out what was read from or put in the cache."""
        fresh = self._counts.get("input_tokens")
        read = self._counts.get("cache_read_input_tokens")
        written = self._counts.get("cache_creation_input_tokens")
        return Usage(
            input_tokens=None if fresh is None else fresh + (read or 0) + (written or 0),
            output_tokens=self._counts.get("output_tokens"),
            thinking_tokens=self._counts.get("thinking_tokens"),
            cache_read_tokens=read,
            cache_write_tokens=written,
        )

    @property
    def note(self) -> str:
        """What should be said with an answer that ended like this; mostly nothing."""
        if self.stop is Stop.REFUSAL:
            return f"Claude declined to answer{self._declined_because or '.'} Another model may answer it."
        if self.has_text:
            return ""
        if self.stop is Stop.LENGTH:
            return "The allowed length was used up before any text came. Allow a longer answer."
        if self.stop is Stop.END:
            return "The model ended its answer without a word. Ask again in other words."
        return ""

    def read(self, event: object) -> Event | None:
        """What one event of the wire means to whoever shows the answer; None: nothing."""
        match getattr(event, "type", None):
            case "message_start":
                return self._start(getattr(event, "message", None))
            case "content_block_start":
                return self._piece(getattr(event, "content_block", None))
            case "content_block_delta":
                return self._piece(getattr(event, "delta", None))
            case "message_delta":
                return self._end(event)
            case "message_stop":
                self._is_stopped = True
        return None

    def _start(self, message: object) -> Event:
        self.is_started = True
        name = getattr(message, "model", None)
        if isinstance(name, str) and name:
            self.model = storable(name)[:_LONGEST_NAME]
        self._count(getattr(message, "usage", None))
        # What stands here is a placeholder (0 to 88 were seen), not a count.
        self._counts.pop("output_tokens", None)
        return Metered(self.usage)

    def _piece(self, piece: object) -> Event | None:
        match getattr(piece, "type", None):
            case "text" | "text_delta":
                text = getattr(piece, "text", None)
                if isinstance(text, str) and text:
                    self.has_text = True
                    return TextDelta(storable(text))
            case "thinking" | "thinking_delta":
                thinking = getattr(piece, "thinking", None)
                if isinstance(thinking, str) and thinking:
                    return ThinkingDelta(storable(thinking))
        return None

    def _end(self, event: object) -> Event:
        delta = getattr(event, "delta", None)
        reason = getattr(delta, "stop_reason", None)
        if isinstance(reason, str) and reason:
            self._stop_reason = reason
        details = getattr(delta, "stop_details", None)
        category, explanation = getattr(details, "category", None), getattr(details, "explanation", None)
        because = f" ({storable(category)[:60]})." if isinstance(category, str) and category else "."
        if isinstance(explanation, str) and explanation.strip():
            because += f" {storable(explanation).strip()[:500].rstrip('.')}."
        self._declined_because = because
        self._count(getattr(event, "usage", None))
        return Metered(self.usage)

    def _count(self, usage: object) -> None:
        """Counts are cumulative: a later one replaces an earlier one, and one that is not told leaves it."""
        for name in ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens"):
            self._keep(name, getattr(usage, name, None))
        self._keep("thinking_tokens", getattr(getattr(usage, "output_tokens_details", None), "thinking_tokens", None))

    def _keep(self, name: str, value: object) -> None:
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST_TOKENS:
            self._counts[name] = value
