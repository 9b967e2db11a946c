"""The whole vocabulary between the engine and whoever shows a conversation.

`show` is a plain callable that must return at once (it appends to a list, a frame timer draws): so a slow screen can
never hold up a stream, and nothing below holds a reference to anything above.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from storage import Reply, Side, Turn


class State(StrEnum):
    """What a side is doing, in the words that people read."""

    WAITING = "waiting"
    STARTING_CLIENT = "starting client"
    STARTING_ENGINE = "starting engine"
    LOADING_MODEL = "loading model"
    READING_PROMPT = "reading prompt"
    THINKING = "thinking"
    ANSWERING = "answering"


@dataclass(frozen=True, slots=True)
class TurnOpened:
    """The prompt and its open replies are stored; requests are about to be sent."""

    turn: Turn


@dataclass(frozen=True, slots=True)
class VariantOpened:
    """One more attempt at an answer is stored and about to be asked for."""

    turn: Turn
    reply: Reply


@dataclass(frozen=True, slots=True)
class StateChanged:
    """A side's work moved on."""

    side: Side
    reply_id: int
    state: State
    fraction: float | None = None
    """0..1 where the server tells how far it is."""


@dataclass(frozen=True, slots=True)
class Located:
    """Where this reply is made, proved before the prompt was sent."""

    side: Side
    reply_id: int
    locality: str
    address: str
    proof: str


@dataclass(frozen=True, slots=True)
class Delta:
    """The next piece of an answer, or of the thinking before it. Raw text: whoever shows it cleans it."""

    side: Side
    reply_id: int
    text: str
    thinking: bool = False


@dataclass(frozen=True, slots=True)
class RetryWaiting:
    """The server asked for patience; another attempt follows in `seconds` unless it is stopped."""

    side: Side
    reply_id: int
    seconds: int
    reason: str


@dataclass(frozen=True, slots=True)
class Settled:
    """A reply has reached its outcome. Comes exactly once per opened reply."""

    reply: Reply


Update = TurnOpened | VariantOpened | StateChanged | Located | Delta | RetryWaiting | Settled
Show = Callable[[Update], None]
