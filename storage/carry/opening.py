"""Finds out what a file is, by what is in it and not by its name, and opens it for import.

Known: our JSON and JSONL, Claude.ai's and ChatGPT's `conversations.json` (also inside the .zip as it is published),
`llm`'s, oterm's and elia's SQLite files. Whatever else it is, there is one line that says so.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from storage.carry import chatgpt, claude_ai, fields, json_stream, other_stores, ours
from storage.carry.events import Events, Problem, Unreadable
from storage.carry.fields import BadRecord, Fields
from storage.carry.json_stream import Cut, TooBig
from storage.carry.said import Conversation

FORMATS = ("auto", "duologue", "claude", "chatgpt", *other_stores.KINDS)

_READERS: dict[str, Callable[[Fields], Iterator[Conversation]]] = {
    "claude": claude_ai.read,
    "chatgpt": chatgpt.read,
}
_MARKS = {"chat_messages": "claude", "mapping": "chatgpt"}
_HEAD = 4096
_LOOKED_AT = 100_000
"""Tokens of a JSON file after which it is none of those known: one conversation may begin with a long field."""
_KNOWN = (
    "Give an export of this program, Claude.ai's or ChatGPT's (the .zip or conversations.json), or a store of llm, "
)
_KNOWN += "oterm or elia."


@contextmanager
def opened(path: Path, wanted: str = "auto") -> Generator[tuple[str, Events], None, None]:
    """What the file is, and what it holds. Raises `Unreadable`."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
            if head.startswith(b"SQLite format 3\x00"):
                yield other_stores.events(path, wanted)
            elif head.startswith(b"PK\x03\x04"):
                yield _zipped(path, wanted)
            else:
                file.seek(0)
                yield _json(lambda: path.open("rb"), str(path), head, wanted)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise Unreadable(f"{path} cannot be read ({reason}). Check its name and its permissions.") from error


def _json(reopen: Callable[[], IO[bytes]], name: str, head: bytes, wanted: str) -> tuple[str, Events]:
    kind = _kind(reopen, name, head)
    if wanted not in ("auto", kind.partition(" ")[0]):
        raise Unreadable(f"{name} is not what {wanted} exports. Leave --format out to have it found out.")
    return kind, _read(reopen, kind)


def _read(reopen: Callable[[], IO[bytes]], kind: str) -> Events:
    with reopen() as file:
        match kind:
            case "duologue json":
                yield from ours.json_events(file)
            case "duologue jsonl":
                yield from ours.jsonl_events(file)
            case _:
                yield from _conversations(file, _READERS[kind])


def _conversations(file: IO[bytes], read: Callable[[Fields], Iterator[Conversation]]) -> Events:
    for number, found in enumerate(json_stream.values(file, "item"), 1):
        where = f"conversation {number:,}"
        if isinstance(found, TooBig):
            yield Problem(where, json_stream.TOO_BIG)
            continue
        try:
            for conversation in read(fields.record(found, "it")):
                yield from conversation.events()
        except BadRecord as problem:
            yield Problem(where, str(problem))


def _kind(reopen: Callable[[], IO[bytes]], name: str, head: bytes) -> str:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in head:
        raise Unreadable(f"{name} is not UTF-8 text (perhaps UTF-16). Save it as UTF-8 and import it again.")
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"{") and b'"type": "head"' in text.partition(b"\n")[0]:
        return "duologue jsonl"
    if text.startswith(b"{") and b'"format": "duologue"' in text:
        return "duologue json"
    if text.startswith(b"["):
        with reopen() as file:
            found = _marked(file, name)
        if found is not None:
            return found
    if not text:
        raise Unreadable(f"{name} is empty. {_KNOWN}")
    raise Unreadable(f"{name} is no export that is known here. {_KNOWN}")


def _marked(file: IO[bytes], name: str) -> str | None:
    """Whose list of conversations it is, by the fields of the first that has one that tells."""
    try:
        for number, (path, kind, value) in enumerate(json_stream.tokens(file)):
            if kind == "map_key" and path == "item" and value in _MARKS:
                return _MARKS[value]
            if number > _LOOKED_AT:
                return None
    except Cut as cut:
        raise Unreadable(f"{name} cannot be read: {cut} ({cut.where}).") from cut
    return None


def _zipped(path: Path, wanted: str) -> tuple[str, Events]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = sorted(
                entry.filename
                for entry in archive.infolist()
                if not entry.is_dir() and _is_conversations(entry.filename)
            )
            if not names:
                raise Unreadable(f"{path} has no conversations.json in it. {_KNOWN}")
            with archive.open(names[0]) as file:
                head = file.read(_HEAD)
            kind, _ = _json(lambda: _entry(path, names[0]), f"{path} ({names[0]})", head, wanted)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise Unreadable(f"{path} is damaged or locked by a password. Download the export again.") from error
    return kind, _entries(path, names, kind)


def _entries(path: Path, names: list[str], kind: str) -> Events:
    for name in names:
        try:
            yield from _read(lambda name=name: _entry(path, name), kind)  # type: ignore[misc]  # bound now, on purpose
        except (zipfile.BadZipFile, EOFError) as error:
            yield Problem(name, f"the archive is damaged there ({error})")


def _entry(path: Path, name: str) -> IO[bytes]:
    # The archive stays open for as long as its entry is.
    return zipfile.ZipFile(path).open(name)


def _is_conversations(name: str) -> bool:
    last = name.rpartition("/")[2]
    return last.startswith("conversations") and last.endswith(".json")
