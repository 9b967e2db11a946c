"""Asks Claude through Anthropic's Messages API. The only file that knows the `anthropic` SDK.

Importing this module loads nothing: the SDK takes 1.5 s and 74 MB, and is loaded by `preload` after the first paint,
or by the first prompt. What is closed here, because it bites:

- The environment decides nothing. Key, address, proxy and headers are given explicitly; ANTHROPIC_* variables,
  profiles on disk, proxy variables and redirects have no effect, and the SDK's log is quiet (it holds prompts).
- `create(stream=True)`, never `messages.stream()`, whose work is quadratic in the length of the answer.
- `max_retries=0`: the SDK obeys any Retry-After, silently, for up to 49 days. Visible retries are the caller's.
- An answer is whole when `stop_reason` and `message_stop` have come: a cut body ends without any error.
- Thinking is shown and not sent back: new models refuse thinking whose history has changed.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlsplit

from backends import claude_errors, claude_models
from backends.address import AddressRefused, ServerAddress
from backends.base import (
    Event,
    Finished,
    Locality,
    Located,
    Message,
    ModelInfo,
    Request,
    TextDelta,
    ThinkingDelta,
)
from backends.claude_errors import Conversation
from backends.claude_events import MessageReader
from backends.errors import BackendError, KeyRejected, MissingKey, NotOnDevice, Unreachable
from backends.keys import ApiKey
from backends.loading import BackgroundImport
from backends.patience import CLOUD, Patience, Watch
from backends.spec import ModelSpec
from backends.wire import storable

if TYPE_CHECKING:
    import anthropic
    import httpx2

USUAL_OUTPUT = 32_000
"""Tokens that an answer may have unless somebody says otherwise; thinking counts."""
_OFFICIAL_HOST = "api.anthropic.com"
_LONGEST_LIST = 1000
"""Models asked for at once, which is the API's own maximum."""
_LAST_BYTES = 0.2
"""Seconds to wait for the end of the body after the last event, so that the connection can be used again."""
_THINKING_NOTE = "The model did not accept the thinking settings, so it was asked without them."
_QUIET_LOGGERS = ("anthropic", "httpx2", "httpcore2")
_END = object()
"""Not None: that is what the SDK makes of an event whose data is `null`."""

Key = Callable[[], Awaitable[ApiKey]]
"""Awaited right before a request is sent; raises `MissingKey` where there is none."""


def preload() -> None:
    """Import the SDK, which takes seconds the first time. For a thread; may be called from several, and again.

    Raises `BackendError` if the SDK cannot be imported.
    """
    with _import_lock:
        if _loaded.is_set():
            return
        handlers = list(logging.root.handlers)
        # It logs what it finds odd in OTEL_* variables, at import and as an error.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        try:
            # Beside the SDK itself, all that the first request would import while the screen waits.
            import anthropic.resources.messages
            import anthropic.resources.models  # noqa: F401
            import httpcore2  # noqa: F401

            import backends.claude_wire  # noqa: F401
        except Exception as error:
            # A library may raise anything at import: an odd OTEL_PROPAGATORS makes it a ValueError.
            raise BackendError(
                f"The anthropic package cannot be loaded ({type(error).__name__}: {error}). "
                "Look for OTEL_* variables in the environment, or install duologue again."
            ) from error
        finally:
            # ANTHROPIC_LOG makes the SDK write to stderr, where the screen is, and at "debug" whole prompts.
            for handler in [handler for handler in logging.root.handlers if handler not in handlers]:
                logging.root.removeHandler(handler)
            for name in _QUIET_LOGGERS:
                logging.getLogger(name).setLevel(logging.WARNING)
        _loaded.set()


def is_loaded() -> bool:
    """True once the SDK is in memory, so that a prompt need not wait for it."""
    return _loaded.is_set()


_import_lock = threading.Lock()
_loaded = threading.Event()
_sdk_import = BackgroundImport(preload)


