"""Servers that speak OpenAI's chat protocol: LM Studio, llama.cpp's llama-server, vLLM, the embedded engine, hosts.

One adapter for all. They agree on `/v1/chat/completions` as server-sent events and differ in what they tell besides:
whether a model is loaded, how large its window is, how far a prompt is read, how fast it went. Each is asked in its
own way where it has one (`_read_listing`), and nothing is assumed where it has none.

An answer ends with a finish_reason. `[DONE]` or the end of the stream without one is an answer that broke off, and so
is an empty stream, which is how llama-cpp-python says that a prompt is too long.

Protocols: llama.cpp's tools/server/README.md (build 11549), LM Studio's REST docs of 2026-04, vLLM's docs.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal, NoReturn

import httpx

from backends.address import ServerAddress
from backends.base import (
    Event,
    Finished,
    Locality,
    Located,
    Metered,
    ModelInfo,
    Progress,
    Request,
    Stop,
    TextDelta,
    ThinkingDelta,
    Timings,
    Usage,
)
from backends.door import DoorRefused, client
from backends.errors import (
    BackendError,
    BrokenStream,
    KeyRejected,
    NoCredit,
    NotAllowed,
    NotOnDevice,
    Overloaded,
    PromptRefused,
    RateLimited,
    ServerFault,
    TimedOut,
    UnknownModel,
    too_long,
)
from backends.inline_thinking import InlineThinking
from backends.patience import Patience, Watch
from backends.spec import ModelSpec
from backends.sse import event_data
from backends.wire import (
    Record,
    Reply,
    as_backend_error,
    ask,
    count_of,
    drain,
    error_body,
    error_words,
    number_of,
    parsed,
    record_of,
    records_of,
    storable,
    text_of,
)

Flavour = Literal["llama-server", "lmstudio", "vllm", "other"]

_NAMES: dict[Flavour, str] = {
    "llama-server": "llama-server",
    "lmstudio": "LM Studio",
    "vllm": "vLLM",
    "other": "The server",
}
_START_IT: dict[Flavour, str] = {
    "llama-server": "Start it (`llama-server -m MODEL.gguf`), or correct the address.",
    "lmstudio": "Start LM Studio's server (`lms server start`, or Developer > Start server), or correct the address.",
    "vllm": "Start it (`vllm serve MODEL`), or correct the address.",
    "other": "Start the server, or correct the address.",
}
_LISTING_SECONDS = 30.0
_LOADING_POLL = 0.25
_USAGE_GRACE = 5.0
"""Seconds to wait for the counts after the answer itself has ended."""


class OpenAICompatibleBackend:
    """One model of one server."""

    def __init__(
        self,
        spec: ModelSpec,
        address: ServerAddress,
        *,
        api_key: str | None = None,
        flavour: Flavour | None = None,
        patience: Patience | None = None,
        ours: bool = False,
        api_model: str | None = None,
    ) -> None:
        """`ours`: the embedded engine, started by this program. `api_model`: its name there, if not the spec's."""
        self._spec = spec
        self._address = address
        self._headers = _authorization(api_key)
        self._flavour = flavour
        self._patience = patience or Patience()
        self._ours = ours
        self._model = spec.model if api_model is None else api_model
        self._http: httpx.AsyncClient | None = None
        self._listing: tuple[float, _Listing] | None = None

    @property
    def spec(self) -> ModelSpec:
        """What the user chose."""
        return self._spec

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        """See `backends.base.Backend`."""
        if request.this_machine_only and not self._address.is_yours:
            raise NotOnDevice(f"{self._address.display} is not this machine. Choose a model on this machine.")
        try:
            async with contextlib.aclosing(self._asked(request)) as events:
                async for event in events:
                    yield event
        except (httpx.HTTPError, DoorRefused) as error:
            _raise_translated(error, self._address, self._flavour or "other")

    async def aclose(self) -> None:
        """Release connections. Safe to call twice."""
        http, self._http = self._http, None
        if http is not None:
            await http.aclose()

    async def _asked(self, request: Request) -> AsyncGenerator[Event, None]:
        http = self._opened()
        watch = Watch(self._patience, f"The server at {self._address.display}")
        async with contextlib.aclosing(self._until_ready(http, watch)) as waiting:
            async for progress in waiting:
                yield progress
        listing = await self._listed(http)
        offer = listing.offer(self._model)
        yield self._located(listing.flavour)
        if offer.loaded is False:
            yield Progress("loading model")
        chat = _Chat(offer, listing.flavour, self._address, request)
        if listing.flavour == "llama-server" and (metered := await self._counted(http, chat)) is not None:
            yield metered
        async with contextlib.aclosing(self._answered(http, watch, chat)) as events:
            async for event in events:
                yield event

    def _opened(self) -> httpx.AsyncClient:
        if self._http is None:
            self._http = client(self._address, headers=self._headers, timeout=None)
            # Connecting has a limit of its own; reading is measured by `Watch`, and `ask` has a deadline.
            self._http.timeout = httpx.Timeout(None, connect=self._patience.connect)
        return self._http

    async def _until_ready(self, http: httpx.AsyncClient, watch: Watch) -> AsyncGenerator[Progress, None]:
        """Wait while a llama-server loads its model: it answers everything with 503 until then."""
        if self._flavour not in (None, "llama-server") or self._address.locality is Locality.CLOUD:
            return
        told = False
        while _is_loading(await ask(http, "GET", "/health", purpose="preflight")):
            self._flavour = "llama-server"
            if not told:
                yield Progress("loading model")
                told = True
            await watch.wait(asyncio.sleep(_LOADING_POLL))

    async def _listed(self, http: httpx.AsyncClient) -> _Listing:
        if self._listing is None or time.monotonic() - self._listing[0] > _LISTING_SECONDS:
            listing = await _read_listing(http, self._address, self._flavour)
            self._flavour = listing.flavour
            self._listing = time.monotonic(), listing
        return self._listing[1]

    def _located(self, flavour: Flavour) -> Located:
        return Located(self._address.locality, self._address.display, _proof(self._address, flavour, ours=self._ours))

    async def _counted(self, http: httpx.AsyncClient, chat: _Chat) -> Metered | None:
        """The exact size of the prompt before anything is made of it; None where the server cannot count.

        Raises `PromptTooLong`. Counting takes milliseconds, reading a prompt that is then refused may take minutes.
        """
        body = {"model": chat.offer.model, "messages": chat.messages()}
        path = "/v1/chat/completions/input_tokens"
        reply = await ask(http, "POST", path, purpose="count", seconds=60.0, body=body)
        if reply.status != 200:
            return None  # an older build, or a template that cannot be applied: the chat itself will say
        tokens = count_of(reply.record, "input_tokens")
        if tokens is None:
            return None
        if chat.offer.context is not None and tokens >= chat.offer.context:
            raise too_long(chat.offer.title, tokens, chat.offer.context)
        return Metered(Usage(input_tokens=tokens))

    async def _answered(self, http: httpx.AsyncClient, watch: Watch, chat: _Chat) -> AsyncGenerator[Event, None]:
        sent = http.build_request("POST", "/v1/chat/completions", json=chat.body(), extensions={"purpose": "chat"})
        response = await watch.wait(http.send(sent, stream=True))
        try:
            if response.status_code != 200:
                raise _refused(await error_body(response, watch), chat)
            if response.headers.get("content-type", "").startswith("application/json"):
                raise _refused(await error_body(response, watch), chat)
            answer = _Answer(chat)
            async with (
                contextlib.aclosing(event_data(response, watch, self._patience.line)) as pieces,
                contextlib.aclosing(_read(pieces, answer, watch)) as events,
            ):
                async for event in events:
                    yield event
        finally:
            await response.aclose()
        yield answer.finished()


