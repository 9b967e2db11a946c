"""What a confidential process is told by the ordinary one that becomes it: where to dial, what to go on with.

The words that were typed go through memory only (`confinement.reexec`); on the command line stand ids and models.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from backends.address import PORTS, AddressRefused, ServerAddress, parse_server
from backends.spec import SpecError, parse
from conversation.attested import FILE_NAME, Attested
from storage import Side
from tui.settings import Settings, own_environment

if TYPE_CHECKING:
    from tui.confinement.broker import Target
    from tui.confinement.reexec import Orders

_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Carried:
    """What is taken along besides what is stored."""

    draft: str = field(default="", repr=False)
    memory: bytes = field(default=b"", repr=False)
    """A store that is kept nowhere, see `Store.in_memory_content`; b"" for none."""
    session: str | None = None
    """Id of the session in it to go on with."""
    listing: bool = False
    """The person asked for the list of what is in the vault."""

    def __bytes__(self) -> bytes:
        """For `from_bytes`: a line of JSON, then the store."""
        told = {"draft": self.draft, "session": self.session, "listing": self.listing}
        return json.dumps(told).encode() + b"\n" + self.memory

    @classmethod
    def from_bytes(cls, carried: bytes) -> Carried:
        """Read it back; nothing for b""."""
        if not carried:
            return cls()
        line, _, memory = carried.partition(b"\n")
        told = json.loads(line)
        return cls(memory=memory, **told)


NOTHING = Carried()


@dataclass(frozen=True, slots=True)
class Restart:
    """How the app goes on in confidential mode."""

    session: str | None = None
    """Id of one that is saved; one in memory is named in `carried`."""
    left: str | None = None
    """Its models: the new process has to reach them, and a session without turns has them from here alone."""
    right: str | None = None
    offline: bool = False
    off_record: bool = False
    carried: Carried = NOTHING

    def arguments(self) -> list[str]:
        """The command line that opens it."""
        words = ["--confidential"]
        words += ["--offline"] if self.offline else []
        words += ["--off-the-record"] if self.off_record else []
        if self.session is not None:
            return [*words, "--session", self.session]
        if self.carried.session is not None:
            return words
        for side, spec in ((Side.LEFT, self.left), (Side.RIGHT, self.right)):
            words += [f"--{side}", spec] if spec is not None else []
        return words


def restart_confidential(
    settings: Settings, arguments: Iterable[str], specs: Iterable[str | None], carried: Carried = NOTHING
) -> NoReturn:
    """Become a confidential process with this command line; `specs` are the models that it may have to reach.

    Raises `NotRestarted`.
    """
    from tui.confinement.reexec import restart

    restart(orders(settings, specs), list(arguments), own_environment(), bytes(carried))


def kept_from_restarting(settings: Settings, size: int) -> str:
    """Why a session of `size` bytes, kept in this process's memory alone, cannot go on in a confidential process.

    "" if it can. Starts one for a trial: once this process has ended there is nowhere to go back to. Blocks for some
    0.1 s.
    """
    from tui.confinement.reexec import LONGEST_CARRIED
    from tui.confinement.trial import tried

    if size > LONGEST_CARRIED:
        return (
            f"This session is kept in memory alone, and with {size / 1e6:.1f} MB it is too long to be taken into "
            f"another process; {LONGEST_CARRIED / 1e6:.1f} MB can be. The program goes on with its network, and only "
            "models on this machine are asked. To be held by the system, start with /new confidential off-the-record."
        )
    trial = tried(orders(settings, ()), own_environment())
    return "" if trial.level is not None else " ".join(trial.reasons)


def other_start(session: str | None, side: Side, spec: str) -> str:
    """The command that starts a confidential program which may reach a model that this one was not told of."""
    words = ["duologue", "--confidential", *(["--session", session] if session else []), f"--{side}", spec]
    return shlex.join(words)


def orders(settings: Settings, specs: Iterable[str | None]) -> Orders:
    """What the barrier of the new process lets through, and what its settings are told."""
    from tui.confinement.broker import Target
    from tui.confinement.reexec import Orders

    reached = {Target(_LOOPBACK, port) for port in PORTS}
    for address in _addresses(settings, specs):
        reached |= targets_of(address)
    return Orders(
        targets=frozenset(reached),
        at_most=settings.confinement_at_most,
        require_kernel=settings.require_kernel,
        programs=_engine_programs(settings) | set(settings.editor[:1]),
        session_bus=settings.session_bus,
        settings=settings.handed_over,
    )


def _addresses(settings: Settings, specs: Iterable[str | None]) -> Iterable[ServerAddress]:
    """Every server that the configuration or a model names, as far as it can be read.

    What is asked in the vault's sessions cannot be looked up here; a server of theirs was vouched for.
    """
    named = [(settings.ollama_url, 11434), (settings.lmstudio_url, 1234)]
    named += [(name, 0) for name in (*settings.attested, *Attested(settings.data_directory / FILE_NAME).names())]
    for text in {one for one in (*specs, settings.left, settings.right) if one}:
        try:
            spec = parse(text)
        except SpecError:
            continue
        if spec.backend == "openai":
            named.append((spec.url, 443))
    for url, port in named:
        try:
            yield parse_server(url, default_port=port, trusted_hosts=settings.trusted_hosts)
        except AddressRefused:
            continue


def targets_of(address: ServerAddress) -> set[Target]:
    """Where the broker dials for a server; nothing for one that a confidential process may not reach."""
    from tui.confinement.broker import Target

    if address.host == "localhost":
        return {Target(_LOOPBACK, address.port), Target("::1", address.port)}
    return {Target(address.host, address.port)} if address.is_here or address.trusted else set()


def _engine_programs(settings: Settings) -> frozenset[str]:
    """What runs the embedded engine."""
    import sys

    from backends.engine import find_llama_server

    server = find_llama_server(settings.llama_server)
    return frozenset({sys.executable, *([str(server)] if server else [])})


def stored_specs(database: Path) -> list[str]:
    """Models of saved sessions, which may be opened again; none where the store cannot be read."""
    from storage.errors import StoreError
    from storage.store import Store

    try:
        store = Store.open(database, read_only=True)
    except StoreError:
        return []
    try:
        found = store.sessions(limit=500)
        waiting = [store.session(one) for one in store.sessions_to_move()]
    except StoreError:
        return []
    finally:
        store.close()
    sessions = [*waiting, *(one.session for one in found)]
    return [spec for one in sessions for spec in (one.left, one.right) if spec is not None]
