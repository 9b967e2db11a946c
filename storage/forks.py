"""Forks: sessions that begin with the first turns of another one.

A fork holds copies of those turns, so it is read, searched, told to models and kept like any session, and outlives
its parent. What its answers cost was paid in the parent, and votes are one person's on one turn: neither is copied,
so that sums over all sessions stay true. Nor is an answer that is still being written.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from storage import rows
from storage.database import Database
from storage.errors import gone
from storage.records import Session
from storage.sessions import new_id

_NOT_COPIED = frozenset({"id", "turn_id", "cost_usd", "owner"})

_SESSION = """
INSERT INTO sessions (id, title, created, updated, left_model, right_model, confidential_since, system_prompt,
  parent_id, parent_turn_id)
SELECT ?1, title || ?4, ?3, ?3, left_model, right_model, iif(confidential_since IS NULL, NULL, ?3), system_prompt,
  id, ?5
FROM sessions WHERE id = ?2
"""
_TURNS = """
INSERT INTO turns (session_id, seq, prompt, prompt_chars, asked, note)
SELECT ?1, seq, prompt, prompt_chars, asked, note FROM turns WHERE session_id = ?2 AND seq <= ?3 ORDER BY seq
"""
_REPLIES = """
INSERT INTO replies (turn_id, {columns})
SELECT n.id, {values} FROM turns o JOIN replies r ON r.turn_id = o.id
JOIN turns n ON n.session_id = ?1 AND n.seq = o.seq
WHERE o.session_id = ?2 AND o.seq <= ?3 AND r.outcome <> 'open' ORDER BY r.id
"""
_ATTACHMENTS = """
INSERT INTO attachments (turn_id, name, media_type, size, sha256, content, text)
SELECT n.id, a.name, a.media_type, a.size, a.sha256, a.content, a.text
FROM turns o JOIN attachments a ON a.turn_id = o.id JOIN turns n ON n.session_id = ?1 AND n.seq = o.seq
WHERE o.session_id = ?2 AND o.seq <= ?3 ORDER BY a.id
"""
_ADOPTED = """
UPDATE turns SET adopted_reply_id = (
  SELECT c.id FROM turns o JOIN replies r ON r.id = o.adopted_reply_id
  JOIN replies c ON c.turn_id = turns.id AND c.side = r.side AND c.variant = r.variant
  WHERE o.session_id = ?2 AND o.seq = turns.seq)
WHERE session_id = ?1
"""
_KIN = """
SELECT f.id AS session_id, f.title, t.seq FROM sessions f LEFT JOIN turns t ON t.id = f.parent_turn_id
WHERE f.parent_id = ? AND f.deleted_at IS NULL ORDER BY t.seq, f.id
"""
_PARENT = """
SELECT p.id AS session_id, p.title, t.seq FROM sessions f
JOIN sessions p ON p.id = f.parent_id LEFT JOIN turns t ON t.id = f.parent_turn_id
WHERE f.id = ? AND p.deleted_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class Kin:
    """A session that another one was forked from, or into."""

    session_id: str
    title: str
    seq: int | None
    """The last turn that both have; None where it is not known any more."""


class ForksTable:
    """All that `Store` does with forks."""

    _db: Database

    def fork(self, turn_id: int, created: datetime) -> Session:
        """Begin a session with copies of the turns up to this one, with its pair; confidential if its parent is.

        Raises `NotFound`.
        """
        with self._db.transaction():
            turn = self._db.row("SELECT id, session_id, seq FROM turns WHERE id = ?", (turn_id,))
            if turn is None:
                raise gone("This turn")
            fork_id, born = new_id(created), rows.time_text(created)
            self._db.write(_SESSION, (fork_id, turn["session_id"], born, f" · from turn {turn['seq']}", turn_id))
            span = (fork_id, turn["session_id"], turn["seq"])
            self._db.write(_TURNS, span)
            columns = [row["name"] for row in self._db.rows("PRAGMA table_info(replies)")]
            copied = [name for name in columns if name not in _NOT_COPIED]
            self._db.write(
                _REPLIES.format(columns=", ".join(copied), values=", ".join(f"r.{name}" for name in copied)), span
            )
            self._db.write(_ATTACHMENTS, span)
            self._db.write(_ADOPTED, span[:2])
        row = self._db.rows("SELECT * FROM sessions WHERE id = ?", (fork_id,))[0]
        return rows.session(row)

    def forks(self, session_id: str) -> list[Kin]:
        """The sessions that were forked from this one, those in the bin aside, by the turn where they leave it."""
        return [Kin(**dict(row)) for row in self._db.rows(_KIN, (session_id,))]

    def forked_from(self, session_id: str) -> Kin | None:
        """The session that this one was forked from; None if it was not, or that one is gone or in the bin."""
        row = self._db.row(_PARENT, (session_id,))
        return None if row is None else Kin(**dict(row))
