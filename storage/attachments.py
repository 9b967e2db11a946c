"""Files that went with a prompt: kept whole, once per turn, and found by their text."""

from __future__ import annotations

import hashlib

from storage.database import Database
from storage.errors import NotFound
from storage.records import Attachment

LONGEST_TEXT = 2_000_000
"""Characters of a file that can be searched."""

_COLUMNS = "id, turn_id, name, media_type, size, sha256, text"
_TEXT_TYPES = ("text/", "application/json", "application/xml", "application/toml", "application/yaml")


class AttachmentsTable:
    """All that `Store` does with attached files."""

    _db: Database

    def attach(
        self, turn_id: int, name: str, media_type: str, content: bytes, *, text: str | None = None
    ) -> Attachment:
        """Keep a file with its turn. `text` is what can be read in it; None takes it from the content.

        Raises `NotFound` for an unknown turn.
        """
        found = text_of(media_type, content) if text is None else text.replace("\0", "")[:LONGEST_TEXT]
        digest = hashlib.sha256(content).hexdigest()
        with self._db.transaction():
            if self._db.row("SELECT 1 FROM turns WHERE id = ?", (turn_id,)) is None:
                raise NotFound(f"There is no turn {turn_id} any more. Open the session again.")
            added = self._db.write(
                "INSERT INTO attachments (turn_id, name, media_type, size, sha256, content, text)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (turn_id, name.replace("\0", ""), media_type, len(content), digest, content, found),
            )
        row = self._db.rows(f"SELECT {_COLUMNS} FROM attachments WHERE id = ?", (added.lastrowid,))[0]  # noqa: S608 - fixed words
        return Attachment(**dict(row))

    def attachments(self, turn_id: int) -> list[Attachment]:
        """A turn's files without their content, in the order in which they were attached."""
        found = self._db.rows(f"SELECT {_COLUMNS} FROM attachments WHERE turn_id = ? ORDER BY id", (turn_id,))  # noqa: S608 - fixed words
        return [Attachment(**dict(row)) for row in found]

    def attachment_content(self, attachment_id: int) -> bytes:
        """A file's bytes. Raises `NotFound`."""
        row = self._db.row("SELECT content FROM attachments WHERE id = ?", (attachment_id,))
        if row is None:
            raise NotFound(f"There is no attachment {attachment_id} any more. Open the session again.")
        return bytes(row["content"])


def text_of(media_type: str, content: bytes) -> str:
    """What can be read in a file, without NULs, which SQLite's own text functions stop at."""
    if not media_type.startswith(_TEXT_TYPES):
        return ""
    return content[: 4 * LONGEST_TEXT].decode("utf-8", "replace").replace("\0", "")[:LONGEST_TEXT]
