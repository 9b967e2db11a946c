"""Files of other programs, as they publish them, and files that are none."""

from __future__ import annotations

import json
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from storage.carry.events import Unreadable
from storage.carry.importing import Import, Summary
from storage.carry.opening import opened
from storage.records import Outcome, Turn
from storage.store import Store


def imported(store: Store, path: Path) -> tuple[str, Summary]:
    with opened(path) as (kind, events):
        return kind, Import().run(store, events)


def written(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content))
    return path


def only_session(store: Store) -> tuple[Any, list[Turn]]:
    (session_id,) = store.session_ids()
    return store.session(session_id), store.turns(session_id)


def node(name: str, parent: str | None, role: str | None = None, **message: Any) -> dict[str, Any]:
    """A node of ChatGPT's mapping."""
    content = message.pop("content", {"content_type": "text", "parts": [message.pop("text", "")]})
    said = None if role is None else {"id": name, "author": {"role": role}, "content": content, **message}
    return {"id": name, "parent": parent, "children": [], "message": said}


def chatgpt(*nodes: dict[str, Any], current: str, name: str = "c-1", **more: Any) -> dict[str, Any]:
    return {
        "title": "Leases",
        "create_time": 1700000000.5,
        "update_time": 1700000900.25,
        "conversation_id": name,
        "current_node": current,
        "mapping": {each["id"]: each for each in nodes},
        **more,
    }


ROOT = node("root", None)
SYSTEM = node("system", "root", "system", metadata={"is_visually_hidden_from_conversation": True})
QUESTION = node("u1", "system", "user", text="What is a lease?", create_time=1700000001.0)


def reply(name: str, parent: str, text: str) -> dict[str, Any]:
    return node(
        name,
        parent,
        "assistant",
        text=text,
        create_time=1700000005.0,
        metadata={"model_slug": "gpt-4o"},
        recipient="all",
    )


def test_chatgpts_current_answer_is_the_last_variant_and_an_edited_prompt_a_fork(tmp_path: Path) -> None:
    conversation = chatgpt(
        *(ROOT, SYSTEM, QUESTION, reply("a1", "u1", "First."), reply("a2", "u1", "Second.")),
        *(node("u2", "a2", "user", text="And rent?"), reply("a3", "u2", "Money.")),
        *(node("u2b", "a2", "user", text="And a deposit?"), reply("a3b", "u2b", "Also money.")),
        current="a3",
    )
    path = written(tmp_path / "conversations.json", [conversation])
    with closing(Store.open(None)) as store:
        kind, summary = imported(store, path)

        assert (kind, summary.sessions, summary.problems) == ("chatgpt", 2, [])
        sessions = {store.session(each).origin: store.session(each) for each in store.session_ids()}
        whole, fork = sessions["chatgpt:c-1"], sessions["chatgpt:c-1#u2b"]
        first, second = store.turns(whole.id)
        assert [(each.text, each.variant, each.model) for each in first.replies] == [
            ("First.", 1, "chatgpt:gpt-4o"),
            ("Second.", 2, "chatgpt:gpt-4o"),
        ]
        assert {each.locality for each in first.replies} == {"cloud"}
        assert (second.prompt, second.replies[0].text) == ("And rent?", "Money.")
        assert [turn.prompt for turn in store.turns(fork.id)] == ["What is a lease?", "And a deposit?"]
        assert (fork.parent_id, store.whole_session(fork.id).parent_seq) == (whole.id, 1)
        assert (whole.title, whole.right, whole.created.timestamp()) == ("Leases", None, 1700000000.5)

        _, again = imported(store, path)
        assert (again.sessions, again.turns, again.grown, again.already) == (0, 0, 0, 2)


