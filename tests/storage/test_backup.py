from __future__ import annotations

import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path

import pytest

from storage.backup import BackupExists, back_up, restore
from storage.errors import Corrupt, NewerVersion, NotFound, StoreError
from storage.store import Store
from tests.storage.samples import NOON, complete, later, new_session, new_turn

CANARY = "zanzibar-canary"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "duologue.db"


def filled(path: Path, sessions: int = 3) -> None:
    with closing(Store.open(path)) as store:
        for number in range(sessions):
            session = new_session(store, seconds=number, title=f"Title {number}")
            for reply in new_turn(store, session, f"Prompt {number}").replies:
                store.settle_reply(reply.id, complete())
        while store.index_step():
            pass


def test_a_backup_is_one_private_file_that_opens_as_a_store(path: Path, tmp_path: Path) -> None:
    filled(path)
    target = tmp_path / "copy.db"
    made = back_up(path, target)
    assert (made.sessions, made.turns, made.left_out) == (3, 3, 0)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert sorted(file.name for file in tmp_path.iterdir()) == ["copy.db", "data"]
    with closing(Store.open(target, read_only=True)) as copy, closing(Store.open(path, read_only=True)) as store:
        assert copy.sessions() == store.sessions()
        assert len(copy.search("prompt")) == 3


def test_a_backup_is_one_moment_while_another_program_writes(path: Path, tmp_path: Path) -> None:
    filled(path)
    done = threading.Event()

    def write() -> None:
        with closing(Store.open(path)) as store:
            session = new_session(store)
            while not done.is_set():
                for reply in new_turn(store, session).replies:
                    store.settle_reply(reply.id, complete())

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(5):
            target = tmp_path / f"copy{number}.db"
            made = back_up(path, target)
            with closing(Store.open(target, read_only=True)) as copy:
                assert copy.problems(thorough=True) == []
                assert copy._db.number("SELECT count(*) FROM turns") == made.turns
    finally:
        done.set()
        writer.join()


def test_a_file_that_is_there_stays_unless_replacing_was_asked_for(path: Path, tmp_path: Path) -> None:
    filled(path)
    target = tmp_path / "copy.db"
    target.write_text("mine")
    with pytest.raises(BackupExists, match="--force"):
        back_up(path, target)
    assert target.read_text() == "mine"
    assert back_up(path, target, replace=True).sessions == 3


def test_a_backup_to_nowhere_leaves_nothing_behind(path: Path, tmp_path: Path) -> None:
    filled(path)
    with pytest.raises(StoreError):
        back_up(path, tmp_path / "no" / "such" / "copy.db")
    with pytest.raises(NotFound):
        back_up(tmp_path / "none.db", tmp_path / "copy.db")
    assert [file.name for file in tmp_path.iterdir()] == ["data"]


def test_nothing_confidential_is_in_a_backup(path: Path, tmp_path: Path) -> None:
    filled(path)
    with closing(Store.open(path)) as store:
        secret = new_session(store, title=f"{CANARY} title", confidential=True)
        turn = new_turn(store, secret, f"{CANARY} prompt")
        store.append_parts([(turn.replies[0].id, f"{CANARY} answer", "")])
        store.settle_reply(turn.replies[0].id, complete())
        while store.index_step():
            pass
    made = back_up(path, tmp_path / "copy.db")
    assert (made.sessions, made.left_out) == (3, 1)
    held = (tmp_path / "copy.db").read_bytes()
    assert CANARY.encode() not in held
    assert b"zanzibar" not in held


def test_a_backup_is_restored_and_what_was_there_is_kept(path: Path, tmp_path: Path) -> None:
    filled(path)
    back_up(path, tmp_path / "copy.db")
    with closing(Store.open(path)) as store:
        kept = store.sessions()
        for row in kept:
            store.delete_session(row.session.id, NOON)
        store.empty_bin(NOON)
        new_session(store, seconds=50, title="Made since")
    restored, before = restore(tmp_path / "copy.db", path, later(99))
    assert restored.sessions == 3
    with closing(Store.open(path)) as store:
        assert store.sessions() == kept
        assert len(store.search("prompt")) == 3
        assert store.journal_mode() == "wal"
    assert before is not None
    assert stat.S_IMODE(before.stat().st_mode) == 0o600
    with closing(Store.open(before, read_only=True)) as store:
        assert [row.session.title for row in store.sessions()] == ["Made since"]


def test_a_backup_is_restored_where_nothing_was(path: Path, tmp_path: Path) -> None:
    filled(path)
    back_up(path, tmp_path / "copy.db")
    elsewhere = tmp_path / "new" / "duologue.db"
    _, before = restore(tmp_path / "copy.db", elsewhere, NOON)
    assert before is None
    with closing(Store.open(elsewhere)) as store:
        assert len(store.sessions()) == 3


def test_nothing_is_restored_while_the_app_is_open(path: Path, tmp_path: Path) -> None:
    filled(path)
    back_up(path, tmp_path / "copy.db")
    with closing(Store.open(path)), pytest.raises(StoreError, match="Quit it"):
        restore(tmp_path / "copy.db", path, NOON)


def test_what_is_no_backup_is_not_restored(path: Path, tmp_path: Path) -> None:
    filled(path)
    held = back_up(path, tmp_path / "whole.db")
    cut = tmp_path / "cut.db"
    cut.write_bytes(held.path.read_bytes()[: held.size // 2])
    text, foreign, newer = tmp_path / "text.db", tmp_path / "foreign.db", tmp_path / "newer.db"
    text.write_text("Dear diary")
    with closing(sqlite3.connect(foreign)) as connection:
        connection.execute("CREATE TABLE t (x)")
    newer.write_bytes(held.path.read_bytes())
    with closing(sqlite3.connect(newer)) as connection:
        connection.execute("PRAGMA user_version=99")
    for file in (cut, text, foreign):
        with pytest.raises(Corrupt):
            restore(file, path, NOON)
    with pytest.raises(NewerVersion):
        restore(newer, path, NOON)
    with pytest.raises(StoreError, match="There is no"):
        restore(tmp_path / "none.db", path, NOON)
    with closing(Store.open(path)) as store:
        assert len(store.sessions()) == 3
    assert len(list(path.parent.glob("*before*"))) == 0
