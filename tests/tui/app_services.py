"""The world outside the screen for tests of the whole app: scripted models, a real store, a fixed clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from backends import Connector, Locality, ModelInfo
from backends.spec import SpecError, parse
from conversation.engine import Surroundings
from conversation.library import Library
from storage import Side
from storage.errors import StoreError
from storage.thread import StoreThread
from tests.doubles import ScriptedBackend, connector
from tui.services import FoundServer, KeyState, Services, Start

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@dataclass
class FakeWorld:
    """What a test decides about the world, and what the app did to it."""

    left: ScriptedBackend | None = None
    right: ScriptedBackend | None = None
    left_locality: Locality = Locality.CLOUD
    key: KeyState = field(
        default_factory=lambda: KeyState(present=True, words="in your keyring", keyring="Secret Service")
    )
    store_problem: StoreError | None = None
    servers: Sequence[FoundServer] = ()
    kept_keys: list[str] = field(default_factory=list)
    keys_for_this_run: list[str] = field(default_factory=list)
    stores: list[StoreThread] = field(default_factory=list)
    libraries: list[Library] = field(default_factory=list)
    start: Start = field(default_factory=Start)
    database: Path | None = None
    theme: str = "duologue-dark"
    key_map: Mapping[str, str] = field(default_factory=dict)
    browser: bool = False
    opened: list[str] = field(default_factory=list)
    """Addresses that a browser was given."""
    looking: asyncio.Event | None = None
    """If given, the search for servers lasts until it is set."""

    def services(self) -> Services:
        """All of it as the app gets it."""
        return Services(
            open_library=self.open_library,
            forget_library=self.forget_library,
            connector=self.connector,
            configured_left=str(self.left.spec) if self.left else None,
            configured_right=str(self.right.spec) if self.right else None,
            usual_left="off",
            find_servers_here=self.find_servers,
            find_servers=self.find_servers_anywhere,
            known_claude_models=lambda: [ModelInfo(parse("claude:claude-opus-5-5"), Locality.CLOUD)],
            key_state=self.key_state,
            keep_key=self.keep_key,
            use_key_for_this_run=self.keys_for_this_run.append,
            engine_missing=lambda: None,
            find_gguf_files=self.find_gguf_files,
            preload=lambda: None,
            now=lambda: NOON,
            monotonic=lambda: 100.0,
            local_time=lambda when: when,
            key_map=self.key_map,
            theme=self.theme,
            open_address=self.open_address if self.browser else None,
            start=self.start,
        )

    async def open_library(self, keep: bool, tell: Callable[[StoreError], None]) -> Library:
        if self.store_problem is not None and keep:
            raise self.store_problem
        store = StoreThread(self.database if keep else None, now=lambda: NOON, flush_seconds=0.01, on_problem=tell)
        await store.start()
        self.stores.append(store)
        library = Library(store, self.connector, Surroundings(lambda: NOON, monotonic=lambda: 100.0))
        self.libraries.append(library)
        return library

    def connector(self, side: Side, text: str) -> Connector:
        spec = parse(text)
        for backend in (self.left, self.right):
            if backend is not None and backend.spec == spec:
                return connector(backend, self.left_locality if backend is self.left else Locality.THIS_MACHINE)
        raise SpecError(f"{text} is not in this test, on the {side} side either.")

    async def find_servers(self) -> Sequence[FoundServer]:
        if self.looking is not None:
            await self.looking.wait()
        return self.servers

    def open_address(self, address: str) -> bool:
        self.opened.append(address)
        return True

    async def find_servers_anywhere(self, _confidential: bool) -> Sequence[FoundServer]:
        return await self.find_servers()

    async def key_state(self) -> KeyState:
        return self.key

    async def keep_key(self, text: str) -> None:
        self.kept_keys.append(text)

    async def find_gguf_files(self) -> Sequence[Path]:
        return []

    def forget_library(self, library: Library) -> None:
        at = self.libraries.index(library)
        del self.libraries[at]
        self.stores.pop(at).close()

    @property
    def store(self) -> StoreThread | None:
        """The one opened last."""
        return self.stores[-1] if self.stores else None

    def close(self) -> None:
        """Close the stores."""
        while self.libraries:
            self.forget_library(self.libraries[-1])
