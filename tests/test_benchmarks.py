"""The parts of the benchmarks that can be wrong without anybody noticing. No speed is asserted here."""

from __future__ import annotations

import http.client
import json
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks import measure_carry, measure_door, page, report, sample_text, seed_store
from benchmarks.figures import median, percentile
from benchmarks.keys import LETTERS, echo
from benchmarks.loop_probe import stops
from benchmarks.pseudo_terminal import NeverSeen, PseudoTerminal
from benchmarks.report import Limit, Row
from benchmarks.sample_text import MARKER, Script
from benchmarks.server_process import ROOT, TokenServer
from benchmarks.token_server import due
from benchmarks.workspace import Workspace
from storage import Side
from storage.store import Store

ECHOING = (
    "import sys, tty; tty.setraw(0); print('ready', flush=True)\nwhile True: print(sys.stdin.read(1), flush=True)"
)


def test_percentiles_are_values_of_the_sample() -> None:
    sample = [float(number) for number in range(100, 0, -1)]
    assert percentile(sample, 0.95) == 95
    assert percentile(sample, 1) == 100
    assert percentile([3.0], 0.5) == 3
    assert percentile([], 0.5) is None


def test_a_median_leaves_out_what_is_not_known() -> None:
    assert median([4.0, None, 1.0, 2.0]) == 2
    assert median([4.0, 1.0]) == 2.5
    assert median([None]) is None


def test_tokens_are_due_at_the_rate_and_never_too_many() -> None:
    assert [due(seconds, 200, 50) for seconds in (-0.1, 0.0, 0.0049, 0.005, 0.1, 9.0)] == [0, 1, 1, 2, 21, 50]


@pytest.mark.parametrize("kind", ["prose", "mixed", "code", "table", "list"])
def test_a_script_has_its_length_and_ends_with_its_last_marker(kind: str) -> None:
    script = Script(kind, 200, 500)
    tokens = sample_text.tokens(script, stream=3)
    found = [int(number) for stream, number in MARKER.findall("".join(tokens).encode()) if stream == b"3"]
    assert len(tokens) == 500
    assert found == list(range(len(found)))
    assert tokens[-1].endswith(sample_text.marker(3, len(found) - 1))
    assert tokens == sample_text.tokens(script, stream=3), "every process makes the same text"
    assert Script.parsed(f"Please: {script.prompt}") == script


def test_no_letter_that_is_typed_stands_in_a_text() -> None:
    texts = {letter for kind in ("mixed", "code", "table") for letter in sample_text.document(kind, 5_000)}
    assert not texts & set(LETTERS)


def test_the_token_server_streams_the_script_and_remembers_when_markers_left() -> None:
    script = Script("mixed", 2_000, 200)
    with TokenServer() as server:
        begun = time.monotonic()
        text = _asked(server.port, script)
        [log] = server.wait_for_end([0], longest=10)
    markers = MARKER.findall(text.encode())
    assert text == "".join(sample_text.tokens(script, stream=0))
    assert sorted(log.departed) == [int(number) for _, number in markers]
    assert begun < log.started <= min(log.departed.values()) <= log.last <= log.disconnected < time.monotonic()
    assert log.last - log.started >= 199 / 2_000, "not before the last token is due"


def test_the_token_server_notices_when_it_is_left() -> None:
    with TokenServer() as server:
        connection = _request(server.port, Script("prose", 100, 10_000))
        connection.getresponse().read(10)
        connection.close()
        [log] = server.wait_for_end([0], longest=10)
    assert log.disconnected
    assert not log.last


def test_a_program_in_a_pseudo_terminal_echoes_and_is_killed(tmp_path: Path) -> None:
    with PseudoTerminal([sys.executable, "-c", ECHOING], {}, tmp_path) as program:
        program.wait_for(b"ready")
        assert 0 < echo(program, LETTERS[0]) < 5_000
        assert program.memory_mb() > 1
        with pytest.raises(NeverSeen, match="never comes"):
            program.wait_for(b"it never comes", longest=0.1)
        assert program.running
    assert not program.running


def test_a_program_that_ends_is_not_waited_for(tmp_path: Path) -> None:
    with PseudoTerminal([sys.executable, "-c", "print('bye')"], {}, tmp_path) as program:
        begun = time.monotonic()
        with pytest.raises(NeverSeen, match="bye"):
            program.wait_for(b"hello", longest=60)
    assert time.monotonic() - begun < 30


