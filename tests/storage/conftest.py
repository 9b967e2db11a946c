"""Fixtures of the storage tests: the real store, in memory and in a file."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.store import Store

NOBODY = 65534


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "data" / "conversations.db" if request.param == "file" else None)
    yield opened
    opened.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "conversations.db"


@pytest.fixture
def unprivileged_folder() -> Iterator[Path]:
    """A folder of our own, in a process that file permissions bind: root becomes nobody for the test."""
    folder = Path(tempfile.mkdtemp())
    root = os.geteuid() == 0
    if root:
        os.chown(folder, NOBODY, NOBODY)
        os.seteuid(NOBODY)
    try:
        yield folder
    finally:
        if root:
            os.seteuid(0)
        for directory, _, _ in os.walk(folder):
            Path(directory).chmod(0o700)
        shutil.rmtree(folder)
