"""The promise itself: 300 confidential turns at each level, with all that is known set against them, and silence.

That the box sees a leak, and that the libraries' defaults do leak here, is in `test_box.py`; that it sees one from
inside a confidential process's own layers, in `test_proof.py`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests import netbox
from tests.netbox.confidential_turns import EVERY
from tests.netbox.hostile_surroundings import POISONED_HOSTS
from tui.confinement.levels import Level

CANARY = "the-canary-of-a-client-8c1d"
TYPED, BY_THE_ENGINE = 28, 272
pytestmark = pytest.mark.timeout(300)  # about 25 s on two idle cores, all three levels together


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Mapping[Level, tuple[netbox.Seen, Path]]:
    """All three levels at once: each waits for its own terminal most of the time."""
    netbox.need_a_box()
    homes = {level: tmp_path_factory.mktemp(level.name.lower()) for level in Level}
    with ThreadPoolExecutor(len(homes)) as pool:
        under_way = {level: pool.submit(run, level, home) for level, home in homes.items()}
        return {level: (future.result(), homes[level]) for level, future in under_way.items()}


def run(level: Level, home: Path) -> netbox.Seen:
    numbers = (str(TYPED), str(BY_THE_ENGINE))
    return netbox.run(
        [sys.executable, "-m", "tests.netbox.confidential_turns", level.value, CANARY, *numbers, str(home)],
        environment={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(netbox.PROJECT)},
        canaries=[CANARY],
        hosts=POISONED_HOSTS,
        seconds=200.0,
    )


@pytest.mark.parametrize("level", Level)
def test_three_hundred_hostile_turns_send_no_packet_and_ask_no_name(
    level: Level, runs: Mapping[Level, tuple[netbox.Seen, Path]]
) -> None:
    seen, home = runs[level]
    assert seen.code == 0, seen.err[-3000:]
    assert seen.silent, (seen.packets, seen.names, seen.requests)
    assert not seen.sightings[CANARY]
    counted: dict[str, Any] = json.loads(seen.out)
    each = TYPED + BY_THE_ENGINE // 2  # those that were typed went to both sides
    assert counted["asked"] == {"left": each, "right": each}

    ledger = counted["ledger"]
    assert ledger["level"] == level.value
    redirected = 2 * (each // EVERY - TYPED // EVERY)
    assert ledger["outcomes"] == {"complete": BY_THE_ENGINE - redirected, "failed": redirected}
    assert (ledger["sent"], ledger["received"]) == (counted["received"], counted["sent"])
    assert ledger["words"][0].startswith("0 bytes left this machine; ")
    assert not [path.name for path in home.rglob("*") if path.suffix in (".log", ".svg")]