def test_the_probe_notes_when_the_loop_stood_still(tmp_path: Path) -> None:
    probe = tmp_path / "stops"
    code = (
        "import asyncio, time; from io import FileIO; from benchmarks.loop_probe import _Policy\n"
        f"asyncio.set_event_loop_policy(_Policy(FileIO({str(probe)!r}, 'a')))\n"
        "async def main(): await asyncio.sleep(0.05); time.sleep(0.3); await asyncio.sleep(0.05)\n"
        "asyncio.run(main()); print('over')"
    )
    with PseudoTerminal([sys.executable, "-c", code], {}, ROOT) as program:
        program.wait_for(b"over")
    longest = max(stops(probe), key=lambda stop: stop.seconds)
    assert 0.25 < longest.seconds < 5
    assert longest.cpu < 0.1, "it slept, it did not work"


def test_a_seeded_store_is_one_that_the_program_can_read(tmp_path: Path) -> None:
    seed_store.seed(tmp_path, 5, left="demo:", right="demo:")
    store = Store.open(tmp_path / seed_store.FILE_NAME, read_only=True)
    try:
        [summary] = store.sessions()
        sizes = store.turn_sizes(summary.session.id)
        last = store.turn(sizes[-1].id)
        assert store.problems(thorough=True) == []
    finally:
        store.close()
    assert summary.turns == 5
    left = last.latest(Side.LEFT)
    assert left is not None
    assert len(left.text) == sizes[-1].left
    assert left.text.endswith(seed_store.LAST_WORD)
    with closing(sqlite3.connect(tmp_path / seed_store.FILE_NAME)) as database:
        assert database.execute("SELECT count(*) FROM replies").fetchone() == (10,)


def test_the_page_says_what_was_missed_and_what_was_not_measured(tmp_path: Path) -> None:
    rows = [
        Row("quick & good", 9.0, "ms", Limit(16, 10), n=80, pressure=3.0),
        Row("too slow", 1234.5, "ms", Limit(600, 480), n=4, pressure=80.0),
        Row("enough", 12.0, "ms", Limit(16, 10), pressure=90.0),
        Row("unknown", None, "s", Limit(1, 0.5), note="the last token was not drawn"),
    ]
    page.write(tmp_path, rows, command="python -m benchmarks", minutes=3)
    text = (tmp_path / page.PAGE).read_text(encoding="utf-8")
    assert "| quick & good | 9 ms | 16 ms | 10 ms | stretch | 80 | 3 % |  |" in text
    assert "| too slow | 1,234 ms | 600 ms | 480 ms | **missed** | 4 | 80 % |  |" in text
    assert "| unknown |  | 1 s | 0.5 s | not measured |  |  | the last token was not drawn |" in text
    assert "`python -m benchmarks`" in text
    assert "busy with other work" in text
    drawing = (tmp_path / page.CHART).read_text(encoding="utf-8")
    assert [drawing.count(f'class="{name}" x=') for name in ("stretch", "reached", "missed")] == [1, 1, 1]
    assert "quick &amp; good" in drawing


def test_a_verdict_is_made_at_the_limit_itself() -> None:
    assert report.verdict(Row("at", 600, "ms", Limit(600, 480))) == "must"
    assert report.verdict(Row("at", 480, "ms", Limit(600, 480))) == "stretch"
    assert report.verdict(Row("free", 480, "ms")) == ""


def _request(port: int, script: Script) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(
        "POST", "/v1/chat/completions", json.dumps({"messages": [{"role": "user", "content": script.prompt}]})
    )
    return connection


def _asked(port: int, script: Script) -> str:
    """The text of a whole stream."""
    connection = _request(port, script)
    lines = connection.getresponse().read().decode().split("\n\n")
    connection.close()
    chunks = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: {")]
    return "".join(choice["delta"].get("content", "") for chunk in chunks for choice in chunk["choices"])


def test_the_door_is_measured_beside_plain_httpx_in_one_run() -> None:
    rows = {row.what: row.value for row in measure_door.measure(batches=2)}
    assert len(rows) == 5
    assert all(value is not None and value > 0 for value in rows.values())


def test_what_is_carried_is_measured_in_its_own_process(tmp_path: Path) -> None:
    with TokenServer() as server:
        rows = measure_carry.measure(Workspace(tmp_path, server), 40)
    assert [row.unit for row in rows] == ["s", "MB", "s", "MB"]
    assert all(row.value is not None and row.value > 0 for row in rows)
    assert list(tmp_path.iterdir()) == []
