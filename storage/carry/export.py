"""Writes sessions as JSON and JSONL, complete and in bounded memory: one turn at a time, one turn per line.

Both are ASCII, so that no text in them can command a terminal or be spoilt by an encoding. The same store gives the
same bytes: there is no time of export in them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from storage.carry.document import head, session_document, turn_document
from storage.store import Store
from storage.whole import WholeSession, WholeTurn


def json_pieces(store: Store, session_ids: Iterable[str], *, only: int | None = None) -> Iterator[str]:
    """One JSON document: `{"format": ..., "version": ..., "sessions": [{..., "turns": [...]}, ...]}`.

    `only` takes one turn of each session. Raises `StoreError`.
    """
    yield f'{_json(head())[:-1]}, "sessions": ['
    separator = "\n"
    for session_id in session_ids:
        # A session is its document with one more field, the last: the turns.
        yield f'{separator}{_json(session_document(store.whole_session(session_id)))[:-1]}, "turns": ['
        between = "\n"
        for turn in store.whole_turns(session_id, only=only):
            yield f"{between}{_json(turn_document(turn))}"
            between = ",\n"
        yield "\n]}" if between == ",\n" else "]}"
        separator = ",\n"
    yield "\n]}\n" if separator == ",\n" else "]}\n"


def jsonl_pieces(store: Store, session_ids: Iterable[str], *, only: int | None = None) -> Iterator[str]:
    """A record per line: the head, then each session followed by its turns. Raises `StoreError`."""
    yield _json({"type": "head", **head()}) + "\n"
    for session_id in session_ids:
        yield session_line(store.whole_session(session_id))
        for turn in store.whole_turns(session_id, only=only):
            yield turn_line(session_id, turn)


def session_line(whole: WholeSession) -> str:
    """A session as a line of JSONL."""
    return _json({"type": "session", **session_document(whole)}) + "\n"


def turn_line(session_id: str, whole: WholeTurn) -> str:
    """A turn as a line of JSONL."""
    return _json({"type": "turn", "session": session_id, **turn_document(whole)}) + "\n"


def _json(document: object) -> str:
    return json.dumps(document, ensure_ascii=True, allow_nan=False)
