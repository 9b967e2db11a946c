"""Claude.ai's data export: `conversations.json`, a list of conversations with `chat_messages`.

Newer exports give each message as `content` blocks (text, thinking, tool_use, tool_result) and tell with
`parent_message_uuid` which message it follows; older ones have its whole `text` and no parents. The model is not in
the export. Files come as `extracted_content`, or as a name alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from storage.carry import fields
from storage.carry.branches import Node, conversations
from storage.carry.fields import Fields
from storage.carry.said import Answer, Conversation
from storage.whole import WholeAttachment

MODEL = "claude.ai"


def read(found: Fields) -> Iterator[Conversation]:
    """One conversation and its forks. Raises `BadRecord`."""
    nodes: dict[str, Node] = {}
    before: str | None = None
    for number, each in enumerate(fields.records(found, "chat_messages")):
        message = fields.record(each, "a message")
        name = fields.text(message, "uuid", f"message {number}")
        parent = fields.optional_text(message, "parent_message_uuid") or before
        nodes[name] = _node(message, name, parent)
        before = name
    current = fields.optional_text(found, "current_leaf_message_uuid") or before
    whole = Conversation(
        origin=f"claude.ai:{fields.text(found, 'uuid')}",
        title=fields.text(found, "name", ""),
        model=MODEL,
        asked=[],
        locality="cloud",
        created=fields.optional_time(found, "created_at"),
        updated=fields.optional_time(found, "updated_at"),
        starred=fields.flag(found, "is_starred"),
    )
    return conversations(nodes, current or "", whole)


def _node(message: Fields, name: str, parent: str | None) -> Node:
    when = fields.optional_time(message, "created_at")
    text, thinking, note = _words(message)
    if fields.optional_text(message, "sender") == "assistant":
        return Node(name, parent, when=when, answer=Answer(text, thinking, when, note=note))
    attachments, names = _attachments(message)
    prompt = "\n\n".join(part for part in (text, *names) if part)
    return Node(name, parent, is_prompt=True, prompt=prompt, when=when, attachments=attachments)


def _words(message: Fields) -> tuple[str, str, str]:
    """Text, thinking, and which tools were used."""
    texts, thoughts, tools = list[str](), list[str](), list[str]()
    for each in fields.records(message, "content"):
        block = fields.record(each, "a content block")
        match block.get("type"):
            case "text":
                texts.append(fields.text(block, "text", ""))
            case "thinking":
                thoughts.append(fields.text(block, "thinking", ""))
            case "tool_use":
                tools.append(fields.text(block, "name", "a tool"))
            case _:
                pass  # results of tools, budgets: not what was said
    text = "\n\n".join(filter(None, texts)) or fields.text(message, "text", "")
    note = f"used {', '.join(dict.fromkeys(tools))}" if tools else ""
    return text, "\n\n".join(filter(None, thoughts)), note


def _attachments(message: Fields) -> tuple[tuple[WholeAttachment, ...], list[str]]:
    """Files with text, and the names of those that the export does not have."""
    kept, names = list[WholeAttachment](), list[str]()
    for each in fields.records(message, "attachments"):
        file = fields.record(each, "an attachment")
        name, text = fields.text(file, "file_name", "") or "file", fields.optional_text(file, "extracted_content")
        if text:
            kept.append(WholeAttachment(name, "text/plain", text.encode("utf-8", "replace")))
        else:
            names.append(f"[file: {name}]")
    for each in fields.records(message, "files"):
        names.append(f"[file: {fields.text(fields.record(each, 'a file'), 'file_name', '') or 'file'}]")
    return tuple(kept), list(dict.fromkeys(names))