async def _read(pieces: AsyncGenerator[str, None], answer: _Answer, watch: Watch) -> AsyncGenerator[Event, None]:
    """The events of a whole answer; returns when it has ended as it should, raises when it has not."""
    try:
        async for data in pieces:
            watch.event()
            if data.strip() == "[DONE]":
                await drain(pieces)
                break
            for event in answer.events(parsed(data.encode("utf-8", "replace"))):
                match event:
                    case TextDelta(text) | ThinkingDelta(text):
                        watch.received(text)
                    case Progress():
                        watch.progressed()
                    case _:
                        pass
                yield event
            if answer.ended:
                watch.expect_within(_USAGE_GRACE)
    except (TimedOut, httpx.TransportError):
        # The answer is whole; only the counts that should follow it are missing.
        if not answer.ended:
            raise
    for event in answer.rest():
        yield event


async def models(
    address: ServerAddress, *, api_key: str | None = None, flavour: Flavour | None = None
) -> list[ModelInfo]:
    """What a server offers. Raises `BackendError`."""
    _, offered = await identified(address, api_key=api_key, flavour=flavour)
    return offered


async def identified(
    address: ServerAddress, *, api_key: str | None = None, flavour: Flavour | None = None
) -> tuple[Flavour, list[ModelInfo]]:
    """What a server is, and what it offers. Raises `BackendError`."""
    async with client(address, headers=_authorization(api_key)) as http:
        try:
            listing = await _read_listing(http, address, flavour)
        except (httpx.HTTPError, DoorRefused) as error:
            _raise_translated(error, address, flavour or "other")
    return listing.flavour, listing.model_infos(address)


