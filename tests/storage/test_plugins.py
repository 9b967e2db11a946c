"""Plug-ins of sqlite-utils that happen to be installed: none of their code runs on a database of ours."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tui.program import PROJECT

PACKAGES = ("backends", "storage", "conversation", "tui")
MARK = "the plug-in saw a connection"
PLUGIN = f"""
import sqlite_utils

@sqlite_utils.hookimpl
def prepare_connection(conn):
    print({MARK!r})
"""
OURS = """
import sys
from pathlib import Path
from storage.store import Store
Store.open(Path(sys.argv[1])).close()
Store.open(Path(sys.argv[1])).close()
assert "sqlite_utils" in sys.modules
"""
PLAIN = "import sqlite_utils; sqlite_utils.Database(memory=True).close()"


@pytest.fixture
def plugins(tmp_path: Path) -> Path:
    """A folder with an installed plug-in, as pip leaves one behind."""
    folder = tmp_path / "site"
    described = folder / "spy-1.0.dist-info"
    described.mkdir(parents=True)
    (folder / "spy.py").write_text(PLUGIN)
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: spy\nVersion: 1.0\n")
    (described / "entry_points.txt").write_text("[sqlite_utils]\nspy = spy\n")
    return folder


def output(script: str, plugins: Path) -> str:
    """What a fresh interpreter with that folder among its own prints."""
    done = subprocess.run(
        [sys.executable, "-c", script, plugins.parent / "x.db"],
        env={"PYTHONPATH": os.pathsep.join((str(PROJECT), str(plugins)))},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


def test_an_installed_plugin_never_sees_a_connection_of_ours(plugins: Path) -> None:
    assert output(OURS, plugins) == ""
    assert MARK in output(PLAIN, plugins), "the control: it is installed, and the library's default runs it"


def test_every_database_of_sqlite_utils_is_opened_without_plugins() -> None:
    calls = [call for package in PACKAGES for path in (PROJECT / package).rglob("*.py") for call in made(path)]
    assert calls, "the control: the calls are found"
    assert [place for place, refuses_plugins in calls if not refuses_plugins] == []


def made(path: Path) -> list[tuple[str, bool]]:
    """Where a file makes a `sqlite_utils.Database`, under whatever name, and whether without plug-ins."""
    tree = ast.parse(path.read_text())
    names = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sqlite_utils")
        for alias in node.names
        if alias.name == "Database"
    }
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    opening = [call for call in calls if ast.unparse(call.func) in {*names, "sqlite_utils.Database"}]
    return [(f"{path.name}:{call.lineno}", refused(call)) for call in opening]


def refused(call: ast.Call) -> bool:
    given = {word.arg: word.value for word in call.keywords}
    value = given.get("execute_plugins")
    return isinstance(value, ast.Constant) and value.value is False
