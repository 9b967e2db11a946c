"""To be run in the box: prints what trying the ways out shows at one level, named by its value, or "none"."""

from __future__ import annotations

import json
import sys

from tui.confinement.levels import Level
from tui.proof.run import prove


def main() -> None:
    # The program that runs the embedded engine may be started by a confidential process.
    proof = prove(None if sys.argv[1] == "none" else Level(sys.argv[1]), programs=frozenset({sys.executable}))
    trials = {trial.way: [trial.verdict.value, trial.words, trial.below_python] for trial in proof.trials}
    print(json.dumps([proof.level and proof.level.value, trials, proof.sum_in_words()]))


if __name__ == "__main__":
    main()