@dataclass(frozen=True, slots=True)
class _Offer:
    """One model, as its server lists it."""

    model: str
    """The name that is sent."""
    title: str
    """The name that is shown: never a whole path, which may hold what is nobody's business."""
    size_bytes: int | None = None
    context: int | None = None
    loaded: bool | None = None


@dataclass(frozen=True, slots=True)
class _Listing:
    """What a server is and has."""

    flavour: Flavour
    offers: tuple[_Offer, ...] = ()

    def offer(self, model: str) -> _Offer:
        """The model of that name; an empty name is the loaded or the first one. What is not listed may exist too."""
        if model:
            by_name = next((offer for offer in self.offers if offer.model == model), None)
            # A llama-server with one model answers to every name.
            alone = self.offers[0] if self.flavour == "llama-server" and len(self.offers) == 1 else None
            listed = by_name or alone or _Offer(model, _shown(model))
            return replace(listed, model=model, title=_shown(model))
        loaded = next((offer for offer in self.offers if offer.loaded), None)
        return loaded or (self.offers[0] if self.offers else _Offer("default", "its model"))

    def model_infos(self, address: ServerAddress) -> list[ModelInfo]:
        """The same for the world outside."""
        return [
            ModelInfo(
                ModelSpec("lmstudio", offer.model)
                if self.flavour == "lmstudio"
                else ModelSpec("openai", offer.model, address.url),
                address.locality,
                title=offer.title,
                size_bytes=offer.size_bytes,
                context_tokens=offer.context,
                loaded=offer.loaded,
            )
            for offer in self.offers
        ]


async def _read_listing(http: httpx.AsyncClient, address: ServerAddress, flavour: Flavour | None) -> _Listing:
    """Find out what a server is, if that is not known, and what it has. Raises what httpx raises, `BackendError`."""
    may_be_lmstudio = flavour in (None, "lmstudio") and address.locality is not Locality.CLOUD
    if may_be_lmstudio and (offers := await _lmstudio_offers(http)):
        return _Listing("lmstudio", offers)
    reply = await ask(http, "GET", "/v1/models", purpose="models")
    if _is_loading(reply):
        return _Listing("llama-server")
    if reply.status in (401, 403):
        raise _refused(reply, _Chat(_Offer("", "its models"), flavour or "other", address, Request(())))
    entries = records_of(reply.record, "data")
    flavour = flavour or _flavour_of(entries)
    offers = tuple(_offer(entry, flavour) for entry in entries if text_of(entry, "id"))
    if flavour == "llama-server":
        props = (await ask(http, "GET", "/props", purpose="preflight")).record
        window = count_of(record_of(props, "default_generation_settings"), "n_ctx")
        offers = tuple(replace(offer, context=window or offer.context) for offer in offers)
    return _Listing(flavour, offers)


