"""The one way into confidential mode: this process becomes a new one, in the same terminal, with a clean environment.

What the new one must know goes through an anonymous file in memory that it inherits: never through a file on disk,
and never through arguments, which every user of the machine can read. The file begins with the orders for the
barrier, one line; what follows (a draft, a session that is kept nowhere) is read when the barrier is up.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from tui.confinement.broker import Target
from tui.confinement.environment import cleaned
from tui.confinement.levels import Level

ROOT = Path(__file__).parent.parent.parent
"""What the program is imported from."""
LONGEST_CARRIED = 64 * 1024 * 1024 if hasattr(os, "memfd_create") else 16 * 1024
"""Bytes that can be taken along. For a moment they are in memory three times; without Linux's files in memory they
wait in a pipe, which macOS makes 16 KiB long."""
_SIGN = "duologue-confidential-1"
_ENTRY = "tui.confined"


class NotRestarted(Exception):
    """The program was not started by itself, or could not start itself; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Orders:
    """What the barrier and the settings of the new process need; `written` puts them into the inherited file."""

    targets: frozenset[Target] = frozenset()
    """Where the broker may dial."""
    at_most: Level = Level.NAMESPACE
    require_kernel: bool = False
    programs: frozenset[str] = frozenset()
    """Paths of programs that may be started where no kernel holds them: the engine's."""
    session_bus: str = ""
    """Where the keyring is; see `barrier.enter`."""
    settings: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Variables that are dropped from the environment, and that the settings are to know all the same."""


def restart(
    orders: Orders, arguments: Sequence[str], environment: Mapping[str, str], carried: bytes = b""
) -> NoReturn:
    """Become the confidential process. `arguments` are the command line's; `carried` is for it alone.

    The caller has saved, closed and restored everything. Raises `NotRestarted`.
    """
    inherited = in_memory(written(orders) + b"\n" + carried)
    os.set_inheritable(inherited, True)  # noqa: FBT003 - the signature is the system's
    # -P: the folder that the program was started in is no place to import from.
    command = [sys.executable, "-P", "-m", _ENTRY, str(inherited), *arguments]
    if sys.stdout is not None:
        sys.stdout.flush()
    try:
        os.execve(sys.executable, command, {**cleaned(environment), "PYTHONPATH": str(ROOT)})  # noqa: S606 - no shell
    except OSError as error:
        raise NotRestarted(
            f"The program cannot start itself anew ({error.strerror}). Quit, and start duologue --confidential."
        ) from error


def received(number: str) -> tuple[Orders, BinaryIO]:
    """The orders in an inherited file, and the file with the rest still in it. Raises `NotRestarted`."""
    try:
        file = os.fdopen(int(number), "rb")
        orders = _read(json.loads(file.readline()))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NotRestarted("This is how the program starts itself. Start duologue --confidential instead.") from error
    return orders, file


def in_memory(content: bytes) -> int:
    """A descriptor at the beginning of `content`. Raises `NotRestarted` for more than can be held, or on Windows."""
    if sys.platform == "win32":
        raise NotRestarted(
            "Confidential mode needs Linux or macOS: Windows cannot hand words to a new process unseen."
        )
    if hasattr(os, "memfd_create"):
        number = os.memfd_create("duologue")
        with os.fdopen(os.dup(number), "wb") as file:
            file.write(content)
        os.lseek(number, 0, os.SEEK_SET)
        return number
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    with os.fdopen(write_end, "wb", buffering=0) as pipe:
        if pipe.write(content) != len(content):
            raise NotRestarted("The draft is too long to be taken along. Shorten it, then try again.")
    return read_end


def written(orders: Orders) -> bytes:
    """One line, for `received`."""
    return json.dumps(
        {
            "sign": _SIGN,
            "targets": sorted((one.host, one.port) for one in orders.targets),
            "at_most": orders.at_most.value,
            "require_kernel": orders.require_kernel,
            "programs": sorted(orders.programs),
            "session_bus": orders.session_bus,
            "settings": dict(orders.settings),
        }
    ).encode()


def _read(written: dict[str, Any]) -> Orders:
    if written["sign"] != _SIGN:
        raise ValueError("signed by somebody else")
    return Orders(
        targets=frozenset(Target(host, port) for host, port in written["targets"]),
        at_most=Level(written["at_most"]),
        require_kernel=written["require_kernel"],
        programs=frozenset(written["programs"]),
        session_bus=written["session_bus"],
        settings=written["settings"],
    )
