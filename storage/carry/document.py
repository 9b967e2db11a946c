"""Our own form of a saved session: what each field is called, and the way there and back.

`docs/export-format.md` documents every field; a test compares. Two things must stay true. Nothing that is shown of a
session is missing, so that export, import into an empty store and export again give the same bytes. And nothing tells
of the store that it came from: turns are numbered within their session, replies named by side and variant.

A field is added with a default, and `VERSION` stays; it rises when an old program would misread a new file.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Mapping
from dataclasses import fields as fields_of
from typing import TypeVar

from storage import rows
from storage.carry import fields
from storage.carry.fields import BadRecord, Fields
from storage.marks import tag_from
from storage.records import Choice, Outcome, Receipt, Reply, Session, Side, Turn, Vote
from storage.whole import WholeAttachment, WholeSession, WholeTurn

FORMAT = "duologue"
VERSION = 1

Document = dict[str, object]
Word = TypeVar("Word", Side, Outcome, Choice)

_ID = frozenset("0123456789ABCDEFGHJKMNPQRSTVWXYZ")
_ID_LENGTH = 26
_WHOLE_NUMBERS = frozenset(field.name for field in fields_of(Receipt) if field.type == "int | None")


def head() -> Document:
    """What a file begins with."""
    return {"format": FORMAT, "version": VERSION}


def check_head(found: Fields) -> None:
    """Raise `BadRecord` for another format, or a version that is not known yet."""
    version = fields.optional_integer(found, "version")
    if found.get("format") != FORMAT or version is None:
        raise BadRecord("it does not begin as an export of this program does")
    if version > VERSION:
        raise BadRecord(f"it has version {version} of the format; this program knows {VERSION}: install a newer one")


def session_document(whole: WholeSession) -> Document:
    """A session without its turns."""
    session = whole.session
    return {
        "id": session.id,
        "title": session.title,
        "created": rows.time_text(session.created),
        "updated": rows.time_text(session.updated),
        "left": session.left,
        "right": session.right,
        "confidential_since": rows.optional_time_text(session.confidential_since),
        "system_prompt": session.system_prompt,
        "draft": session.draft,
        "starred": session.starred,
        "archived": rows.optional_time_text(session.archived),
        "origin": session.origin,
        "tags": list(whole.tags),
        "parent": None if session.parent_id is None else {"session": session.parent_id, "turn": whole.parent_seq},
    }


def turn_document(whole: WholeTurn) -> Document:
    """A turn with everything in it."""
    turn = whole.turn
    adopted = next((reply for reply in turn.replies if reply.id == turn.adopted_reply_id), None)
    return {
        "turn": turn.seq,
        "asked": rows.time_text(turn.asked),
        "prompt": turn.prompt,
        "attachments": [_attachment_document(attachment) for attachment in whole.attachments],
        "replies": [_reply_document(reply) for reply in turn.replies],
        "adopted": None if adopted is None else {"side": str(adopted.side), "variant": adopted.variant},
        "vote": None if turn.vote is None else _vote_document(turn.vote),
        "note": turn.note,
    }


def session_from(found: Fields) -> WholeSession:
    """What `session_document` made. Raises `BadRecord`."""
    session_id = fields.text(found, "id")
    if len(session_id) != _ID_LENGTH or not _ID.issuperset(session_id):
        raise BadRecord("id is not one of ours")
    parent = fields.record(found["parent"], "parent") if found.get("parent") is not None else None
    return WholeSession(
        Session(
            id=session_id,
            title=fields.text(found, "title", ""),
            created=fields.time(found, "created"),
            updated=fields.time(found, "updated"),
            left=fields.optional_text(found, "left"),
            right=fields.optional_text(found, "right"),
            confidential_since=fields.optional_time(found, "confidential_since"),
            system_prompt=fields.text(found, "system_prompt", ""),
            parent_id=None if parent is None else fields.text(parent, "session"),
            draft=fields.text(found, "draft", ""),
            starred=fields.flag(found, "starred"),
            archived=fields.optional_time(found, "archived"),
            origin=fields.text(found, "origin", ""),
        ),
        tags=tuple(_tag(tag) for tag in fields.records(found, "tags")),
        parent_seq=None if parent is None else fields.optional_integer(parent, "turn"),
    )


def turn_from(found: Fields) -> WholeTurn:
    """What `turn_document` made; replies are numbered from 1. Raises `BadRecord`."""
    replies = tuple(
        _reply_from(fields.record(reply, "a reply"), number)
        for number, reply in enumerate(fields.records(found, "replies"), 1)
    )
    if len({(reply.side, reply.variant) for reply in replies}) != len(replies):
        raise BadRecord("two replies have the same side and variant")
    vote = fields.record(found["vote"], "vote") if found.get("vote") is not None else None
    turn = Turn(
        id=0,
        session_id="",
        seq=fields.position(found, "turn"),
        prompt=fields.text(found, "prompt"),
        asked=fields.time(found, "asked"),
        replies=replies,
        adopted_reply_id=_adopted(found, replies),
        note=fields.text(found, "note", ""),
        vote=None if vote is None else _vote_from(vote),
    )
    attachments = (fields.record(each, "an attachment") for each in fields.records(found, "attachments"))
    return WholeTurn(turn, tuple(_attachment_from(each) for each in attachments))


def _reply_document(reply: Reply) -> Document:
    return {
        "side": str(reply.side),
        "variant": reply.variant,
        "model": reply.model,
        "served_model": reply.served_model,
        "digest": reply.digest,
        "locality": reply.locality,
        "outcome": str(reply.outcome),
        "started": rows.time_text(reply.started),
        "ended": rows.optional_time_text(reply.ended),
        "text": reply.text,
        "thinking": reply.thinking,
        "error": reply.error,
        "error_kind": reply.error_kind,
        "note": reply.note,
        "receipt": receipt_document(reply.receipt),
    }


def receipt_document(receipt: Receipt) -> Document:
    """What an answer cost, every field by its own name."""
    values = {name: getattr(receipt, name) for name in rows.RECEIPT_COLUMNS}
    # JSON has no infinity, which a server may have given as a duration.
    return {name: None if _endless(value) else value for name, value in values.items()}


def _endless(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _reply_from(found: Fields, number: int) -> Reply:
    return Reply(
        id=number,
        turn_id=0,
        side=_one_of(Side, found, "side"),
        variant=fields.position(found, "variant"),
        model=fields.text(found, "model"),
        outcome=_one_of(Outcome, found, "outcome"),
        started=fields.time(found, "started"),
        text=fields.text(found, "text", ""),
        thinking=fields.text(found, "thinking", ""),
        ended=fields.optional_time(found, "ended"),
        served_model=fields.optional_text(found, "served_model"),
        digest=fields.optional_text(found, "digest"),
        locality=fields.optional_text(found, "locality"),
        error=fields.optional_text(found, "error"),
        error_kind=fields.optional_text(found, "error_kind"),
        note=fields.text(found, "note", ""),
        receipt=_receipt_from(fields.record(found.get("receipt") or {}, "receipt")),
    )


def _receipt_from(found: Fields) -> Receipt:
    values: dict[str, object] = {}
    for name in rows.RECEIPT_COLUMNS:
        if name == "estimated":
            values[name] = fields.flag(found, name)
        elif name == "stop_reason":
            values[name] = fields.optional_text(found, name)
        elif name in _WHOLE_NUMBERS:
            values[name] = fields.optional_integer(found, name)
        else:
            values[name] = fields.optional_number(found, name)
    return Receipt(**values)  # type: ignore[arg-type]  # the field's type has decided which reader was used


def _vote_document(vote: Vote) -> Document:
    return {"choice": str(vote.choice), "reasons": vote.reasons, "at": rows.time_text(vote.at)}


def _vote_from(found: Fields) -> Vote:
    return Vote(_one_of(Choice, found, "choice"), fields.time(found, "at"), fields.text(found, "reasons", ""))


def _attachment_document(attachment: WholeAttachment) -> Document:
    return {
        "name": attachment.name,
        "media_type": attachment.media_type,
        "size": len(attachment.content),
        "text": attachment.text,
        "content": base64.b64encode(attachment.content).decode("ascii"),
    }


def _attachment_from(found: Fields) -> WholeAttachment:
    try:
        content = base64.b64decode(fields.text(found, "content"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadRecord("an attachment's content is not base 64") from error
    return WholeAttachment(
        fields.text(found, "name"), fields.text(found, "media_type"), content, fields.optional_text(found, "text")
    )


def _adopted(found: Fields, replies: tuple[Reply, ...]) -> int | None:
    if found.get("adopted") is None:
        return None
    adopted = fields.record(found["adopted"], "adopted")
    wanted = (adopted.get("side"), adopted.get("variant"))
    chosen = next((reply.id for reply in replies if (str(reply.side), reply.variant) == wanted), None)
    if chosen is None:
        raise BadRecord("adopted names no reply of its turn")
    return chosen


def _tag(value: object) -> str:
    try:
        return tag_from(fields.text({"tag": value}, "tag"))
    except ValueError as error:
        raise BadRecord("a tag has no letter or digit") from error


def _one_of(kind: type[Word], found: Mapping[str, object], name: str) -> Word:
    try:
        return kind(fields.text(found, name))
    except ValueError as error:
        raise BadRecord(f"{name} is none of {', '.join(kind)}") from error
