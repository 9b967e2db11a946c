"""Reads our own exports, JSON and JSONL, turn by turn: the longest session need not fit in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import IO, Any

from storage.carry import fields, json_stream
from storage.carry.document import check_head, session_from, turn_from
from storage.carry.events import Event, Events, Problem, SessionRead, TurnRead, Unreadable
from storage.carry.fields import BadRecord, Fields
from storage.carry.json_stream import BIGGEST_RECORD, TOO_BIG, Building, TooBig

_SESSION, _TURNS = "sessions.item", "sessions.item.turns"
_TURN = f"{_TURNS}.item"
_PIECE = 1024 * 1024


def json_events(file: IO[bytes]) -> Events:
    """A JSON export. Raises `Unreadable` for a head that cannot be read, `Cut`."""
    reading = _Reading()
    for path, kind, value in json_stream.tokens(file):
        yield from reading.take(path, kind, value)


class _Reading:
    """Where in a JSON export we are."""

    def __init__(self) -> None:
        self._head: dict[str, object] = {}
        self._session: Building | None = None
        self._turn: Building | None = None
        self._sessions = 0
        self._turns = 0
        self._good = False
        """The session that is open has been read; turns of one that could not be are passed over."""

    def take(self, path: str, kind: str, value: Any) -> Iterator[Event]:
        """Take a token, give what is complete with it."""
        if path in ("format", "version"):
            self._head[path] = value
        elif path == "sessions" and kind == "start_array":
            _check(self._head)
        elif self._turn is not None or (path == _TURN and kind == "start_map"):
            yield from self._in_turn(kind, value)
        elif path == _SESSION and kind == "start_map":
            self._session, self._sessions, self._turns, self._good = Building(), self._sessions + 1, 0, False
            self._session.take(kind, value)
        elif self._session is not None:
            yield from self._in_session(path, kind, value)

    def _in_session(self, path: str, kind: str, value: Any) -> Iterator[Event]:
        assert self._session is not None  # noqa: S101 - asked by the caller
        if path == _TURNS:
            if kind == "start_array":
                yield from self._began()
            return
        if path == _SESSION and kind == "end_map":
            if not self._turns and not self._good:
                yield from self._began()
            self._session = None
        elif not (path == _SESSION and kind == "map_key" and value == "turns"):
            self._session.take(kind, value)

    def _began(self) -> Iterator[Event]:
        where = f"session {self._sessions:,}"
        try:
            assert self._session is not None  # noqa: S101 - only while one is open
            _refuse_too_big(self._session.value)
            yield SessionRead(session_from(fields.record(self._session.value, "it")))
            self._good = True
        except BadRecord as problem:
            self._turns = 1
            yield Problem(where, str(problem))

    def _in_turn(self, kind: str, value: Any) -> Iterator[Event]:
        if self._turn is None:
            self._turn, self._turns = Building(), self._turns + 1
        if not self._turn.take(kind, value):
            return
        found, self._turn = self._turn.value, None
        if self._good:
            yield _turn_event(found, f"session {self._sessions:,}, turn {self._turns:,}")


def jsonl_events(file: IO[bytes]) -> Events:
    """A JSONL export. Raises `Unreadable` for a head that cannot be read."""
    current: str | None = None
    for number, line in enumerate(_lines(file), 1):
        where = f"line {number:,}"
        if isinstance(line, TooBig):
            yield Problem(where, TOO_BIG)
            continue
        if not line.strip():
            continue
        try:
            found = fields.record(_json(line), "it")
            match found.get("type"):
                case "head":
                    _check(found)
                case "session":
                    current = None
                    session = session_from(found)
                    current = session.session.id
                    yield SessionRead(session)
                case "turn":
                    if found.get("session") == current:
                        yield _turn_event(found, where)
                    elif current is not None:
                        yield Problem(where, "the turn is of another session than the line before it")
                case _:
                    raise BadRecord("it is neither a session nor a turn")
        except BadRecord as problem:
            yield Problem(where, str(problem))


def _refuse_too_big(found: object) -> None:
    if isinstance(found, TooBig):
        raise BadRecord(TOO_BIG)


def _turn_event(found: object, where: str) -> Event:
    try:
        _refuse_too_big(found)
        return TurnRead(turn_from(fields.record(found, "it")))
    except BadRecord as problem:
        return Problem(where, str(problem))


def _check(head: Fields) -> None:
    try:
        check_head(head)
    except BadRecord as problem:
        raise Unreadable(f"This export cannot be read: {problem}.") from problem


def _lines(file: IO[bytes]) -> Iterator[bytes | TooBig]:
    first = True
    while line := file.readline(BIGGEST_RECORD):
        if len(line) == BIGGEST_RECORD and not line.endswith(b"\n"):
            del line
            while (rest := file.readline(_PIECE)) and not rest.endswith(b"\n"):
                pass
            yield TooBig()
        else:
            yield line.removeprefix(b"\xef\xbb\xbf") if first else line
        first = False


def _json(line: bytes) -> object:
    try:
        return json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise BadRecord("it is not UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise BadRecord("it is not JSON; perhaps the file is cut") from error
