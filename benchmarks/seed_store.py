"""Writes a long conversation straight into a store: through its schema, with SQL of its own, in seconds.

The store's own way commits every prompt before it is sent, which is right for a person and slow for 100,000 turns.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.sample_text import document
from storage.rows import time_text
from storage.store import Store

TITLE = "A long history"
LAST_WORD = "zqopenedz"
"""Stands in the last answer, and nowhere else."""
FILE_NAME = "duologue.db"
_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
_LENGTHS = (120, 300, 700, 1_500)
"""Characters of the answers, by turns; 655 on average."""
_Value = str | int | None


def seed(data_directory: Path, turns: int, *, left: str, right: str, sessions: int = 1) -> None:
    """Make a database in an empty data directory that holds so many turns, both sides answered.

    They are in one session, or spread evenly over several.
    """
    path = data_directory / FILE_NAME
    store = Store.open(path)
    made = [
        store.create_session(
            left=left,
            right=right,
            created=_BEGIN + timedelta(minutes=number),
            title=f"{TITLE} {number + 1}" if number else TITLE,
        ).id
        for number in range(sessions)
    ]
    store.close()
    answers = [document("mixed", length)[:length] for length in _LENGTHS]
    database = sqlite3.connect(path, isolation_level=None)
    try:
        database.execute("BEGIN")
        database.executemany(
            "INSERT INTO turns (id, session_id, seq, prompt, prompt_chars, asked) VALUES (?, ?, ?, ?, ?, ?)",
            _turns(made, turns),
        )
        database.executemany(
            "INSERT INTO replies (turn_id, side, variant, model, outcome, started, ended, text, text_chars, locality,"
            " first_token_s, total_s, output_tokens) VALUES (?, ?, 1, ?, 'complete', ?, ?, ?, ?, 'this machine', 0.5,"
            " 4.0, 200)",
            _replies(turns, answers, {"left": left, "right": right}),
        )
        database.execute("COMMIT")
    finally:
        database.close()


def _turns(sessions: list[str], count: int) -> Iterator[tuple[_Value, ...]]:
    for number in range(1, count + 1):
        place, at = divmod(number - 1, len(sessions))
        prompt = f"Question {number}: what does the contract say about the garden, and by when?"
        yield number, sessions[at], place + 1, prompt, len(prompt), _time(number)


def _replies(count: int, answers: list[str], models: dict[str, str]) -> Iterator[tuple[_Value, ...]]:
    for number in range(1, count + 1):
        for at, (side, model) in enumerate(models.items()):
            text = answers[(number + at) % len(answers)]
            if number == count:
                text = f"{text}\n\n{LAST_WORD}"
            yield number, side, model, _time(number), _time(number), text, len(text)


def _time(number: int) -> str:
    return time_text(_BEGIN + timedelta(seconds=10 * number))