class ClaudeBackend:
    """One of Claude's models behind one address."""

    def __init__(
        self,
        spec: ModelSpec,
        *,
        address: ServerAddress,
        key: Key,
        api_model: str | None = None,
        demo: bool = False,
        proxy: str | None = None,
        ca_file: Path | None = None,
        patience: Patience | None = None,
        max_output_tokens: int | None = None,
        prices: Path | None = None,
    ) -> None:
        """`api_model` is the name that the server is asked for, where it is not the one in `spec`.

        `ca_file` holds certificates that are believed besides the system's.
        `demo`: the server is llama.cpp on this machine, which speaks the same protocol and may be slower to begin.
        `max_output_tokens` is for requests that name none. `prices` is the user's own file (see `claude_models`);
        raises `PriceFileError` where it cannot be used.
        """
        self._spec = spec
        self._model = api_model or spec.model
        self._key = key
        self._demo = demo
        self._patience = patience or (Patience() if demo else CLOUD)
        self._max_output_tokens = max_output_tokens
        self._prices = prices
        self._known = claude_models.model(self._model, prices)
        self._server = _Server(address, demo=demo, proxy=proxy, ca_file=ca_file, patience=self._patience)

    @property
    def spec(self) -> ModelSpec:
        """What the user chose."""
        return self._spec

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        """Ask, and yield events; see `Backend.stream`."""
        located = self._server.located
        if request.this_machine_only and located.locality is not Locality.THIS_MACHINE:
            raise NotOnDevice(
                f"{self._spec} is answered by {self._server.name}, not on this machine, and this session is "
                "confidential. Nothing was sent; ask a local model."
            )
        yield located
        key = await self._key()
        await _sdk_import.wait()
        client = self._server.client(_checked(key, self._server.name))
        async with aclosing(self._answer(request, client)) as events:
            async for event in events:
                yield event

    async def aclose(self) -> None:
        """Release connections. Safe to call twice."""
        await self._server.aclose()

    async def _answer(self, request: Request, client: anthropic.AsyncAnthropic) -> AsyncGenerator[Event, None]:
        about = self._server.about(self._model)
        watch = Watch(self._patience, self._server.name)
        stream, note = await self._opened(request, client, watch, about)
        reader = MessageReader(self._model)
        try:
            if "html" in stream.response.headers.get("content-type", ""):
                raise claude_errors.not_the_api(about)
            while not reader.is_whole:
                raw = await _next(stream, watch, about)
                if raw is _END:
                    raise claude_errors.broke_off() if reader.is_started else claude_errors.not_the_api(about)
                watch.event()
                is_first = not reader.is_started
                event = reader.read(raw)
                if is_first and reader.is_started:
                    watch.progressed()
                if isinstance(event, TextDelta | ThinkingDelta):
                    watch.received(event.text)
                if event is not None:
                    yield event
            await _drain(stream)
        finally:
            await stream.close()
        usage = reader.usage
        yield Finished(
            model=reader.model,
            stop=reader.stop,
            usage=usage,
            context_tokens=self._known.context if self._known is not None else None,
            cost_usd=0.0 if self._demo else claude_models.cost_usd(self._model, usage, self._prices),
            note=" ".join(filter(None, (reader.note, note))),
        )

    async def _opened(
        self, request: Request, client: anthropic.AsyncAnthropic, watch: Watch, about: Conversation
    ) -> tuple[anthropic.AsyncStream[Any], str]:
        """The stream once its headers are there, and what is to be said about how it was asked for."""
        asked = self._asked(request)
        extras = self._extras()
        try:
            return await watch.wait(client.messages.create(**asked, **extras)), ""
        except Exception as error:  # noqa: BLE001 - translated below, in one place
            refusal = claude_errors.refusal_in(error)
            if refusal is None or not refusal.is_about(*extras):
                _raise(error, about, is_started=False)
        note = _THINKING_NOTE if refusal.is_about("thinking") else ""
        try:
            return await watch.wait(client.messages.create(**asked)), note
        except Exception as error:  # noqa: BLE001 - the SDK wraps and passes on what any layer below it raises
            _raise(error, about, is_started=False)

    def _asked(self, request: Request) -> dict[str, Any]:
        asked: dict[str, Any] = {
            "model": self._model,
            "max_tokens": self._allowed_output(request),
            "messages": [_as_param(message) for message in request.messages if message.text.strip()],
            "stream": True,
        }
        if request.system.strip():
            asked["system"] = storable(request.system)
        return asked

    def _extras(self) -> dict[str, Any]:
        """Parameters that an answer can do without, sent where the model is known to take them."""
        if self._demo:
            return {}
        extras: dict[str, Any] = {"cache_control": {"type": "ephemeral"}}
        if self._known is not None and self._known.adaptive_thinking:
            # Without "summarized", current models think in silence.
            extras["thinking"] = {"type": "adaptive", "display": "summarized"}
        return extras

    def _allowed_output(self, request: Request) -> int:
        wanted = request.max_output_tokens or self._max_output_tokens or USUAL_OUTPUT
        return wanted if self._known is None else min(wanted, self._known.max_output)


async def models(
    address: ServerAddress,
    key: Key,
    *,
    demo: bool = False,
    proxy: str | None = None,
    ca_file: Path | None = None,
    patience: Patience = CLOUD,
) -> list[ModelInfo]:
    """The models that the server offers to this key, newest first.

    The server is asked, so only when a person wants the list; `claude_models.known_models` is what is known without.
    Raises `BackendError`.
    """
    server = _Server(address, demo=demo, proxy=proxy, ca_file=ca_file, patience=patience)
    shown_when_asked = await key()
    await _sdk_import.wait()
    try:
        client = server.client(_checked(shown_when_asked, server.name))
        page = await Watch(patience, server.name).wait(client.models.list(limit=_LONGEST_LIST))
        entries = list(page.data or ())[:_LONGEST_LIST]
    except Exception as error:  # noqa: BLE001 - as in `_next`
        _raise(error, server.about("the list of models"), is_started=False)
    finally:
        await server.aclose()
    locality = server.located.locality
    return [
        ModelInfo(
            spec=ModelSpec("claude", entry.id),
            locality=locality,
            title=storable(title) if isinstance(title := getattr(entry, "display_name", None), str) else "",
            context_tokens=window if isinstance(window := getattr(entry, "max_input_tokens", None), int) else None,
        )
        for entry in entries
        if _is_name(getattr(entry, "id", None)) and getattr(entry, "lifecycle", None) != "retired"
    ]