async def _lmstudio_offers(http: httpx.AsyncClient) -> tuple[_Offer, ...]:
    """LM Studio's own lists (since 0.4.0, since 0.3.6); empty when it is none, or an older one."""
    v1 = await ask(http, "GET", "/api/v1/models", purpose="models")
    found = [entry for entry in records_of(v1.record, "models") if text_of(entry, "key")]
    if v1.status == 200 and found:
        return tuple(_lmstudio_offer(entry) for entry in found if text_of(entry, "type") != "embedding")
    v0 = await ask(http, "GET", "/api/v0/models", purpose="models")
    if v0.status != 200:
        return ()
    return tuple(
        _Offer(
            name,
            _shown(name),
            context=count_of(entry, "loaded_context_length", "max_context_length"),
            loaded=text_of(entry, "state") == "loaded",
        )
        for entry in records_of(v0.record, "data")
        if (name := text_of(entry, "id")) and text_of(entry, "type") != "embeddings"
    )


def _lmstudio_offer(entry: Record) -> _Offer:
    instances = records_of(entry, "loaded_instances")
    allotted = count_of(record_of(instances[0], "config"), "context_length") if instances else None
    name = text_of(entry, "key")
    return _Offer(
        name,
        text_of(entry, "display_name") or _shown(name),
        count_of(entry, "size_bytes"),
        allotted or count_of(entry, "max_context_length"),
        bool(instances),
    )


def _flavour_of(entries: list[Record]) -> Flavour:
    for entry in entries:
        if text_of(entry, "owned_by") == "llamacpp":
            return "llama-server"
        if text_of(entry, "owned_by") == "vllm" or count_of(entry, "max_model_len"):
            return "vllm"
    return "other"


def _offer(entry: Record, flavour: Flavour) -> _Offer:
    meta = record_of(entry, "meta")
    window = count_of(entry, "max_model_len", "context_length", "context_window") or count_of(meta, "n_ctx")
    name = text_of(entry, "id")
    # A llama-server that serves many models ("router") tells a status; with one model, and in vLLM, it is loaded.
    status = text_of(record_of(entry, "status"), "value")
    always_loaded = flavour in ("llama-server", "vllm") or None
    loaded = status in ("loaded", "sleeping") if status else always_loaded
    return _Offer(name, _shown(name), count_of(meta, "size"), window, loaded)


@dataclass(frozen=True, slots=True)
class _Chat:
    """One request, and to what it goes."""

    offer: _Offer
    flavour: Flavour
    address: ServerAddress
    request: Request

    @property
    def server(self) -> str:
        """For people: "LM Studio at 127.0.0.1:1234"."""
        return f"{_NAMES[self.flavour]} at {self.address.display}"

    def messages(self) -> list[dict[str, str]]:
        """The conversation in OpenAI's shape."""
        system = [{"role": "system", "content": storable(self.request.system)}] if self.request.system else []
        return system + [{"role": one.role, "content": storable(one.text)} for one in self.request.messages]

    def body(self) -> dict[str, object]:
        """The body of /v1/chat/completions."""
        body: dict[str, object] = {
            "model": self.offer.model,
            "messages": self.messages(),
            "stream": True,  # an answer that is not streamed goes on being made after we have left
            "stream_options": {"include_usage": True},
        }
        if self.request.max_output_tokens is not None:
            body["max_tokens"] = self.request.max_output_tokens
        if self.flavour == "llama-server":
            body["return_progress"] = True
        return body


