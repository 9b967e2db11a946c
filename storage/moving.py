"""Moves a session from the ordinary file into the vault, so that a program killed at any moment loses nothing.

Two files have no common transaction, so the order is the promise: latch in the ordinary file, copy into the vault in
one transaction, read the copy back, and only then delete the original, if it still is what was copied. The vault
notes the copy's digest (`arrivals`) until the original is gone; with it a later start can tell which of the two has
been changed since, and goes on where the dead program stopped. Every step may be repeated.

A latched session that is still in the ordinary file waits to be moved: `Store.sessions_to_move` lists them.

Ids of turns, replies and requests are numbers of one file, so they change on the way; a session keeps its own. A
table that hangs on sessions has to be named in `_TABLES`: a test compares it with the schema.
"""

from __future__ import annotations

import hashlib
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from storage import far_parent
from storage.database import Database, Value
from storage.errors import NotFound, StoreError
from storage.far_parent import FarParent
from storage.sessions import new_id
from storage.store import Store

_POLL_SECONDS = 0.05
_ATTEMPTS = 5


class StillAnswering(StoreError):
    """Another program receives an answer in the session; it would lose the rest of it."""


class NotReadBack(StoreError):
    """The vault does not give back what was put into it. The original was kept."""


class Stage(StrEnum):
    """What has been done; each value is reached once per attempt, in this order."""

    LATCHED = "latched"
    COPIED = "copied"
    """And committed in the vault, but the original is still there."""
    CHECKED = "checked"
    REMOVED = "removed"
    """From the ordinary file's tables; its search index and log still know words of it."""
    FORGOTTEN = "forgotten"


OnStage = Callable[[Stage], None]


@dataclass(frozen=True, slots=True)
class _Table:
    """Rows that belong to a session: how they are found, in an order that both files share."""

    name: str
    found: str
    """Everything after FROM; ?1 is the session."""
    numbered: bool = True
    """Its id is a number of this one file."""


_TABLES = (
    _Table("turns", "turns x WHERE x.session_id = ?1 ORDER BY x.seq"),
    _Table(
        "replies",
        "turns t JOIN replies x ON x.turn_id = t.id WHERE t.session_id = ?1 ORDER BY t.seq, x.side, x.variant",
    ),
    _Table(
        "attachments", "turns t JOIN attachments x ON x.turn_id = t.id WHERE t.session_id = ?1 ORDER BY t.seq, x.id"
    ),
    _Table(
        "votes", "turns t JOIN votes x ON x.turn_id = t.id WHERE t.session_id = ?1 ORDER BY t.seq", numbered=False
    ),
    _Table("tags", "tags x WHERE x.session_id = ?1 ORDER BY x.name", numbered=False),
    _Table("requests", "requests x WHERE x.session_id = ?1 ORDER BY x.id"),
)
TABLES = frozenset({"sessions", "reply_parts", *(table.name for table in _TABLES)})
"""All that a move takes along; `reply_parts` are of open replies only, and none is open when a session moves."""

_REFERENCES = {"turn_id": "turns", "reply_id": "replies", "adopted_reply_id": "replies"}
"""Columns that hold another row's number."""
_LATER = "adopted_reply_id"
"""Points forward: a turn comes before its replies."""
_OF_ITS_FILE = frozenset({"id", "parent_id", "parent_turn_id", "origin"})
"""Columns of a session that may differ between the two files."""


def move(
    main: Store,
    vault: Store,
    session_id: str,
    now: datetime,
    *,
    on_stage: OnStage = lambda _: None,
    patience: float = 5.0,
) -> None:
    """Make a session confidential, if it is not, and move it from `main` into `vault`.

    When the stage LATCHED is told, no program can send another byte of it to a cloud. A session that is not in
    `main` any more was moved by another program, and that is well. Takes 1 s for 1,000 turns, and memory for the
    longest single text; call it in a thread. `patience` in seconds is the wait for other programs' answers.

    Raises `NotFound` if it is in neither, `StillAnswering`, `NotReadBack`, `StoreError`; the session then stays in
    `main`, latched, and the next `move` goes on.
    """
    try:
        main.mark_confidential(session_id, now)
    except NotFound:
        vault.session(session_id)
        main.finish_erasing()
        return
    on_stage(Stage.LATCHED)
    deadline = time.monotonic() + patience
    for _ in range(_ATTEMPTS):
        _wait_for_answers(main, session_id, now, deadline)
        arrival = _bring(main.database, vault.database, session_id, now)
        if arrival is None:
            break
        on_stage(Stage.COPIED)
        _read_back(vault, arrival)
        on_stage(Stage.CHECKED)
        if _remove(main.database, session_id, arrival.digest):
            break
    else:
        raise _still_answering()
    with vault.database.transaction():
        vault.database.write("DELETE FROM arrivals WHERE session_id = ?", (session_id,))
    on_stage(Stage.REMOVED)
    main.finish_erasing()
    on_stage(Stage.FORGOTTEN)