class _Server:
    """One address, and the HTTP client that can reach nothing else."""

    def __init__(
        self, address: ServerAddress, *, demo: bool, proxy: str | None, ca_file: Path | None, patience: Patience
    ) -> None:
        self._address = address
        self._demo = demo
        self._proxy = proxy
        self._ca_file = ca_file
        self._patience = patience
        self._http: httpx2.AsyncClient | None = None
        self.name = "Anthropic" if address.host == _OFFICIAL_HOST else address.display
        """For messages."""

    @property
    def located(self) -> Located:
        """Only our own engine counts as this machine: any other program on loopback may pass Claude's requests on."""
        address = self._address
        if self._demo and address.locality is Locality.THIS_MACHINE:
            return Located(
                Locality.THIS_MACHINE, address.display, "our own engine, on a socket checked to be loopback"
            )
        if address.host == _OFFICIAL_HOST:
            return Located(Locality.CLOUD, address.display, f"sent to Anthropic's API at {address.host}")
        return Located(Locality.CLOUD, address.display, f"sent to {address.host}, which may pass it on to Anthropic")

    def about(self, model: str) -> Conversation:
        """Who is asked for what, for messages."""
        proxy_host = urlsplit(self._proxy).hostname if self._proxy else None
        return Conversation(self.name, self._address.display if self._demo else self._address.host, model, proxy_host)

    def client(self, key: str) -> anthropic.AsyncAnthropic:
        """A client of the SDK for one request; light, and not to be closed: the connections stay with us."""
        import anthropic

        client = anthropic.AsyncAnthropic(
            api_key=key,
            base_url=self._address.url,
            max_retries=0,
            open_telemetry=False,
            http_client=self._connections(),
        )
        # ANTHROPIC_CUSTOM_HEADERS has no switch, and its headers win over the key. A test watches the wire.
        client._custom_headers = {}  # noqa: SLF001
        return client

    def _connections(self) -> httpx2.AsyncClient:
        if self._http is None:
            import httpx2

            from backends.claude_wire import Wire
            from backends.door import transport_httpx2

            try:
                door = transport_httpx2(self._address, proxy=self._proxy, ca_file=self._ca_file)
            except AddressRefused as error:
                raise Unreachable(str(error)) from error
            patience = self._patience
            self._http = httpx2.AsyncClient(
                transport=Wire(door, server=self.name, limit=patience.line),
                trust_env=False,
                follow_redirects=False,
                # Reading has no limit of its own here: `Watch` holds it, and a limit per read never fires on a drip.
                timeout=httpx2.Timeout(None, connect=patience.connect, pool=patience.connect, write=patience.idle),
            )
        return self._http

    async def aclose(self) -> None:
        if self._http is not None:
            http, self._http = self._http, None
            await http.aclose()


async def _next(stream: anthropic.AsyncStream[Any], watch: Watch, about: Conversation) -> object:
    """The next event, or `_END` at the end of the body."""
    try:
        return await watch.wait(anext(stream, _END))
    except Exception as error:  # noqa: BLE001 - hostile bodies make the SDK raise nearly anything; see `translated`
        _raise(error, about, is_started=True)


async def _drain(stream: anthropic.AsyncStream[Any]) -> None:
    """Take the end of the body from the connection; one that is left unread cannot be used again."""
    try:
        async with asyncio.timeout(_LAST_BYTES):
            await anext(stream, None)
    except Exception:  # noqa: BLE001 - the answer is whole: whatever happens now costs a connection, nothing else
        return


def _raise(error: Exception, about: Conversation, *, is_started: bool) -> NoReturn:
    ours = claude_errors.ours_in(error)
    if ours is error:
        raise error
    if ours is not None:
        # The SDK wrapped it, so naming `error` as its cause would be a circle.
        raise ours from None
    raise claude_errors.translated(error, about, is_started=is_started) from error


def _as_param(message: Message) -> Mapping[str, Any]:
    return {"role": message.role, "content": storable(message.text)}


def _checked(key: ApiKey, server: str) -> str:
    """The key as it may stand in a header. The HTTP library would quote a key with a line break in its error."""
    text = key.reveal().strip()
    if not text:
        raise MissingKey(f"{server} needs an API key and none is stored. Store one with `duologue key set`.")
    if not all("!" <= character <= "~" for character in text):
        raise KeyRejected(
            "The stored API key has a space, a line break or a letter in it that no key has. "
            "Copy the key once more and store it with `duologue key set`."
        )
    return text


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 200 and value.isprintable()
