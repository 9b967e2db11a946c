from __future__ import annotations

import statistics
from pathlib import Path

from tests.storage import crash


def test_killed_programs_keep_their_promises(tmp_path: Path) -> None:
    kept = crash.run(tmp_path, kills=30, seed=1)
    assert kept.kills == 30
    assert kept.prompts > 20
    assert kept.settled > 5
    # The flush, its commit, and a second for a machine that is busy with other things; the median tells that there
    # is a flush at all: without one, half of the answers would lose more.
    assert max(kept.lost_seconds) < crash.FLUSH_SECONDS + 1
    assert statistics.median(kept.lost_seconds) < crash.FLUSH_SECONDS + 0.06
