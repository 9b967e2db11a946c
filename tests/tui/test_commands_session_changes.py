"""`duologue sessions`: putting what was saved in order, by the real program."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from storage import NewReply, Session, Side
from storage.errors import NotFound
from storage.session_filter import SessionFilter
from storage.store import Store
from tests.tui.program import Program, json_of
from tui.exit_codes import ExitCode

BORN = datetime(2026, 11, 22, 14, 2, tzinfo=UTC)


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path, TZ="UTC")


@pytest.fixture
def store(program: Program) -> Iterator[Store]:
    with closing(Store.open(program.data / "duologue.db")) as store:
        yield store


@pytest.fixture
def session(store: Store) -> Session:
    made = store.create_session(left="demo:", right=None, created=BORN)
    store.open_turn(made.id, "What is clause 7?", BORN, [NewReply(Side.LEFT, "demo:")])
    return store.session(made.id)


def test_a_session_is_renamed_starred_and_tagged(program: Program, store: Store, session: Session) -> None:
    assert program.run("sessions", "rename", session.id, "Lease,", "second", "draft").code == ExitCode.OK
    assert program.run("sessions", "star", session.id[:14].lower()).code == ExitCode.OK
    tagged = program.run("sessions", "tag", session.id, "#Law", "to do")
    assert "law to-do" in tagged.out
    assert program.run("sessions", "tag", session.id, "--remove", "to-do").code == ExitCode.OK

    assert store.session(session.id).title == "Lease, second draft"
    assert store.session(session.id).starred
    assert store.summary(session.id).tags == ("law",)
    listed = json_of(program.run("sessions", "list", "tag:law", "is:starred", "--json"))
    assert [row["title"] for row in listed["sessions"]] == ["Lease, second draft"]
    assert listed["sessions"][0]["tags"] == ["law"]
    nothing = program.run("sessions", "list", "tag:work")
    assert nothing.out == "No session matches tag:work.\n"


def test_a_session_is_found_by_what_was_said_in_it(program: Program, store: Store, session: Session) -> None:
    store.rename_session(session.id, "Lease")
    while store.index_step():
        pass
    assert "Lease" in program.run("sessions", "list", "clause").out


def test_a_deleted_session_comes_back_until_the_bin_is_emptied(
    program: Program, store: Store, session: Session
) -> None:
    assert "restore" in program.run("sessions", "delete", session.id).out
    assert program.run("sessions", "show", session.id).code == ExitCode.USAGE
    assert "What is clause 7?" in program.run("sessions", "list", "is:deleted").out
    assert program.run("sessions", "restore", session.id).code == ExitCode.OK
    assert store.session(session.id).deleted is None

    assert program.run("sessions", "empty-bin").out == "The bin is empty.\n"
    program.run("sessions", "delete", session.id)
    unasked = program.run("sessions", "empty-bin")
    assert (unasked.code, store.count_sessions(SessionFilter(shelf="bin"))) == (ExitCode.USAGE, 1)
    assert program.run("sessions", "empty-bin", "--yes").out == "1 session deleted for good.\n"
    with pytest.raises(NotFound):
        store.session(session.id)
    assert program.run("sessions", "restore", session.id).code == ExitCode.USAGE


def test_a_slip_in_one_of_several_changes_none(program: Program, store: Store, session: Session) -> None:
    ended = program.run("sessions", "delete", session.id, "NOSUCH")
    assert ended.code == ExitCode.USAGE
    assert "NOSUCH" in ended.err
    assert store.session(session.id).deleted is None


def test_archived_sessions_leave_the_list(program: Program, session: Session) -> None:
    assert program.run("sessions", "archive", session.id).code == ExitCode.OK
    assert "clause" not in program.run("sessions", "list").out
    assert "clause" in program.run("sessions", "list", "is:archived").out
    assert program.run("sessions", "unarchive", session.id).code == ExitCode.OK
    assert "clause" in program.run("sessions", "list").out


@pytest.mark.parametrize("words", [("tag", "{}", "--"), ("tag", "{}", "#"), ("rename", "{}", "  "), ("star", "")])
def test_slips_are_told_in_one_line(program: Program, session: Session, words: tuple[str, ...]) -> None:
    ended = program.run("sessions", *(word.format(session.id) for word in words))
    assert ended.code == ExitCode.USAGE
    assert len(ended.err.splitlines()) == 1