@dataclass(slots=True)
class _Answer:
    """What has come of one answer so far."""

    chat: _Chat
    ended: bool = False
    """A finish_reason has come; only counts may follow."""
    _reason: str = ""
    _model: str = ""
    _usage: Usage = field(default_factory=Usage)
    _timings: Timings = field(default_factory=Timings)
    _splitter: InlineThinking = field(default_factory=InlineThinking)
    _begun: bool = False
    _read: int = -1
    """Tokens of the prompt that were read when the server last told."""

    def events(self, chunk: Record) -> Iterator[Event]:
        """What one chunk says; raises what an error in it means."""
        if chunk.get("error") or text_of(chunk, "object") == "error":
            _, details = error_words(dict(chunk))
            raise _failed(count_of(details, "code") or 500, dict(chunk), self.chat)
        self._model = text_of(chunk, "model") or self._model
        yield from self._progress(record_of(chunk, "prompt_progress"))
        for choice in records_of(chunk, "choices")[:1]:
            yield from self._pieces(record_of(choice, "delta"))
            if reason := text_of(choice, "finish_reason"):
                self.ended, self._reason = True, reason
        yield from self._counts(record_of(chunk, "usage"), record_of(chunk, "timings"))

    def rest(self) -> Iterator[Event]:
        """What was held back; raises `BrokenStream` if the answer has not ended."""
        if self.ended:
            yield from self._splitter.flush()
            return
        if not self._begun:
            raise BrokenStream(
                f"{self.chat.server} sent an empty answer. Some servers do that when the conversation is too long: "
                "shorten it, or see the server's log."
            )
        raise BrokenStream(f"The answer of {self.chat.server} broke off before its end. See its log, then retry.")

    def finished(self) -> Finished:
        """The end, once `rest` has been taken."""
        return Finished(
            model=_shown(self._model or self.chat.offer.model),
            stop=self._stop(),
            usage=self._usage,
            timings=self._timings,
            context_tokens=self.chat.offer.context,
            cost_usd=0.0 if self.chat.address.locality is Locality.THIS_MACHINE else None,
        )

    def _progress(self, progress: Record) -> Iterator[Progress]:
        total, read = count_of(progress, "total"), count_of(progress, "processed")
        if not total or read is None or read <= self._read or self._begun:
            return
        self._read = read
        yield Progress("reading prompt", min(1.0, read / total))

    def _pieces(self, delta: Record) -> Iterator[TextDelta | ThinkingDelta]:
        if thinking := text_of(delta, "reasoning_content", "reasoning"):
            self._begun = True
            yield ThinkingDelta(thinking)
        if text := text_of(delta, "content"):
            self._begun = True
            yield from self._splitter.feed(text)

    def _counts(self, usage: Record, timings: Record) -> Iterator[Metered]:
        cached = count_of(timings, "cache_n")
        if timings:
            self._timings = Timings(
                prompt=_seconds(timings, "prompt_ms"), generation=_seconds(timings, "predicted_ms")
            )
            prompt_n = count_of(timings, "prompt_n")
            self._usage = Usage(
                input_tokens=None if prompt_n is None else prompt_n + (cached or 0),
                output_tokens=count_of(timings, "predicted_n"),
                cache_read_tokens=cached,
            )
        if usage:
            self._usage = Usage(
                input_tokens=count_of(usage, "prompt_tokens"),
                output_tokens=count_of(usage, "completion_tokens"),
                thinking_tokens=count_of(record_of(usage, "completion_tokens_details"), "reasoning_tokens"),
                cache_read_tokens=count_of(record_of(usage, "prompt_tokens_details"), "cached_tokens"),
            )
        if timings or usage:
            yield Metered(self._usage)

    def _stop(self) -> Stop:
        match self._reason:
            case "stop" | "eos" | "end_turn":
                return Stop.END
            case "length" | "max_tokens":
                used = (self._usage.input_tokens or 0) + (self._usage.output_tokens or 0)
                window = self.chat.offer.context
                return Stop.CONTEXT_FULL if window and used >= window - 1 else Stop.LENGTH
            case "content_filter":
                return Stop.REFUSAL
            case _:
                return Stop.OTHER


def _authorization(api_key: str | None) -> dict[str, str]:
    return {"authorization": f"Bearer {api_key}"} if api_key else {}


def _is_loading(reply: Reply) -> bool:
    return reply.status == 503 and "loading" in error_words(dict(reply.record))[0].lower()


