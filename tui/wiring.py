"""Puts the program together: which spec becomes which backend, with which address and key.

`tui/cli.py` calls this and hands the parts down. A new backend is one more `case` in `Wiring.connector`. Nothing is
imported, opened or asked before it is needed: a connector only holds an address until it is connected.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from backends import Backend, Connector, Locality, ModelInfo, ModelSpec
from backends.address import PORTS, AddressRefused, ServerAddress, parse_server
from backends.ledger import recorded
from backends.loading import BackgroundImport
from backends.spec import DEMO_CHAT, DEMO_MESSAGES, SpecError, parse
from conversation.attested import FILE_NAME, Attested, named
from storage import Side
from storage.errors import StoreError
from tui.services import first_on_this_machine
from tui.settings import Settings

if TYPE_CHECKING:
    from backends.discovery import LocalServer
    from backends.engine import EmbeddedEngine, EngineAddress
    from backends.gguf_files import GgufFile
    from backends.keys import ApiKeys
    from conversation.engine import Surroundings
    from conversation.library import Library
    from conversation.vault import Vault
    from storage.thread import StoreThread
    from storage.vault_key import VaultKey
    from tui.confinement.barrier import Confinement
    from tui.confinement.guard import Guard

HTTPS_PORT, OLLAMA_PORT, LMSTUDIO_PORT = 443, 11434, 1234


def utc_now() -> datetime:
    """The program's clock."""
    return datetime.now(UTC)  # noqa: TID251 - the one place where the clock is made


