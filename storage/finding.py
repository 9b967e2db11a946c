"""Finding inside one conversation: how often each of its turns has what is looked for.

Only what a reader of the transcript can get to is counted: questions, and of each side the newest answer with its
thinking. A conversation is read a few turns at a time and nothing of it is kept, so its length costs time in the
thread that looks, and no memory.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

from storage.database import Database
from storage.errors import SearchStopped
from storage.needles import Needle
from storage.occurrences import ANSWER, THINKING, counted
from storage.records import Occurrences, Outcome, Side, Where

_TURNS_AT_ONCE = 64

_PROMPTS = "SELECT id, seq, prompt FROM turns WHERE session_id = ? AND seq > ? ORDER BY seq LIMIT ?"
_ANSWERS = """
SELECT r.id, r.turn_id, r.side, r.text, r.thinking, r.outcome FROM turns t JOIN replies r ON r.turn_id = t.id
WHERE t.session_id = ? AND t.seq > ? AND t.seq <= ?
  AND r.variant = (SELECT max(variant) FROM replies WHERE turn_id = t.id AND side = r.side)
ORDER BY t.seq, CASE r.side WHEN 'left' THEN 0 ELSE 1 END
"""


class FindingTable:
    """All that `Store` does to find inside one conversation."""

    _db: Database

    def find(
        self, session_id: str, needle: Needle, still_wanted: Callable[[], bool] = lambda: True
    ) -> list[Occurrences]:
        """The turns that have it, oldest first.

        Raises `SearchStopped` after `stop_search`, and as soon as `still_wanted` says no.
        """
        try:
            return [found for found in self._look_through(session_id, needle, still_wanted) if found.counts]
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                raise _stopped() from error
            raise

    def _look_through(
        self, session_id: str, needle: Needle, still_wanted: Callable[[], bool]
    ) -> Iterator[Occurrences]:
        seen = 0
        while prompts := self._db.rows(_PROMPTS, (session_id, seen, _TURNS_AT_ONCE)):
            last = prompts[-1]["seq"]
            answers = self._db.rows(_ANSWERS, (session_id, seen, last))
            by_turn = {turn: list(found) for turn, found in groupby(answers, key=lambda row: int(row["turn_id"]))}
            for row in prompts:
                if not still_wanted():
                    raise _stopped()
                texts = [(Where.QUESTION, str(row["prompt"])), *self._answers(by_turn.get(row["id"], ()))]
                yield counted(row["id"], row["seq"], texts, needle)
            seen = last

    def _answers(self, found: Sequence[sqlite3.Row]) -> Iterator[tuple[Where, str]]:
        for row in found:
            side = Side(row["side"])
            text, thinking = row["text"], row["thinking"]
            if row["outcome"] == Outcome.OPEN:
                text, thinking = self._joined_parts(row["id"])
            yield THINKING[side], thinking
            yield ANSWER[side], text

    def _joined_parts(self, reply_id: int) -> tuple[str, str]:
        raise NotImplementedError


def _stopped() -> SearchStopped:
    return SearchStopped("The search was stopped for a newer one. Search again.")
