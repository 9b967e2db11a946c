"""ChatGPT's data export: `conversations.json`, a list of conversations, each a `mapping` of message nodes.

A node has a `parent` and a `message` (or none); `current_node` is the end of the branch that was shown last. What a
message says depends on `content_type`: text and multimodal_text have `parts`, code and execution_output a `text`,
thoughts are the model's thinking. Images and sound are named, not kept: the export has them as files of their own.
OpenAI publishes no schema; this is what exports of 2023 to 2026 hold, and what is not known is passed over.
"""

from __future__ import annotations

from collections.abc import Iterator

from storage.carry import fields
from storage.carry.branches import Node, conversations
from storage.carry.fields import BadRecord, Fields
from storage.carry.said import Answer, Conversation

_NO_MODEL = "chatgpt"


def read(found: Fields) -> Iterator[Conversation]:
    """One conversation and its forks. Raises `BadRecord`."""
    mapping = fields.record(found.get("mapping"), "mapping")
    nodes = {str(name): _node(str(name), fields.record(node, "a node")) for name, node in mapping.items()}
    current = fields.optional_text(found, "current_node")
    if current not in nodes:
        current = next(reversed(nodes), "")
    name = fields.optional_text(found, "conversation_id") or fields.optional_text(found, "id")
    if name is None:
        raise BadRecord("id is missing")
    created = fields.optional_time(found, "create_time")
    updated = fields.optional_time(found, "update_time")
    whole = Conversation(
        origin=f"chatgpt:{name}",
        title=fields.text(found, "title", ""),
        model=_model(fields.optional_text(found, "default_model_slug")),
        asked=[],
        locality="cloud",
        created=created,
        updated=updated,
        archived=(updated or created) if fields.flag(found, "is_archived") else None,
        starred=fields.flag(found, "is_starred"),
    )
    return conversations(nodes, current, whole)


def _model(slug: str | None) -> str:
    return f"{_NO_MODEL}:{slug}" if slug else _NO_MODEL


def _node(name: str, found: Fields) -> Node:
    parent = fields.optional_text(found, "parent")
    if found.get("message") is None:
        return Node(name, parent)
    message = fields.record(found["message"], "message")
    metadata = fields.record(message.get("metadata") or {}, "metadata")
    role = fields.optional_text(fields.record(message.get("author") or {}, "author"), "role")
    hidden = metadata.get("is_visually_hidden_from_conversation") is True
    if hidden or role not in ("user", "assistant", "tool"):
        return Node(name, parent)
    when = fields.optional_time(message, "create_time")
    text, thinking = _words(fields.record(message.get("content") or {}, "content"))
    if role == "user":
        return Node(name, parent, is_prompt=True, prompt=text, when=when)
    addressed = fields.optional_text(message, "recipient")
    if role == "tool" or addressed not in (None, "all"):
        # Work between the model and its tools; what it thought is kept, what it typed there is not an answer.
        return Node(name, parent, answer=Answer("", thinking, when) if thinking else None)
    if not text and not thinking:
        return Node(name, parent)
    status = fields.optional_text(message, "status")
    model = fields.optional_text(metadata, "model_slug")
    return Node(
        name,
        parent,
        answer=Answer(text, thinking, when, _model(model) if model else None, complete=status != "in_progress"),
    )


def _words(content: Fields) -> tuple[str, str]:
    """Text and thinking."""
    match content.get("content_type"):
        case "text" | "multimodal_text":
            parts = [_part(part) for part in fields.records(content, "parts")]
            return "\n\n".join(filter(None, parts)), ""
        case "code":
            language = fields.optional_text(content, "language") or ""
            language = "" if language == "unknown" else language
            return f"```{language}\n{fields.text(content, 'text', '')}\n```", ""
        case "thoughts":
            thoughts = [fields.record(each, "a thought") for each in fields.records(content, "thoughts")]
            said = (fields.text(each, "content", "") or fields.text(each, "summary", "") for each in thoughts)
            return "", "\n\n".join(filter(None, said))
        case _:
            return "", ""


def _part(part: object) -> str:
    if isinstance(part, str):
        return part
    kind = part.get("content_type") if isinstance(part, dict) else None
    if not isinstance(part, dict) or not isinstance(kind, str):
        return ""
    if kind == "audio_transcription":
        return fields.text(part, "text", "")
    return f"[{kind.removesuffix('_asset_pointer').removesuffix('_pointer').replace('_', ' ')}]"
