"""`duologue backup` and `duologue restore`, by the real program."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from storage import NewReply, Side
from storage.store import Store
from tests.tui.program import Program
from tui.exit_codes import ExitCode

BORN = datetime(2026, 11, 22, 14, 2, tzinfo=UTC)


def ask(program: Program, prompt: str) -> None:
    with closing(Store.open(program.data / "duologue.db")) as store:
        session = store.create_session(left="demo:", right=None, created=BORN)
        store.open_turn(session.id, prompt, BORN, [NewReply(Side.LEFT, "demo:")])


def test_a_backup_is_made_and_restored(tmp_path: Path) -> None:
    program = Program(tmp_path, TZ="UTC")
    ask(program, "What is clause 7?")
    target = tmp_path / "backup.db"

    made = program.run("backup", str(target))
    assert (made.code, made.err) == (ExitCode.OK, "")
    assert "1 session with 1 turn" in made.out
    assert "vault" in made.out
    again = program.run("backup", str(target))
    assert again.code == ExitCode.STORE
    assert "--force" in again.err
    assert program.run("backup", str(target), "--force").code == ExitCode.OK

    ask(program, "Asked since")
    unasked = program.run("restore", str(target))
    assert unasked.code == ExitCode.USAGE
    assert "Asked since" in program.run("sessions", "list").out
    restored = program.run("restore", str(target), "--yes")
    assert (restored.code, "kept in" in restored.out) == (ExitCode.OK, True)
    listed = program.run("sessions", "list").out
    assert "What is clause 7?" in listed
    assert "Asked since" not in listed


def test_what_is_no_backup_is_told_in_one_line(tmp_path: Path) -> None:
    program = Program(tmp_path, TZ="UTC")
    (tmp_path / "diary.txt").write_text("Dear diary")
    for name in ("diary.txt", "none.db"):
        ended = program.run("restore", str(tmp_path / name), "--yes")
        assert ended.code == ExitCode.STORE
        assert len(ended.err.splitlines()) == 1
