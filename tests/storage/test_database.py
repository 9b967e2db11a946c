"""How a connection is set up, and what each failure of the file becomes."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from storage import files
from storage.database import Database
from storage.errors import Corrupt, DiskFull, FileGone, Locked, NewerVersion, NotFound, ReadOnly, StoreError
from storage.migrations import APPLICATION_ID, STEPS
from storage.records import Session
from storage.store import Store
from tests.storage.samples import BOTH, NOON, complete, new_session, new_turn


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@contextmanager
def umask(value: int) -> Iterator[None]:
    before = os.umask(value)
    try:
        yield
    finally:
        os.umask(before)


def pragma(store: Store, name: str) -> object:
    return store._db.rows(f"PRAGMA {name}")[0][0]


def filled(path: Path, turns: int = 3, prompt: str = "Why?") -> str:
    """A file with one session; returns the session's id."""
    with closing(Store.open(path)) as store:
        session = new_session(store)
        for _ in range(turns):
            new_turn(store, session, prompt)
        return session.id


def test_a_file_is_opened_for_safety(path: Path) -> None:
    with closing(Store.open(path)) as store:
        assert store.journal_mode() == "wal"
        expected = {
            "synchronous": 2,
            "foreign_keys": 1,
            "busy_timeout": 5000,
            "secure_delete": 1,
            "trusted_schema": 0,
        }
        assert {name: pragma(store, name) for name in expected} == expected
        assert pragma(store, "temp_store") == 2  # memory
        assert pragma(store, "application_id") == APPLICATION_ID
        assert store.schema_version() == len(STEPS)
        assert store.size_bytes() > 0
        assert store.path == path
        assert store.problems() == store.problems(thorough=True) == []


def test_without_a_write_ahead_log_commits_are_synced_further(path: Path) -> None:
    filled(path)
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("PRAGMA journal_mode=delete").fetchone()[0] == "delete"
    # This one of SQLite's ways to a file has no shared memory, as some file systems have none.
    address = f"{path.as_uri()}?mode=rw&vfs=unix-dotfile"
    database = Database(address, path, read_only=False, patience=1, any_thread=False)
    with closing(Store(database)) as store:
        database.use_wal()
        assert store.journal_mode() == "delete"
        assert pragma(store, "synchronous") == 3  # EXTRA
        new_session(store)


def test_everything_is_for_its_owner_alone(path: Path) -> None:
    with umask(0o022), closing(Store.open(path)) as store:
        new_session(store)
        assert mode(path.parent) == mode(path.parent / "run") == 0o700
        names = [path, files.wal(path), files.shared_memory(path), files.reserve(path)]
        names += (path.parent / "run").iterdir()
        assert len(names) == 5
        assert [mode(name) for name in names] == [0o600] * 5


def test_a_file_that_others_could_read_is_closed_to_them(path: Path) -> None:
    filled(path)
    path.chmod(0o644)
    with umask(0o022), closing(Store.open(path)) as store:
        new_session(store)
        assert mode(path) == mode(files.wal(path)) == 0o600


