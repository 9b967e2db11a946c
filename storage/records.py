"""What was said, as frozen values: the same types for a running conversation and a saved one.

Nothing here knows SQL. Times are timezone-aware UTC datetimes, durations are seconds, money is US dollars.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Side(StrEnum):
    """One of the two halves of a conversation."""

    LEFT = "left"
    RIGHT = "right"


class Outcome(StrEnum):
    """How a reply stands. The values are stored and given in JSON."""

    OPEN = "open"
    COMPLETE = "complete"
    STOPPED = "stopped"
    """By the person, or because the session became confidential."""
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    """The program ended before the answer did; found open at a later start, or settled while closing."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a reply cost. None is "not known" everywhere."""

    first_token_s: float | None = None
    """From sending to the first piece of thinking or text."""
    total_s: float | None = None
    load_s: float | None = None
    prompt_s: float | None = None
    generation_s: float | None = None
    thinking_s: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    thinking_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    estimated: bool = False
    """True: output_tokens is our own estimate (stopped answers, servers that do not count)."""
    cost_usd: float | None = None
    context_used: int | None = None
    """Tokens of the window in use after this reply."""
    context_allowed: int | None = None
    stop_reason: str | None = None

    @property
    def tokens_per_second(self) -> float | None:
        """Generation speed: by the server's own clock where it gave one, else from the first token on."""
        if not self.output_tokens:
            return None
        seconds = self.generation_s
        if seconds is None and self.total_s is not None and self.first_token_s is not None:
            seconds = self.total_s - self.first_token_s
        return self.output_tokens / seconds if seconds and seconds > 0 else None


@dataclass(frozen=True, slots=True)
class Reply:
    """One side's answer to one prompt, or one more attempt at it."""

    id: int
    turn_id: int
    side: Side
    variant: int
    """1 for the first answer, 2 for its first retry, and so on; nothing is overwritten."""
    model: str
    """The spec as chosen: "ollama:llama3.1:8b". A demo model's starts with "demo:"."""
    outcome: Outcome
    started: datetime
    text: str = ""
    thinking: str = ""
    ended: datetime | None = None
    served_model: str | None = None
    digest: str | None = None
    locality: str | None = None
    """backends.Locality's words, as proved for this reply; None until known."""
    error: str | None = None
    error_kind: str | None = None
    note: str = ""
    receipt: Receipt = field(default_factory=Receipt)

    @property
    def demo(self) -> bool:
        """True when the built-in demo model answered: real engine, silly text."""
        return self.model.startswith("demo:")


class Choice(StrEnum):
    """Which of the two answers was the better one. The values are stored and given in JSON."""

    LEFT = "left"
    RIGHT = "right"
    TIE = "tie"
    NEITHER = "neither"


@dataclass(frozen=True, slots=True)
class Vote:
    """A person's verdict on the two answers of a turn."""

    choice: Choice
    at: datetime
    reasons: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """One prompt and what came back."""

    id: int
    session_id: str
    seq: int
    """1, 2, 3 ... within the session."""
    prompt: str
    asked: datetime
    replies: tuple[Reply, ...] = ()
    """Ordered by side (left first), then variant."""
    adopted_reply_id: int | None = None
    """The answer that the user adopted on both sides, if any."""
    note: str = ""
    """The person's own words about it."""
    vote: Vote | None = None
    forks: int = 0
    """Sessions that go on from here in another way."""

    def latest(self, side: Side) -> Reply | None:
        """The newest variant of one side, or None if that side was not asked."""
        return next((reply for reply in reversed(self.replies) if reply.side is side), None)

    def variants(self, side: Side) -> tuple[Reply, ...]:
        """All variants of one side, oldest first."""
        return tuple(reply for reply in self.replies if reply.side is side)


@dataclass(frozen=True, slots=True)
class TurnSize:
    """Lengths in characters, enough to lay out a transcript without reading its text."""

    id: int
    seq: int
    prompt: int
    left: int
    """Latest variant; 0 where the side was not asked."""
    right: int


@dataclass(frozen=True, slots=True)
class PastReply:
    """What of a settled reply matters to a model that is told of it."""

    id: int
    side: Side
    variant: int
    text: str
    stop_reason: str | None


@dataclass(frozen=True, slots=True)
class PastTurn:
    """What of an earlier turn matters to a model: a tenth of the cost of a `Turn` to read."""

    prompt: str
    replies: tuple[PastReply, ...]
    """In no particular order."""
    adopted_reply_id: int | None = None

    @property
    def characters(self) -> int:
        """The most that this turn can be worth to one side."""
        return len(self.prompt) + max((len(reply.text) for reply in self.replies), default=0)


