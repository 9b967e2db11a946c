"""`duologue sessions`: what was saved, read back by the real program."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storage import NewReply, Outcome, Receipt, Settlement, Side
from storage.store import Store
from tests.tui.keyring_program import keyring_program
from tests.tui.program import Program, json_of
from tui.exit_codes import ExitCode

BORN = datetime(2026, 11, 22, 14, 2, tzinfo=UTC)
CLAUDE, LOCAL = "claude:claude-sonnet-5-5", "ollama:llama3.1:8b"


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path, TZ="UTC")


@pytest.fixture
def store(program: Program) -> Iterator[Store]:
    with closing(Store.open(program.data / "duologue.db")) as store:
        yield store


def asked(store: Store, prompt: str, *, confidential: bool = False, at: datetime = BORN) -> str:
    """A session of one turn: the left side answered, the right one failed; its id."""
    session = store.create_session(left=CLAUDE, right=LOCAL, created=at)
    turn = store.open_turn(session.id, prompt, at, [NewReply(Side.LEFT, CLAUDE), NewReply(Side.RIGHT, LOCAL)])
    left, right = turn.replies
    store.append_parts([(left.id, "The left answer.", "")])
    receipt = Receipt(first_token_s=0.6, total_s=2.6, output_tokens=168, cost_usd=0.0042)
    store.settle_reply(
        left.id, Settlement(Outcome.COMPLETE, at, served_model="sonnet", locality="cloud", receipt=receipt)
    )
    store.settle_reply(right.id, Settlement(Outcome.FAILED, at, error="Nobody answers.", error_kind="unreachable"))
    if confidential:
        store.mark_confidential(session.id, at)
    return session.id


def test_nothing_saved_is_not_an_error(program: Program) -> None:
    plain, document = program.run("sessions", "list"), program.run("sessions", "list", "--json")

    assert (plain.code, plain.out) == (ExitCode.OK, "No sessions are saved yet.\n")
    assert json_of(document) == {"sessions": [], "total": 0}
    assert not program.data.exists()


def test_list_has_the_last_used_first_and_nothing_that_waits_for_the_vault(program: Program, store: Store) -> None:
    ordinary = asked(store, "What is clause 7?\nMore lines.")
    newer = asked(store, "Another", at=BORN + timedelta(days=1))
    secret = asked(store, "A secret", confidential=True, at=BORN + timedelta(days=2))

    ended = program.run("sessions", "list")

    assert (ended.code, ended.err) == (ExitCode.OK, "")
    first, second = ended.out.splitlines()
    assert first.startswith(f"{newer[:12]}  2026-11-23 14:02  Another  ")
    assert secret not in ended.out
    assert second == (
        f"{ordinary[:12]}  2026-11-22 14:02  What is clause 7?  [Claude sonnet-5.5 | llama3.1:8b]  "
        "1 turn, $0.0042, 1 not whole"
    )


def test_limit_says_that_there_are_more(program: Program, store: Store) -> None:
    for number in range(3):
        asked(store, f"Question {number}", at=BORN + timedelta(minutes=number))

    ended = program.run("sessions", "list", "--limit", "2")

    assert [line.split("  ")[2] for line in ended.out.splitlines()[:2]] == ["Question 2", "Question 1"]
    assert ended.out.splitlines()[2] == "2 of 3 sessions; --limit shows more."


def test_list_as_json_has_whole_ids(program: Program, store: Store) -> None:
    session = asked(store, "Ünïcode")

    (entry,) = json_of(program.run("sessions", "list", "--json"))["sessions"]

    assert (entry["id"], entry["title"], entry["confidential"]) == (session, "Ünïcode", False)
    assert (entry["turns"], entry["unhappy_replies"], entry["cost_usd"]) == (1, 1, 0.0042)


def test_session_is_shown_with_both_sides(program: Program, store: Store) -> None:
    session = asked(store, "What is clause 7?\n\nThe text: ...")

    ended = program.run("sessions", "show", session[:11].lower())

    assert (ended.code, ended.err) == (ExitCode.OK, "")
    assert ended.out == (
        "What is clause 7?\n"
        f"{session} · 2026-11-22 14:02 · Claude sonnet-5.5 | llama3.1:8b\n"
        "\n"
        "Question 1, 2026-11-22 14:02:\n"
        "What is clause 7?\n\nThe text: ...\n"
        "\n"
        "Claude (claude-sonnet-5-5, cloud):\n"
        "The left answer.\n"
        "0.6 s · 84 tok/s · 168 tok · $0.0042\n"
        "\n"
        "ollama (llama3.1:8b):\n"
        "Nobody answers.\n"
        "failed\n"
    )


@pytest.mark.secret_service
def test_what_had_left_before_the_latch_stays_said(tmp_path: Path) -> None:
    with keyring_program(tmp_path, TZ="UTC") as program:
        with closing(Store.open(program.data / "duologue.db")) as store:
            session = asked(store, "A secret", confidential=True)

        ordinary = program.run("sessions", "show", session)
        ended = program.run("sessions", "show", session, "--confidential")

    assert ordinary.code == ExitCode.USAGE
    assert f"duologue --confidential --session {session}" in ordinary.err
    assert "CONFIDENTIAL since 2026-11-22 14:02\n1 earlier turn was sent to a cloud.\n" in ended.out


def test_demo_answers_are_labelled(program: Program, store: Store) -> None:
    session = store.create_session(left="demo:chat", right=None, created=BORN)
    turn = store.open_turn(session.id, "hi", BORN, [NewReply(Side.LEFT, "demo:chat")])
    store.settle_reply(turn.replies[0].id, Settlement(Outcome.COMPLETE, BORN, locality="this machine"))

    shown, document = (
        program.run("sessions", "show", session.id),
        program.run("sessions", "show", session.id, "--json"),
    )

    assert "DEMO (built-in model, this machine):\nDEMO\n" in shown.out
    (turn_document,) = json_of(document)["turns"]
    assert turn_document["sides"]["left"]["demo"] is True
    assert turn_document["sides"]["right"] is None


def test_variants_and_adoption_are_in_the_document(program: Program, store: Store) -> None:
    session = asked(store, "Again?")
    (turn,) = store.turns(session)
    retried = store.open_variant(turn.id, NewReply(Side.RIGHT, LOCAL), BORN)
    store.append_parts([(retried.id, "Better now.", "hmm")])
    store.settle_reply(retried.id, Settlement(Outcome.COMPLETE, BORN, locality="this machine"))
    store.adopt(turn.id, retried.id)

    (document,) = json_of(program.run("sessions", "show", session, "--json"))["turns"]
    shown = program.run("sessions", "show", session)

    right = document["sides"]["right"]
    assert (right["variant"], right["text"], right["thinking"]) == (2, "Better now.", "hmm")
    assert [reply["outcome"] for reply in document["earlier_variants"]["right"]] == ["failed"]
    assert document["adopted"] == "right"
    assert "Better now.\n‹ 2/2 ›\nadopted on both sides\n" in shown.out  # noqa: RUF001 - the sign that the screen has


def test_same_beginning_of_two_ids_is_told(program: Program, store: Store) -> None:
    asked(store, "one")
    asked(store, "two")

    ended = program.run("sessions", "show", "01")

    assert (ended.code, ended.out) == (ExitCode.USAGE, "")
    assert "More than one session" in ended.err


def test_damaged_store_is_told_in_one_line(program: Program) -> None:
    program.data.mkdir()
    (program.data / "duologue.db").write_bytes(b"not a database at all" * 100)

    ended = program.run("sessions", "list")

    assert (ended.code, ended.out) == (ExitCode.STORE, "")
    assert ended.err.count("\n") == 1


def test_reader_that_goes_away_ends_the_program_silently(program: Program, store: Store) -> None:
    session = store.create_session(left=CLAUDE, right=None, created=BORN)
    store.open_turn(session.id, "x" * 1_000_000, BORN, [])

    with program.start("sessions", "show", session.id) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        complaints = process.stderr.read()
        code = process.wait()

    assert (code, complaints) == (ExitCode.OUTPUT_CLOSED, b"")


def test_disk_that_is_full_is_told(program: Program, store: Store) -> None:
    asked(store, "hi")
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")

    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            program.command("sessions", "list"),
            stdout=full,
            stderr=subprocess.PIPE,
            env=dict(program.environment),
            check=False,
        )

    assert done.returncode == ExitCode.INCOMPLETE
    assert done.stderr == b"duologue: The output cannot be written: No space left on device.\n"