def _proof(address: ServerAddress, flavour: Flavour, *, ours: bool) -> str:
    match address.locality:
        case Locality.CLOUD:
            return "the address is neither this machine nor a host that you listed"
        case Locality.YOUR_NETWORK if address.trusted:
            return "a host that you listed as yours"
        case Locality.YOUR_NETWORK:
            return "a private address"
        case Locality.THIS_MACHINE if ours:
            return "the program's own engine on a loopback address"
        case Locality.THIS_MACHINE if flavour == "lmstudio":
            return "LM Studio on a loopback address; whether LM Link has another device answer cannot be checked"
        case Locality.THIS_MACHINE:
            return "a loopback address; what the server behind it does cannot be checked"


def _shown(model: str) -> str:
    """A model's name for people: of a file only its last part, for the path is private."""
    return re.split(r"[/\\]", model)[-1] if model.startswith(("/", "~")) or model.lower().endswith(".gguf") else model


def _seconds(record: Record, key: str) -> float | None:
    milliseconds = number_of(record, key)
    return None if milliseconds is None else milliseconds / 1e3


def _raise_translated(error: Exception, address: ServerAddress, flavour: Flavour) -> NoReturn:
    known = as_backend_error(error, address=address.display, start_it=_START_IT[flavour])
    if known is None:
        raise error
    raise known from error


def _refused(reply: Reply, chat: _Chat) -> BackendError:
    """What an answer that is no stream means for a person."""
    return _failed(reply.status, dict(reply.record), chat, reply.retry_after)


def _failed(status: int, record: dict[str, object], chat: _Chat, retry_after: float | None = None) -> BackendError:
    """What a status, or an error inside a stream, means for a person."""
    words, details = error_words(record)
    said = f" ({words.rstrip('.')})" if words else ""
    lower = words.lower()
    title, server = chat.offer.title, chat.server
    if text_of(details, "type", "code") == "exceed_context_size_error" or _speaks_of_a_full_window(lower):
        return too_long(title, *_numbers(words, details))
    match status:
        case 200:
            return BrokenStream(f"{server} did not stream its answer{said}. See whether the address is right.")
        case _ if 300 <= status < 400:
            return PromptRefused(
                f"What answers at {chat.address.display} wants requests sent elsewhere ({status}); that is never "
                "done. Correct the address."
            )
        case 401:
            return KeyRejected(f"{server} wants another API key{said}. Store one for this server, then retry.")
        case 402:
            return NoCredit(f"{server} wants to be paid{said}. See your account there.")
        case 403:
            return NotAllowed(f"{server} does not allow {title}{said}. Choose another model.")
        case 404:
            return UnknownModel(f"{server} has no model {title}{said}. Choose one that it lists.")
        case 408 | 504:
            return TimedOut(f"{server} gave up waiting{said}. Retry.")
        case 429:
            return RateLimited(f"{server} takes no more requests for now{said}.", retry_after=retry_after)
        case 503 | 529:
            return Overloaded(f"{server} is busy{said}. Retry a little later.", retry_after=retry_after)
        case _ if re.search(r"model.{0,80}(not found|does not exist|not exist)|no models? loaded", lower):
            return UnknownModel(f"{server} has no model {title}{said}. Choose one that it lists, or load it there.")
        case _ if status >= 500:
            return ServerFault(f"{server} failed{said}. See its log, then retry.")
        case _:
            return PromptRefused(f"{server} refused the request with status {status}{said}. Choose another model.")


def _speaks_of_a_full_window(words: str) -> bool:
    return "context" in words and re.search(r"exceed|maximum|too long|longer|larger|overflow", words) is not None


def _numbers(words: str, details: Record) -> tuple[int | None, int | None]:
    """Tokens of the prompt and of the window, from fields or, with vLLM and llama-cpp-python, from a sentence."""
    tokens, limit = count_of(details, "n_prompt_tokens"), count_of(details, "n_ctx")
    if tokens is None or limit is None:
        asked = re.search(r"(?:requested|contains?(?: at least)?|has) (\d{1,9})", words)
        window = re.search(
            r"(?:maximum context length is|context (?:size|length|window)[^\d]{0,20}) ?(\d{1,9})", words
        )
        tokens, limit = (int(found[1]) if found else None for found in (asked, window))
    if tokens is not None and limit is not None and tokens < limit:
        return None, None  # the sentence was about other numbers
    return tokens, limit
