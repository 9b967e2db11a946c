"""The vault's door, over a real keyring: one vault, one key, and one clear sentence where it stays shut."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backends.vault_keys import VaultKeys
from conversation.vault import Vault, VaultExists, bring_in, exists
from storage.errors import StoreError, WrongKey
from storage.store import Store
from storage.vault_key import NotAVaultKey, OpenedWith
from tests.backends.secret_service import SecretService, missing_programs, private_bus, secret_service

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PASSPHRASE = "quinces on a blue plate"

SCRIPT = """
import asyncio, json
from pathlib import Path
from backends.errors import BackendError
from backends.vault_keys import VaultKeys
from conversation.vault import Vault
from storage.errors import StoreError
from storage.store import Store
from storage.vault_key import VaultKey

path = Path({path!r})
keys = VaultKeys(timeout={timeout})
vault = Vault(path, keys)

async def refusal(awaitable):
    try:
        await awaitable
    except (StoreError, BackendError) as error:
        return type(error).__name__, str(error)

async def main():
{lines}

print(json.dumps(asyncio.run(main())))
"""


@pytest.fixture
def service(tmp_path: Path) -> Iterator[SecretService]:
    if missing_programs():
        pytest.skip(f"not on this machine: {missing_programs()}")
    with secret_service(tmp_path / "home") as running:
        yield running


def script(path: Path, body: str, *, timeout: float = 3.0) -> str:
    lines = "\n".join(f"    {line}" for line in body.strip().splitlines())
    return SCRIPT.format(path=str(path), timeout=timeout, lines=lines)


@pytest.mark.secret_service
def test_a_vault_keeps_its_key_in_the_keyring_alone(service: SecretService, tmp_path: Path) -> None:
    path = tmp_path / "data" / "vault.db"
    made = service.run(
        script(
            path,
            """
key = await vault.create()
again = await vault.key_from_keyring()
twice = await refusal(vault.create())
return [key.reveal().hex(), key == again, twice, vault.opened_with()]
""",
        )
    ).result
    assert made[1:] == [True, ["VaultExists", f"There is a vault at {path} already. Open that one."], "keyring"]
    key = bytes.fromhex(made[0])
    for file in (tmp_path / "data").rglob("*"):
        if file.is_file():
            assert key not in file.read_bytes()
            assert made[0].encode() not in file.read_bytes()
    # Elsewhere, as after a move of the folder, the same key is found.
    moved = tmp_path / "elsewhere"
    (tmp_path / "data").rename(moved)
    assert (
        service.run(script(moved / "vault.db", "return (await vault.key_from_keyring()).reveal().hex()")).result
        == (made[0])
    )


@pytest.mark.secret_service
def test_a_lost_key_is_told_and_the_recovery_key_brings_it_back(service: SecretService, tmp_path: Path) -> None:
    path = tmp_path / "data" / "vault.db"
    result = service.run(
        script(
            path,
            """
key = await vault.create()
Store.open(path, key=key).close()
before = path.read_bytes()
await keys.delete(key.name)
missing = await refusal(vault.key_from_keyring())
new = await refusal(vault.create())
text = key.recovery_text()
slip = await refusal(vault.key_from_recovery(("B" if text[0] == "A" else "A") + text[1:]))
other = await refusal(vault.key_from_recovery(VaultKey.new().recovery_text()))
await vault.keep(await vault.key_from_recovery(text.lower()))
back = await vault.key_from_keyring()
await keys.delete(key.name)
await keys.create(key.name, bytes(32))
wrong = await refusal(vault.key_from_keyring())
kept = await refusal(vault.keep(key))
return [missing, new[0], slip[0], other[0], back == key, wrong[0], kept[0], before == path.read_bytes()]
""",
        )
    ).result
    missing, *rest = result
    assert missing[0] == "VaultKeyMissing"
    assert "recovery key" in missing[1]
    assert rest == ["VaultExists", "NotAVaultKey", "WrongKey", True, "WrongKey", "KeyringProblem", True]


@pytest.mark.secret_service
def test_a_locked_keyring_makes_and_opens_nothing(service: SecretService, tmp_path: Path) -> None:
    path = tmp_path / "data" / "vault.db"
    service.run(script(path, "return (await vault.create()).name"))
    before = path.read_bytes()
    service.lock()
    told = service.run(script(path, "return await refusal(vault.key_from_keyring())", timeout=1)).result
    assert told[0] in ("KeyringProblem", "KeyringWaiting")
    assert told[1].endswith(".")
    assert path.read_bytes() == before
    other = tmp_path / "other" / "vault.db"
    told = service.run(script(other, "return await refusal(vault.create())", timeout=1)).result
    assert told[0] in ("KeyringProblem", "KeyringWaiting")
    assert not exists(other)


def test_without_a_keyring_nothing_is_made_and_a_passphrase_is_another_way(tmp_path: Path) -> None:
    if missing_programs():
        pytest.skip(f"not on this machine: {missing_programs()}")
    path = tmp_path / "data" / "vault.db"
    with private_bus(tmp_path / "home") as bus:
        result = bus.run(
            script(
                path,
                """
trouble = await refusal(vault.create())
nothing = vault.opened_with()
key = await vault.create_with_passphrase("quinces on a blue plate")
return [trouble[0], nothing, vault.opened_with(), (await vault.key_from_recovery(key.recovery_text())) == key]
""",
            )
        ).result
    assert result == ["KeyringProblem", "nothing yet", "passphrase", True]


async def test_a_passphrase_opens_its_vault_and_no_other_words_do(tmp_path: Path) -> None:
    vault = Vault(tmp_path / "data" / "vault.db", VaultKeys())
    assert vault.opened_with() is OpenedWith.NOTHING_YET
    with pytest.raises(NotAVaultKey, match="at least"):
        await vault.create_with_passphrase("short")
    with pytest.raises(StoreError, match="no vault"):
        await vault.key_from_passphrase(PASSPHRASE)
    key = await vault.create_with_passphrase(PASSPHRASE)
    assert vault.opened_with() is OpenedWith.PASSPHRASE
    assert await vault.key_from_passphrase(PASSPHRASE) == key
    with pytest.raises(WrongKey):
        await vault.key_from_passphrase(PASSPHRASE + "s")
    with pytest.raises(VaultExists):
        await vault.create_with_passphrase(PASSPHRASE)


async def test_confidential_sessions_of_earlier_days_are_brought_in(tmp_path: Path) -> None:
    main, path = tmp_path / "data" / "duologue.db", tmp_path / "data" / "vault.db"
    key = await Vault(path, VaultKeys()).create_with_passphrase(PASSPHRASE)
    assert await bring_in(main, path, key, lambda: NOON) == []
    with closing(Store.open(main)) as store:
        secret = store.create_session(left=None, right="demo:", created=NOON, title="kestrel", confidential=True)
        plain = store.create_session(left=None, right="demo:", created=NOON, title="plain")
    assert await bring_in(main, path, key, lambda: NOON) == []
    with closing(Store.open(main)) as store:
        assert [one.session.id for one in store.sessions()] == [plain.id]
    with closing(Store.open(path, key=key)) as store:
        assert store.session(secret.id).title == "kestrel"
    for file in (tmp_path / "data").iterdir():
        assert not file.is_file() or b"kestrel" not in file.read_bytes()
