"""What every model looks like from outside: a request goes in, events come out, nothing else.

Values here have no identity (ids belong to storage) and no library behind them (anthropic, ollama and httpx stay
in their own modules). A stream yields any number of deltas and notices and then exactly one `Finished`, or raises
a `BackendError`. Usage and timings travel in events, never in attributes.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, Protocol

from backends.spec import ModelSpec

if TYPE_CHECKING:
    from backends.address import ServerAddress


class Locality(StrEnum):
    """Where an answer is made. The values are the words that people read."""

    THIS_MACHINE = "this machine"
    YOUR_NETWORK = "your network"
    CLOUD = "cloud"
    """Also what is not known: unknown is never shown as local."""


@dataclass(frozen=True, slots=True)
class Message:
    """One earlier prompt or answer, as a model is told of it."""

    role: Literal["user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True)
class Request:
    """Everything one model is asked in one go."""

    messages: tuple[Message, ...]
    """Oldest first; the last one is the prompt."""
    system: str = ""
    max_output_tokens: int | None = None
    """None: the backend's own default."""
    this_machine_only: bool = False
    """True: raise `NotOnDevice` unless it is proved, before the first byte of a message is sent, that this machine
    answers, or a host that the user listed as their own. A backend that cannot prove it refuses."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts as the server gave them. None is "not told", never zero."""

    input_tokens: int | None = None
    """The whole prompt, cached parts included."""
    output_tokens: int | None = None
    """Everything generated, thinking included."""
    thinking_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Timings:
    """Durations in seconds as the server measured them. None is "not told"."""

    load: float | None = None
    prompt: float | None = None
    generation: float | None = None


class Stop(StrEnum):
    """Why a model ended its answer by itself."""

    END = "end"
    LENGTH = "length limit"
    CONTEXT_FULL = "context full"
    REFUSAL = "refusal"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Located:
    """Where the answer will be made, known before any message is sent."""

    locality: Locality
    address: str
    """Host and port, for people: "127.0.0.1:11434"."""
    proof: str
    """What the locality rests on, one short sentence."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What the server is doing before the first token."""

    state: Literal["starting engine", "loading model", "reading prompt"]
    fraction: float | None = None
    """0..1 where the server tells."""


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next piece of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class ThinkingDelta:
    """The next piece of the reasoning that precedes the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Metered:
    """Counts known so far, so that a stopped answer has a receipt too. A later one replaces an earlier one."""

    usage: Usage


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of a stream that ended as it should."""

    model: str
    """The name the server gave to what answered."""
    stop: Stop
    usage: Usage = field(default_factory=Usage)
    timings: Timings = field(default_factory=Timings)
    context_tokens: int | None = None
    """Tokens that the model's window holds, as allotted for this request."""
    digest: str | None = None
    """Identifies the weights, where the server tells."""
    cost_usd: float | None = None
    """Estimate in US dollars; 0.0 on this machine; None when the price is not known."""
    note: str = ""
    """One sentence fit to show, such as a refusal's explanation."""


Event = Located | Progress | TextDelta | ThinkingDelta | Metered | Finished


class Backend(Protocol):
    """One model behind one server."""

    @property
    def spec(self) -> ModelSpec:
        """What the user chose."""

    def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        """Ask, and yield events; see the module docstring for their order.

        Closing the generator (or cancelling the task) closes the connection, so that the server stops working.
        Raises `BackendError`, whose text is fit to show; anything else is a bug.
        """

    async def aclose(self) -> None:
        """Release connections. Safe to call twice."""


@dataclass(frozen=True, slots=True)
class Connector:
    """A model that could be asked, and how to get hold of it.

    `connect` is called only after the policy has admitted the model, so a client for a refused one never exists.
    """

    spec: ModelSpec
    locality: Locality
    """What the address alone says, without asking anybody; `Located` may say less, never more."""
    connect: Callable[[], Backend]
    prepare: Callable[[], Awaitable[None]]
    """Loads the libraries that `connect` needs, off the event loop; returns at once when they are there."""
    server: ServerAddress | None = None
    """Where it is asked; None for an engine that this program starts itself."""
    is_unverifiable: bool = False
    """True: what answers at a loopback address of this kind cannot be made to prove that it is this machine."""

    @property
    def is_listed(self) -> bool:
        """True for a server of the user's own network that they listed in the configuration."""
        return self.locality is Locality.YOUR_NETWORK and self.server is not None and self.server.is_yours


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """One model that a server offers."""

    spec: ModelSpec
    locality: Locality
    title: str = ""
    """The server's own display name, where it has one."""
    size_bytes: int | None = None
    context_tokens: int | None = None
    """What is allotted when loaded, else the trained maximum."""
    loaded: bool | None = None
