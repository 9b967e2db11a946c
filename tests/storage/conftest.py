"""Fixtures of the storage tests: the real store, in memory and in a file."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.store import Store
from storage.vault_key import VaultKey

NOBODY = 65534


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A module's `STORES` says for which kinds of store its tests hold; in a vault every session is confidential."""
    if "store" in metafunc.fixturenames:
        metafunc.parametrize("store", getattr(metafunc.module, "STORES", ("memory", "file")), indirect=True)


@pytest.fixture
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    path = None if request.param == "memory" else tmp_path / "data" / "conversations.db"
    opened = Store.open(path, key=VaultKey.new() if request.param == "vault" else None)
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


@pytest.fixture
def ordinary_store(store: Store) -> Store:
    """The store, where sessions can be ordinary ones."""
    if store.is_vault:
        pytest.skip("in a vault every session is confidential")
    return store
