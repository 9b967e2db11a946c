"""Which formats there are, and which one a file's name asks for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import assert_never

from storage.store import Store


class Format(StrEnum):
    """A form of an exported session; the values are written on the command line."""

    MARKDOWN = "md"
    HTML = "html"
    JSON = "json"
    JSONL = "jsonl"
    TEXT = "text"

    @property
    def ending(self) -> str:
        """How such a file's name ends."""
        return ".txt" if self is Format.TEXT else f".{self}"

    @property
    def complete(self) -> bool:
        """True for those that can be imported again, byte for byte."""
        return self in (Format.JSON, Format.JSONL)


_BY_ENDING = {".md": "md", ".markdown": "md", ".html": "html", ".htm": "html", ".json": "json"}
_BY_ENDING |= {".jsonl": "jsonl", ".ndjson": "jsonl", ".txt": "text", ".text": "text"}


def format_of(path: Path) -> Format | None:
    """What a file's name asks for; None where it says nothing."""
    name = _BY_ENDING.get(path.suffix.lower())
    return None if name is None else Format(name)


def pieces(format: Format, store: Store, session_ids: Sequence[str], *, only: int | None = None) -> Iterator[str]:  # noqa: A002 - the field's word
    """The sessions in that form, piece by piece; `only` that turn. Raises `StoreError`."""
    match format:
        case Format.MARKDOWN:
            from tui.exporting.markdown import markdown_pieces

            return markdown_pieces(store, session_ids, only=only)
        case Format.HTML:
            from tui.exporting.html import html_pieces

            return html_pieces(store, session_ids, only=only)
        case Format.JSON:
            from storage.carry.export import json_pieces

            return json_pieces(store, session_ids, only=only)
        case Format.JSONL:
            from storage.carry.export import jsonl_pieces

            return jsonl_pieces(store, session_ids, only=only)
        case Format.TEXT:
            from tui.exporting.plain import plain_pieces

            return plain_pieces(store, session_ids, only=only)
        case _:
            assert_never(format)
