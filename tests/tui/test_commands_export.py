"""`duologue sessions export` and `import`: the real program, real files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from storage import Side
from storage.store import Store
from tests.tui.keyring_program import KeyringProgram, keyring_program
from tests.tui.program import Program, json_of
from tests.tui.test_commands_sessions import BORN, asked
from tui.exit_codes import ExitCode


@pytest.fixture
def vaulted(tmp_path: Path) -> Iterator[KeyringProgram]:
    """A program with a keyring, so that it can have a vault."""
    with keyring_program(tmp_path, TZ="UTC") as program:
        yield program


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path, TZ="UTC")


@pytest.fixture
def store(program: Program) -> Iterator[Store]:
    with closing(Store.open(program.data / "duologue.db")) as store:
        yield store


def test_everything_goes_into_one_file_and_comes_back_once(program: Program, store: Store, tmp_path: Path) -> None:
    asked(store, "What is clause 7?")
    secret = asked(store, "A secret", confidential=True)
    file, other = tmp_path / "all.json", Program(tmp_path / "other", TZ="UTC")

    out = program.run("sessions", "export", "--all", "-o", str(file))
    first = other.run("sessions", "import", str(file), "--json")
    second = other.run("sessions", "import", str(file))

    assert out.code == first.code == second.code == ExitCode.OK
    assert "confidential" not in out.err
    assert secret not in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    assert json_of(first)["sessions"] == 1
    assert second.out == "0 sessions with 0 turns imported (duologue json); 1 were here already.\n"
    assert other.run("search", "clause").code == ExitCode.OK
    again = other.run("sessions", "export", "--all", "--format", "json")
    assert again.out == file.read_text()


@pytest.mark.secret_service
def test_a_confidential_session_is_exported_only_when_that_is_said(vaulted: KeyringProgram) -> None:
    store = Store.open(vaulted.data / "duologue.db")
    secret = asked(store, "A secret", confidential=True)

    refused = vaulted.run("sessions", "export", secret)
    agreed = vaulted.run("sessions", "export", secret, "--confidential")

    assert (refused.code, refused.out) == (ExitCode.USAGE, "")
    assert "CONFIDENTIAL since" in agreed.out


def test_a_file_that_exists_stays_unless_it_may_be_replaced(program: Program, store: Store, tmp_path: Path) -> None:
    session, file = asked(store, "Why?"), tmp_path / "mine.html"
    file.write_text("mine")

    refused = program.run("sessions", "export", session, "-o", str(file))
    kept = file.read_text()
    replaced = program.run("sessions", "export", session, "-o", str(file), "--force")

    assert (refused.code, kept) == (ExitCode.USAGE, "mine")
    assert replaced.code == ExitCode.OK
    assert file.read_text().startswith("<!doctype html>")
    assert [each.name for each in tmp_path.iterdir() if each.name.endswith(".part")] == []


@pytest.mark.parametrize(
    "title", ["../../x", "CON", "/etc/passwd", "a\x00b\x1b[31m", "-rf", "", "x" * 500, "日本" * 100]
)
def test_a_title_never_leads_out_of_the_folder(program: Program, store: Store, tmp_path: Path, title: str) -> None:
    store.rename_session(asked(store, "Why?"), title)
    folder = tmp_path / "out"
    folder.mkdir()

    ended = program.run("sessions", "export", "--all", "-o", str(folder), "--format", "text")

    assert ended.code == ExitCode.OK, ended.err
    (made,) = folder.iterdir()
    assert made.name.endswith(".txt")
    assert not made.name.startswith((".", "-"))
    assert len(made.name.encode()) < 120


def test_one_turn_goes_to_standard_output(program: Program, store: Store) -> None:
    session = asked(store, "First?")
    store.open_turn(session, "Second?", BORN, [])

    ended = program.run("sessions", "export", session, "--turn", "2", "--format", "text")
    none = program.run("sessions", "export", session, "--turn", "3")

    assert "Second?" in ended.out
    assert "First?" not in ended.out.partition("QUESTION")[2]
    assert (none.code, none.out) == (ExitCode.USAGE, "")


def test_what_is_no_export_ends_with_one_line(program: Program, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("Dear diary")

    ended = program.run("sessions", "import", str(tmp_path / "x"))

    assert (ended.code, ended.out, ended.err.count("\n")) == (ExitCode.USAGE, "", 1)


def test_the_sides_are_both_there_in_every_form(program: Program, store: Store) -> None:
    session = asked(store, "Why?")
    assert store.turns(session)[0].latest(Side.RIGHT) is not None

    for form in ("md", "html", "json", "jsonl", "text"):
        out = program.run("sessions", "export", session, "--format", form).out
        assert "The left answer." in out, form
        assert "Nobody answers." in out, form


@pytest.mark.secret_service
def test_a_confidential_session_comes_in_only_when_that_is_said(vaulted: KeyringProgram, tmp_path: Path) -> None:
    store = Store.open(vaulted.data / "duologue.db")
    secret, file = asked(store, "A secret", confidential=True), tmp_path / "secret.json"
    assert vaulted.run("sessions", "export", secret, "--confidential", "-o", str(file)).code == ExitCode.OK
    other = KeyringProgram(tmp_path / "other", vaulted.service, TZ="UTC")

    refused = other.run("sessions", "import", str(file))
    taken = other.run("sessions", "import", str(file), "--confidential")
    again = other.run("sessions", "export", secret, "--confidential", "--format", "json")

    assert refused.code == ExitCode.INCOMPLETE
    assert refused.out.startswith("0 sessions")
    assert "--confidential" in refused.err
    assert taken.code == ExitCode.OK, taken.err
    assert (again.code, again.out) == (ExitCode.OK, file.read_text())


@pytest.mark.secret_service
def test_confidential_export_and_import_see_the_vault_alone(vaulted: KeyringProgram, tmp_path: Path) -> None:
    with closing(Store.open(vaulted.data / "duologue.db")) as store:
        asked(store, "A secret", confidential=True)
        ordinary = asked(store, "The garden")
    all_secret, all_ordinary = tmp_path / "secret.jsonl", tmp_path / "ordinary.json"

    out = vaulted.run("sessions", "export", "--all", "--confidential", "-o", str(all_secret))
    again = vaulted.run("sessions", "export", "--all", "--confidential", "-o", str(all_secret))
    wrong = vaulted.run("sessions", "export", ordinary, "--confidential")
    vaulted.run("sessions", "export", "--all", "-o", str(all_ordinary))

    assert out.code == ExitCode.OK, out.err
    assert "1 session exported" in out.err
    assert (again.code, again.err.count("\n")) == (ExitCode.USAGE, 1)
    assert (wrong.code, wrong.out) == (ExitCode.USAGE, "")
    assert "leave it out for an ordinary one" in wrong.err
    assert "The garden" not in all_secret.read_text()
    assert "A secret" not in all_ordinary.read_text()

    # What comes into a vault is confidential from then on, and in no ordinary file.
    other = KeyringProgram(tmp_path / "other", vaulted.service, TZ="UTC")
    taken = other.run("sessions", "import", str(all_ordinary), "--confidential")
    assert (taken.code, taken.out) == (ExitCode.OK, "1 session with 1 turn imported (duologue json).\n")
    with other.opened_vault() as vault:
        assert [vault.session(each).confidential for each in vault.session_ids()] == [True]
    assert not (other.data / "duologue.db").exists()
    assert b"garden" not in other.vault.read_bytes()
