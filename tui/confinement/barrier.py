"""Puts the layers over this process, in the only order in which they work.

The broker is forked first, while the host's network is still there; the namespace comes next, while the process may
still write its own maps; then its memory is hidden; and the filter comes last: it forbids what the others did.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tui.confinement import broker, filters, linux, namespace
from tui.confinement.broker import Broker, Target
from tui.confinement.guard import Guard
from tui.confinement.levels import Level
from tui.confinement.process import hide_memory


class NoKernelBarrier(Exception):
    """The kernel holds nothing back here, and the configuration wants it to; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Confinement:
    """What this process is held by, for the rest of its life."""

    level: Level
    guard: Guard
    broker: Broker | None
    """None at the level of the guard: there the process dials itself."""
    targets: frozenset[Target] = frozenset()
    """What it may reach."""
    reasons: tuple[str, ...] = ()
    """Why a stronger level could not be had, for `doctor`."""


def enter(
    dial: Iterable[Target],
    *,
    at_most: Level = Level.NAMESPACE,
    require_kernel: bool = False,
    session_bus: str = "",
    may_start: Callable[[str], bool] = lambda _: True,
) -> Confinement:
    """Confine this process, which must have one thread only, as strongly as can be had. There is no way back.

    `at_most`: nothing stronger than this. `session_bus`: the address of the D-Bus session bus; an abstract one cannot
    be reached out of a network namespace, and the keyring with it. `may_start`: the programs that may be started at
    the level of the guard, which does not hold what they do.

    Raises `NoKernelBarrier` where a kernel's level is required and there is none, `ValueError` if there are threads.
    """
    targets = frozenset(dial)
    reasons: list[str] = []
    for level in Level:
        if level.rank < at_most.rank or not level.is_kernel:
            continue
        if level is Level.NAMESPACE and "unix:abstract=" in session_bus:
            reasons.append("the session bus has an abstract address, which a network namespace would cut off")
            continue
        try:
            return _held_by_the_kernel(level, targets, reasons)
        except OSError as error:
            reasons.append(f"{level.value}: {error.strerror or error}")
    if require_kernel:
        why = "; ".join(reasons) or f"no more than the {at_most.value} was asked for"
        raise NoKernelBarrier(
            f"The kernel does not hold the program back here ({why}), and the configuration has require_kernel = "
            "true. Use a Linux with user namespaces or seccomp, or set require_kernel = false to go on under the "
            "process guard."
        )
    hide_memory()
    guard = Guard(confidential=True, targets={(one.host, one.port) for one in targets}, may_start=may_start)
    guard.install()
    return Confinement(Level.GUARD, guard, None, targets, tuple(reasons))


def _held_by_the_kernel(level: Level, targets: frozenset[Target], reasons: list[str]) -> Confinement:
    """Raises `OSError` with nothing changed, except that the broker is gone again."""
    if not linux.IS_LINUX:
        raise OSError(f"only Linux has it, this is {platform.system()}")
    if level is Level.NAMESPACE:
        namespace.check()
    dialler = broker.start(targets)
    try:
        if level is Level.NAMESPACE:
            namespace.leave_the_network()
        hide_memory()
        _install_filter(needed=level is Level.SECCOMP)
    except OSError:
        dialler.close()
        os.waitpid(dialler.process_id, 0)
        raise
    if linux.landlock_abi() >= linux.LANDLOCK_ABI_WITH_TCP:
        # The broker's sockets are bound to loopback; one to a trusted host is not, and could be connected elsewhere.
        linux.landlock_no_tcp()
    guard = Guard(confidential=True)
    guard.install()
    return Confinement(level, guard, dialler, targets, tuple(reasons))


def _install_filter(*, needed: bool) -> None:
    """`needed` False: on top of a namespace, which holds without it."""
    try:
        linux.install_filter(filters.unix_sockets_only())
    except OSError:
        if needed:
            raise
