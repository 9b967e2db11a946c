"""The child: `python -m tui.proof ORDERS` confines itself, tries every way out, and prints what it saw as JSON.

The layers go up before anything but the standard library is loaded, as in confidential mode. Several ways at once
would save no time and could not be told apart by the packets that the kernel counts.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from tui.confinement.barrier import Confinement, enter
from tui.confinement.broker import Target
from tui.confinement.guard import EgressRefused
from tui.confinement.levels import Level
from tui.proof.verdict import Trial, Verdict
from tui.proof.ways import NotHere, Outside, ToAProgramHere, Way


def main() -> int:
    """Print one JSON document; 0 also where something got out."""
    orders = json.loads(sys.argv[1])
    server = (str(orders["server"][0]), int(orders["server"][1]))
    confinement = _confined(orders, server)
    outside = Outside(
        process_id=orders["process_id"],
        server=server,
        datagram=orders["datagram"],
        abstract=orders["abstract"],
        dial=None if confinement is None or confinement.broker is None else confinement.broker.dial,
    )
    if confinement is not None:
        from tui.egress import hold

        hold(confinement)
    trials = [_tried(way, outside) for way in _ways()]
    print(json.dumps(_document(confinement, trials)))  # noqa: T201 - the process outside reads it
    return 0


def _confined(orders: dict[str, Any], server: tuple[str, int]) -> Confinement | None:
    if orders["at_most"] is None:
        return None
    return enter(
        [Target(*server)],
        at_most=Level(orders["at_most"]),
        session_bus=orders["session_bus"],
        may_start=lambda program: program in orders["programs"],
    )


def _ways() -> list[Way]:
    from tui.proof import library_ways, lower_ways, python_ways

    return [*python_ways.ways(), *lower_ways.ways(), *library_ways.ways()]


def _tried(way: Way, outside: Outside) -> Trial:
    try:
        verdict, words = Verdict.SENT, way.attempt(outside)
    except NotHere as absent:
        verdict, words = Verdict.ABSENT, str(absent)
    except (AttributeError, ImportError) as absent:  # a constant or a module that this system's Python lacks
        verdict, words = Verdict.ABSENT, f"this Python does not have it: {absent}"[:120]
    except ToAProgramHere as here:
        verdict, words = Verdict.HERE, str(here)
    except Exception as error:  # noqa: BLE001 - every library has its own tree of errors; any of them is no success
        verdict, words = Verdict.REFUSED, _who_refused(error)
    return Trial(way.name, verdict, words, way.below_python)


def _who_refused(error: BaseException) -> str:
    """The guard, or the words of whoever else did."""
    chain = [error]
    while (under := chain[-1].__cause__ or chain[-1].__context__) is not None and under not in chain:
        chain.append(under)
    if any(isinstance(one, EgressRefused) or "(refused at " in str(one) for one in chain):
        return "by the guard"
    told = next((one for one in reversed(chain) if isinstance(one, OSError)), error)
    return str(getattr(told, "strerror", None) or told)[:120]


def _document(confinement: Confinement | None, trials: list[Trial]) -> dict[str, Any]:
    return {
        "level": None if confinement is None else confinement.level.value,
        "reasons": [] if confinement is None else list(confinement.reasons),
        "trials": [[one.way, one.verdict.value, one.words, one.below_python] for one in trials],
    }


if __name__ == "__main__":
    sys.exit(main())
