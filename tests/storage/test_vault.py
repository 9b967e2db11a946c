"""A vault is the same store in an SQLCipher file: nothing of it is in clear, and only its key opens it."""

from __future__ import annotations

import copy
import pickle
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
from sqlcipher3 import dbapi2

from storage import files
from storage.errors import Refused, StoreError, WrongKey
from storage.records import Outcome, Settlement
from storage.store import Store
from storage.thread import StoreThread
from storage.vault_key import NotAVaultKey, OpenedWith, VaultKey, opened_with, salt_of
from tests.storage.samples import BOTH, NOON, complete, later, new_session, new_turn

CANARY = "kestrelsecret"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "vault.db"


def fill(store: Store) -> str:
    """A settled turn and its index; the session's id."""
    session = new_session(store, title=f"title {CANARY}")
    turn = new_turn(store, session, f"prompt {CANARY}")
    for reply in turn.replies:
        store.append_parts([(reply.id, f"answer {CANARY} " * 300, f"thought {CANARY}")])
        store.settle_reply(reply.id, complete())
    store.save_draft(session.id, f"draft {CANARY}")
    while store.index_step():
        pass
    return session.id


def look_through(path: Path, key: VaultKey) -> None:
    """Read every page; damage is told at the first or at a later one."""
    with closing(Store.open(path, key=key, read_only=True)) as store:
        store.problems()


def in_clear(folder: Path, text: str) -> list[str]:
    """The files under the folder that hold it."""
    found = [path for path in folder.rglob("*") if path.is_file()]
    return [path.name for path in found if text.encode() in path.read_bytes()]


def test_nothing_of_a_vault_is_in_clear_while_it_is_open_or_after(path: Path) -> None:
    with closing(Store.open(path, key=VaultKey.new())) as store:
        fill(store)
        assert files.wal(path).stat().st_size > 0
        for word in (CANARY, "CREATE TABLE", "SQLite format", "sessions"):
            assert in_clear(path.parent, word) == []
    assert in_clear(path.parent, CANARY) == []
    with closing(sqlite3.connect(path)) as other, pytest.raises(sqlite3.DatabaseError, match="not a database"):
        other.execute("SELECT * FROM sessions")


def test_the_same_file_with_the_same_words_is_readable_without_a_key(path: Path) -> None:
    with closing(Store.open(path)) as store:
        fill(store)
    assert in_clear(path.parent, CANARY) == ["vault.db"]  # so the test above can see


def test_a_vault_opens_again_with_its_key_alone(path: Path) -> None:
    key = VaultKey.new()
    with closing(Store.open(path, key=key)) as store:
        session_id = fill(store)
    before = path.read_bytes()
    for wrong in (VaultKey.new(), VaultKey(bytes(32), b"\x00" * 16)):
        with pytest.raises(WrongKey, match="nothing in it was changed") as caught:
            Store.open(path, key=wrong)
        assert str(caught.value).endswith(".")
    with pytest.raises(StoreError):
        Store.open(path)
    assert path.read_bytes() == before
    again = VaultKey(key.reveal(), salt_of(path) or b"")
    assert again == key
    for read_only in (True, False):
        with closing(Store.open(path, key=again, read_only=read_only)) as store:
            assert store.session(session_id).confidential
            assert [hit.session_id for hit in store.search(CANARY)] == [session_id] * 4
            assert store.problems(thorough=True) == []


