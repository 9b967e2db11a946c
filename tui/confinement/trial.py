"""What confidential mode would reach here, found out by a child that confines itself and then ends.

What belongs here: asking before anything is given up. An ordinary process with turns in its memory alone must know
that the next process comes up, and `doctor` tells the level and what stands in the way of a stronger one. The child
gets its orders as `reexec` gives them, so it starts the way the confidential process does.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from tui.confinement.barrier import NoKernelBarrier, enter
from tui.confinement.environment import cleaned
from tui.confinement.levels import Level
from tui.confinement.reexec import ROOT, NotRestarted, Orders, in_memory, received, written

_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Trial:
    """How it ended."""

    level: Level | None
    """None: no confidential process would come up."""
    reasons: tuple[str, ...]
    """Why a stronger level cannot be had; without a level, why there is none and what to do."""


def tried(orders: Orders, environment: Mapping[str, str]) -> Trial:
    """Confine a child by these orders. Waits for it, some 0.1 s; nothing is dialled."""
    number = in_memory(written(orders) + b"\n")
    try:
        ended = subprocess.run(
            [sys.executable, "-P", "-m", "tui.confinement.trial", str(number)],
            env={**cleaned(environment), "PYTHONPATH": str(ROOT)},
            pass_fds=(number,),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
        told = json.loads(ended.stdout)
        level = None if told["level"] is None else Level(told["level"])
        return Trial(level, tuple(map(str, told["reasons"])))
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError) as error:
        return Trial(None, (f"The program could not start itself for a trial ({type(error).__name__}).",))
    finally:
        os.close(number)


def main() -> int:
    """The child: print one JSON document."""
    try:
        orders, inherited = received(sys.argv[1] if len(sys.argv) > 1 else "")
        inherited.close()
        reached = enter(
            orders.targets,
            at_most=orders.at_most,
            require_kernel=orders.require_kernel,
            session_bus=orders.session_bus,
        )
        document: dict[str, object] = {"level": reached.level.value, "reasons": reached.reasons}
    except (NotRestarted, NoKernelBarrier) as error:
        document = {"level": None, "reasons": [str(error)]}
    print(json.dumps(document))  # noqa: T201 - the process outside reads it
    return 0


if __name__ == "__main__":
    sys.exit(main())
