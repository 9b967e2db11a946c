"""`duologue ledger`: what left, told by the real program from a real store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from storage import NewReply, Side
from storage.store import Store
from tests.tui.keyring_program import KeyringProgram, keyring_program
from tests.tui.program import Program, json_of
from tui.exit_codes import ExitCode

BORN = datetime(2026, 11, 22, 14, 2, tzinfo=UTC)


@pytest.fixture
def vaulted(tmp_path: Path) -> Iterator[KeyringProgram]:
    """A program with a keyring, so that it can have a vault."""
    with keyring_program(tmp_path, TZ="UTC") as program:
        yield program


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path, TZ="UTC")


@pytest.fixture
def store(program: Program) -> Iterator[Store]:
    with closing(Store.open(program.data / "duologue.db")) as store:
        yield store


def a_session(store: Store) -> str:
    session = store.create_session(left=None, right="ollama:x", created=BORN)
    store.open_turn(session.id, "words", BORN, [NewReply(Side.RIGHT, "ollama:x")])
    return session.id


def asked(
    store: Store,
    session: str | None,
    host: str = "127.0.0.1",
    port: int = 11434,
    locality: str = "this machine",
    *,
    sent: int | None = 100,
    by_your_word: bool = False,
    left_to: str = "",
    level: str = "",
) -> None:
    """One request; `sent` None: the program was killed in mid-request."""
    row = store.open_request(
        session_id=session,
        reply_id=None,
        opened=BORN,
        purpose="chat",
        host=host,
        port=port,
        locality=locality,
        level=level,
        by_your_word=by_your_word,
    )
    if sent is not None:
        store.close_request(
            row,
            closed=BORN,
            verdict="done",
            peer=host,
            bytes_sent=sent,
            bytes_received=4100,
            detail="HTTP 200",
            left_to=left_to,
        )


def test_a_session_that_stayed_here_says_so_in_one_sentence(program: Program, store: Store) -> None:
    session = a_session(store)
    for _ in range(34):
        asked(store, session, level="kernel (namespace)")
    asked(store, None, "api.anthropic.com", 443, "cloud")

    ended = program.run("ledger", session[:12])

    assert (ended.code, ended.err) == (ExitCode.OK, "")
    lines = ended.out.splitlines()
    assert lines[0] == (
        "2026-11-22 14:02:00  chat       127.0.0.1:11434  this machine  100 B out, 4.1 kB in  done (HTTP 200)  "
        "kernel (namespace)"
    )
    assert lines[34:] == ["0 bytes left this machine; 34 requests, all to 127.0.0.1:11434."]


def test_what_went_to_a_cloud_is_counted_by_address(program: Program, store: Store) -> None:
    asked(store, None, "api.anthropic.com", 443, "cloud", sent=12_000)
    asked(store, None, "api.anthropic.com", 443, "cloud", sent=345)
    asked(store, None)

    out = program.run("ledger", "--limit", "1").out.splitlines()

    assert out[0].startswith("2026-11-22 14:02:00  chat       127.0.0.1:11434  this machine")
    assert out[1:] == [
        "The newest 1 of 3 requests; --limit shows more.",
        "12,345 bytes to api.anthropic.com in 2 requests; 1 request, to 127.0.0.1:11434, on this machine.",
    ]


def test_the_sum_never_sounds_better_than_what_is_known(program: Program, store: Store) -> None:
    asked(store, None, "api.anthropic.com", 443, "cloud", sent=None)
    asked(store, None, "127.0.0.1", 4000, "cloud")
    asked(store, None, "127.0.0.1", 1234, by_your_word=True)
    asked(store, None, left_to="ollama.com")
    asked(store, None, "gpu.lan", 8080, "your network")
    store.refuse_request(
        session_id=None,
        reply_id=None,
        when=BORN,
        purpose="chat",
        host="x",
        port=1,
        locality="cloud",
        detail="not-on-device",
    )

    ended = program.run("ledger")
    document = json_of(program.run("ledger", "--json"))

    lines = ended.out.splitlines()
    assert "bytes not known  open: under way, or the program was killed" in lines[0]
    assert "unknown: a gateway on this machine" in lines[1]
    assert "this machine, by your word" in lines[2]
    assert "LEFT THIS MACHINE: answered by ollama.com" in lines[3]
    assert lines[5].endswith("refused (not-on-device)")
    assert lines[6:] == [
        (
            "an unknown number of bytes to api.anthropic.com in 1 request; 100 bytes to a gateway at 127.0.0.1:4000 "
            "(where it sent them is not known) in 1 request; 100 bytes to ollama.com through 127.0.0.1:11434 in 1 "
            "request; 100 bytes to gpu.lan:8080 (your network) in 1 request; 1 request, to 127.0.0.1:1234, on this "
            "machine."
        ),
        "1 request has no end: under way, or the program was killed; how much was sent then is not known.",
        "127.0.0.1:1234: on this machine by your word; what that server does with it cannot be verified.",
        "1 request refused before a byte was sent.",
    ]
    assert {where: amount["requests"] for where, amount in document["by_locality"].items()} == {
        "cloud": 2,
        "unknown": 1,
        "this machine": 1,
        "your network": 1,
    }
    assert document["total"] == 6
    assert document["requests"][0]["bytes_sent"] is None


def test_an_empty_ledger_and_an_unknown_session(program: Program) -> None:
    empty, unknown = program.run("ledger"), program.run("ledger", "NOSUCH")

    assert empty.out == "0 bytes left this machine; no request was made.\n"
    assert empty.code == ExitCode.OK
    assert unknown.code != ExitCode.OK
    assert not program.data.exists()


@pytest.mark.secret_service
def test_ledger_of_a_confidential_session_is_told_by_a_confidential_process(vaulted: KeyringProgram) -> None:
    with closing(Store.open(vaulted.data / "duologue.db")) as store:
        session = a_session(store)
        store.mark_confidential(session, BORN)
        asked(store, session)
    ended = vaulted.run("ledger", session[:12], "--confidential")
    assert ended.out.splitlines()[-1] == "0 bytes left this machine; 1 request, to 127.0.0.1:11434."
