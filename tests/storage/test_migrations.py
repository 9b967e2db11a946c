from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from storage import files, migrations
from storage.database import Database
from storage.errors import NewerVersion, ReadOnly
from storage.migrations import STEPS
from storage.records import Outcome
from storage.store import Store
from tests.storage.processes import die_within_step, open_and_close, open_at, start
from tests.storage.samples import NOON, later

EVERY_VERSION = range(len(STEPS) + 1)

# What each version can hold, in the words of that version.
CONTENT = {
    1: """
    INSERT INTO sessions (id, title, created, updated, left_model, confidential_since, draft)
      VALUES ('01S', 'Kept', '2026-03-01T12:00:00.123Z', '2026-03-01T12:00:00.123Z', 'demo:',
              '2026-03-01T12:00:09.123Z', 'half');
    INSERT INTO turns (id, session_id, seq, prompt, prompt_chars, asked)
      VALUES (7, '01S', 1, 'Why?', 4, '2026-03-01T12:00:01.123Z');
    INSERT INTO replies (id, turn_id, side, variant, model, outcome, started, text, text_chars, cost_usd)
      VALUES (70, 7, 'left', 1, 'demo:', 'complete', '2026-03-01T12:00:01.123Z', 'Because.', 8, 0.5);
    INSERT INTO replies (id, turn_id, side, variant, model, outcome, started)
      VALUES (71, 7, 'right', 1, 'demo:', 'open', '2026-03-01T12:00:01.123Z');
    """,
    2: """
    INSERT INTO reply_parts (reply_id, text, thinking) VALUES (71, 'So ', ''), (71, 'far', 'hm');
    """,
    3: """
    INSERT INTO requests (session_id, reply_id, opened, purpose, host, port, locality, verdict, bytes_sent)
      VALUES ('01S', 70, '2026-03-01T12:00:01.123Z', 'chat', 'h', 443, 'cloud', 'done', 10);
    """,
    4: """
    INSERT INTO votes (turn_id, choice, at) VALUES (7, 'tie', '2026-03-01T12:00:09.123Z');
    INSERT INTO tags (session_id, name) VALUES ('01S', 'work');
    INSERT INTO attachments (turn_id, name, media_type, size, sha256, content) VALUES (7, 'n', 'm', 1, 's', x'00');
    """,
}


def make(path: Path, version: int) -> None:
    """A file as that version left it, with data in every table."""
    files.prepare(path)
    with closing(Database.for_writing(path)) as database:
        database.use_wal()
        for step in range(1, version + 1):
            migrations.migrate(database, STEPS[:step])
            database.connection.executescript(CONTENT.get(step, ""))


def schema(path: Path) -> list[tuple[str, str, str]]:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT type, name, coalesce(sql, '') FROM sqlite_schema ORDER BY 1, 2").fetchall()
    return [(kind, name, sql) for kind, name, sql in rows]


def version_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def assert_whole_version(path: Path, reference: Path) -> int:
    """The file is exactly what some number of steps make; returns that number."""
    version = version_of(path)
    expected = reference / f"{version}.db"
    if not expected.exists():
        files.prepare(expected)
        with closing(Database.for_writing(expected)) as database:
            migrations.migrate(database, STEPS[:version])
    assert schema(path) == schema(expected)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    return version


@pytest.mark.parametrize("version", EVERY_VERSION)
def test_every_version_is_brought_up_to_date_with_its_data(path: Path, tmp_path: Path, version: int) -> None:
    make(path, version)
    assert version_of(path) == version
    with closing(Store.open(path)) as store:
        assert store.schema_version() == len(STEPS)
        assert store.problems(thorough=True) == []
        if version:
            assert store.repair_open_replies(NOON) == 1
            session = store.session("01S")
            (turn,) = store.turns(session.id)
            assert (session.title, session.draft, session.confidential_since) == ("Kept", "half", later(9))
            assert [reply.text for reply in turn.replies] == ["Because.", "So far" if version > 1 else ""]
            assert turn.replies[1].outcome is Outcome.INTERRUPTED
            assert store.summary("01S").cost_usd == 0.5
            assert len(store.requests("01S")) == (version > 2)
            assert store._db.number("SELECT count(*) FROM tags") == (version > 3)
    assert assert_whole_version(path, tmp_path) == len(STEPS)


