"""What is loaded when: seen in fresh interpreters, because static contracts cannot see imports inside functions."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tui.program import PROJECT, Program

CLIENTS = (
    "anthropic",
    "ollama",
    "httpx",
    "httpx2",
    "keyring",
    "sqlite_utils",
    "sqlcipher3",
    "numpy",
    "gguf",
    "xllamacpp",
)
SCREEN = ("textual",)


def loaded(script: str, program: Program, *names: str) -> list[str]:
    """Which of the named modules a script has loaded in the end."""
    report = f"import json, sys; print(json.dumps([name for name in {names!r} if name in sys.modules]))"
    done = subprocess.run(
        [sys.executable, "-c", f"{script}\n{report}"],
        env=dict(program.environment),
        cwd=PROJECT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found: list[str] = json.loads(done.stdout.splitlines()[-1])
    return found


def running(*arguments: str) -> str:
    """A script that runs the command line as `duologue` does."""
    return f"""
from tui.cli import main
try:
    main({list(arguments)!r})
except SystemExit:
    pass
"""


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


@pytest.mark.parametrize("package", ["backends", "storage", "conversation", "tui", "tui.wiring", "tui.cli"])
def test_packages_load_no_client_and_no_screen(program: Program, package: str) -> None:
    assert loaded(f"import {package}", program, *CLIENTS, *SCREEN) == []


@pytest.mark.parametrize("module", ["tui.app", "tui.launch", "conversation.engine", "conversation.library"])
def test_what_comes_before_the_first_paint_loads_no_client(program: Program, module: str) -> None:
    assert loaded(f"import {module}", program, *CLIENTS) == []


@pytest.mark.parametrize(
    "arguments", [("--help",), ("ask", "--help"), ("--version",), ("--nonsense",), ("nonsense",)]
)
def test_help_and_mistakes_load_nothing(program: Program, arguments: tuple[str, ...]) -> None:
    assert loaded(running(*arguments), program, *CLIENTS, *SCREEN, "asyncio", "sqlite3", "tui.wiring") == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("ask", "hi", "--left", "openai:http://127.0.0.1:9#x", "--right", "off"),
        ("ask", "hi", "--demo"),
        ("sessions", "list"),
        ("sessions", "show", "01"),
        ("key", "status"),
        ("models", "list"),
        ("doctor",),
    ],
)
def test_commands_load_no_screen(program: Program, arguments: tuple[str, ...]) -> None:
    if "--demo" in arguments and importlib.util.find_spec("xllamacpp") is None:
        pytest.skip("xllamacpp is not installed (extra `engine`)")
    assert loaded(running(*arguments), program, *SCREEN) == []


def test_reading_sessions_loads_no_client(program: Program) -> None:
    assert loaded(running("sessions", "list"), program, *CLIENTS) == []


def test_local_question_loads_no_cloud_client(program: Program) -> None:
    arguments = ("ask", "hi", "--left", "openai:http://127.0.0.1:9#x", "--right", "off")

    assert loaded(running(*arguments), program, "anthropic", "keyring") == []