def test_an_existing_folder_keeps_its_mode(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    Store.open(folder / "conversations.db").close()
    assert mode(folder) == 0o755


def test_a_closed_store_leaves_one_whole_file(path: Path) -> None:
    session_id = filled(path)
    assert sorted(name.name for name in path.parent.iterdir()) == [path.name, f"{path.name}.reserve", "run"]
    assert list((path.parent / "run").iterdir()) == []
    copy = shutil.copy(path, path.with_name("copy.db"))
    with closing(Store.open(Path(copy), read_only=True)) as store:
        assert len(store.turns(session_id)) == 3


def test_closing_twice_is_harmless(path: Path) -> None:
    store = Store.open(path)
    reader = store.another()
    for closed in (reader, reader, store, store):
        closed.close()


def test_a_path_may_hold_any_characters(tmp_path: Path) -> None:
    odd = tmp_path / "a b?c#d%20é" / "conv?mode=memory.db"
    session_id = filled(odd)
    assert odd.stat().st_size > 0
    with closing(Store.open(odd, read_only=True)) as store:
        assert store.session(session_id).id == session_id


def test_a_link_to_the_file_is_followed(path: Path, tmp_path: Path) -> None:
    session_id = filled(path)
    link = tmp_path / "link.db"
    link.symlink_to(path)
    with closing(Store.open(link)) as store:
        new_turn(store, store.session(session_id))
    assert not (tmp_path / "run").exists()


def test_memory_leaves_no_file_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with closing(Store.open(None)) as store, closing(store.another()) as reader:
        turn = new_turn(store, new_session(store), "canary " * 100_000)
        assert reader.turn(turn.id) == turn
        assert store.journal_mode() == "memory"
        assert store.path is None
    assert list(tmp_path.iterdir()) == []


def test_stores_in_memory_are_strangers_to_each_other() -> None:
    with closing(Store.open(None)) as one, closing(Store.open(None)) as two:
        new_session(one)
        assert two.sessions() == []


def test_a_store_in_memory_goes_on_in_another_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with closing(Store.open(None)) as store:
        session = new_session(store)
        turn = new_turn(store, session, "canary " * 10_000)
        while store.index_changes():
            pass
        before, content = store.session(session.id), store.in_memory_content()
    with closing(Store.open(None, content=content)) as store, closing(store.another()) as reader:
        assert reader.session(session.id) == before
        assert reader.turn(turn.id) == turn
        assert [hit.turn_id for hit in reader.search("canary")] == [turn.id]
        assert new_turn(store, session, "and on").seq == 2
        assert reader.turn_count(session.id) == 2
    with pytest.raises(Corrupt):
        Store.open(None, content=b"junk" * 2000)
    assert list(tmp_path.iterdir()) == []


def test_a_store_with_a_file_is_not_taken_along_in_memory(path: Path) -> None:
    with closing(Store.open(path)) as store, pytest.raises(ValueError, match="read from there"):
        store.in_memory_content()


def test_a_reader_sees_committed_work_and_cannot_write(store: Store) -> None:
    with closing(store.another()) as reader:
        session = new_session(store)
        assert reader.session(session.id) == session
        with pytest.raises(ReadOnly):
            reader.rename_session(session.id, "no")
        assert store.session(session.id) == session


def test_a_store_for_reading_makes_and_changes_nothing(path: Path) -> None:
    with pytest.raises(NotFound):
        Store.open(path, read_only=True)
    assert not path.parent.exists()
    session_id = filled(path)
    (path.parent / "run").rmdir()
    before = path.read_bytes()
    with closing(Store.open(path, read_only=True)) as store:
        assert len(store.turns(session_id)) == 3
        with pytest.raises(ReadOnly):
            store.rename_session(session_id, "no")
    assert path.read_bytes() == before
    assert not (path.parent / "run").exists()


def test_a_locked_file_says_so_once_patience_ends(path: Path) -> None:
    session_id = filled(path)
    with closing(Store.open(path, patience=0.05)) as store, closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Locked, match="try again"):
            store.rename_session(session_id, "no")
        with pytest.raises(Locked):
            Store.open(path, patience=0.05)
        assert len(store.turns(session_id)) == 3  # reading goes on
        other.rollback()
        store.rename_session(session_id, "yes")