@dataclass(frozen=True, slots=True)
class Session:
    """One conversation. Its turns are read separately."""

    id: str
    """26 characters, sortable by birth (ULID); any unambiguous prefix names it on the command line."""
    title: str
    created: datetime
    updated: datetime
    left: str | None
    """Spec of the model on that side, or None when the side is off."""
    right: str | None
    confidential_since: datetime | None = None
    """One-way: once set it is never unset."""
    system_prompt: str = ""
    parent_id: str | None = None
    parent_turn_id: int | None = None
    draft: str = ""
    """What stood in the prompt box and was not sent."""
    starred: bool = False
    archived: datetime | None = None
    """Put away: kept out of the list unless it is asked for."""
    deleted: datetime | None = None
    """In the bin since then."""
    origin: str = ""
    """Where an imported session came from; empty for our own."""

    @property
    def confidential(self) -> bool:
        """True once the session is for this machine's models only."""
        return self.confidential_since is not None


@dataclass(frozen=True, slots=True)
class SessionSummary:
    """A row of the sessions list."""

    session: Session
    turns: int
    cost_usd: float | None
    open_replies: int
    unhappy_replies: int
    """Stopped, failed or interrupted."""
    tags: tuple[str, ...] = ()
    """In alphabetical order."""


@dataclass(frozen=True, slots=True)
class NewReply:
    """A reply about to be asked for."""

    side: Side
    model: str


@dataclass(frozen=True, slots=True)
class Settlement:
    """How a reply ended; written once."""

    outcome: Outcome
    ended: datetime
    served_model: str | None = None
    digest: str | None = None
    locality: str | None = None
    error: str | None = None
    error_kind: str | None = None
    note: str = ""
    receipt: Receipt = field(default_factory=Receipt)


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One line of the egress ledger: one HTTP request, allowed or refused."""

    id: int
    session_id: str | None
    reply_id: int | None
    opened: datetime
    purpose: str
    """"chat", "preflight", "models", "probe", "count" ..."""
    host: str
    port: int
    peer: str | None
    """The address on the other end of the connected socket; None when nothing was connected."""
    locality: str
    verdict: str
    """"open", "done", "failed", "refused"."""
    bytes_sent: int
    bytes_received: int
    closed: datetime | None
    detail: str = ""
    level: str = ""
    """What kept the process from every other way out: "kernel (namespace)", "process guard"; "" is not known."""
    by_your_word: bool = False
    """True: what answers at that address cannot be verified, and the user said that it is this machine."""
    left_to: str = ""
    """The host that answered instead, as the server itself told; "" where it told of none."""


@dataclass(frozen=True, slots=True)
class RequestTotal:
    """All requests of one kind, added up."""

    host: str
    port: int
    locality: str
    verdict: str
    by_your_word: bool
    left_to: str
    requests: int
    bytes_sent: int
    bytes_received: int


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that went with a prompt."""

    id: int
    turn_id: int
    name: str
    media_type: str
    size: int
    """Bytes."""
    sha256: str
    text: str
    """What can be read in it; empty for a file without text."""


class Place(StrEnum):
    """Where words were found. The values are given in JSON."""

    TITLE = "title"
    PROMPT = "prompt"
    NOTE = "note"
    ATTACHMENT = "attachment"
    LEFT = "left"
    RIGHT = "right"


@dataclass(frozen=True, slots=True)
class Hit:
    """A place where a search has found something."""

    session_id: str
    title: str
    turn_id: int
    """Of a title: the session's first turn."""
    seq: int
    where: Place
    model: str | None
    """Who wrote the answer; None for prompts and titles."""
    asked: datetime
    snippet: tuple[tuple[str, bool], ...]
    """Pieces of the text around the hit, and whether each is what was looked for. Raw words."""
    confidential: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """What a search has found by now."""

    hits: tuple[Hit, ...]
    unindexed_turns: int
    """Turns of an older file that cannot be found yet; 0 once its index is built."""


@dataclass(frozen=True, slots=True)
class Question:
    """A turn in the outline of its session."""

    turn_id: int
    seq: int
    prompt: str
    """Its beginning."""
    trouble: str
    """"failed", "interrupted" or "stopped" if one of its newest answers did not end well; else empty."""


class Where(StrEnum):
    """A part of a turn in which words can be found."""

    QUESTION = "question"
    LEFT_THINKING = "left thinking"
    LEFT = "left"
    RIGHT_THINKING = "right thinking"
    RIGHT = "right"


@dataclass(frozen=True, slots=True)
class Occurrences:
    """How often one turn has what is looked for inside its conversation."""

    turn_id: int
    seq: int
    counts: tuple[tuple[Where, int], ...]
    """In the order of reading; parts that have it not at all are left out."""

    @property
    def total(self) -> int:
        """How often altogether."""
        return sum(count for _, count in self.counts)