def test_chatgpts_thoughts_images_and_tools(tmp_path: Path) -> None:
    thoughts = {"content_type": "thoughts", "thoughts": [{"summary": "Hm", "content": "Let me see."}]}
    picture = {"content_type": "multimodal_text", "parts": [{"content_type": "image_asset_pointer"}, "What is this?"]}
    conversation = chatgpt(
        *(ROOT, node("u1", "root", "user", content=picture)),
        node("t", "u1", "assistant", content=thoughts),
        node("code", "t", "assistant", content={"content_type": "code", "text": "print()"}, recipient="python"),
        node("ran", "code", "tool", content={"content_type": "execution_output", "text": "1"}),
        reply("a", "ran", "A cat."),
        current="a",
    )
    with closing(Store.open(None)) as store:
        imported(store, written(tmp_path / "x", [conversation]))

        _, (turn,) = only_session(store)
        assert turn.prompt == "[image]\n\nWhat is this?"
        assert (turn.replies[0].text, turn.replies[0].thinking) == ("A cat.", "Let me see.")


def claude(**more: Any) -> dict[str, Any]:
    return {
        "uuid": "11111111-2222",
        "name": "A lease",
        "created_at": "2026-03-01T10:00:00.000000Z",
        "updated_at": "2026-03-01T10:05:00.000000Z",
        "account": {"uuid": "a"},
        "chat_messages": [
            {
                "uuid": "m1",
                "text": "Read this.",
                "content": [{"type": "text", "text": "Read this."}],
                "sender": "human",
                "created_at": "2026-03-01T10:00:00.000000Z",
                "attachments": [
                    {"file_name": "a.txt", "file_type": "txt", "extracted_content": "The words of a file."}
                ],
                "files": [{"file_name": "photo.png"}],
                "parent_message_uuid": "00000000-0000-4000-8000-000000000000",
            },
            {
                "uuid": "m2",
                "text": "",
                "content": [
                    {"type": "thinking", "thinking": "Let me look."},
                    {"type": "tool_use", "name": "web_search", "input": {}},
                    {"type": "tool_result", "content": []},
                    {"type": "text", "text": "I have read it."},
                ],
                "sender": "assistant",
                "created_at": "2026-03-01T10:00:05.000000Z",
                "attachments": [],
                "files": [],
                "parent_message_uuid": "m1",
            },
        ],
        **more,
    }


