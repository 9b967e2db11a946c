"""`duologue search`: words found by the real program."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storage import NewReply, Outcome, Settlement, Side
from storage.store import Store
from tests.tui.keyring_program import KeyringProgram, keyring_program
from tests.tui.program import Program, json_of
from tui.exit_codes import ExitCode

BORN = datetime(2026, 11, 22, 14, 2, tzinfo=UTC)
CLAUDE, LOCAL = "claude:claude-sonnet-5-5", "ollama:llama3.1:8b"


@pytest.fixture
def vaulted(tmp_path: Path) -> Iterator[KeyringProgram]:
    """A program with a keyring, so that it can have a vault."""
    with keyring_program(tmp_path, TZ="UTC") as program:
        yield program


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path, TZ="UTC")


@pytest.fixture
def store(program: Program) -> Store:
    return Store.open(program.data / "duologue.db")


def asked(store: Store, prompt: str, left: str, *, minutes: int = 0, confidential: bool = False) -> str:
    at = BORN + timedelta(minutes=minutes)
    session = store.create_session(left=CLAUDE, right=LOCAL, created=at, confidential=confidential)
    turn = store.open_turn(session.id, prompt, at, [NewReply(Side.LEFT, CLAUDE)])
    store.append_parts([(turn.replies[0].id, left, "a hidden thought")])
    store.settle_reply(turn.replies[0].id, Settlement(Outcome.COMPLETE, at))
    while store.index_step():
        pass
    return session.id


def test_places_are_printed_one_per_line(program: Program, store: Store) -> None:
    session = asked(store, "What does the lease say?", "The tenant\n\nmust \x1b[31m repair.")

    ended = program.run("search", "tenant", "rep")

    assert (ended.code, ended.err) == (ExitCode.OK, "")
    assert ended.out == f"{session[:12]}  2026-11-22 14:02  turn 1, left: The tenant must \u241b[31m repair.\n"
    assert program.run("sessions", "show", session[:12]).code == ExitCode.OK


def test_nothing_found_is_told_and_has_its_own_exit_code(program: Program, store: Store) -> None:
    asked(store, "What?", "That.")

    ended, document = program.run("search", "absent"), program.run("search", "absent", "--json")

    assert (ended.code, ended.out) == (ExitCode.INCOMPLETE, "Nothing was found.\n")
    assert document.code == ExitCode.INCOMPLETE
    assert json_of(document) == {"hits": [], "more": False, "unindexed_turns": 0}


def test_nothing_saved_finds_nothing_and_makes_nothing(program: Program) -> None:
    ended = program.run("search", "word")

    assert (ended.code, ended.out) == (ExitCode.INCOMPLETE, "Nothing was found.\n")
    assert not program.data.exists()


@pytest.mark.secret_service
def test_confidential_sessions_and_thoughts_are_found_when_asked_for(vaulted: KeyringProgram) -> None:
    store = Store.open(vaulted.data / "duologue.db")
    asked(store, "A secret", "Whispered.", confidential=True)

    assert vaulted.run("search", "whispered").code == ExitCode.INCOMPLETE
    ended = vaulted.run("search", "-", "--confidential", piped=b"whispered")
    assert "CONFIDENTIAL  turn 1, left: Whispered." in ended.out
    assert vaulted.run("search", "-", "--confidential", piped=b"hidden").code == ExitCode.INCOMPLETE
    assert "a hidden thought" in vaulted.run("search", "-", "--confidential", "--thinking", piped=b"hidden").out


@pytest.mark.parametrize(
    "command",
    [
        ("search", "whispered"),
        ("sessions", "list", "whispered"),
        ("sessions", "rename", "01J", "whispered"),
        ("sessions", "tag", "01J", "whispered"),
        ("ask", "whispered"),
    ],
)
def test_words_of_confidential_sessions_are_not_taken_from_the_command_line(
    program: Program, command: tuple[str, ...]
) -> None:
    ended = program.run(*command, "--confidential")
    assert ended.code == ExitCode.USAGE
    assert "is not taken from the command line: other users of this machine" in ended.err
    assert f"duologue {' '.join(command[:2]) if command[0] == 'sessions' else command[0]} --confidential" in ended.err
    assert "whispered" not in ended.err
    assert not program.data.exists()


@pytest.mark.secret_service
def test_a_confidential_session_is_renamed_and_tagged_from_standard_input(vaulted: KeyringProgram) -> None:
    store = Store.open(vaulted.data / "duologue.db")
    session = asked(store, "A secret", "Whispered.", confidential=True)
    renamed = vaulted.run("sessions", "rename", session[:12], "-", "--confidential", piped=b"Other words\n")
    tagged = vaulted.run("sessions", "tag", session[:12], "-", "--confidential", piped=b"law\nlease")
    assert (renamed.code, tagged.code) == (ExitCode.OK, ExitCode.OK), renamed.err + tagged.err
    with vaulted.opened_vault() as vault:
        assert vault.session(session).title == "Other words"
        assert sorted(vault.summary(session).tags) == ["law", "lease"]


def test_document_says_where_the_words_are(program: Program, store: Store) -> None:
    session = asked(store, "Ünïcode question", "An answer.")

    (hit,) = json_of(program.run("search", "unicode", "--json"))["hits"]

    assert hit == {
        "session": session,
        "title": "Ünïcode question",
        "turn": 1,
        "where": "prompt",
        "model": None,
        "asked": "2026-11-22T14:02:00+00:00",
        "confidential": False,
        "snippet": "Ünïcode question",
        "found": [[0, 7]],
    }


def test_limit_says_that_there_are_more(program: Program, store: Store) -> None:
    for number in range(3):
        asked(store, f"Question {number}", "Hm.", minutes=number)

    ended = program.run("search", "question", "--limit", "2")

    assert len(ended.out.splitlines()) == 3
    assert ended.out.endswith("There are more than 2 places; --limit shows more.\n")


@pytest.mark.parametrize("query", ['"', "AND", "(", "🙂", "NEAR(a b)", "* *", "a:b"])
def test_no_query_is_a_mistake(program: Program, store: Store, query: str) -> None:
    asked(store, "What?", "That.")

    ended = program.run("search", query)

    assert (ended.code, ended.err) == (ExitCode.INCOMPLETE, "")


def test_a_word_with_a_minus_needs_the_usual_separator(program: Program, store: Store) -> None:
    asked(store, "What about rent?", "Much.")

    assert program.run("search", "rent", "-much").code == ExitCode.USAGE
    assert program.run("search", "--", "-about", "much").out.count("left: Much.") == 1


def test_an_index_that_is_not_built_yet_is_told(program: Program, store: Store) -> None:
    asked(store, "What?", "That.")
    with store._db.transaction():
        store._db.write("UPDATE search_state SET unfilled = 1")

    ended = program.run("search", "what")

    assert ended.code == ExitCode.OK
    assert "index is still being built: 1 older turn" in ended.err
    assert ended.err.count("\n") == 1


def test_found_words_stand_out_in_a_terminal_alone(program: Program, store: Store) -> None:
    asked(store, "What about rent?", "Much.")

    master, slave = os.openpty()
    process = subprocess.Popen(program.command("search", "rent"), stdout=slave, env=program.environment)
    os.close(slave)
    shown = b""
    while b"?" not in shown:
        shown += os.read(master, 4096)
    process.wait()
    os.close(master)

    assert b"about \x1b[1mrent\x1b[22m?" in shown
    assert "\x1b" not in program.run("search", "rent").out