@pytest.mark.parametrize(
    "content", [b"not a database at all " * 100, b"\x00" * 8192, b"SQLite format 3\x00" + b"x" * 5000]
)
def test_what_is_no_database_is_refused_and_left_as_it_is(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    for read_only in (False, True):
        with pytest.raises(Corrupt, match="nothing in it was changed"):
            Store.open(path, read_only=read_only)
    assert path.read_bytes() == content
    assert [name.name for name in path.parent.iterdir()] == [path.name]


def test_another_programs_database_is_refused_and_left_as_it_is(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE bookmarks (url TEXT)")
    before = path.read_bytes()
    with pytest.raises(Corrupt, match="not a file of conversations"):
        Store.open(path)
    assert path.read_bytes() == before


def test_a_damaged_page_is_told_and_the_rest_can_be_read(path: Path) -> None:
    session_id = filled(path, turns=200, prompt="x" * 2000)
    content = bytearray(path.read_bytes())
    pages = len(content) // 4096
    for page in range(pages // 2, pages):
        content[page * 4096 : page * 4096 + 200] = b"\xff" * 200
    path.write_bytes(content)
    with closing(Store.open(path)) as store:
        assert store.session(session_id).id == session_id
        with pytest.raises(Corrupt):
            store.turns(session_id)
    assert path.stat().st_size == len(content)


def test_a_truncated_file_is_told_and_not_shortened_further(path: Path) -> None:
    session_id = filled(path, turns=200, prompt="x" * 2000)
    os.truncate(path, path.stat().st_size // 2)
    size = path.stat().st_size
    with pytest.raises(Corrupt), closing(Store.open(path)) as store:
        store.turns(session_id)
    assert path.stat().st_size == size


def test_a_newer_file_is_refused_and_left_as_it_is(path: Path) -> None:
    filled(path)
    with closing(sqlite3.connect(path)) as newer:
        newer.execute(f"PRAGMA user_version={len(STEPS) + 1}")
        newer.execute("INSERT INTO sessions (id, title, created, updated) VALUES ('in the log', '', '', '')")
        newer.commit()
        # As after a crash of the newer program: its last words are still in the write-ahead log.
        crashed = path.with_name("crashed.db")
        shutil.copy(path, crashed)
        shutil.copy(files.wal(path), files.wal(crashed))
    before = crashed.read_bytes(), files.wal(crashed).read_bytes()
    for read_only in (False, True):
        with pytest.raises(NewerVersion, match="newer version"):
            Store.open(crashed, read_only=read_only)
    assert (crashed.read_bytes(), files.wal(crashed).read_bytes()) == before


def test_a_file_that_vanished_is_noticed_at_the_next_write(path: Path) -> None:
    session_id = filled(path, turns=1)
    with closing(Store.open(path)) as store:
        turn = store.turns(session_id)[0]
        path.unlink()
        for attempt in (
            lambda: store.open_turn(session_id, "into nothing", NOON, BOTH),
            lambda: store.open_variant(turn.id, BOTH[0], NOON),
            lambda: new_session(store),
            lambda: store.append_parts([(turn.replies[0].id, "into nothing", "")]),
            lambda: store.save_draft(session_id, "into nothing"),
            lambda: store.mark_confidential(session_id, NOON),
        ):
            with pytest.raises(FileGone, match="removed or replaced"):
                attempt()
        assert len(store.turns(session_id)) == 1  # still on the screen
    assert not path.exists()


def test_a_file_that_was_replaced_is_noticed_at_the_next_prompt(path: Path) -> None:
    session_id = filled(path)
    backup = path.with_name("backup.db")
    shutil.copy(path, backup)
    with closing(Store.open(path)) as store:
        backup.replace(path)
        with pytest.raises(FileGone):
            store.open_turn(session_id, "into nothing", NOON, BOTH)


def test_a_folder_that_cannot_be_written_is_told(unprivileged_folder: Path) -> None:
    unprivileged_folder.chmod(0o500)
    with pytest.raises(ReadOnly, match="cannot be written"):
        Store.open(unprivileged_folder / "conversations.db")
    with pytest.raises(ReadOnly):
        Store.open(unprivileged_folder / "new" / "conversations.db")


def test_saved_text_can_be_read_where_nothing_can_be_written(unprivileged_folder: Path) -> None:
    path = unprivileged_folder / "data" / "conversations.db"
    session_id = filled(path)
    shutil.rmtree(path.parent / "run")
    for file_mode, folder_mode in ((0o400, 0o500), (0o600, 0o500), (0o400, 0o700)):
        path.chmod(file_mode)
        path.parent.chmod(folder_mode)
        with pytest.raises(ReadOnly, match="can still be read"):
            Store.open(path)
        with closing(Store.open(path, read_only=True)) as store:
            assert len(store.turns(session_id)) == 3
            with pytest.raises(ReadOnly):
                store.rename_session(session_id, "no")
        path.parent.chmod(0o700)


def test_a_file_that_may_not_even_be_read_is_told(unprivileged_folder: Path) -> None:
    path = unprivileged_folder / "conversations.db"
    filled(path)
    path.chmod(0)
    for read_only in (False, True):
        with pytest.raises(ReadOnly):
            Store.open(path, read_only=read_only)


def test_a_folder_in_the_files_place_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="Check the folder"):
        Store.open(tmp_path)
    with pytest.raises(StoreError, match="Check the folder"):
        Store.open(Path("/dev/null/conversations.db"))


def store_until_full(store: Store, session: Session) -> int:
    for stored in range(1000):
        try:
            new_turn(store, session, "x" * 3000)
        except DiskFull:
            return stored
    pytest.fail("the disk never got full")


def test_a_full_disk_loses_nothing_that_was_stored(path: Path) -> None:
    with closing(Store.open(path)) as store:
        session = new_session(store)
        store._db._set("max_page_count", str(pragma(store, "page_count")))  # SQLite then fails as on a full disk
        stored = store_until_full(store, session)
        assert len(store.turns(session.id)) == stored
        with pytest.raises(DiskFull):
            store.append_parts([(store.turns(session.id)[0].replies[0].id, "y" * 9000, "")])
        assert store.problems(thorough=True) == []
        store._db._set("max_page_count", "1000000")
        turn = new_turn(store, session, "x" * 3000)
        assert store.settle_reply(turn.replies[0].id, complete()).text == ""


def test_the_reserve_is_filled_once_and_freed_once(path: Path) -> None:
    filled(path)
    reserve = files.reserve(path)
    assert reserve.stat().st_size == files.RESERVE_BYTES
    content = reserve.read_bytes()
    filled(path)
    assert reserve.read_bytes() == content
    assert files.free_reserve(path)
    assert not files.free_reserve(path)


def test_rows_without_their_parent_are_found(path: Path) -> None:
    with closing(Store.open(path)) as store:
        store._db._set("foreign_keys", "OFF")
        with store._db.transaction():
            store._db.write("INSERT INTO tags (session_id, name) VALUES ('nowhere', 'work')")
        assert store.problems() == ["tags 1 lacks its sessions"]


def test_errors_are_fit_to_show_and_say_what_to_do(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"x" * 1000)
    with pytest.raises(StoreError) as caught:
        Store.open(path)
    text = str(caught.value)
    assert str(path) in text
    assert text.endswith(".")
    assert "\n" not in text
    assert isinstance(caught.value.__cause__, sqlite3.Error)