def test_claudes_export_comes_in_from_the_zip_as_it_is_published(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "data.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("users.json", "[]")
        archive.writestr("conversations.json", json.dumps([claude()]))
    with closing(Store.open(None)) as store:
        kind, summary = imported(store, tmp_path / "data.zip")

        assert (kind, summary.problems) == ("claude", [])
        session, (turn,) = only_session(store)
        assert (session.title, session.left, session.right) == ("A lease", "claude.ai", None)
        assert session.origin == "claude.ai:11111111-2222"
        assert turn.prompt == "Read this.\n\n[file: photo.png]"
        (answer,) = turn.replies
        assert (answer.text, answer.thinking) == ("I have read it.", "Let me look.")
        assert (answer.note, answer.outcome) == ("used web_search", Outcome.COMPLETE)
        (whole,) = store.whole_turns(session.id)
        assert [(each.name, each.content) for each in whole.attachments] == [("a.txt", b"The words of a file.")]


def test_claudes_older_messages_have_no_blocks_and_no_parents(tmp_path: Path) -> None:
    old = claude()
    for message in old["chat_messages"]:
        del message["parent_message_uuid"], message["content"]
    old["chat_messages"][1]["text"] = "Read."
    with closing(Store.open(None)) as store:
        imported(store, written(tmp_path / "conversations.json", [old]))

        _, (turn,) = only_session(store)
        assert turn.replies[0].text == "Read."


def test_one_bad_conversation_is_told_and_the_rest_goes_in(tmp_path: Path) -> None:
    circle = [node("x", "y", "user", text="?"), node("y", "x", "assistant", text="!")]
    good = chatgpt(ROOT, node("u", "root", "user", text="Hello"), current="u", name="good")
    path = written(tmp_path / "x", [chatgpt(*circle, current="x"), 7, good])
    with closing(Store.open(None)) as store:
        _, summary = imported(store, path)

        assert [each.where for each in summary.problems] == ["conversation 1", "conversation 2"]
        session, _ = only_session(store)
        assert session.origin == "chatgpt:good"


def test_a_download_that_was_cut_gives_what_it_has(tmp_path: Path) -> None:
    many = [
        chatgpt(ROOT, node("u", "root", "user", text=f"Hello {number}"), current="u", name=f"c{number}")
        for number in range(50)
    ]
    text = json.dumps(many)
    (tmp_path / "x").write_text(text[: len(text) // 2])
    with closing(Store.open(None)) as store:
        _, summary = imported(store, tmp_path / "x")

        assert 20 <= summary.sessions <= 25
        assert [each.what for each in summary.problems] == [
            "the file ends in the middle of a record; it may not have been downloaded whole"
        ]


def test_llms_responses_and_threads_come_in_once(tmp_path: Path) -> None:
    path = tmp_path / "logs.db"
    with closing(sqlite3.connect(path)) as file:
        file.executescript(
            """
            CREATE TABLE conversations (id TEXT PRIMARY KEY, name TEXT, model TEXT);
            CREATE TABLE responses (id TEXT PRIMARY KEY, model TEXT, prompt TEXT, system TEXT, prompt_json TEXT,
              options_json TEXT, response TEXT, response_json TEXT, conversation_id TEXT, duration_ms INTEGER,
              datetime_utc TEXT, input_tokens INTEGER, output_tokens INTEGER, token_details TEXT);
            CREATE TABLE messages (hash TEXT PRIMARY KEY, parent_hash TEXT, role TEXT, provider_metadata TEXT);
            CREATE TABLE parts (id INTEGER PRIMARY KEY, message_hash TEXT, position INTEGER, type TEXT,
              tool_name TEXT, text TEXT, payload TEXT);
            CREATE TABLE fragments (id INTEGER PRIMARY KEY, content TEXT);
            CREATE TABLE part_fragments (part_id INTEGER, fragment_id INTEGER, "order" INTEGER);
            CREATE TABLE threads (id TEXT PRIMARY KEY, name TEXT, tip_message_hash TEXT, forked_from TEXT,
              datetime_utc TEXT);
            CREATE TABLE turns (id TEXT PRIMARY KEY, thread_id TEXT, parent_message_hash TEXT, tip_message_hash TEXT,
              model TEXT, resolved_model TEXT, input_tokens INTEGER, output_tokens INTEGER, duration_ms INTEGER,
              datetime_utc TEXT);
            INSERT INTO conversations VALUES ('01h', 'Cheesecakes', 'gpt-4');
            INSERT INTO responses VALUES ('01r', 'gpt-4', 'Ten names', 'Be brief', NULL, NULL, 'One.', NULL, '01h',
              1500, '2026-03-01T10:00:00.123456+00:00', 10, 20, NULL);
            INSERT INTO messages VALUES ('h1', NULL, 'user', NULL), ('h2', 'h1', 'assistant', NULL),
              ('h3', 'h2', 'user', NULL), ('h4', 'h3', 'assistant', NULL);
            INSERT INTO parts VALUES (1, 'h3', 0, 'text', NULL, 'More', NULL),
              (2, 'h4', 0, 'reasoning', NULL, 'Hm.', NULL), (3, 'h4', 1, 'text', NULL, 'Two.', NULL);
            INSERT INTO threads VALUES ('01h', NULL, 'h4', NULL, '2026-03-01T10:00:00');
            INSERT INTO turns VALUES ('01r', '01h', NULL, 'h2', 'gpt-4', NULL, 10, 20, 1500, '2026-03-01T10:00:00'),
              ('01s', '01h', 'h2', 'h4', 'gpt-4', 'gpt-4-0613', 30, 40, 2500, '2026-03-01T10:01:00');
            """
        )
    with closing(Store.open(None)) as store:
        kind, summary = imported(store, path)

        assert (kind, summary.problems) == ("llm", [])
        session, (first, second) = only_session(store)
        assert (session.title, session.left, session.system_prompt) == ("Cheesecakes", "llm:gpt-4", "Be brief")
        assert (first.prompt, first.replies[0].text, first.replies[0].receipt.total_s) == ("Ten names", "One.", 1.5)
        assert (second.prompt, second.replies[0].text, second.replies[0].thinking) == ("More", "Two.", "Hm.")
        assert second.replies[0].served_model == "gpt-4-0613"
        assert imported(store, path)[1].already == 1


def test_oterms_and_elias_stores_come_in(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "store.db")) as file:
        file.executescript(
            """
            CREATE TABLE chat (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, model TEXT NOT NULL, system TEXT,
              format TEXT, parameters TEXT DEFAULT '{}', keep_alive INTEGER DEFAULT 5, tools TEXT DEFAULT '[]');
            CREATE TABLE message (id INTEGER PRIMARY KEY AUTOINCREMENT, chat_id INTEGER NOT NULL,
              author TEXT NOT NULL, text TEXT NOT NULL, images TEXT DEFAULT '[]');
            INSERT INTO chat (name, model) VALUES ('From oterm', 'llama3.1:8b');
            INSERT INTO message (chat_id, author, text) VALUES (1, 'user', 'Why?'), (1, 'assistant', 'Because.');
            """
        )
    with closing(sqlite3.connect(tmp_path / "elia.sqlite")) as file:
        file.executescript(
            """
            CREATE TABLE chat (id INTEGER PRIMARY KEY, model VARCHAR NOT NULL, title VARCHAR, started_at DATETIME,
              archived BOOLEAN NOT NULL);
            CREATE TABLE message (id INTEGER PRIMARY KEY, chat_id INTEGER, role VARCHAR NOT NULL,
              content VARCHAR NOT NULL, timestamp DATETIME, meta JSON, parent_id INTEGER, model VARCHAR);
            INSERT INTO chat VALUES (1, 'gpt-4o', 'From elia', '2024-10-10 09:00:00', 0);
            INSERT INTO message VALUES (1, 1, 'system', 'Be kind', '2024-10-10 09:00:00', '{}', NULL, 'gpt-4o'),
              (2, 1, 'user', 'Who?', '2024-10-10 09:00:01', '{}', NULL, 'gpt-4o'),
              (3, 1, 'assistant', 'You.', '2024-10-10 09:00:02', '{}', NULL, 'gpt-4o');
            """
        )
    with closing(Store.open(None)) as store:
        assert imported(store, tmp_path / "store.db")[0] == "oterm"
        assert imported(store, tmp_path / "elia.sqlite")[0] == "elia"

        by_title = {store.session(each).title: store.session(each) for each in store.session_ids()}
        oterm, elia = by_title["From oterm"], by_title["From elia"]
        assert (oterm.left, oterm.right, elia.left) == (None, "ollama:llama3.1:8b", "elia:gpt-4o")
        assert store.turns(oterm.id)[0].replies[0].text == "Because."
        assert (elia.system_prompt, store.turns(elia.id)[0].prompt) == ("Be kind", "Who?")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"Dear diary", "is no export that is known"),
        (b'{"a": 1}', "is no export that is known"),
        (b"[1, 2", "cannot be read"),
        (b'["\xe9t\xe9"]', "not UTF-8"),
        ("[]".encode("utf-16"), "perhaps UTF-16"),
        (b"PK\x03\x04 cut", "damaged"),
        (b"SQLite format 3\x00 and then nothing", "none of llm, oterm or elia"),
    ],
)
def test_what_is_no_export_is_told_in_one_line(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises(Unreadable, match=words) as told, opened(path):
        pass
    assert "\n" not in str(told.value)


def test_a_file_that_is_not_there_and_a_folder_are_told(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(Unreadable, match="cannot be read"), opened(path):
            pass


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    good = chatgpt(ROOT, node("u", "root", "user", text="Hello"), current="u")
    (tmp_path / "x").write_bytes(b"\xef\xbb\xbf" + json.dumps([good]).encode())
    with closing(Store.open(None)) as store:
        assert imported(store, tmp_path / "x")[1].sessions == 1
