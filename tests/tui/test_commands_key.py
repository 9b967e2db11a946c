"""`duologue key` over a real Secret Service, and where there is none."""

from __future__ import annotations

import os
import pty
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backends.secret_service import SecretService, missing_programs, secret_service
from tests.tui.program import DEADLINE_SECONDS, Ended, Program
from tui.exit_codes import ExitCode

SECRET = "sk-ant-api03-" + "k3y" * 20
HOST = "api.anthropic.com"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[SecretService]:
    if missing_programs():
        pytest.skip(f"not on this machine: {missing_programs()}")
    with secret_service(tmp_path / "home") as running:
        yield running


@pytest.fixture
def program(tmp_path: Path, service: SecretService) -> Program:
    """A program that has a keyring."""
    return Program(tmp_path, **service.environment, PYTHON_KEYRING_BACKEND="keyring.backends.SecretService.Keyring")


@pytest.fixture
def bare(tmp_path: Path) -> Program:
    """A program that has no keyring."""
    return Program(tmp_path)


def is_silent_about_the_key(ended: Ended) -> bool:
    return not any(part in ended.out + ended.err for part in (SECRET, SECRET[:8], SECRET[-6:]))


@pytest.mark.secret_service
def test_key_goes_in_is_found_and_comes_out(program: Program) -> None:
    assert "no API key yet" in program.run("key", "status").out

    stored = program.run("key", "set", piped=f"  {SECRET}\n".encode())
    status = program.run("key", "status")
    deleted = program.run("key", "delete")
    again = program.run("key", "delete")

    assert (stored.code, stored.err) == (ExitCode.OK, "")
    assert "read back" in stored.out
    assert (status.code, status.out) == (ExitCode.OK, f"{HOST}: in your keyring (Secret Service)\n")
    assert "no longer in your keyring" in deleted.out
    assert "has no key" in again.out
    assert all(is_silent_about_the_key(ended) for ended in (stored, status, deleted, again))
    assert program.run("key", "status").code == ExitCode.INCOMPLETE


@pytest.mark.secret_service
def test_key_belongs_to_the_configured_host(program: Program) -> None:
    program.run("key", "set", piped=SECRET.encode())

    elsewhere = program.run("key", "status", ANTHROPIC_BASE_URL="https://gateway.example.com")

    assert elsewhere.code == ExitCode.INCOMPLETE
    assert elsewhere.out.startswith("gateway.example.com: no API key yet")


@pytest.mark.secret_service
def test_deleting_says_what_is_left(program: Program) -> None:
    program.run("key", "set", piped=SECRET.encode())

    deleted = program.run("key", "delete", ANTHROPIC_API_KEY=SECRET)

    assert "There still is one: from ANTHROPIC_API_KEY." in deleted.out


@pytest.mark.secret_service
def test_key_typed_in_a_terminal_is_not_shown(program: Program) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        program.command("key", "set"),
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
        env=dict(program.environment),
        start_new_session=True,
    ) as process:
        os.close(theirs)
        shown = b""
        while b"(not shown): " not in shown:
            shown += os.read(ours, 1024)
        os.write(ours, f"{SECRET}\n".encode())
        out, _ = process.communicate(timeout=DEADLINE_SECONDS)
        shown += _rest(ours)

    assert process.returncode == ExitCode.OK
    assert b"read back" in out
    assert SECRET.encode() not in shown + out


def _rest(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # the other side has closed, and nothing is left
        return b""
    finally:
        os.close(terminal)


def test_key_from_the_environment_is_named_not_shown(bare: Program) -> None:
    ended = bare.run("key", "status", ANTHROPIC_API_KEY=SECRET)

    assert ended.code == ExitCode.OK
    assert ended.out.startswith(f"{HOST}: from ANTHROPIC_API_KEY\n")
    assert is_silent_about_the_key(ended)


@pytest.mark.parametrize(
    "arguments",
    [("set", SECRET), (SECRET,), ("set", f"--key={SECRET}"), ("set", "--key", SECRET), ("status", SECRET)],
)
def test_key_on_the_command_line_is_refused_and_not_repeated(bare: Program, arguments: tuple[str, ...]) -> None:
    ended = bare.run("key", *arguments)

    assert ended.code == ExitCode.USAGE
    assert "other users" in ended.err
    assert "revoke" in ended.err
    assert is_silent_about_the_key(ended)


@pytest.mark.parametrize(
    ("piped", "code"),
    [
        (b"", ExitCode.USAGE),
        (b"\n", ExitCode.USAGE),
        (b"two words\n", ExitCode.INCOMPLETE),
        (b"sk-\xff\n", ExitCode.INCOMPLETE),
        (b"x" * 5000, ExitCode.INCOMPLETE),
    ],
)
def test_what_cannot_be_a_key_is_refused(bare: Program, piped: bytes, code: ExitCode) -> None:
    ended = bare.run("key", "set", piped=piped)

    assert (ended.code, ended.out) == (code, "")
    assert ended.err.count("\n") == 1


def test_without_a_keyring_the_key_is_not_written_anywhere(bare: Program, tmp_path: Path) -> None:
    ended = bare.run("key", "set", piped=SECRET.encode())

    assert ended.code == ExitCode.INCOMPLETE
    assert "no keyring" in ended.err
    assert is_silent_about_the_key(ended)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(SECRET.encode() in path.read_bytes() for path in files)
