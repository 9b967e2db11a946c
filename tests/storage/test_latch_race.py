"""Several programs mark and send over one file: once a mark has returned, nothing of the session reaches a cloud."""

from __future__ import annotations

import os
import random
import socket
import threading
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from storage.errors import Refused
from storage.store import Store
from tests.storage.processes import start
from tests.storage.samples import new_session

PROGRAMS, ROUNDS, SESSIONS = 4, 700, 300


def now() -> datetime:
    return datetime.now(UTC)


def send_latched(store: Store, session_id: str, sink: socket.socket) -> None:
    """As the program does: the row is committed before the first byte."""
    try:
        request = store.open_request(
            session_id=session_id, reply_id=None, opened=now(), purpose="chat", host="h", port=1, locality="cloud"
        )
    except Refused:
        return
    tell(sink, "sent", session_id)
    store.close_request(request, closed=now(), verdict="done", peer=None, bytes_sent=1, bytes_received=0)


def send_naively(store: Store, session_id: str, sink: socket.socket) -> None:
    """The control: look, then send."""
    if store.session(session_id).confidential:
        return
    time.sleep(0.001)  # a request takes a moment to be made
    tell(sink, "sent", session_id)


def mark(store: Store, session_id: str, sink: socket.socket) -> None:
    """Latch, and wait for what was under way, as `Conversation.make_confidential` does."""
    store.mark_confidential(session_id, now())
    since = now() - timedelta(minutes=10)
    deadline = time.monotonic() + 5
    while store.cloud_requests_under_way(session_id, since):
        assert time.monotonic() < deadline
        time.sleep(0.0005)
    tell(sink, "marked", session_id)


def tell(sink: socket.socket, what: str, session_id: str) -> None:
    sink.sendall(f"{time.monotonic_ns()} {what} {session_id}\n".encode())


def program(path: Path, port: int, seed: int, ids: list[str], naive: bool) -> None:
    """The child: marks and sends at random."""
    choices = random.Random(seed)  # noqa: S311 - choices, not secrets
    # Not what is tested here, and it takes most of the time.
    with closing(Store.open(path, patience=30)) as store, socket.create_connection(("127.0.0.1", port)) as sink:
        store.database.rows("PRAGMA synchronous=NORMAL")
        for _ in range(ROUNDS):
            session_id = choices.choice(ids)
            if choices.random() < 0.25:
                mark(store, session_id, sink)
            else:
                (send_naively if naive else send_latched)(store, session_id, sink)


def race(folder: Path, *, naive: bool) -> tuple[int, int, int]:
    """How many were sent, how many sessions marked, and how many sends came after a mark had returned."""
    path = folder / "duologue.db"
    with closing(Store.open(path)) as store:
        ids = [new_session(store).id for _ in range(SESSIONS)]
    heard = list[bytes]()
    with socket.create_server(("127.0.0.1", 0), backlog=PROGRAMS) as server:

        def listen() -> None:
            connection, _ = server.accept()
            with connection, connection.makefile("rb") as lines:
                heard.extend(lines)

        listeners = [threading.Thread(target=listen) for _ in range(PROGRAMS)]
        for listener in listeners:
            listener.start()
        port = server.getsockname()[1]
        children = [start(program, path, port, os.getpid() + number, ids, naive) for number in range(PROGRAMS)]
        for child in children:
            child.join(60)
            assert child.exitcode == 0
        for listener in listeners:
            listener.join(10)
    sent = late = 0
    marked = set[str]()
    for _, what, session_id in sorted(
        (int(at), what, name) for at, what, name in (line.split() for line in text(heard))
    ):
        if what == "marked":
            marked.add(session_id)
        else:
            sent += 1
            late += session_id in marked
    return sent, len(marked), late


def text(lines: list[bytes]) -> list[str]:
    return [line.decode() for line in lines]


def test_nothing_is_sent_once_a_mark_has_returned_in_any_program(tmp_path: Path) -> None:
    sent, marked, late = race(tmp_path / "latch", naive=False)
    assert sent > 100
    assert marked > 100
    assert late == 0


def test_looking_first_and_then_sending_would_not_do(tmp_path: Path) -> None:
    _, _, late = race(tmp_path / "naive", naive=True)
    assert late > 0  # so the test above can see
