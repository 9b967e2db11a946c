"""The crash test for as long as one likes: `python -m tests.storage --kills 500`."""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

from tests.storage import crash


def main() -> None:
    """Print what was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        kept = crash.run(Path(folder), asked.kills, asked.seed)
    lost = kept.lost_seconds
    print(f"{kept.kills} kills; {kept.prompts} prompts and {kept.settled} settled replies, all there")
    print(f"lost of {len(lost)} open replies: median {statistics.median(lost):.3f} s, worst {max(lost):.3f} s")


if __name__ == "__main__":
    main()