def test_a_wrong_key_writes_nothing_across_the_screen(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with closing(Store.open(path, key=VaultKey.new())) as store:
        fill(store)
    for read_only in (True, False):
        with pytest.raises(WrongKey):
            Store.open(path, key=VaultKey.new(), read_only=read_only)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("at", [20, 3000, 9000])
def test_a_damaged_vault_is_told_and_left_as_it_is(path: Path, at: int) -> None:
    key = VaultKey.new()
    with closing(Store.open(path, key=key)) as store:
        fill(store)
    damaged = bytearray(path.read_bytes())
    damaged[at] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(StoreError, match=r"nothing in it was changed|disk reported"):
        look_through(path, key)
    assert path.read_bytes() == damaged


def test_every_file_of_a_vault_is_for_its_owner_alone(path: Path) -> None:
    with closing(Store.open(path, key=VaultKey.new())) as store:
        fill(store)
        modes = {name.name: stat.S_IMODE(name.stat().st_mode) for name in path.parent.iterdir() if name.is_file()}
    assert set(modes.values()) == {0o600}
    assert {"vault.db", "vault.db-wal", "vault.db-shm"} <= modes.keys()
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_every_session_of_a_vault_is_confidential(path: Path) -> None:
    with closing(Store.open(path, key=VaultKey.new())) as store:
        session = new_session(store, confidential=False)
        assert session.confidential_since == NOON
        with pytest.raises(Refused, match="stays off the cloud"):
            store.open_request(
                session_id=session.id, reply_id=None, opened=NOON, purpose="chat", host="h", port=1, locality="cloud"
            )


async def test_a_vault_has_its_thread_and_its_search_like_any_store(path: Path) -> None:
    key = VaultKey.new()
    thread = StoreThread(path, now=lambda: NOON, key=key, flush_seconds=0.01)
    await thread.start()
    session = await thread.run(Store.create_session, left="demo:", right="demo:", created=NOON)
    turn = await thread.run(Store.open_turn, session.id, f"prompt {CANARY}", later(1), BOTH)
    thread.append(turn.replies[0].id, f"answer {CANARY}")
    reply = await thread.run(Store.settle_reply, turn.replies[0].id, Settlement(Outcome.COMPLETE, later(2)))
    assert thread.reader.reply(reply.id).text == f"answer {CANARY}"
    thread.close()
    assert in_clear(path.parent, CANARY) == []
    with closing(Store.open(path, key=key)) as store:
        assert len(store.search(CANARY)) == 2


# The key


def test_a_passphrase_opens_what_it_made_and_sqlcipher_itself_reads_it(path: Path) -> None:
    passphrase = "quinces on a blue plate é"
    with closing(Store.open(path, key=VaultKey.from_new_passphrase(passphrase))) as store:
        fill(store)
    salt = salt_of(path)
    assert salt is not None
    assert opened_with(salt) is OpenedWith.PASSPHRASE
    decomposed = "quinces on a blue plate e\u0301"
    with closing(Store.open(path, key=VaultKey.from_passphrase(decomposed, salt))) as store:
        assert store.session_count() == 1
    with pytest.raises(WrongKey):
        Store.open(path, key=VaultKey.from_passphrase("quinces on a blue plate", salt))
    with closing(dbapi2.connect(str(path))) as shell:
        shell.execute(f"PRAGMA key='{passphrase}'")
        assert shell.execute("SELECT count(*) FROM sessions").fetchone() == (1,)


def test_a_short_passphrase_is_refused() -> None:
    with pytest.raises(NotAVaultKey, match="at least 12"):
        VaultKey.from_new_passphrase("short words")


def test_a_recovery_key_comes_back_from_paper(path: Path) -> None:
    key = VaultKey.new()
    text = key.recovery_text()
    assert len(text.split("-")) == 14
    for written in (text, text.lower(), text.replace("-", " "), f"  {text.replace('-', '')}\n"):
        assert VaultKey.from_recovery_text(written, bytes.fromhex(key.name)) == key


def test_a_slip_in_a_recovery_key_is_told() -> None:
    text = VaultKey.new().recovery_text()
    slipped = ("A" if text[0] != "A" else "B") + text[1:]
    with pytest.raises(NotAVaultKey, match="slip"):
        VaultKey.from_recovery_text(slipped, bytes(16))
    for wrong in ("", text[:-5], text + "-AAAA", "not a key at all", "ß" * 56, "\x00"):
        with pytest.raises(NotAVaultKey, match="14 groups"):
            VaultKey.from_recovery_text(wrong, bytes(16))


def test_a_key_hides_itself() -> None:
    key = VaultKey.new()
    shown = f"{key!r} {key} {[key]!r}"
    assert key.reveal().hex() not in shown
    assert "hidden" in shown
    with pytest.raises(TypeError):
        pickle.dumps(key)
    with pytest.raises(TypeError):
        copy.copy(key)


def test_a_file_that_never_got_its_first_page_is_no_vault_yet(path: Path) -> None:
    assert salt_of(path) is None
    files.prepare(path)
    assert salt_of(path) is None
    assert opened_with(None) is OpenedWith.NOTHING_YET
    key = VaultKey.new()
    Store.open(path, key=key).close()
    assert salt_of(path) == bytes.fromhex(key.name)
    assert opened_with(salt_of(path)) is OpenedWith.KEYRING