def move_all_latched(main: Store, vault: Store, now: datetime, *, patience: float = 5.0) -> list[StoreError]:
    """Move every session that waits for it; what went wrong with those that stay, one error for each.

    Also finishes what a killed move left behind in the file.
    """
    troubles = list[StoreError]()
    for session_id in main.sessions_to_move():
        try:
            move(main, vault, session_id, now, patience=patience)
        except StoreError as trouble:
            troubles.append(trouble)
    main.finish_erasing()
    return troubles


def digest(database: Database, session_id: str) -> str | None:
    """SHA-256 of all that a session is, the same in both files; None if it is not there."""
    session = database.row("SELECT * FROM sessions WHERE id = ?", (session_id,))
    if session is None:
        return None
    sha = hashlib.sha256()
    for name in session.keys():  # noqa: SIM118 - a row, not a dict
        if name not in _OF_ITS_FILE:
            _add(sha.update, session[name])
    places = {table.name: dict[int, int]() for table in _TABLES}
    adopted = list[tuple[int, int]]()
    for table in _TABLES:
        sha.update(f"|{table.name}|".encode())
        for row in _rows(database, table, session_id):
            if table.numbered:
                places[table.name][row.id] = len(places[table.name])
            for name, value in row.values.items():
                if name == _LATER:
                    if isinstance(value, int):
                        adopted.append((places[table.name][row.id], value))
                elif name in _REFERENCES and isinstance(value, int):
                    _add(sha.update, places[_REFERENCES[name]].get(value))
                elif name != "session_id":
                    _add(sha.update, value)
    for turn, reply in adopted:
        _add(sha.update, turn)
        _add(sha.update, places["replies"].get(reply))
    return sha.hexdigest()


@dataclass(frozen=True, slots=True)
class _Arrival:
    """What the vault holds of a session."""

    name: str
    """The id under which it is there."""
    digest: str
    """Of the original."""


@dataclass(frozen=True, slots=True)
class _Row:
    """One row of a table, its number apart."""

    id: int
    values: dict[str, Value]


@dataclass(slots=True)
class _Numbers:
    """Which number of the one file became which of the other."""

    of: dict[str, dict[int, int]] = field(default_factory=lambda: {table.name: {} for table in _TABLES})

    def new(self, column: str, old: Value) -> Value:
        """What a reference is in the other file; None where its row did not come along."""
        return self.of[_REFERENCES[column]].get(old) if isinstance(old, int) else None


def _rows(database: Database, table: _Table, session_id: str) -> Iterator[_Row]:
    for row in database.each(f"SELECT x.* FROM {table.found}", (session_id,)):  # noqa: S608 - fixed words
        values: dict[str, Value] = dict(row)
        number = values.pop("id") if table.numbered else 0
        assert isinstance(number, int)  # noqa: S101 - the schema says so
        yield _Row(number, values)


def _add(update: Callable[[bytes], None], value: Value) -> None:
    """Hash a value so that no two lists of values look alike."""
    match value:
        case None:
            update(b"n")
        case str():
            content = value.encode()
            update(b"s%d:" % len(content))
            update(content)
        case bytes():
            update(b"b%d:" % len(value))
            update(value)
        case int():
            update(b"i%d:" % value)
        case float():
            update(b"f" + struct.pack(">d", value))
        case never:
            assert_never(never)


def _wait_for_answers(main: Store, session_id: str, now: datetime, deadline: float) -> None:
    """Settle what dead programs left open, and wait for those that live. Raises `StillAnswering`."""
    while True:
        main.repair_open_replies(now)
        if not _open_replies(main.database, session_id):
            return
        if time.monotonic() >= deadline:
            raise _still_answering()
        time.sleep(_POLL_SECONDS)


def _open_replies(main: Database, session_id: str) -> bool:
    return bool(
        main.number(
            "SELECT count(*) FROM turns t JOIN replies r ON r.turn_id = t.id"
            " WHERE t.session_id = ? AND r.outcome = 'open'",
            (session_id,),
        )
    )


