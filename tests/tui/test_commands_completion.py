"""Completion, asked for as the shells ask: bash and fish for real, zsh for its grammar."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from storage.store import Store
from tests.tui.program import PROJECT, Program

BORN = datetime(2026, 11, 22, 14, 2, tzinfo=UTC)


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """With a `duologue` on the PATH, as an installed one is."""
    folder = tmp_path / "bin"
    folder.mkdir()
    command = folder / "duologue"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m tui "$@"\n')
    command.chmod(0o755)
    return Program(tmp_path, PATH=f"{folder}:{os.defpath}", PYTHONPATH=str(PROJECT))


def shell(program: Program, name: str, script: str) -> list[str]:
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    done = subprocess.run(
        [name, "-c", script], env=dict(program.environment), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def completed_by_bash(program: Program, line: str) -> list[str]:
    return shell(
        program,
        "bash",
        f"""eval "$(duologue completion bash)"
        COMP_WORDS=({line}) COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
        COMP_LINE='{line}' COMP_POINT={len(line)} COMP_TYPE=9
        _python_argcomplete duologue duologue duologue
        printf '%s\\n' "${{COMPREPLY[@]}}" """,
    )


def test_bash_completes_commands_and_options(program: Program) -> None:
    assert completed_by_bash(program, "duologue sess") == ["sessions "]
    assert completed_by_bash(program, "duologue sessions st") == ["star "]
    assert completed_by_bash(program, "duologue --conf") == ["--confidential "]


def test_fish_completes_sessions_with_their_titles_but_not_confidential_ones(program: Program) -> None:
    with closing(Store.open(program.data / "duologue.db")) as store:
        named = store.create_session(left=None, right=None, created=BORN, title="Contract\x1b]52;questions")
        store.create_session(left=None, right=None, created=BORN, title="Secret", confidential=True)
    found = shell(program, "fish", "duologue completion fish | source; complete -C 'duologue sessions show '")
    assert any(line.startswith(named.id[:12]) and "Contract" in line for line in found)
    assert not any("Secret" in line or "\x1b" in line for line in found)


def test_zsh_takes_the_script(program: Program) -> None:
    shell(program, "zsh", 'duologue completion zsh > "$HOME/script" && zsh -n "$HOME/script"')


def test_a_shell_is_answered_without_a_store(program: Program) -> None:
    assert shell(program, "fish", "duologue completion fish | source; complete -C 'duologue sessions show 0'") == []
    assert not program.data.exists()
