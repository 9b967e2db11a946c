"""What people add to a saved conversation: stars, tags, votes, notes, and putting it away.

None of it changes when a session was last used, so its place in the list stays.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from storage import rows
from storage.database import Database
from storage.errors import NotFound
from storage.records import Choice

LONGEST_TAG = 40
"""Characters; a tag is a word or two."""

_MARKED = """(t.note <> '' OR EXISTS (SELECT 1 FROM votes v WHERE v.turn_id = t.id)
  OR EXISTS (SELECT 1 FROM replies r WHERE r.turn_id = t.id AND r.outcome IN ('stopped', 'failed', 'interrupted')))"""


class MarksTable:
    """All that `Store` does with stars, tags, votes and notes."""

    _db: Database

    def star_session(self, session_id: str, *, starred: bool) -> None:
        """Put a star on a session, or take it off. Raises `NotFound`."""
        self._mark(session_id, "starred", int(starred))

    def archive_session(self, session_id: str, when: datetime | None) -> None:
        """Put a session away, or with None get it back. Raises `NotFound`."""
        self._mark(session_id, "archived_at", rows.optional_time_text(when))

    def tag_session(self, session_id: str, name: str) -> str:
        """Add a tag as `tag_from` makes it of `name`, and tell it; a second time changes nothing.

        Raises `NotFound`, and ValueError for a name without a word in it.
        """
        tag = tag_from(name)
        with self._db.transaction():
            self._require_session(session_id)
            self._db.write(
                "INSERT INTO tags (session_id, name) VALUES (?, ?) ON CONFLICT DO NOTHING", (session_id, tag)
            )
        return tag

    def untag_session(self, session_id: str, name: str) -> bool:
        """Remove a tag; False where the session does not have it. Raises `NotFound`."""
        with self._db.transaction():
            self._require_session(session_id)
            gone = self._db.write("DELETE FROM tags WHERE session_id = ? AND name = ?", (session_id, tag_from(name)))
        return gone.rowcount > 0

    def set_tags(self, session_id: str, names: Iterable[str]) -> tuple[str, ...]:
        """Let a session have these tags and no others, and tell them; see `tag_session` for what is raised."""
        tags = sorted({tag_from(name) for name in names})
        with self._db.transaction():
            self._require_session(session_id)
            self._db.write("DELETE FROM tags WHERE session_id = ?", (session_id,))
            self._db.write_many(
                "INSERT INTO tags (session_id, name) VALUES (?, ?)", [(session_id, tag) for tag in tags]
            )
        return tuple(tags)

    def tags(self) -> dict[str, int]:
        """All tags in alphabetical order, and how many sessions outside the bin have each."""
        found = self._db.rows(
            "SELECT g.name, count(*) AS sessions FROM tags g JOIN sessions s ON s.id = g.session_id"
            " WHERE s.deleted_at IS NULL AND (?1 OR s.confidential_since IS NULL) GROUP BY g.name ORDER BY g.name",
            (int(self._db.holds_confidential),),
        )
        return {row["name"]: row["sessions"] for row in found}

    def vote(self, turn_id: int, choice: Choice | None, when: datetime, reasons: str = "") -> None:
        """Keep a verdict on a turn's answers in place of an earlier one; None takes it back. Raises `NotFound`."""
        with self._db.transaction():
            self._require_turn(turn_id)
            if choice is None:
                self._db.write("DELETE FROM votes WHERE turn_id = ?", (turn_id,))
            else:
                self._db.write(
                    "INSERT OR REPLACE INTO votes (turn_id, choice, reasons, at) VALUES (?, ?, ?, ?)",
                    (turn_id, choice, reasons, rows.time_text(when)),
                )

    def note_turn(self, turn_id: int, text: str) -> None:
        """Keep the person's own words about a turn; an empty text removes them. Raises `NotFound`."""
        with self._db.transaction():
            self._require_turn(turn_id)
            self._db.write("UPDATE turns SET note = ? WHERE id = ?", (text, turn_id))

    def marked_turn(self, session_id: str, seq: int, step: int) -> int | None:
        """The id of the nearest turn after (`step` 1) or before (-1) a position with a vote, a note or an answer that
        did not end well; None where there is none."""
        after, order = (">", "") if step > 0 else ("<", " DESC")
        row = self._db.row(
            f"SELECT t.id FROM turns t WHERE t.session_id = ? AND t.seq {after} ? AND {_MARKED} ORDER BY t.seq{order}"  # noqa: S608 - fixed words
            " LIMIT 1",
            (session_id, seq),
        )
        return None if row is None else int(row["id"])

    def _mark(self, session_id: str, column: str, value: int | str | None) -> None:
        with self._db.transaction():
            self._require_session(session_id)
            self._db.write(f"UPDATE sessions SET {column} = ? WHERE id = ?", (value, session_id))  # noqa: S608 - fixed words

    def _require_session(self, session_id: str) -> None:
        if self._db.row("SELECT 1 FROM sessions WHERE id = ?", (session_id,)) is None:
            raise NotFound(
                f"There is no session {session_id} any more. `duologue sessions list` shows what there is."
            )

    def _require_turn(self, turn_id: int) -> None:
        if self._db.row("SELECT 1 FROM turns WHERE id = ?", (turn_id,)) is None:
            raise NotFound(f"There is no turn {turn_id} any more. Open the session again.")


def tag_from(name: str) -> str:
    """A tag as it is stored: lower case, words joined by hyphens, without a leading "#", at most 40 characters.

    Raises ValueError where nothing is left.
    """
    tag = "-".join(name.replace("#", " ").casefold().split())[:LONGEST_TAG]
    if not any(character.isalnum() for character in tag):
        raise ValueError("A tag needs a letter or a digit. Write a word, such as law.")
    return tag
