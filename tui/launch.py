"""Opens the app: turns the wiring into the callables that screens may use, runs it, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from backends import Connector
from backends.spec import DEFAULT_CLAUDE_MODEL
from storage.errors import StoreError
from tui.refusals import hear_refusals
from tui.restart import (
    NOTHING,
    Carried,
    Restart,
    kept_from_restarting,
    restart_confidential,
    stored_specs,
    targets_of,
)
from tui.services import FoundServer, KeyState, Services, Start
from tui.settings import set_textual_environment
from tui.wiring import Wiring, load_conversations
from tui.words import key_source

if TYPE_CHECKING:
    from conversation.library import Library
    from storage.thread import StoreThread
    from storage.vault_key import VaultKey
    from tui.vault_door import Asker


def run_app(
    wiring: Wiring, start: Start, *, keep: bool = True, carried: Carried = NOTHING, may_restart: bool = False
) -> int:
    """Open the app and return its exit code. `keep=False`: nothing is stored.

    `carried` comes from the process before this one; `may_restart`: this one may become a confidential one.
    """
    set_textual_environment()
    from tui import crash, escape_key, terminal_keys  # before the first key is read
    from tui.app import DuologueApp
    from tui.commands.output import say
    from tui.hangup import end_with_the_terminal

    terminal_keys.tell_alt_enter_from_enter()
    escape_key.read_the_terminal_with_our_parser()
    start = replace(start, session=start.session or carried.session)
    world = World(wiring, keep=keep, carried=carried, may_restart=may_restart)
    app = DuologueApp(world.services(start))
    end_with_the_terminal(world.close_now, app.end_at_hangup)
    try:
        with crash.told_afterwards():
            app.run()
    finally:
        for problem in world.close_now():
            say(str(problem))
    if world.restart is not None:
        _restart(wiring, world.restart)
    return app.return_code or 0


def _restart(wiring: Wiring, asked: Restart) -> None:
    """Become a confidential process; returns, with a word about it, only where that cannot be."""
    from tui.commands.output import say
    from tui.confinement.reexec import NotRestarted

    specs = (asked.left, asked.right, *stored_specs(wiring.settings.database))
    try:
        restart_confidential(wiring.settings, asked.arguments(), specs, asked.carried)
    except NotRestarted as error:
        say(str(error))


class World:
    """What the app may call on, made out of the wiring."""

    def __init__(self, wiring: Wiring, *, keep: bool, carried: Carried = NOTHING, may_restart: bool = False) -> None:
        self._wiring = wiring
        self._keep = keep
        self._stores: dict[Library, StoreThread] = {}
        """The last one is of the session on screen: the one on disk, or one in memory on top of it."""
        self._carried = carried
        self._may_restart = may_restart and wiring.confinement is None
        self._has_vault = keep and wiring.confinement is not None
        self._key: VaultKey | None = None
        self.restart: Restart | None = None
        """Set by the app before it ends: how to go on."""
        self._unsaved: list[StoreError] = []
        self._tell: Callable[[StoreError], None] = self._unsaved.append

    def services(self, start: Start) -> Services:
        """The callables, as one value."""
        settings = self._wiring.settings
        return Services(
            open_library=self.open_library,
            forget_library=self.forget_library,
            connector=self._wiring.connector,
            configured_left=settings.left,
            configured_right=settings.right,
            usual_left=f"claude:{DEFAULT_CLAUDE_MODEL}",
            find_servers_here=self.find_servers_here,
            find_servers=self.find_servers,
            known_claude_models=self._wiring.known_claude_models,
            key_state=self.key_state,
            keep_key=self.keep_key,
            use_key_for_this_run=self.use_key_for_this_run,
            engine_missing=self.engine_missing,
            find_gguf_files=self.find_gguf_files,
            preload=self.preload,
            now=self._wiring.now,
            monotonic=time.monotonic,
            local_time=datetime.astimezone,
            key_map=settings.key_map,
            theme=settings.theme,
            compose=settings.compose,
            wrap=settings.wrap,
            over_ssh=settings.over_ssh,
            open_address=self.open_address if settings.browser and not self._wiring.confinement else None,
            start=start,
            draft=self._carried.draft,
            edit=self._edit if settings.editor else None,
            level="" if self._wiring.confinement is None else self._wiring.confinement.level.value,
            hear_refusals=self.hear_refusals,
            out_of_reach=self.out_of_reach,
            kept_from_restarting=self._kept_from_restarting if self._may_restart else None,
            restart=self._take_restart if self._may_restart else None,
            unlock=self.unlock if self._has_vault else None,
            vault_exists=self._wiring.vault_exists,
            recovery_text=self.recovery_text if self._has_vault else None,
            listing=self._carried.listing,
        )

    def hear_refusals(self, tell: Callable[[str], None]) -> None:
        """From now on `tell` hears, in this event loop and once for each, of ways out that the guard refused."""
        hear_refusals(self._wiring, tell, lambda: next(reversed(self._stores.values()), None))

    def out_of_reach(self, connector: Connector) -> str:
        """See `Services.out_of_reach`."""
        confinement, server = self._wiring.confinement, connector.server
        if confinement is None or server is None or targets_of(server) & confinement.targets:
            return ""
        return server.display

    async def _edit(self, text: str) -> str:
        from tui.external_editor import edited

        settings = self._wiring.settings
        return await edited(settings.editor, settings.data_directory, text)

    def _take_restart(self, asked: Restart) -> None:
        self.restart = replace(asked, offline=self._wiring.offline)

    async def _kept_from_restarting(self, size: int) -> str:
        return await asyncio.to_thread(kept_from_restarting, self._wiring.settings, size)

    async def unlock(self, asker: Asker) -> bool:
        """Open the vault, or agree to keep nothing; then move into it what waits. Raises `VaultLeft`."""
        from conversation.vault import bring_in
        from tui.vault_door import MEMORY_ONLY, MOVED, MOVING, Recalled, vault_key

        settings = self._wiring.settings
        asker = Recalled(asker)
        self._key = await vault_key(self._wiring.vault(), asker)
        if self._key is None:
            asker.tell(MEMORY_ONLY)
            return False
        try:
            moving = await asyncio.to_thread(self._wiring.anything_waits)
            said = asker.last
            if moving:
                asker.tell(MOVING)
            troubles = await bring_in(settings.database, settings.vault, self._key, self._wiring.now)
            if moving and not troubles:
                asker.tell(f"{MOVED} {said}".strip())
        except StoreError as problem:
            troubles = [problem]
        for trouble in troubles:
            asker.tell(str(trouble))
        return True

    def recovery_text(self) -> str:
        """The vault's key for paper; "" while the vault is shut, and where a passphrase is its key."""
        from storage.vault_key import OpenedWith

        if self._key is None or self._key.opened_with is OpenedWith.PASSPHRASE:
            return ""
        return self._key.recovery_text()

    async def open_library(self, keep: bool, tell: Callable[[StoreError], None]) -> Library:
        """Open the store and give the conversations in it; `tell` hears what could not be saved later.

        Raises `StoreError`.
        """
        self._tell = tell
        await asyncio.to_thread(load_conversations)
        store = self._wiring.store(
            keep=keep and self._keep,
            key=self._key,
            on_problem=lambda problem: self._tell(problem),
            content=b"" if self._stores else self._carried.memory,
        )
        await store.start()
        library = self._wiring.library(store)
        self._stores[library] = store
        return library

    def forget_library(self, library: Library) -> None:
        """Close its store."""
        self._stores.pop(library).close()

    async def find_servers_here(self) -> Sequence[FoundServer]:
        """Servers that answer on this machine's well-known ports. Raises `AddressRefused`."""
        return await self._found(here_only=True, confidential=False)

    async def find_servers(self, confidential: bool) -> Sequence[FoundServer]:
        """The same, and an Ollama configured on the user's own network. Raises `AddressRefused`."""
        return await self._found(here_only=False, confidential=confidential)

    async def _found(self, *, here_only: bool, confidential: bool) -> Sequence[FoundServer]:
        with self._recorded("probe"):
            found = await self._wiring.local_servers(here_only=here_only, confidential=confidential)
        return [FoundServer(server.title, server.models) for server in found]

    async def key_state(self) -> KeyState:
        """What is known about the key of the configured Claude address."""
        status = await self._wiring.keys.status(self._wiring.claude_address.host)
        words = key_source(status.source, status.keyring)
        return KeyState(status.source != "none", words, status.keyring, status.problem)

    async def keep_key(self, text: str) -> None:
        """Put the key into the keyring. Raises `BackendError`."""
        from backends.keys import checked_key

        await self._wiring.keys.set(self._wiring.claude_address.host, checked_key(text))

    def use_key_for_this_run(self, text: str) -> None:
        """Keep the key in memory only. Raises `BackendError`."""
        from backends.keys import checked_key

        self._wiring.keys.use_for_this_run(self._wiring.claude_address.host, checked_key(text))

    def engine_missing(self) -> str | None:
        """Why the embedded engine cannot run, or None."""
        from backends.engine import unavailable_reason

        return unavailable_reason(self._wiring.settings.llama_server)

    async def find_gguf_files(self) -> Sequence[Path]:
        """GGUF files that other programs have already on this machine."""
        return [file.path for file in await self._wiring.gguf_files()]

    def open_address(self, address: str) -> bool:
        """Have the user's browser open an address, which is one argument and never seen by a shell."""
        try:
            subprocess.Popen(
                [*self._wiring.settings.browser, address],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError:
            return False
        return True

    def preload(self) -> None:
        """Begin importing the client libraries, and remove what a killed program left behind."""
        if sys.platform != "win32":
            from tui.external_editor import remove_leftovers

            remove_leftovers(self._wiring.settings.data_directory)
        self._wiring.local_import.start()
        self._wiring.claude_import.start()

    def close_now(self) -> Sequence[StoreError]:
        """Write down all that waits and end the engines; what could not be saved now. Safe at any time."""
        self._tell = self._unsaved.append  # the screen is gone
        for store in reversed(self._stores.values()):
            store.close()
        self._wiring.close_now()
        return self._unsaved

    def _recorded(self, purpose: str) -> AbstractContextManager[None]:
        if not self._stores:
            return nullcontext()
        return self._wiring.recording(next(reversed(self._stores.values())), purpose)