def _bring(main: Database, vault: Database, session_id: str, now: datetime) -> _Arrival | None:
    """Have the vault hold what `main` has, committed; None if `main` has it no more.

    Of two that differ, the one that has changed since the copy is kept; if both have, both are.
    """
    with vault.transaction(), main.snapshot():
        ours = digest(main, session_id)
        if ours is None:
            return None
        theirs = digest(vault, session_id)
        arrival = vault.row("SELECT digest FROM arrivals WHERE session_id = ?", (session_id,))
        copied, name = None if arrival is None else arrival["digest"], session_id
        if theirs is not None and ours in (theirs, copied):
            pass  # it is there already, and perhaps more of it
        elif theirs is None or theirs == copied:
            _delete(vault, session_id)
            _copy(main, vault, session_id, session_id, ours)
        else:
            name = new_id(now)
            _copy(main, vault, session_id, name, ours)
        vault.write(
            "INSERT INTO arrivals (session_id, digest) VALUES (?1, ?2)"
            " ON CONFLICT (session_id) DO UPDATE SET digest = ?2",
            (session_id, ours),
        )
    return _Arrival(name, ours)


def _copy(main: Database, vault: Database, session_id: str, name: str, expected: str) -> None:
    """Write the session into the vault under `name`. Raises `NotReadBack`."""
    session: dict[str, Value] = dict(main.rows("SELECT * FROM sessions WHERE id = ?", (session_id,))[0])
    since, origin = session["confidential_since"], _origin(main, session)
    # An ordinary session without a parent until all is there: its earlier requests to a cloud stay in the ledger,
    # which the vault's own triggers would refuse to a confidential one.
    session |= {"id": name, "confidential_since": None, "parent_id": None, "parent_turn_id": None, "origin": origin}
    _insert(vault, "sessions", session)
    numbers = _Numbers()
    adopted = list[tuple[int, Value]]()
    for table in _TABLES:
        for row in _rows(main, table, session_id):
            values = {
                column: numbers.new(column, value) if column in _REFERENCES else value
                for column, value in row.values.items()
            }
            if "session_id" in values:
                values["session_id"] = name
            number = _insert(vault, table.name, values)
            if table.numbered:
                numbers.of[table.name][row.id] = number
            if row.values.get(_LATER) is not None:
                adopted.append((number, row.values[_LATER]))
    for turn, reply in adopted:
        vault.write("UPDATE turns SET adopted_reply_id = ? WHERE id = ?", (numbers.new(_LATER, reply), turn))
    vault.write("UPDATE sessions SET confidential_since = ? WHERE id = ?", (since, name))
    far_parent.join(vault, name)
    if digest(vault, name) != expected:
        raise _not_read_back()


def _insert(vault: Database, table: str, values: dict[str, Value]) -> int:
    columns, marks = ", ".join(values), ", ".join("?" * len(values))
    cursor = vault.write(f"INSERT INTO {table} ({columns}) VALUES ({marks})", tuple(values.values()))  # noqa: S608 - names of our schema
    return cursor.lastrowid or 0


def _origin(main: Database, session: dict[str, Value]) -> str:
    """Where a session comes from, and where it was forked, in words that mean the same in both files."""
    origin, parent = str(session["origin"]), session["parent_id"]
    if parent is None:
        return origin
    turn = main.row("SELECT seq FROM turns WHERE id = ?", (session["parent_turn_id"],))
    return str(FarParent(str(parent), None if turn is None else turn["seq"], origin))


def _read_back(vault: Store, arrival: _Arrival) -> None:
    """Read the copy through a connection that did not write it, as the next start will. Raises `NotReadBack`.

    It may have been gone on with by now; then it only has to be there and sound.
    """
    reader = vault.another()
    try:
        found = digest(reader.database, arrival.name)
        if found is None or (found != arrival.digest and reader.problems()):
            raise _not_read_back()
    finally:
        reader.close()


def _remove(main: Database, session_id: str, expected: str) -> bool:
    """Delete the original; False if it has changed since it was copied."""
    with main.transaction():
        if _open_replies(main, session_id) or digest(main, session_id) != expected:
            return False
        for row in main.rows(
            "SELECT * FROM sessions WHERE parent_id = ? AND confidential_since IS NOT NULL", (session_id,)
        ):
            # A fork that waits to be moved would forget its parent.
            main.write("UPDATE sessions SET origin = ? WHERE id = ?", (_origin(main, dict(row)), row["id"]))
        _delete(main, session_id)
    return True


def _delete(database: Database, session_id: str) -> None:
    database.write("DELETE FROM requests WHERE session_id = ?", (session_id,))  # they would outlive it
    database.write("DELETE FROM sessions WHERE id = ?", (session_id,))


def _still_answering() -> StillAnswering:
    return StillAnswering(
        "Another window still receives an answer in this session, so it waits in the ordinary file, closed to every "
        "cloud. Stop the answer there, then open the vault once more."
    )


def _not_read_back() -> NotReadBack:
    return NotReadBack(
        "The vault did not give back what was put into it, so the session was kept where it is, closed to every "
        "cloud. Check the disk, then open the vault once more."
    )
