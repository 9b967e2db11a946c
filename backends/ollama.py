"""Ollama: its native API, asked through the `ollama` package with the package's gaps closed here.

The package builds the requests; nothing else of it is used, because (0.6.3) it drops the fields that mark a model
answered by the cloud, reports a stream that was cut as a good end, splits lines inside JSON texts, follows redirects,
obeys proxy variables, sends OLLAMA_API_KEY to any host and waits for ever. Sending and reading go through
`backends.door` and `backends.wire`.

A model's name proves nothing about where it runs: a cloud model may have any name, and only Ollama can tell. What is
asked of it, and what it must answer before a prompt is sent, is in `_proved`.

Every request carries the same `num_ctx` and `shift`, for a change of either makes Ollama load the model anew, and
`truncate: false`, without which it drops old messages silently. Protocol: Ollama's docs/api.md and server/routes.go
as of 0.33.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import sys
import threading
import time
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, cast

import httpx

from backends.address import ServerAddress
from backends.base import (
    Event,
    Finished,
    Locality,
    Located,
    Message,
    ModelInfo,
    Progress,
    Request,
    Stop,
    TextDelta,
    ThinkingDelta,
    Timings,
    Usage,
)
from backends.door import DoorRefused, note_that_it_left, transport_httpx
from backends.errors import (
    BackendError,
    BrokenStream,
    KeyRejected,
    LeftThisMachine,
    NotAllowed,
    NotOnDevice,
    Overloaded,
    PromptRefused,
    RateLimited,
    ServerFault,
    UnknownModel,
    too_long,
)
from backends.patience import Patience, Watch
from backends.spec import ModelSpec
from backends.wire import (
    Record,
    Reply,
    as_backend_error,
    ask,
    count_of,
    drain,
    error_body,
    error_words,
    lines,
    number_of,
    one_line,
    parsed,
    record_of,
    records_of,
    storable,
    text_of,
)

if TYPE_CHECKING:
    from ollama import AsyncClient

DEFAULT_PORT = 11434
USUAL_CONTEXT = 8192
"""Tokens of the window where neither the user, a loaded model nor its Modelfile says one: 1 GiB for an 8B model."""

_REFUSES_REMOTE = (0, 17, 6)
"""From this version on a name that ends in ":local" is answered with 404 if the model runs elsewhere."""
_COUNTS_CACHED = (0, 30, 1)
"""From this version on prompt_eval_count has the tokens that were reused from the last request in it."""
_CARD_SECONDS = 30.0
_VERSION_SECONDS = 60.0
_START_IT = "Start Ollama (`ollama serve`, or its app), or set the address in the configuration."


class OllamaBackend:
    """One model of one Ollama server."""

    def __init__(
        self,
        model: str,
        address: ServerAddress,
        *,
        context_tokens: int | None = None,
        keep_alive: str = "10m",
        patience: Patience | None = None,
    ) -> None:
        self._spec = ModelSpec("ollama", model)
        self._address = address
        self._wanted_context = context_tokens
        self._keep_alive = keep_alive
        self._patience = patience or Patience()
        self._server: _Server | None = None
        self._card: _Card | None = None
        self._context: int | None = None
        """num_ctx of the first request: kept, because Ollama loads the model anew when it changes."""
        self._last: _Exchange | None = None

    @property
    def spec(self) -> ModelSpec:
        """What the user chose."""
        return self._spec

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        """See `backends.base.Backend`."""
        model = self._spec.model
        if request.this_machine_only:
            _check_name_and_address(model, self._address)
        try:
            server = await self._opened()
            card = await self._read_card(server, fresh=request.this_machine_only)
            plan = await self._planned(server, card, request)
            yield plan.located
            if not plan.loaded and plan.located.locality is not Locality.CLOUD:
                yield Progress("loading model")
            async with contextlib.aclosing(self._answered(server, request, plan)) as events:
                async for event in events:
                    yield event
        except (httpx.HTTPError, DoorRefused) as error:
            _raise_translated(error, self._address)

    async def aclose(self) -> None:
        """Release connections. Safe to call twice."""
        server, self._server = self._server, None
        if server is not None:
            await server.aclose()

    async def _opened(self) -> _Server:
        await asyncio.to_thread(preload)
        if self._server is None:
            self._server = _Server(self._address, self._patience)
        return self._server

    async def _read_card(self, server: _Server, *, fresh: bool) -> _Card:
        if self._card is None or fresh or time.monotonic() - self._card.read_at > _CARD_SECONDS:
            model = self._spec.model
            # The list first: it is read from the disk, while a question about one model may be passed on.
            tag = _named(records_of((await server.asked("list")).record, "models"), model)
            if fresh:
                _check_not_remote(model, tag)
            show = await server.asked("show", model=model)
            if show.status != 200:
                raise _refused(show, model, self._address)
            self._card = _Card(show.record, tag, time.monotonic())
        return self._card

    async def _planned(self, server: _Server, card: _Card, request: Request) -> _Plan:
        """Everything that has to be known before the prompt leaves. Raises `NotOnDevice` if it must not leave."""
        model = self._spec.model
        version = await server.version()
        if request.this_machine_only:
            sent_as, proof = await _proved(server, model, card, version, self._address)
            locality = self._address.locality
        else:
            sent_as = model
            locality, proof = _where(model, card, self._address)
        running = _named(records_of((await server.asked("ps")).record, "models"), model)
        if self._context is None:
            self._context = _context_tokens(self._wanted_context, card, running)
        return _Plan(
            Located(locality, self._address.display, proof),
            sent_as,
            self._context,
            loaded=bool(running),
            digest=text_of(running, "digest") or text_of(card.tag, "digest") or None,
            version=version,
        )

    async def _answered(self, server: _Server, request: Request, plan: _Plan) -> AsyncGenerator[Event, None]:
        watch = Watch(self._patience, f"Ollama at {self._address.display}")
        body = await server.chat_body(plan, request, self._keep_alive)
        response = await watch.wait(server.send_chat(body))
        try:
            if response.status_code != 200:
                raise _refused(await error_body(response, watch), plan.sent_as, self._address)
            async with contextlib.aclosing(lines(response, watch, self._patience.line)) as ndjson:
                async for line in ndjson:
                    if not line.strip():
                        continue
                    watch.event()
                    chunk = parsed(line)
                    self._check_chunk(chunk, plan, response)
                    message = record_of(chunk, "message")
                    if thinking := text_of(message, "thinking"):
                        watch.received(thinking)
                        yield ThinkingDelta(thinking)
                    if text := text_of(message, "content"):
                        watch.received(text)
                        yield TextDelta(text)
                    if chunk.get("done") is True:
                        await drain(ndjson)
                        yield self._finished(chunk, request, plan)
                        return
        finally:
            await response.aclose()
        raise BrokenStream("Ollama's answer broke off before its end. See Ollama's log, then retry.")

    def _check_chunk(self, chunk: Record, plan: _Plan, response: httpx.Response) -> None:
        if plan.located.locality is not Locality.CLOUD and (host := _remote_host(chunk)):
            note_that_it_left(response, host)
            raise LeftThisMachine(
                f"Ollama had this answer made elsewhere ({host}) although it said that the model is local, so it was "
                "stopped; the conversation had left this machine by then. Choose another model, or start Ollama "
                "with OLLAMA_NO_CLOUD=1.",
                to=host,
            )
        if chunk.get("error"):
            _, details = error_words(chunk["error"])
            status = count_of(details, "code") or 500
            raise _refused(Reply(status, _as_json(chunk)), plan.sent_as, self._address)

    def _finished(self, last: Record, request: Request, plan: _Plan) -> Finished:
        usage = Usage(input_tokens=count_of(last, "prompt_eval_count"), output_tokens=count_of(last, "eval_count"))
        shorter = self._last is not None and self._last.outgrew(request, usage, plan)
        self._last = _Exchange(request.system, request.messages, usage.input_tokens)
        local = plan.located.locality is Locality.THIS_MACHINE
        return Finished(
            model=_without_local(text_of(last, "model")) or self._spec.model,
            stop=_stop(text_of(last, "done_reason"), usage, plan.context),
            usage=usage,
            timings=Timings(
                load=_seconds(last, "load_duration"),
                prompt=_seconds(last, "prompt_eval_duration"),
                generation=_seconds(last, "eval_duration"),
            ),
            context_tokens=plan.context,
            digest=plan.digest,
            cost_usd=0.0 if local else None,
            note="Ollama read less than in the turn before: older messages were probably left out."
            if shorter
            else "",
        )


async def models(address: ServerAddress) -> list[ModelInfo]:
    """What a server offers, cloud models included and marked. Raises `BackendError`."""
    await asyncio.to_thread(preload)
    server = _Server(address, Patience())
    try:
        reply = await server.asked("list")
        if reply.status != 200:
            raise _refused(reply, "", address)
        running = records_of((await server.asked("ps")).record, "models")
    except (httpx.HTTPError, DoorRefused) as error:
        _raise_translated(error, address)
    finally:
        await server.aclose()
    found = [(text_of(record, "name", "model"), record) for record in records_of(reply.record, "models")]
    return [_model_info(name, record, _named(running, name), address) for name, record in found if name]


def names_cloud(model: str) -> bool:
    """True for a name that Ollama sends to ollama.com, pulled or not: the tag is `cloud` or ends in `-cloud`."""
    _, colon, tag = _without_local(model.strip()).rpartition(":")
    tag = tag.strip().lower()
    return bool(colon) and "/" not in tag and (tag == "cloud" or tag.endswith("-cloud"))


@dataclass(frozen=True, slots=True)
class _Card:
    """What the server says about a model."""

    show: Record
    """/api/show, raw."""
    tag: Record
    """Its entry in /api/tags, raw; empty when it has none."""
    read_at: float


@dataclass(frozen=True, slots=True)
class _Plan:
    """How one prompt will be asked."""

    located: Located
    sent_as: str
    context: int
    loaded: bool
    digest: str | None
    version: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Exchange:
    """The turn before, to notice when less was read than then."""

    system: str
    messages: tuple[Message, ...]
    input_tokens: int | None

    def outgrew(self, request: Request, usage: Usage, plan: _Plan) -> bool:
        """True when `request` continues this one and yet fewer tokens were read: history was left out.

        Some templates leave out the thinking of earlier turns, hence the tenth.
        """
        continues = request.system == self.system and request.messages[: len(self.messages)] == self.messages
        if not continues or plan.version < _COUNTS_CACHED or usage.input_tokens is None or self.input_tokens is None:
            return False
        return usage.input_tokens < 0.9 * self.input_tokens


class _Server:
    """The connection to one Ollama. The package's client builds each request, ours sends it."""

    def __init__(self, address: ServerAddress, patience: Patience) -> None:
        self._address = address
        self._client = _asking_client(address, patience)
        self._version: tuple[float, tuple[int, ...]] | None = None

    @property
    def http(self) -> httpx.AsyncClient:
        # The package offers no other way to the connection that it holds.
        return cast("httpx.AsyncClient", self._client._client)  # noqa: SLF001

    async def aclose(self) -> None:
        await self.http.aclose()

    async def asked(self, method: str, **named: str) -> Reply:
        """The raw reply to one of the package's calls ("list", "ps", "show")."""
        call = cast("_Call", await getattr(self._client, method)(**named))
        return await ask(self.http, call.method, call.path, purpose="preflight", body=call.body)

    async def get(self, path: str) -> Reply:
        """The reply to a path that the package does not know."""
        return await ask(self.http, "GET", path, purpose="preflight")

    async def version(self) -> tuple[int, ...]:
        """(0, 33, 0) for 0.33.0-rc2; empty when the server does not tell. A development build says 0.0.0."""
        if self._version is None or time.monotonic() - self._version[0] > _VERSION_SECONDS:
            told = text_of((await self.get("/api/version")).record, "version")
            numbers = re.findall(r"\d{1,6}", told.split("-", 1)[0])[:3]
            self._version = time.monotonic(), tuple(int(number) for number in numbers)
        return self._version[1]

    async def chat_body(self, plan: _Plan, request: Request, keep_alive: str) -> Record:
        """The body of /api/chat: the package's, and the two fields that it cannot send."""
        messages = [{"role": message.role, "content": storable(message.text)} for message in request.messages]
        if request.system:
            messages.insert(0, {"role": "system", "content": storable(request.system)})
        options: dict[str, int] = {"num_ctx": plan.context}
        if request.max_output_tokens is not None:
            options["num_predict"] = request.max_output_tokens
        call = cast(
            "_Call",
            await self._client.chat(
                model=plan.sent_as, messages=messages, stream=True, options=options, keep_alive=keep_alive
            ),
        )
        return {**(call.body or {}), "truncate": False, "shift": False}

    async def send_chat(self, body: Record) -> httpx.Response:
        """The answer from its headers on, which come with the first token. The caller closes it."""
        sent = self.http.build_request("POST", "/api/chat", json=body, extensions={"purpose": "chat"})
        return await self.http.send(sent, stream=True)


