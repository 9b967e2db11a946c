"""A child process that confines itself and then runs a script: what a confidential process can and cannot do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from typing import Any

import pytest

from tests.tui.program import PROJECT
from tui.confinement.levels import Level
from tui.confinement.linux import IS_LINUX
from tui.confinement.reexec import Orders
from tui.confinement.trial import Trial, tried

needs_linux = pytest.mark.skipif(not IS_LINUX, reason="the kernel's barriers are Linux's")
KERNEL = (Level.NAMESPACE, Level.SECCOMP)
NOBODY = 65534

_FRAME = """
import asyncio, ctypes, encodings.idna, errno, json, os
import signal, socket, struct, subprocess, sys, threading, webbrowser
from tui.confinement.barrier import NoKernelBarrier, enter
from tui.confinement.broker import BrokerGone, DialRefused, Target
from tui.confinement.guard import EgressRefused
from tui.confinement.levels import Level
def tried(action):
    "Name of the error, or 'done'."
    try:
        action()
    except OSError as error:
        return type(error).__name__ + ":" + errno.errorcode.get(error.errno, str(error.errno))
    return "done"
if {user!r} is not None:
    # Only now: the interpreter and its library may be in somebody's home. The kernel then hides the process.
    os.setgroups([]); os.setgid({user!r}); os.setuid({user!r})
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
confinement = enter([Target(host, port) for host, port in {targets!r}], at_most=Level({level!r}), **{options!r})
assert confinement.level is Level({level!r}), confinement
result = None
"""


@cache
def _here() -> Trial:
    return tried(Orders(), {"PATH": os.defpath})


def need(level: Level) -> None:
    """Skip the test where this system has no such level: a container often gives no namespaces."""
    here = _here()
    if here.level is None or level.rank < here.level.rank:
        pytest.skip(f"no {level.value} here: {'; '.join(here.reasons)}")


def confined(
    script: str,
    *,
    level: Level,
    targets: tuple[tuple[str, int], ...] = (),
    user: int | None = None,
    **options: object,
) -> Any:
    """Run `script` in a child at `level`; the JSON value of its variable `result`. Skips where there is no such."""
    need(level)
    source = (
        _FRAME.format(targets=targets, level=level.value, user=user, options=options)
        + script
        + "\nprint(json.dumps(result))"
    )
    done = subprocess.run(
        [sys.executable, "-c", source],
        capture_output=True,
        text=True,
        cwd="/",
        env={"PATH": os.defpath, "PYTHONPATH": str(PROJECT), "PYTHONDONTWRITEBYTECODE": "1"},
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
