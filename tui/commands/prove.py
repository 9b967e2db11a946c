"""`duologue doctor --prove`: the ways out of this machine, tried as a confidential session is held, one line each."""

from __future__ import annotations

from typing import Any

from tui.commands.output import Output, say
from tui.exit_codes import ExitCode
from tui.proof import Proof, Trial, Verdict
from tui.proof.run import NoProof, prove
from tui.rendering.safe_text import one_line
from tui.restart import orders
from tui.settings import Settings

_CELLS = 200


def run(settings: Settings, output: Output, *, as_json: bool) -> ExitCode:
    """Print what came of each way out. Raises `OutputLost` only."""
    held = orders(settings, ())
    try:
        proof = prove(held.at_most, programs=held.programs, session_bus=held.session_bus)
    except NoProof as problem:
        say(str(problem))
        return ExitCode.INCOMPLETE
    if as_json:
        output.json(_document(proof))
    else:
        _print(proof, output)
    return ExitCode.INCOMPLETE if proof.unexpected else ExitCode.OK


def _print(proof: Proof, output: Output) -> None:
    output.line("ways out of this machine, tried by a program that is held as a confidential session is")
    width = max(len(trial.way) for trial in proof.trials)
    for trial in proof.trials:
        output.line(f"  {trial.way:{width}}  {one_line(_outcome(trial, proof), _CELLS)}")
    output.line()
    for reason in proof.reasons:
        output.line(one_line(f"A stronger level could not be had: {reason}", _CELLS))
    output.line(f"{proof.sum_in_words()} ({proof.seconds:.1f} s)")


def _outcome(trial: Trial, proof: Proof) -> str:
    words = f"{trial.verdict.value}: {trial.words}"
    if trial.verdict is not Verdict.SENT:
        return words
    return f"SENT, and should not be: {trial.words}" if trial in proof.unexpected else f"{words} (known exception)"


def _document(proof: Proof) -> dict[str, Any]:
    return {
        "level": None if proof.level is None else proof.level.value,
        "reasons": list(proof.reasons),
        "seconds": round(proof.seconds, 2),
        "sum": proof.sum_in_words(),
        "ways": [
            {
                "way": trial.way,
                "verdict": trial.verdict.value,
                "words": trial.words,
                "below_python": trial.below_python,
                "expected": trial not in proof.unexpected,
            }
            for trial in proof.trials
        ],
    }
