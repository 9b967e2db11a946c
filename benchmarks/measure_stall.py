"""A terminal that takes nothing for four seconds while two answers stream: does the program stop, is text lost?"""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from benchmarks import keys
from benchmarks.figures import median
from benchmarks.loop_probe import stops
from benchmarks.report import Row, row
from benchmarks.sample_text import Script, tokens
from benchmarks.seed_store import FILE_NAME
from benchmarks.token_server import READING_SECONDS
from benchmarks.workspace import Workspace

STOP_LIMIT = (200, 100)
STALL_SECONDS = 4.0
SCRIPT = Script("mixed", 1000, 8_000)
_BEFORE = 1.5
"""Seconds of streaming before the terminal hangs."""


def measure(workspace: Workspace, *, runs: int) -> list[Row]:
    """The longest stop while the terminal hangs and just after, what is lost, and the first echo afterwards."""
    longest: list[float] = []
    echoes: list[float] = []
    lost = 0
    for number in range(runs):
        probe = workspace.directory / f"stall-{number}.stops"
        data = workspace.new_data_directory()
        with workspace.start_ready_app(data, probe=probe) as app:
            streams = workspace.next_streams()
            start = app.written
            keys.send_prompt(app, SCRIPT.prompt)
            app.wait_for(f"zq{streams[1]}n".encode(), start=start)
            time.sleep(_BEFORE)
            begun = time.monotonic()
            app.stop_reading()
            time.sleep(STALL_SECONDS)
            app.read_on()
            ended = time.monotonic()
            echoes.append(keys.echo(app, keys.LETTERS[0]))
            seconds = SCRIPT.tokens / SCRIPT.rate + READING_SECONDS
            workspace.server.wait_for_end(streams, longest=seconds + 10)
            app.settle()
            lost += _lost(data, streams)
        longest.append(max((one.seconds for one in stops(probe) if begun < one.at < ended + 0.5), default=0) * 1000)
    note = f"{lost} characters of the answers were lost" if lost else "nothing was lost"
    return [
        row(
            f"longest stop while the terminal hangs {STALL_SECONDS:.0f} s", median(longest), "ms", STOP_LIMIT, n=runs
        ),
        row("characters lost by that", float(lost), "", (0, 0), n=runs, note=note),
        row("first key echo after that", median(echoes), "ms", n=runs),
    ]


def _lost(data: Path, streams: list[int]) -> int:
    """Characters of both answers that are not in the store."""
    database = sqlite3.connect(f"file:{data / FILE_NAME}?mode=ro", uri=True)
    try:
        kept = {text for (text,) in database.execute("SELECT text FROM replies")}
    finally:
        database.close()
    sent = ["".join(tokens(SCRIPT, stream)) for stream in streams]
    return sum(len(text) for text in sent if text not in kept)