@dataclass(frozen=True, slots=True)
class _Call:
    """A request as the package would have sent it."""

    method: str
    path: str
    body: Mapping[str, object] | None


def _asking_client(address: ServerAddress, patience: Patience) -> AsyncClient:
    """The package's client, whose one way of sending only tells what would be sent."""
    import ollama

    class AskingClient(ollama.AsyncClient):
        # What it returns is not what the package promises: it is unwrapped at once, in `_Server`.
        async def _request(self, _: Any, *target: str, json: Any = None, **__: Any) -> Any:  # type: ignore[override]
            method, path = target
            return _Call(method, path, json)

    client = AskingClient(
        host=address.url,
        transport=transport_httpx(address),
        trust_env=False,
        follow_redirects=False,
        # Reading has no limit of its own: `Watch` measures it, and `ask` has a deadline for the whole.
        timeout=httpx.Timeout(patience.connect, read=None),
        headers={"accept-encoding": "identity"},
    )
    # The package takes OLLAMA_API_KEY, which is for ollama.com, and would give it to any host.
    client._client.headers.pop("authorization", None)  # noqa: SLF001
    return client


_importing = threading.Lock()
# The package builds a client while it is imported: OLLAMA_HOST=::1, ALL_PROXY=socks5://..., a NO_PROXY with an odd
# entry or an SSL_CERT_FILE that is missing make that crash, and SSLKEYLOGFILE makes it open a file.
_UNHEALTHY = (
    *("OLLAMA_HOST", "SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
    *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
)


def preload() -> None:
    """Import the package with nothing in the environment that it stumbles over; takes 0.4 s the first time."""
    if "ollama" in sys.modules:
        return
    with _importing:
        # Only here: the environment is not read for settings but put aside, and back.
        environ = os.environ  # noqa: TID251
        aside = {name: environ.pop(name) for name in _UNHEALTHY if name in environ}
        try:
            import ollama  # noqa: F401
        finally:
            environ.update(aside)


def _check_name_and_address(model: str, address: ServerAddress) -> None:
    """What must be refused before Ollama is asked anything: even a question about a cloud name goes to ollama.com."""
    if not address.is_yours:
        raise NotOnDevice(f"{address.display} is not this machine. Choose a model on this machine.")
    if names_cloud(model):
        raise NotOnDevice(f"{model} is a cloud model: Ollama sends it to ollama.com. Choose a model on this machine.")


def _check_not_remote(model: str, record: Record) -> None:
    if host := _remote_host(record):
        raise NotOnDevice(f"{model} runs elsewhere ({host}), whatever its name says. Choose a model on this machine.")


async def _proved(
    server: _Server, model: str, card: _Card, version: tuple[int, ...], address: ServerAddress
) -> tuple[str, str]:
    """The name to send and what it rests on that Ollama itself answers. Raises `NotOnDevice`.

    Neither /api/show nor /api/tags may name a remote host, and besides that either Ollama has its cloud switched off
    (told since 0.16.2), or it refuses a remote model in the very request that carries the prompt (`:local`, since
    0.17.6).
    """
    _check_not_remote(model, card.tag)
    _check_not_remote(model, card.show)
    cloud = record_of((await server.get("/api/status")).record, "cloud")
    proofs = ["Ollama's cloud is switched off"] if cloud.get("disabled") is True else []
    sent_as = model
    if version >= _REFUSES_REMOTE:
        sent_as = f"{_without_local(model)}:local"
        proofs.append("Ollama was told to refuse a remote model")
    if not proofs:
        told = ".".join(str(number) for number in version) or "of an unknown version"
        raise NotOnDevice(
            f"Ollama {told} cannot promise that {model} stays on this machine. Update it to 0.17.6 or later, or "
            "start it with OLLAMA_NO_CLOUD=1 (0.16.2 or later)."
        )
    where = "loopback address" if address.is_here else "a host that you listed as yours"
    return sent_as, f"{where}, no remote host named; {' and '.join(proofs)}"


def _where(model: str, card: _Card, address: ServerAddress) -> tuple[Locality, str]:
    """Where an ordinary request is answered, as far as Ollama tells."""
    if host := _remote_host(card.show) or _remote_host(card.tag):
        return Locality.CLOUD, f"Ollama forwards this model to {host}"
    if names_cloud(model):
        return Locality.CLOUD, "a cloud name: Ollama forwards it to ollama.com"
    if address.locality is Locality.CLOUD:
        return Locality.CLOUD, "the address is neither this machine nor a host that you listed"
    return address.locality, f"Ollama at {address.display} names no remote host for this model"


def _remote_host(record: Record) -> str:
    """Who answers instead of Ollama; "" for nobody. Any value counts, of whatever type."""
    for key in ("remote_host", "remote_model"):
        if value := record.get(key):
            return one_line(value) if isinstance(value, str) else "an unnamed host"
    return ""


def _context_tokens(wanted: int | None, card: _Card, running: Record) -> int:
    """num_ctx: the user's wish, else what is loaded, else the Modelfile's, else the usual; at most the trained."""
    info = record_of(card.show, "model_info")
    trained = count_of(info, f"{text_of(info, 'general.architecture')}.context_length")
    if wanted is None and (allotted := count_of(running, "context_length")):
        return allotted
    in_modelfile = re.search(r"^num_ctx\s+(\d{1,9})\s*$", text_of(card.show, "parameters"), re.MULTILINE)
    tokens = wanted or (int(in_modelfile[1]) if in_modelfile else USUAL_CONTEXT)
    return min(tokens, trained) if trained else tokens


def _named(records: list[Record], model: str) -> Record:
    """The record of one model; empty when there is none. `llama3` is `llama3:latest`."""
    wanted = _full_name(model)
    return next((one for one in records if wanted in {_full_name(text_of(one, k)) for k in ("name", "model")}), {})


def _full_name(model: str) -> str:
    model = _without_local(model.strip()).casefold()
    return model if ":" in model.rpartition("/")[2] else f"{model}:latest"


def _without_local(model: str) -> str:
    return model[: -len(":local")] if model.lower().endswith(":local") else model


def _stop(reason: str, usage: Usage, context: int) -> Stop:
    match reason:
        case "stop" | "":  # servers of 2024 gave no reason
            return Stop.END
        case "length":
            used = (usage.input_tokens or 0) + (usage.output_tokens or 0)
            return Stop.CONTEXT_FULL if used >= context - 1 else Stop.LENGTH
        case _:
            return Stop.OTHER


def _seconds(record: Record, key: str) -> float | None:
    nanoseconds = number_of(record, key)
    return None if nanoseconds is None else nanoseconds / 1e9


def _model_info(name: str, record: Record, running: Record, address: ServerAddress) -> ModelInfo:
    trained = count_of(record_of(record, "details"), "context_length")
    return ModelInfo(
        ModelSpec("ollama", name),
        Locality.CLOUD if _remote_host(record) or names_cloud(name) else address.locality,
        size_bytes=count_of(record, "size"),
        context_tokens=count_of(running, "context_length") or trained,
        loaded=bool(running),
    )


def _as_json(record: Record) -> bytes:
    import json

    return json.dumps({"error": record["error"]}).encode()


def _raise_translated(error: Exception, address: ServerAddress) -> NoReturn:
    known = as_backend_error(error, address=address.display, start_it=_START_IT)
    if known is None:
        raise error
    raise known from error


def _refused(reply: Reply, model: str, address: ServerAddress) -> BackendError:
    """What a status other than 200, or an error inside a stream, means for a person."""
    words, details = error_words(dict(reply.record))
    said = f" ({words.rstrip('.')})" if words else ""
    lower = words.lower()
    where = f"Ollama at {address.display}"
    match reply.status:
        case 300 | 301 | 302 | 303 | 304 | 305 | 306 | 307 | 308:
            return PromptRefused(
                f"What answers at {address.display} wants requests sent elsewhere ({reply.status}); that is never "
                "done. Set the right address in the configuration."
            )
        case 400 | 500 if "context" in lower and re.search(r"exceed|too long|larger|longer", lower):
            return too_long(model, count_of(details, "n_prompt_tokens"), count_of(details, "n_ctx"))
        case 401:
            return KeyRejected(f"Ollama is not signed in for {model}{said}. Run `ollama signin`, then retry.")
        case 403 if not words:
            return NotAllowed(f"{where} does not accept this host name. Use 127.0.0.1 as its address.")
        case 402 | 403:
            return NotAllowed(f"{where} does not allow {model}{said}. Choose another model.")
        case 404 if model.endswith(":local"):
            return NotOnDevice(
                f"Ollama has no {_without_local(model)} that it runs itself{said}. Choose a model on this machine."
            )
        case 404:
            return UnknownModel(
                f"{where} has no model {model}{said}. Get it with `ollama pull {model}`, or choose another."
            )
        case 429:
            return RateLimited(f"{where} takes no more requests for now{said}.", retry_after=reply.retry_after)
        case 503:
            return Overloaded(f"{where} is busy{said}. Retry a little later.", retry_after=reply.retry_after)
        case _ if re.search(r"requires more system memory|out of memory|unable to allocate", lower):
            return PromptRefused(
                f"{model} does not fit into memory{said}. Choose a smaller model or a smaller window."
            )
        case status if status >= 500:
            return ServerFault(f"{where} failed{said}. See Ollama's log, then retry.")
        case status:
            return PromptRefused(f"{where} refused the request with status {status}{said}. Choose another model.")