class Wiring:
    """Everything that is made once per run of the program."""

    def __init__(
        self,
        settings: Settings,
        *,
        offline: bool = False,
        now: Callable[[], datetime] = utc_now,
        confinement: Confinement | None = None,
    ) -> None:
        """`confinement`: what holds this process, if it is a confidential one."""
        self.settings = settings
        self.confinement = confinement
        self.guard: Guard | None = None
        """What is told of ways that were refused; None where this process is a host's."""
        self.offline = offline
        self.now = now
        self.level = "" if confinement is None else confinement.level.value
        """What keeps this process from every way out but the models', where something does: for the ledger."""
        self._engines: dict[str, EmbeddedEngine] = {}
        self.claude_import = BackgroundImport(_load_claude)
        self.local_import = BackgroundImport(_load_local)

    def store(
        self,
        *,
        keep: bool = True,
        key: VaultKey | None = None,
        on_problem: Callable[[StoreError], None] | None = None,
        content: bytes = b"",
    ) -> StoreThread:
        """The conversation store; `keep=False`: in memory, beginning with `content`, gone with the program.

        With the vault's `key`, the vault; a confidential process has no other file. `on_problem` hears of what could
        not be saved and nobody waits for.
        """
        from storage.thread import StoreThread

        if keep and key is not None:
            return StoreThread(self.settings.vault, key=key, now=self.now, on_problem=on_problem)
        if keep:
            if self.confinement is not None:
                raise ValueError("a confidential process keeps its sessions in the vault")
            return StoreThread(self.settings.database, now=self.now, on_problem=on_problem)
        return StoreThread(None, now=self.now, on_problem=on_problem, content=content)

    def surroundings(self) -> Surroundings:
        """What conversations need of the world."""
        from conversation.engine import Surroundings

        return Surroundings(
            self.now, max_output_tokens=self.settings.max_output_tokens, attested=self.attested, level=self.level
        )

    @cached_property
    def attested(self) -> Attested:
        """Servers that are on this machine by the user's word. Raises `AddressRefused`."""
        configured = [self.attested_name(text) for text in self.settings.attested]
        return Attested(self.settings.data_directory / FILE_NAME, configured)

    def attested_name(self, text: str) -> str:
        """A server of this machine as words are given for it. Raises `AddressRefused`."""
        server = parse_server(text, default_port=0)
        if not server.is_here or not server.port:
            raise AddressRefused(
                f"{text} is not HOST:PORT of this machine. Write the server as 127.0.0.1:1234; a host of your own "
                "network goes into trusted_hosts."
            )
        return named(server)

    def library(self, store: StoreThread) -> Library:
        """All conversations of a store."""
        from conversation.library import Library

        return Library(
            store, self.saved_connector, self.surroundings(), confidential_only=self.confinement is not None
        )

    def vault(self) -> Vault:
        """The vault's door; opens nothing yet."""
        from backends.vault_keys import VaultKeys
        from conversation.vault import Vault

        return Vault(self.settings.vault, VaultKeys())

    def anything_waits(self) -> bool:
        """True if the ordinary file has sessions that belong into the vault. Raises `StoreError`."""
        from conversation.vault import exists
        from storage.store import Store

        if not exists(self.settings.database):
            return False
        store = Store.open(self.settings.database, read_only=True)
        try:
            return bool(store.sessions_to_move())
        finally:
            store.close()

    def vault_exists(self) -> bool:
        """True if there is a vault; nothing of it is opened."""
        from conversation.vault import exists

        return exists(self.settings.vault)

    @cached_property
    def keys(self) -> ApiKeys:
        """The API keys."""
        from backends.keys import ApiKeys

        return ApiKeys(environment=self.settings.environment_key, environment_host=self.claude_address.host)

    @property
    def claude_address(self) -> ServerAddress:
        """Where Claude is asked: a cloud, wherever the address is. Raises `AddressRefused`."""
        address = parse_server(
            self.settings.claude_url, default_port=HTTPS_PORT, trusted_hosts=self.settings.trusted_hosts
        )
        return replace(address, is_gateway=True)

    @property
    def ollama_address(self) -> ServerAddress:
        """Where Ollama is asked. Raises `AddressRefused`."""
        return parse_server(
            self.settings.ollama_url, default_port=OLLAMA_PORT, trusted_hosts=self.settings.trusted_hosts
        )

    @property
    def lmstudio_address(self) -> ServerAddress:
        """Where LM Studio is asked. Raises `AddressRefused`."""
        return parse_server(
            self.settings.lmstudio_url, default_port=LMSTUDIO_PORT, trusted_hosts=self.settings.trusted_hosts
        )

    def connector(self, side: Side, text: str) -> Connector:
        """What a model's name stands for.

        Raises `SpecError` or `AddressRefused`, whose texts are fit to show; with `offline`, `SpecError` for a cloud.
        """
        spec = parse(text)
        connector = self._connector(side, spec)
        if self.offline and connector.locality is not Locality.THIS_MACHINE:
            raise SpecError(f"{spec} is not on this machine, and the program runs with --offline.")
        return connector

    def saved_connector(self, side: Side, text: str) -> Connector | None:
        """The same for a name out of the store; None where it can no longer be asked."""
        try:
            return self.connector(side, text)
        except (SpecError, AddressRefused):
            return None

    def _connector(self, side: Side, spec: ModelSpec) -> Connector:
        match spec.backend:
            case "claude":
                address = self.claude_address
                return Connector(
                    spec, address.locality, lambda: self._claude(spec, address), self.claude_import.wait, address
                )
            case "ollama":
                address = self.ollama_address
                return Connector(
                    spec, address.locality, lambda: self._ollama(spec, address), self.local_import.wait, address
                )
            case "lmstudio":
                address = self.lmstudio_address
                return Connector(
                    spec,
                    address.locality,
                    lambda: self._openai(spec, address),
                    self.local_import.wait,
                    address,
                    is_unverifiable=True,
                )
            case "openai":
                address = parse_server(spec.url, default_port=HTTPS_PORT, trusted_hosts=self.settings.trusted_hosts)
                return Connector(
                    spec,
                    address.locality,
                    lambda: self._openai(spec, address),
                    self.local_import.wait,
                    address,
                    is_unverifiable=True,
                )
            case "gguf":
                path = _gguf_path(spec)
                return Connector(spec, Locality.THIS_MACHINE, lambda: self._gguf(spec, path), self.local_import.wait)
            case "demo":
                protocol = spec.model or (DEMO_MESSAGES if side is Side.LEFT else DEMO_CHAT)
                chosen = ModelSpec("demo", protocol)
                wait = self.claude_import.wait if protocol == DEMO_MESSAGES else self.local_import.wait
                return Connector(chosen, Locality.THIS_MACHINE, lambda: self._demo(chosen), wait)
            case _:
                assert_never(spec.backend)

    def _claude(self, spec: ModelSpec, address: ServerAddress) -> Backend:
        from backends.claude import ClaudeBackend

        return ClaudeBackend(
            spec,
            address=address,
            key=lambda: self.keys.get(address.host),
            proxy=self.settings.claude_proxy,
            ca_file=self.settings.claude_ca_file,
            max_output_tokens=self.settings.max_output_tokens,
            prices=self.settings.prices_file,
        )

    def _ollama(self, spec: ModelSpec, address: ServerAddress) -> Backend:
        from backends.ollama import OllamaBackend

        return OllamaBackend(spec.model, address, context_tokens=self.settings.ollama_context_tokens)

    def _openai(self, spec: ModelSpec, address: ServerAddress) -> Backend:
        from backends.openai_compatible import OpenAICompatibleBackend

        return OpenAICompatibleBackend(spec, address, flavour="lmstudio" if spec.backend == "lmstudio" else None)

    def _gguf(self, spec: ModelSpec, path: Path) -> Backend:
        return self._embedded(spec, self._engine(str(path), lambda: path, alias=path.stem))

    def _demo(self, spec: ModelSpec) -> Backend:
        return self._embedded(spec, self.demo_engine)

    @property
    def demo_engine(self) -> EmbeddedEngine:
        """The engine that serves the generated demo model."""
        from backends.demo_model import ensure_demo_model

        return self._engine(
            "demo:",
            lambda: ensure_demo_model(self.settings.data_directory),
            alias="duologue-demo",
            # An old llama-server on the PATH may not speak Anthropic's protocol; the wheel does.
            prefer_wheel=True,
        )

    def _engine(
        self, name: str, model: Callable[[], Path], *, alias: str, prefer_wheel: bool = False
    ) -> EmbeddedEngine:
        from backends.engine import EmbeddedEngine

        if name not in self._engines:
            self._engines[name] = EmbeddedEngine(
                model,
                alias=alias,
                data_directory=self.settings.data_directory,
                context_tokens=self.settings.engine_context_tokens,
                llama_server=self.settings.llama_server,
                prefer_wheel=prefer_wheel,
                environment=self.settings.engine_environment,
                unix_socket=self.confinement is not None,
            )
        return self._engines[name]

    def _embedded(self, spec: ModelSpec, engine: EmbeddedEngine) -> Backend:
        from backends.engine import EmbeddedBackend

        def connect(at: EngineAddress) -> Backend:
            address = replace(parse_server(at.url, default_port=HTTPS_PORT), unix_socket=at.unix_socket)
            if spec.backend == "demo" and spec.model == DEMO_MESSAGES:
                from backends.claude import ClaudeBackend
                from backends.keys import ApiKey, checked_key

                key = checked_key(at.api_key)

                async def engine_key() -> ApiKey:
                    return key

                return ClaudeBackend(spec, address=address, key=engine_key, api_model=at.model, demo=True)
            from backends.openai_compatible import OpenAICompatibleBackend

            return OpenAICompatibleBackend(
                spec, address, api_key=at.api_key, flavour="llama-server", ours=True, api_model=at.model
            )

        return EmbeddedBackend(spec, engine, connect)

    async def local_servers(self, *, here_only: bool = False, confidential: bool = False) -> list[LocalServer]:
        """Ask the well-known ports of this machine what is there, and an Ollama configured elsewhere.

        `here_only`: loopback and nothing else, for looks that nobody asked for. `confidential`, and always in a
        confidential process: loopback and a listed host. Raises `AddressRefused`.
        """
        ollama, lmstudio = self.ollama_address, self.lmstudio_address
        # What a confidential session may not ask, it has no need to look at either.
        listed_only = confidential or self.confinement is not None
        elsewhere_is_asked = not here_only and (ollama.is_yours or not listed_only)
        asked = ollama if ollama.locality is Locality.THIS_MACHINE or elsewhere_is_asked else None
        await self.local_import.wait()
        from backends.discovery import local_servers

        # What is found on LM Studio's port is asked as `lmstudio:`, thus at the configured address.
        elsewhere = lmstudio.locality is not Locality.THIS_MACHINE
        ports = tuple(port for port in PORTS if port != LMSTUDIO_PORT)
        return await local_servers(ollama=asked, ports=ports if elsewhere else (lmstudio.port, *ports))

    async def gguf_files(self) -> list[GgufFile]:
        """Models that other programs have put on this machine."""
        from backends.gguf_files import find_gguf_files

        return await asyncio.to_thread(find_gguf_files, Path.home(), ollama_models=self.settings.ollama_models)

    def recording(self, store: StoreThread, purpose: str) -> AbstractContextManager[None]:
        """Have the ledger of `store` record every request of this task that no conversation asks for."""
        from conversation.ledger import StoredLedger

        return recorded(StoredLedger(store, self.now, level=self.level), purpose)

    async def first_local_model(self) -> ModelInfo | None:
        """The model to put on the local side when the user named none."""
        servers = await self.local_servers(here_only=True)
        return first_on_this_machine(model for server in servers for model in server.models)

    def known_claude_models(self) -> list[ModelInfo]:
        """Claude's models by the dated list that ships with the program, and the user's own file of prices.

        Raises `PriceFileError`.
        """
        from backends.claude_models import known_models

        return [
            ModelInfo(
                ModelSpec("claude", model.name), Locality.CLOUD, title=model.title, context_tokens=model.context
            )
            for model in known_models(self.settings.prices_file)
        ]

    async def claude_models(self) -> list[ModelInfo]:
        """Ask Anthropic which models there are; only when the user opens the list. Raises `BackendError`."""
        await self.claude_import.wait()
        from backends.claude import models

        address = self.claude_address
        settings = self.settings
        return await models(
            address,
            lambda: self.keys.get(address.host),
            proxy=settings.claude_proxy,
            ca_file=settings.claude_ca_file,
        )

    async def aclose(self) -> None:
        """End the engines."""
        for engine in self._engines.values():
            await engine.aclose()

    def close_now(self) -> None:
        """End the engines without an event loop, on the way out of a signal or an error."""
        for engine in self._engines.values():
            engine.close_now()


def _gguf_path(spec: ModelSpec) -> Path:
    """Absolute, because the engine works in a folder of its own. Raises `SpecError`."""
    try:
        return Path(spec.model).expanduser().absolute()
    except RuntimeError as error:
        raise SpecError(f"{spec} begins with the home of somebody who is not known here.") from error


def _load_claude() -> None:
    from backends import claude

    claude.preload()


def load_conversations() -> None:
    """Import what opens and runs conversations: some 150 ms, which the first paint does not wait for."""
    from conversation import library  # noqa: F401 - this is the late import


def _load_local() -> None:
    from backends import ollama, openai_compatible  # noqa: F401 - this is the late import

    ollama.preload()
