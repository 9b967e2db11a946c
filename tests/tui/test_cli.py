"""The command line itself: help, refusals, exit codes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.tui.program import Program
from tui.exit_codes import MEANINGS, ExitCode

SECRET = "sk-ant-very-secret"


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


def test_help_has_examples_and_every_exit_code(program: Program) -> None:
    ended = program.run("--help")

    assert (ended.code, ended.err) == (0, "")
    assert 'duologue ask "' in ended.out
    for code, words in MEANINGS.items():
        assert f"{code:>3}  {words}" in ended.out


@pytest.mark.parametrize("command", ["ask", "key", "models", "sessions", "search", "doctor"])
def test_each_command_has_help(program: Program, command: str) -> None:
    ended = program.run(command, "--help")

    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(f"usage: duologue {command}")


def test_version_is_one_line(program: Program) -> None:
    ended = program.run("--version")

    assert ended.code == 0
    assert ended.out.split()[0] == "duologue"
    assert ended.out.count("\n") == 1


def test_help_and_mistakes_write_nothing(program: Program) -> None:
    program.run("--help")
    program.run("--nonsense")
    program.run("sessions", "list")

    assert not program.data.exists()
    assert not program.config.exists()


def test_app_without_a_terminal_says_what_to_use_instead(program: Program) -> None:
    ended = program.run()

    assert ended.code == ExitCode.USAGE
    assert "duologue ask -" in ended.err
    assert (ended.err.count("\n"), ended.out) == (1, "")


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("--nonsense",),
        ("sessions",),
        ("sessions", "nonsense"),
        ("sessions", "list", "--limit", "0"),
        ("ask", "two", "words"),
        ("ask", "hi", "--only", "middle"),
        ("ask", "hi", "--left", "no-such-backend:x"),
        ("ask", "hi", "--no-save", "--session", "01"),
        ("--demo", "ask", "hi"),
        ("--session", "01", "--continue"),
        ("models", "nonsense"),
    ],
)
def test_wrong_command_line_is_told_in_one_line(program: Program, arguments: tuple[str, ...]) -> None:
    ended = program.run(*arguments)

    assert ended.code == ExitCode.USAGE
    assert ended.err.startswith("duologue: ")
    assert (ended.err.count("\n"), ended.out) == (1, "")


def test_option_before_the_command_is_not_silently_dropped(program: Program) -> None:
    ended = program.run("--confidential", "ask", "-", piped=b"hi")

    assert ended.code == ExitCode.USAGE
    assert "--confidential after `ask`" in ended.err


@pytest.mark.parametrize(
    "arguments",
    [("--api-key", SECRET), (f"--api-key={SECRET}",), ("ask", "hi", SECRET), ("ask", "hi", f"--key={SECRET}")],
)
def test_words_that_do_not_belong_are_not_repeated(program: Program, arguments: tuple[str, ...]) -> None:
    ended = program.run(*arguments)

    assert ended.code == ExitCode.USAGE
    assert SECRET not in ended.err + ended.out


def test_mistake_in_the_configuration_names_the_file(program: Program) -> None:
    program.configure("nonsense = 1")

    ended = program.run("ask", "hi")

    assert ended.code == ExitCode.CONFIGURATION
    assert str(program.config / "config.toml") in ended.err
    assert ended.err.count("\n") == 1


def test_configured_model_that_is_none_is_a_mistake_of_the_configuration(program: Program) -> None:
    program.configure('left = "nonsense"')

    ended = program.run("ask", "hi", "--right", "off")

    assert ended.code == ExitCode.CONFIGURATION
    assert "config.toml" in ended.err


def test_unusable_prices_are_told_before_anything_is_asked(program: Program, tmp_path: Path) -> None:
    prices = tmp_path / "prices.toml"
    prices.write_text("[[model]]\n")
    program.configure(f'[claude]\nprices = "{prices}"')

    ended = program.run("ask", "hi", "--demo")

    assert ended.code == ExitCode.CONFIGURATION
    assert not program.data.exists()


def test_address_that_would_show_words_on_the_way_is_refused(program: Program) -> None:
    ended = program.run("ask", "hi", "--left", "openai:http://192.0.2.1:8080#x", "--right", "off")

    assert ended.code == ExitCode.CONFIGURATION
    assert "trusted_hosts" in ended.err


def test_store_that_cannot_be_made_has_its_own_code(program: Program) -> None:
    program.data.parent.joinpath("data").write_text("a file where a folder should be")

    ended = program.run("ask", "hi", "--left", "openai:http://127.0.0.1:9#x", "--right", "off")

    assert ended.code == ExitCode.STORE
    assert ended.err.startswith("duologue: ")
    assert ended.err.count("\n") == 1


def test_session_that_is_not_there_is_a_usage_error(program: Program) -> None:
    for arguments in (("sessions", "show", "01ABC"), ("ask", "hi", "--session", "01ABC")):
        ended = program.run(*arguments)

        assert ended.code == ExitCode.USAGE
        assert ended.err.count("\n") == 1


@pytest.mark.parametrize("arguments", [("--version",), ("--help",), ("sessions", "list")])
def test_closed_output_is_no_traceback(program: Program, arguments: tuple[str, ...]) -> None:
    command = ["sh", "-c", 'exec "$@" >&-', "sh", *program.command(*arguments)]

    done = subprocess.run(command, stderr=subprocess.PIPE, env=dict(program.environment), check=False)

    assert b"Traceback" not in done.stderr