def test_a_new_file_walks_the_same_steps_as_an_old_one(path: Path, tmp_path: Path) -> None:
    open_and_close(path)
    old = tmp_path / "old.db"
    make(old, 1)
    open_and_close(old)
    assert schema(path) == schema(old)


def test_every_table_is_strict(path: Path) -> None:
    open_and_close(path)
    tables = {name: sql for kind, name, sql in schema(path) if kind == "table" and not name.startswith("sqlite_")}
    tables = {name: sql for name, sql in tables.items() if not name.startswith("search_words")}  # SQLite's own
    assert set(tables) == {
        *("sessions", "turns", "replies", "reply_parts", "requests", "attachments", "votes", "tags"),
        *("search_todo", "search_state", "arrivals", "erasing"),
    }
    assert all(sql.rstrip().endswith("STRICT") for sql in tables.values())


def test_a_failing_step_leaves_the_version_before_it(path: Path, tmp_path: Path) -> None:
    make(path, 2)

    def failing(schema: object) -> None:
        STEPS[2](schema)  # type: ignore[arg-type] # loose on purpose: the type is imported late
        raise RuntimeError("in the middle")

    with closing(Database.for_writing(path)) as database, pytest.raises(RuntimeError, match="in the middle"):
        migrations.migrate(database, (*STEPS[:2], failing, *STEPS[3:]))
    assert assert_whole_version(path, tmp_path) == 2


@pytest.mark.parametrize("step", range(len(STEPS)))
def test_a_program_killed_within_a_step_leaves_the_version_before_it(path: Path, tmp_path: Path, step: int) -> None:
    make(path, min(step, 1))
    child = start(die_within_step, path, step)
    child.join()
    assert child.exitcode == -signal.SIGKILL
    assert assert_whole_version(path, tmp_path) == step
    with closing(Store.open(path)) as store:
        assert store.schema_version() == len(STEPS)


def test_a_program_killed_at_any_moment_leaves_a_whole_version(path: Path, tmp_path: Path) -> None:
    versions = set()
    moments = random.Random(1)  # noqa: S311 - moments, not secrets
    for round_number in range(15):
        target = path.with_name(f"{round_number}.db")
        make(target, round_number % 2)
        child = start(open_and_close, target)
        time.sleep(moments.uniform(0.0, 0.06))
        child.kill()
        child.join()
        versions.add(assert_whole_version(target, tmp_path))
        with closing(Store.open(target)) as store:
            assert store.schema_version() == len(STEPS)
    assert versions <= set(EVERY_VERSION)


@pytest.mark.parametrize("attempt", range(3))
@pytest.mark.parametrize("version", [0, 1, 3])
def test_programs_that_start_at_once_make_one_whole_file(
    path: Path, tmp_path: Path, version: int, attempt: int
) -> None:
    if version:
        make(path, version)
    moment = time.monotonic() + 0.15
    children = [start(open_at, path, moment) for _ in range(3)]
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0, 0, 0]
    assert assert_whole_version(path, tmp_path) == len(STEPS)


def test_another_program_that_made_the_steps_meanwhile_is_noticed_under_the_lock(path: Path) -> None:
    make(path, 1)
    with closing(Database.for_writing(path)) as database, closing(Database.for_writing(path)) as other:

        def overtaken(schema: object) -> None:
            pytest.fail("the step was made by the other program")

        assert migrations.version(database) == 1
        migrations.migrate(other)
        with pytest.raises(NewerVersion):
            migrations.migrate(database, (STEPS[0], overtaken))


def test_an_older_file_is_not_updated_by_reading(path: Path) -> None:
    make(path, 2)
    with pytest.raises(ReadOnly, match="earlier version"):
        Store.open(path, read_only=True)
    assert version_of(path) == 2


@pytest.mark.parametrize(
    "statement", ["import storage.thread", "import storage.store; storage.store.Store.open(P).close()"]
)
def test_sqlite_utils_is_not_imported_unless_a_step_is_pending(path: Path, statement: str) -> None:
    open_and_close(path)
    code = f"import sys, pathlib; P = pathlib.Path({str(path)!r}); {statement}; print('sqlite_utils' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
