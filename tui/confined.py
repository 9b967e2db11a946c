"""The program's entry in confidential mode: `python -m tui.confined`, started by `confinement.reexec` alone.

The barrier goes up before anything but the standard library is loaded; what follows is the ordinary command line.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

from tui.confinement.barrier import Confinement, NoKernelBarrier, enter
from tui.confinement.reexec import NotRestarted, Orders, received


@dataclass(frozen=True, slots=True)
class Confined:
    """What the command line is told by this entry."""

    confinement: Confinement
    orders: Orders
    carried: bytes
    """What the process before this one took along; b"" for nothing."""


def main() -> int:
    """Confine the process, then run the program; its exit code."""
    try:
        orders, inherited = received(sys.argv[1] if len(sys.argv) > 1 else "")
        with inherited:
            confinement = enter(
                orders.targets,
                at_most=orders.at_most,
                require_kernel=orders.require_kernel,
                session_bus=orders.session_bus,
                may_start=lambda program: program in orders.programs,
            )
            carried = inherited.read()
    except (NotRestarted, NoKernelBarrier) as error:
        print(f"duologue: {error}", file=sys.stderr)  # noqa: T201 - nothing else is there yet
        return 2
    from tui import cli

    return cli.main(sys.argv[2:], Confined(confinement, orders, carried))


if __name__ == "__main__":
    sys.exit(main())
