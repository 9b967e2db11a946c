"""Percentiles and medians of small samples. All figures of one sample are in one unit."""

from __future__ import annotations

import math
from collections.abc import Sequence


def percentile(sample: Sequence[float], share: float) -> float | None:
    """The smallest value that `share` (0 to 1) of the sample does not exceed (nearest rank); None if it is empty."""
    if not sample:
        return None
    rank = max(1, math.ceil(share * len(sample)))
    return sorted(sample)[rank - 1]


def median(sample: Sequence[float | None]) -> float | None:
    """The middle of what is known; None when nothing is."""
    known = sorted(value for value in sample if value is not None)
    if not known:
        return None
    middle = len(known) // 2
    return known[middle] if len(known) % 2 else (known[middle - 1] + known[middle]) / 2
