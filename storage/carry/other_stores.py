"""Other terminal programs' SQLite files, read as they are: `llm`'s logs.db, oterm's store.db, elia's elia.sqlite.

They belong to other people's programs, so they are opened read-only, with an untrusted schema and no extension. Each
reader asks for the columns that are there, because every version added some.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

from storage.carry import fields
from storage.carry.events import Events, Problem, Unreadable
from storage.carry.fields import BadRecord, Fields
from storage.carry.said import Answer, Asked, Conversation, Talk
from storage.records import Receipt, Side

KINDS = ("llm", "oterm", "elia")


def events(path: Path, wanted: str) -> tuple[str, Events]:
    """Whose file it is, and what it holds. Raises `Unreadable`."""
    with closing(_connected(path)) as connection:
        kind = _kind(connection)
    if kind is None or wanted not in ("auto", kind):
        raise Unreadable(
            f"{path} is an SQLite file, but none of llm, oterm or elia. Give the file that one of them keeps."
        )
    return kind, _events(path, kind)


def _connected(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    for pragma in ("trusted_schema=OFF", "query_only=ON", "cell_size_check=ON", "mmap_size=0"):
        connection.execute(f"PRAGMA {pragma}")
    # Bytes that are no UTF-8 are a character, not an error.
    connection.text_factory = lambda data: data.decode("utf-8", "replace")
    return connection


def _kind(connection: sqlite3.Connection) -> str | None:
    try:
        if _columns(connection, "responses") >= {"prompt", "response", "conversation_id"}:
            return "llm"
        if _columns(connection, "turns") >= {"thread_id", "tip_message_hash"}:
            return "llm"
        message = _columns(connection, "message")
        if message >= {"chat_id", "author", "text"}:
            return "oterm"
        if message >= {"chat_id", "role", "content"}:
            return "elia"
    except sqlite3.Error:
        return None
    return None


def _events(path: Path, kind: str) -> Events:
    number = 0
    try:
        with closing(_connected(path)) as connection:
            for read in _readers(connection, kind):
                number += 1
                try:
                    yield from read().events()
                except BadRecord as problem:
                    yield Problem(f"conversation {number:,}", str(problem))
    except sqlite3.Error as error:
        yield Problem(f"after conversation {number:,}", f"the file cannot be read any further ({error})")


def _readers(connection: sqlite3.Connection, kind: str) -> Iterator[Callable[[], Conversation]]:
    """One per conversation, so that one that cannot be read does not take the rest with it."""
    if kind == "llm":
        tables = {"responses": "coalesce(conversation_id, id)", "threads": "id"}
        found = " UNION ".join(
            f"SELECT {column} AS id FROM {table}"  # noqa: S608 - fixed words
            for table, column in tables.items()
            if _columns(connection, table)
        )
        for row in connection.execute(f"{found} ORDER BY id"):
            yield partial(_llm, connection, str(row["id"]))
        return
    read = _oterm if kind == "oterm" else _elia
    for row in connection.execute("SELECT * FROM chat ORDER BY id"):
        yield partial(read, connection, dict(row))


def _llm(connection: sqlite3.Connection, name: str) -> Conversation:
    """Both generations of its tables: since 0.32 it writes threads of turns, and a conversation may have both."""
    found, talk, system, title, model, created = list[Asked](), Talk(), "", "", "", None
    if _columns(connection, "responses"):
        for row in _each(connection, _LLM_RESPONSES, name):
            found.append(_llm_asked(row))
            system, model = system or fields.text(row, "system", ""), model or fields.text(row, "model", "")
        for row in _each(connection, "SELECT name FROM conversations WHERE id = ?1", name):
            title = fields.text(row, "name", "")
    if _columns(connection, "threads"):
        for row in _each(connection, "SELECT name, datetime_utc FROM threads WHERE id = ?1", name):
            title, created = title or fields.text(row, "name", ""), fields.optional_time(row, "datetime_utc")
        seen = " AND id NOT IN (SELECT id FROM responses)" if _columns(connection, "responses") else ""
        turns = f"SELECT * FROM turns WHERE thread_id = ?1{seen} ORDER BY datetime_utc, id"  # noqa: S608 - fixed words
        for row in _each(connection, turns, name):
            model = model or fields.text(row, "model", "")
            system = _llm_turn(connection, row, talk) or system
    return Conversation(
        origin=f"llm:{name}",
        title=title,
        model=_llm_model(model),
        asked=[*found, *talk.asked],
        created=None if found else created,
        system_prompt=system,
    )


_LLM_RESPONSES = (
    "SELECT * FROM responses WHERE conversation_id = ?1 OR (conversation_id IS NULL AND id = ?1)"
    " ORDER BY datetime_utc, id"
)


def _llm_asked(row: Fields) -> Asked:
    when = fields.optional_time(row, "datetime_utc")
    answer = _llm_answer(row, fields.text(row, "response", ""), fields.text(row, "reasoning", ""))
    return Asked(fields.text(row, "prompt", ""), when, (answer,))


def _llm_turn(connection: sqlite3.Connection, row: Fields, talk: Talk) -> str:
    """Add what one turn says; tells the system prompt, if it has one."""
    system = ""
    for role, text, thinking in _llm_messages(connection, row):
        if role == "user":
            talk.user(text, fields.optional_time(row, "datetime_utc"))
        elif role == "assistant" and (text or thinking):
            talk.assistant(_llm_answer(row, text, thinking))
        elif role == "system":
            system = text
    return system


def _llm_answer(row: Fields, text: str, thinking: str) -> Answer:
    return Answer(
        text,
        thinking,
        fields.optional_time(row, "datetime_utc"),
        _llm_model(row.get("model")),
        fields.optional_text(row, "resolved_model"),
        receipt=_llm_receipt(row),
    )


def _each(connection: sqlite3.Connection, query: str, name: str) -> Iterator[dict[str, object]]:
    return map(dict, connection.execute(query, (name,)))


_LLM_MESSAGES = """
WITH RECURSIVE chain (hash, parent_hash, role, depth) AS (
  SELECT hash, parent_hash, role, 0 FROM messages WHERE hash = :tip AND hash IS NOT :parent
  UNION ALL
  SELECT m.hash, m.parent_hash, m.role, c.depth + 1 FROM chain c JOIN messages m ON m.hash = c.parent_hash
  WHERE m.hash IS NOT :parent AND c.depth < 10000
)
SELECT hash, role FROM chain ORDER BY depth DESC
"""


def _llm_messages(connection: sqlite3.Connection, turn: Fields) -> Iterator[tuple[str, str, str]]:
    """Role, text and thinking of what one turn added to its thread."""
    ends = {"tip": str(turn.get("tip_message_hash")), "parent": turn.get("parent_message_hash")}
    for message in connection.execute(_LLM_MESSAGES, ends):
        texts: dict[str, list[str]] = {"text": [], "reasoning": []}
        parts = connection.execute(
            "SELECT id, type, text FROM parts WHERE message_hash = ? ORDER BY position", (message["hash"],)
        )
        for part in parts:
            if part["type"] in texts:
                texts[part["type"]].append(part["text"] or _llm_fragments(connection, part["id"]))
            elif part["type"] == "attachment":
                texts["text"].append("[attachment]")
        yield str(message["role"]), "\n\n".join(filter(None, texts["text"])), "\n\n".join(texts["reasoning"])


def _llm_fragments(connection: sqlite3.Connection, part: int) -> str:
    found = connection.execute(
        "SELECT f.content FROM part_fragments p JOIN fragments f ON f.id = p.fragment_id"
        ' WHERE p.part_id = ? ORDER BY p."order"',
        (part,),
    )
    return "\n\n".join(str(row["content"]) for row in found)


def _llm_receipt(row: Fields) -> Receipt:
    duration = fields.optional_integer(row, "duration_ms")
    return Receipt(
        total_s=None if duration is None else duration / 1000,
        input_tokens=fields.optional_integer(row, "input_tokens"),
        output_tokens=fields.optional_integer(row, "output_tokens"),
    )


def _llm_model(name: object) -> str:
    return f"llm:{name}" if name else "llm"


def _oterm(connection: sqlite3.Connection, chat: Fields) -> Conversation:
    """It keeps no times and no ids of its own beyond a number, so the first prompt tells its sessions apart."""
    talk = Talk()
    order = "id" if "id" in _columns(connection, "message") else "rowid"
    messages = f"SELECT author, text FROM message WHERE chat_id = ?1 ORDER BY {order}"  # noqa: S608 - one of two words
    for message in map(dict, connection.execute(messages, (chat["id"],))):
        text = fields.text(message, "text", "")
        if message["author"] == "user":
            talk.user(text, None)
        else:
            talk.assistant(Answer(text))
    return Conversation(
        origin=f"oterm:{chat['id']}:{_digest(talk)}",
        title=fields.text(chat, "name", ""),
        model=_oterm_model(chat),
        asked=talk.asked,
        side=Side.RIGHT,
        system_prompt=fields.text(chat, "system", ""),
    )


def _digest(talk: Talk) -> str:
    first = talk.asked[0].prompt if talk.asked else ""
    return hashlib.sha256(first.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _oterm_model(chat: Fields) -> str:
    provider, model = fields.text(chat, "provider", "ollama"), fields.text(chat, "model", "")
    return f"{provider}:{model}"


def _elia(connection: sqlite3.Connection, chat: Fields) -> Conversation:
    talk, system = Talk(), ""
    for each in connection.execute("SELECT * FROM message WHERE chat_id = ? ORDER BY id", (chat["id"],)):
        message = dict(each)
        when, text = fields.optional_time(message, "timestamp"), fields.text(message, "content", "")
        match message["role"]:
            case "user":
                talk.user(text, when)
            case "assistant":
                named = fields.optional_text(message, "model")
                talk.assistant(Answer(text, when=when, model=f"elia:{named}" if named else None))
            case _:
                system = system or text
    started = fields.optional_time(chat, "started_at")
    return Conversation(
        origin=f"elia:{chat['id']}:{started or ''}",
        title=fields.text(chat, "title", ""),
        model=f"elia:{fields.text(chat, 'model', '')}",
        asked=talk.asked,
        created=started,
        system_prompt=system,
        archived=started if chat.get("archived") else None,
    )


def _columns(connection: sqlite3.Connection, table: str) -> set[str]:
    return {row["name"] for row in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))}
