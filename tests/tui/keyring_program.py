"""The real program beside a real keyring, and what is in its vault."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from storage.store import Store
from storage.vault_key import VaultKey, salt_of
from tests.backends.secret_service import SecretService, missing_programs, secret_service
from tests.tui.program import Program

BACKEND = "keyring.backends.SecretService.Keyring"


class KeyringProgram(Program):
    """A program whose keyring is gnome-keyring on a bus of its own."""

    def __init__(self, directory: Path, service: SecretService, **environment: str) -> None:
        known = {**service.environment, "HOME": str(directory), "PYTHON_KEYRING_BACKEND": BACKEND}
        super().__init__(directory, **{**known, **environment})
        self.service = service

    @property
    def vault(self) -> Path:
        """The vault's file."""
        return self.data / "vault.db"

    def vault_key(self) -> VaultKey:
        """The key of the vault, as `duologue key recovery` prints it."""
        ended = self.run("key", "recovery")
        assert ended.code == 0, ended.err
        return VaultKey.from_recovery_text(ended.out.strip(), salt_of(self.vault) or b"")

    @contextmanager
    def opened_vault(self) -> Iterator[Store]:
        """What is in the vault."""
        with closing(Store.open(self.vault, key=self.vault_key(), read_only=True)) as store:
            yield store


@contextmanager
def keyring_program(directory: Path, **environment: str) -> Iterator[KeyringProgram]:
    """The program with a keyring that is open; skips where there is none."""
    if missing := missing_programs():
        pytest.skip(f"not installed: {missing}")
    with secret_service(directory / "keyring") as service:
        yield KeyringProgram(directory, service, **environment)
