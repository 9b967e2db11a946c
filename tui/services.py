"""What the app may call on, as plain callables given by `tui/cli.py`.

So screens reach models, keys and the store only through here and through `conversation`, and a test hands in its own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from backends import Connector, Locality, ModelInfo
from storage import Side
from storage.errors import StoreError
from tui.restart import Restart

if TYPE_CHECKING:
    from conversation.library import Library
    from tui.vault_door import Asker


@dataclass(frozen=True, slots=True)
class KeyState:
    """What is known about the API key, in words fit to show. Never the key itself."""

    present: bool
    words: str
    """"in your keyring (Secret Service)", "from ANTHROPIC_API_KEY", "for this run only", "no API key yet" ..."""
    keyring: str
    """Name of the keyring that could keep one, or ""."""
    problem: str = ""
    """Why the keyring cannot be used, one sentence, or ""."""


@dataclass(frozen=True, slots=True)
class FoundServer:
    """A model server that answered on this machine."""

    title: str
    models: Sequence[ModelInfo]


@dataclass(frozen=True, slots=True)
class Start:
    """What the command line asked for."""

    left: str | None = None
    right: str | None = None
    session: str | None = None
    """Id of a session to take up, or in a confidential process the beginning of it."""
    confidential: bool = False
    offline: bool = False
    continue_last: bool = False
    off_record: bool = False
    """Nothing of this run is kept."""


@dataclass(frozen=True, slots=True)
class Services:
    """The world outside the screen."""

    open_library: Callable[[bool, Callable[[StoreError], None]], Awaitable[Library]]
    """True: the store on disk; False: in memory only. Raises `StoreError`.

    The callable hears, in the app's thread, of what could not be saved and nobody waits for.
    """
    forget_library: Callable[[Library], None]
    """Let go of a library, and of all in it if it was in memory."""
    connector: Callable[[Side, str], Connector]
    """Raises `SpecError` or `AddressRefused`."""
    configured_left: str | None
    configured_right: str | None
    usual_left: str
    """Where nothing is configured and there is no session before. The right side then takes the first model found."""
    find_servers_here: Callable[[], Awaitable[Sequence[FoundServer]]]
    """Asks loopback ports and nothing else: for looks that nobody asked for. Raises `AddressRefused`."""
    find_servers: Callable[[bool], Awaitable[Sequence[FoundServer]]]
    """The same, and the configured Ollama wherever it is: the user asked for the list. True: for a confidential
    session, thus elsewhere only if that host is listed. Raises `AddressRefused`."""
    known_claude_models: Callable[[], Sequence[ModelInfo]]
    """The dated list that ships with the program."""
    key_state: Callable[[], Awaitable[KeyState]]
    keep_key: Callable[[str], Awaitable[None]]
    """Into the keyring. Raises `BackendError`."""
    use_key_for_this_run: Callable[[str], None]
    """Raises `BackendError`."""
    engine_missing: Callable[[], str | None]
    """Why the embedded engine cannot run, or None if it can."""
    find_gguf_files: Callable[[], Awaitable[Sequence[Path]]]
    preload: Callable[[], None]
    """Begin importing the client libraries in the background."""
    now: Callable[[], datetime]
    monotonic: Callable[[], float]
    local_time: Callable[[datetime], datetime]
    key_map: Mapping[str, str] = field(default_factory=dict)
    theme: str = "duologue-dark"
    compose: bool = False
    wrap: bool = True
    over_ssh: bool = False
    open_address: Callable[[str], bool] | None = None
    """Has the user's browser open an address; False if that failed. None: there is no browser to be had from here."""
    level: str = ""
    """What holds this process, if it is a confidential one: "kernel (namespace)", ...; "" for an ordinary one."""
    edit: Callable[[str], Awaitable[str]] | None = None
    """Have a text edited in the user's editor, which has the terminal meanwhile; None: there is none. Raises
    `EditFailed`."""
    draft: str = ""
    """What stood in the prompt box of the process before this one."""
    hear_refusals: Callable[[Callable[[str], None]], None] = lambda _: None
    """Have a callable told, in words and in the app's thread, of ways out that were refused to some library."""
    out_of_reach: Callable[[Connector], str] = lambda _: ""
    """The address of a server that this process was not told of when it lost its network; "" for all others."""
    kept_from_restarting: Callable[[int], Awaitable[str]] | None = None
    """Why a session of so many bytes, kept in memory alone, cannot go along into that process; "" if it can."""
    restart: Callable[[Restart], None] | None = None
    """How the program goes on as a confidential process, as soon as the app has ended; None: it is one, or it is
    part of another program."""
    unlock: Callable[[Asker], Awaitable[bool]] | None = None
    """Gets the vault's key before the store is opened, and moves into it what waits; False: nothing is to be kept.
    None: this run has nothing to do with a vault. Raises `VaultLeft`."""
    vault_exists: Callable[[], bool] = lambda: False
    """True if there is a vault; nothing of it is opened."""
    recovery_text: Callable[[], str] | None = None
    """The recovery key of the vault that is open; "" where none is, or its passphrase is its key. None: no vault can
    be open here."""
    listing: bool = False
    """The person asked for the list of what is in the vault."""
    start: Start = field(default_factory=Start)


def first_on_this_machine(offered: Iterable[ModelInfo]) -> ModelInfo | None:
    """The model to take for somebody who named none: the first that is loaded, else the first.

    Only what this machine answers: an Ollama here may offer models that a cloud answers.
    """
    here = [model for model in offered if model.locality is Locality.THIS_MACHINE]
    return next((model for model in here if model.loaded), here[0] if here else None)
