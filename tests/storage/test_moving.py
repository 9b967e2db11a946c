"""A session moves into the vault whole, is gone from the ordinary file, and survives a kill at any moment."""

from __future__ import annotations

import os
import random
import secrets
import signal
import time
import tracemalloc
from contextlib import closing
from pathlib import Path

import pytest

from storage.errors import AlreadySettled, NotFound, StoreError
from storage.moving import TABLES, Stage, StillAnswering, digest, move, move_all_latched
from storage.records import NewReply, Outcome, Settlement, Side
from storage.store import Store
from storage.vault_key import VaultKey
from tests.storage.processes import start
from tests.storage.samples import BOTH, FULL_SETTLEMENT, NOON, complete, later, new_session, new_turn
from tests.storage.vault_pages import pages_in_clear

CANARY = "kestrelsecret"
WORD = "zanzibarium"


class Files:
    """An ordinary file and a vault beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "data"
        self._key, self._salt = secrets.token_bytes(32), secrets.token_bytes(16)  # a key itself is not pickled
        self.main = self.folder / "duologue.db"
        self.vault = self.folder / "vault.db"

    @property
    def key(self) -> VaultKey:
        return VaultKey(self._key, self._salt)

    def open(self) -> tuple[Store, Store]:
        return Store.open(self.main), Store.open(self.vault, key=self.key)

    def main_bytes(self) -> bytes:
        return b"".join(path.read_bytes() for path in self.folder.iterdir() if path.name.startswith("duologue.db"))

    def in_clear(self) -> int:
        """How often the secret is anywhere in the folder, in any case: the index holds words in lower case."""
        found = b"".join(path.read_bytes() for path in self.folder.rglob("*") if path.is_file()).lower()
        return found.count(CANARY.encode()) + found.count(WORD.encode())


@pytest.fixture
def both(tmp_path: Path) -> Files:
    return Files(tmp_path)


def rich_session(store: Store, turns: int = 3) -> str:
    """A session with a row in every table."""
    session = new_session(store, title=f"title {CANARY}")
    for number in range(turns):
        turn = new_turn(store, session, f"prompt {number} {CANARY} {WORD}", seconds=number)
        for reply in turn.replies:
            store.append_parts([(reply.id, f"answer {CANARY} {WORD} " * 20, f"thought {CANARY}")])
            store.settle_reply(reply.id, FULL_SETTLEMENT)
        variant = store.open_variant(turn.id, NewReply(Side.LEFT, "demo:"), later(number))
        store.append_parts([(variant.id, f"variant {CANARY}", "")])
        store.settle_reply(variant.id, complete())
        store.adopt(turn.id, variant.id)
        request = store.open_request(
            session_id=session.id,
            reply_id=turn.replies[0].id,
            opened=NOON,
            purpose="chat",
            host="api.anthropic.com",
            port=443,
            locality="cloud",
        )
        store.close_request(
            request, closed=NOON, verdict="done", peer="192.0.2.1:443", bytes_sent=9, bytes_received=9
        )
        with store.database.transaction():
            store.database.write(
                "INSERT INTO attachments (turn_id, name, media_type, size, sha256, content)"
                " VALUES (?, ?, '', 3, '', ?)",
                (turn.id, f"{CANARY}.txt", CANARY.encode()),
            )
            store.database.write(
                "INSERT INTO votes (turn_id, choice, reasons, at) VALUES (?, 'left', ?, ?)",
                (turn.id, CANARY, "2026-03-01T12:00:00.123Z"),
            )
    with store.database.transaction():
        store.database.write("INSERT INTO tags (session_id, name) VALUES (?, ?)", (session.id, CANARY))
    store.save_draft(session.id, f"draft {CANARY}")
    return session.id


def others(store: Store) -> str:
    """A session that stays, with other words."""
    session = new_session(store, title="ordinary")
    for number in range(20):
        turn = new_turn(store, session, f"plain words {number}")
        store.settle_reply(turn.replies[0].id, complete())
        store.settle_reply(turn.replies[1].id, complete())
    return session.id


def index(store: Store) -> None:
    while store.index_step():
        pass


def told(store: Store, session_id: str) -> list[object]:
    """What a person would see of it."""
    return [
        (turn.prompt, turn.asked, turn.vote, [(r.side, r.model, r.text, r.thinking, r.receipt) for r in turn.replies])
        for turn in store.turns(session_id)
    ]


def test_a_session_moves_whole_and_nothing_of_it_stays_in_clear(both: Files) -> None:
    main, vault = both.open()
    stays, moves = others(main), rich_session(main)
    index(main)
    assert both.in_clear() > 50
    before = told(main, moves)
    stages = list[Stage]()
    move(main, vault, moves, later(99), on_stage=stages.append)
    assert stages == list(Stage)
    assert both.in_clear() == 0
    with pytest.raises(NotFound):
        main.session(moves)
    assert main.requests() == []
    assert len(main.turns(stays)) == 20
    assert main.search("plain", limit=99)
    assert main.search(WORD, include_confidential=True) == []
    assert told(vault, moves) == before
    moved = vault.turns(moves)
    assert [turn.adopted_reply_id for turn in moved] == [turn.replies[1].id for turn in moved]
    session = vault.session(moves)
    assert (session.confidential_since, session.draft) == (later(99), f"draft {CANARY}")
    assert vault.cloud_turns(moves) == 3
    for table in ("attachments", "votes"):
        assert vault.database.number(f"SELECT count(*) FROM {table}") == 3  # noqa: S608 - fixed words
    index(vault)
    assert vault.search(WORD, limit=99)
    for store in (main, vault):
        assert store.problems(thorough=True) == []
        store.close()
    assert both.in_clear() == 0


def test_every_table_that_hangs_on_sessions_moves(both: Files) -> None:
    main, _ = both.open()
    tables = [row["name"] for row in main.database.rows("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    parents = {
        table: {row["table"] for row in main.database.rows(f"PRAGMA foreign_key_list({table})")} for table in tables
    }
    hanging = {"sessions"}
    while more := {table for table in tables if parents[table] & hanging} - hanging:
        hanging |= more
    assert hanging == TABLES


def test_every_session_that_waits_is_moved_forks_with_their_parents(both: Files) -> None:
    main, vault = both.open()
    parent = new_session(main, title="parent")
    turn = new_turn(main, parent)
    main.settle_reply(turn.replies[0].id, complete())
    main.settle_reply(turn.replies[1].id, complete())
    fork = main.create_session(
        left=None, right=None, created=later(5), title="fork", parent_id=parent.id, parent_turn_id=turn.id
    )
    free = main.create_session(left=None, right=None, created=later(6), title="free", parent_id=parent.id)
    for session in (fork, parent):
        main.mark_confidential(session.id, later(9))
    assert set(main.sessions_to_move()) == {fork.id, parent.id}
    assert move_all_latched(main, vault, later(10)) == []
    assert main.sessions_to_move() == []
    moved = vault.session(fork.id)
    assert (moved.parent_id, moved.origin) == (parent.id, "")
    assert moved.parent_turn_id == vault.turns(parent.id)[0].id
    assert main.session(free.id).parent_id is None
    assert vault.problems(thorough=True) == []


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_fork_finds_its_parent_whichever_comes_first(both: Files, order: tuple[int, int]) -> None:
    main, vault = both.open()
    parent = new_session(main)
    turn = new_turn(main, parent)
    for reply in turn.replies:
        main.settle_reply(reply.id, complete())
    fork = main.create_session(left=None, right=None, created=later(5), parent_id=parent.id, parent_turn_id=turn.id)
    ids = (parent.id, fork.id)
    for session_id in ids:
        main.mark_confidential(session_id, NOON)
    for at in order:
        move(main, vault, ids[at], NOON)
    assert vault.session(fork.id).parent_id == parent.id
    assert vault.session(fork.id).parent_turn_id == vault.turns(parent.id)[0].id


def test_a_fork_of_an_ordinary_session_moves_alone(both: Files) -> None:
    main, vault = both.open()
    parent = new_session(main)
    fork = main.create_session(left=None, right=None, created=later(5), parent_id=parent.id)
    move(main, vault, fork.id, NOON)
    assert vault.session(fork.id).parent_id is None
    assert main.session(parent.id) == parent


def test_moving_twice_changes_nothing(both: Files) -> None:
    main, vault = both.open()
    moves = rich_session(main)
    move(main, vault, moves, NOON)
    before = digest(vault.database, moves)
    move(main, vault, moves, NOON)
    assert digest(vault.database, moves) == before
    with pytest.raises(NotFound):
        move(main, vault, "nowhere", NOON)


def test_an_answer_of_another_window_is_waited_for_and_not_cut(both: Files) -> None:
    main, vault = both.open()
    window = Store.open(both.main)
    session = new_session(window)
    turn = new_turn(window, session)
    with pytest.raises(StillAnswering, match="Another window"):
        move(main, vault, session.id, NOON, patience=0)
    assert main.session(session.id).confidential
    window.append_parts([(turn.replies[0].id, "its last words", "")])
    for reply in turn.replies:
        window.settle_reply(reply.id, complete())
    move(main, vault, session.id, NOON)
    assert vault.turns(session.id)[0].replies[0].text == "its last words"


def test_an_answer_that_a_dead_program_left_open_moves_as_interrupted(both: Files) -> None:
    main, vault = both.open()
    window = Store.open(both.main)
    session = new_session(window)
    turn = new_turn(window, session)
    window.append_parts([(turn.replies[0].id, "half", "")])
    window.close()
    move(main, vault, session.id, NOON)
    reply = vault.turns(session.id)[0].replies[0]
    assert (reply.outcome, reply.text) == (Outcome.INTERRUPTED, "half")


def test_a_window_that_still_shows_a_moved_session_is_told_so(both: Files) -> None:
    main, vault = both.open()
    window = Store.open(both.main)
    session = new_session(window)
    turn = new_turn(window, session)
    for reply in turn.replies:
        window.settle_reply(reply.id, complete())
    move(main, vault, session.id, NOON)

    def told(error: StoreError) -> bool:
        return "vault" in str(error) and str(error).endswith(".")

    for attempt in (
        lambda: window.open_turn(session.id, "next", NOON, BOTH),
        lambda: window.open_variant(turn.id, BOTH[0], NOON),
        lambda: window.save_draft(session.id, "draft"),
        lambda: window.append_parts([(turn.replies[0].id, "late", "")]),
        lambda: window.settle_reply(turn.replies[0].id, Settlement(Outcome.COMPLETE, NOON)),
        lambda: window.rename_session(session.id, "title"),
        lambda: window.session(session.id),
        lambda: window.open_request(
            session_id=session.id, reply_id=None, opened=NOON, purpose="chat", host="h", port=1, locality="cloud"
        ),
    ):
        with pytest.raises(StoreError) as caught:
            attempt()
        assert told(caught.value), str(caught.value)
    assert window.requests() == []


# Killed


def move_and_die(both: Files, session_id: str, stage: str) -> None:
    """In a child: be killed at a stage."""
    main, vault = both.open()

    def fatal(reached: Stage) -> None:
        if reached == stage:
            os.kill(os.getpid(), signal.SIGKILL)

    move(main, vault, session_id, NOON, on_stage=fatal)


def prepared(both: Files, turns: int) -> tuple[str, str | None]:
    """A session to move in an indexed file; its id, and its digest once it is marked."""
    with closing(Store.open(both.main)) as main:
        others(main)
        moves = rich_session(main, turns)
        index(main)
        main.mark_confidential(moves, NOON)
        return moves, digest(main.database, moves)


def finished(both: Files, session_id: str, expected: str | None) -> None:
    """The next start: finishes the move; everything is in the vault and nothing is left in clear."""
    main, vault = both.open()
    assert move_all_latched(main, vault, NOON) == []
    assert vault.session_count() == 1
    assert digest(vault.database, session_id) == expected
    assert vault.database.number("SELECT count(*) FROM arrivals") in (0, 1)
    assert main.sessions_to_move() == []
    assert both.in_clear() == 0
    for store in (main, vault):
        assert store.problems(thorough=True) == []
        store.close()
    assert both.in_clear() == 0


@pytest.mark.parametrize("stage", list(Stage))
def test_a_move_killed_at_any_stage_is_finished_by_the_next_start(both: Files, stage: Stage) -> None:
    moves, expected = prepared(both, 3)
    child = start(move_and_die, both, moves, str(stage))
    child.join(30)
    assert child.exitcode == -signal.SIGKILL
    finished(both, moves, expected)


def test_a_move_killed_at_any_moment_loses_nothing_and_leaves_nothing(both: Files) -> None:
    moments = random.Random(7)  # noqa: S311 - moments, not secrets
    for number in range(6):
        folder = Files(both.folder / str(number))
        moves, expected = prepared(folder, 12)
        child = start(move_and_die, folder, moves, "never")
        time.sleep(moments.uniform(0.0, 0.25))
        child.kill()
        child.join()
        finished(folder, moves, expected)


def test_what_was_changed_on_one_side_after_a_kill_is_kept(both: Files) -> None:
    moves, _ = prepared(both, 2)
    child = start(move_and_die, both, moves, str(Stage.COPIED))
    child.join(30)
    main, vault = both.open()
    main.rename_session(moves, f"renamed {CANARY}")
    assert move_all_latched(main, vault, NOON) == []
    assert vault.session(moves).title == f"renamed {CANARY}"
    assert vault.session_count() == 1
    assert both.in_clear() == 0


def test_what_was_changed_in_the_vault_after_a_kill_is_kept(both: Files) -> None:
    moves, _ = prepared(both, 2)
    child = start(move_and_die, both, moves, str(Stage.COPIED))
    child.join(30)
    main, vault = both.open()
    new_turn(vault, vault.session(moves), "gone on")
    assert move_all_latched(main, vault, NOON) == []
    assert [turn.prompt for turn in vault.turns(moves)][-1] == "gone on"
    assert vault.session_count() == 1
    assert both.in_clear() == 0


def test_of_two_that_both_changed_both_are_kept(both: Files) -> None:
    moves, _ = prepared(both, 2)
    child = start(move_and_die, both, moves, str(Stage.COPIED))
    child.join(30)
    main, vault = both.open()
    main.rename_session(moves, f"renamed {CANARY}")
    vault.rename_session(moves, "vault's")
    assert move_all_latched(main, vault, NOON) == []
    assert {one.session.title for one in vault.sessions()} == {"vault's", f"renamed {CANARY}"}
    assert move_all_latched(main, vault, NOON) == []
    assert vault.session_count() == 2
    assert both.in_clear() == 0


def test_another_programs_reading_puts_the_last_cleaning_off_until_it_ends(both: Files) -> None:
    main, vault = both.open()
    moves = rich_session(main)
    reader = main.another()
    with reader.database.snapshot():
        assert reader.session_count() == 1
        move(main, vault, moves, NOON)
        assert not main.finish_erasing()
    assert main.finish_erasing()
    assert both.in_clear() == 0


def test_deleting_in_the_vault_leaves_no_byte_of_it_on_any_page(both: Files) -> None:
    main, vault = both.open()
    moves = rich_session(main)
    keep = new_session(vault, title="kept")
    move(main, vault, moves, NOON)
    index(vault)
    assert decrypted(vault, both).count(CANARY.encode()) > 0  # so the scan can see
    vault.delete_session(moves, NOON)
    vault.empty_bin(NOON)
    while vault.index_step():
        pass
    assert vault.finish_erasing()
    assert vault.session(keep.id) == keep
    pages = decrypted(vault, both).lower()
    assert b"kept" in pages
    assert pages.count(CANARY.encode()) == pages.count(WORD.encode()) == 0


def decrypted(vault: Store, both: Files) -> bytes:
    """Every page of the vault's file in clear, free ones too, without SQLCipher's help."""
    vault.database.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    return pages_in_clear(both.vault, both.key)


def test_a_session_moves_with_bounded_memory(both: Files) -> None:
    main, vault = both.open()
    session = new_session(main)
    with main.database.transaction():
        main.database.write_many(
            "INSERT INTO turns (session_id, seq, prompt, prompt_chars, asked) VALUES (?, ?, ?, 100000, '')",
            ((session.id, seq, f"{seq:05}" * 20_000) for seq in range(1, 201)),
        )
    tracemalloc.start()
    move(main, vault, session.id, NOON)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(vault.turn_sizes(session.id)) == 200
    assert peak < 5_000_000  # of 20 MB


def test_a_settled_reply_is_still_told_from_one_that_is_gone(both: Files) -> None:
    main, _ = both.open()
    turn = new_turn(main, new_session(main))
    main.settle_reply(turn.replies[0].id, complete())
    with pytest.raises(AlreadySettled, match="ended already"):
        main.append_parts([(turn.replies[0].id, "late", "")])
