"""Full-text search over titles, prompts and answers, and how its index is kept.

The index (FTS5, unicode61) holds no text of its own, only where words stand: about two thirds of the size of the
texts. Each title, prompt, answer, note and set of attachments is a document whose number says which: turn times
`PLACES` plus its place in the turn, so that the newest come first by number alone. Triggers, which any program that
writes the file obeys, put the numbers of what changed into `search_todo`, together with the old words of what the
index holds; nothing is indexed while a prompt is stored or an answer settles. The thread that writes does that when
it has nothing else to do, in steps of some 20 ms: first what changed, then, for a file from before there was an
index, turn after turn from the newest to the oldest, then the removal of deleted words from the index's own pages,
where FTS5 would leave them.

What is indexed is told by one thing only, the index's own list of documents. A text is entered only if it is not
there, and taken out with the very words that were entered: a program may be killed between any two steps.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from storage import rows
from storage.database import Database, Value
from storage.records import Hit, Place, Side
from storage.search_query import PREFIX_LETTERS, Query, parse
from storage.snippets import Marker, Snippet, beginning, snippet
from storage.turns import title_from
from storage.words import spaced

PLACES = 4096
_TITLE = PLACES - 1
_PROMPT = PLACES - 2
_NOTE = 1
_ATTACHED = 0
MOST_RANKED = 500
"""Hits up to which the best come first; of more, the newest do: bm25 over 100,000 hits takes half a second."""

MOST_PLACES = 20_000
"""At which a search for sessions looks: about 40 ms for a word that stands everywhere."""

MANY_TURNS = 30_000
"""From here on the beginning of a word has four letters: SQLite reads all the words that begin so, wherever they
stand, before it finds the first hit. Measured at 100,000 turns: three letters 80 ms, four 35 ms at worst."""

STEP_TURNS = 100
STEP_LETTERS = 150_000
"""Of a step's text, beyond which it ends: some 20 ms of work."""
_MERGED_PAGES = 64

_NEWEST = """
SELECT w.rowid AS doc, {score} AS score
FROM search_words w CROSS JOIN turns t ON t.id = w.rowid / 4096 CROSS JOIN sessions s ON s.id = t.session_id
WHERE w.search_words MATCH ? AND s.deleted_at IS NULL{conditions}
ORDER BY w.rowid DESC LIMIT ?
"""
_SAYING = """
SELECT t.session_id, max(w.doc) AS doc
FROM (SELECT rowid AS doc FROM search_words WHERE search_words MATCH ? ORDER BY rowid DESC LIMIT ?) w
CROSS JOIN turns t ON t.id = w.doc / 4096
GROUP BY t.session_id ORDER BY doc DESC
"""
_TURN = """
SELECT t.session_id, t.seq, t.asked, t.prompt, t.note, s.title, s.confidential_since IS NOT NULL AS confidential
FROM turns t JOIN sessions s ON s.id = t.session_id WHERE t.id = ?
"""
ATTACHED = """
SELECT group_concat(name || char(10) || text, char(10)) FROM (
  SELECT name, text FROM attachments WHERE turn_id = ? ORDER BY id)
"""
_REPLY = """
SELECT text, thinking, model FROM replies WHERE turn_id = ? AND side = ? AND variant = ? AND outcome <> 'open'
"""


@dataclass(frozen=True, slots=True)
class _Texts:
    """One document's words as the index takes them."""

    text: str
    thinking: str

    @property
    def letters(self) -> int:
        return len(self.text) + len(self.thinking)


class SearchTable:
    """All that `Store` does to find words."""

    _db: Database

    def search(
        self,
        query: str,
        *,
        limit: int = 50,
        offset: int = 0,
        session_id: str | None = None,
        include_confidential: bool = False,
        thinking: bool = False,
    ) -> list[Hit]:
        """One page of the places where `query` (see `search_query`) is found; any text is a query.

        Up to `MOST_RANKED` hits come best first, newest first among equals; more of them newest first. Confidential
        sessions are left out unless asked for, deleted ones always. `thinking` looks into what models thought, too.
        Raises `SearchStopped` after `stop_search`.
        """
        wanted = parse(query, self._prefix_letters())
        # A vault has no others; in an ordinary file they are waiting to be moved.
        include_confidential = self._db.encrypted or (include_confidential and self._db.holds_confidential)
        if not wanted.choices:
            return []
        found = self._documents(wanted, limit, offset, session_id, include_confidential, thinking)
        marker = Marker(wanted.terms)
        return [hit for document in found if (hit := self._hit(document, marker, thinking)) is not None]

    def stop_search(self) -> None:
        """Make a search that runs in another thread raise `SearchStopped`. Safe on any thread."""
        self._db.interrupt()

    def unindexed_turns(self) -> int:
        """How many turns of an older file cannot be found yet: 0 once its index is built."""
        return self._db.number("SELECT unfilled FROM search_state")

    def sessions_saying(self, query: str) -> dict[str, int]:
        """The sessions in which `query` is found, newest place first, and the number of that place's document.

        Of a query that is found more than `MOST_PLACES` times the newest places are looked at. Raises
        `SearchStopped` after `stop_search`.
        """
        wanted = parse(query, self._prefix_letters())
        if not wanted.choices:
            return {}
        found = self._db.rows(_SAYING, (f"text : {wanted.expression}", MOST_PLACES))
        return {row["session_id"]: row["doc"] for row in found}

    def hit(self, document: int, query: str) -> Hit | None:
        """What stands at a place that `sessions_saying` told; None if it went meanwhile."""
        return self._hit(document, Marker(parse(query, self._prefix_letters()).terms), thinking=False)

    # The query

    def _prefix_letters(self) -> int:
        newest = self._db.number("SELECT coalesce(max(id), 0) FROM turns")
        return PREFIX_LETTERS if newest < MANY_TURNS else PREFIX_LETTERS + 1

    def _documents(
        self,
        wanted: Query,
        limit: int,
        offset: int,
        session_id: str | None,
        include_confidential: bool,
        thinking: bool,
    ) -> list[int]:
        conditions, parameters = "", list[Value]([wanted.expression if thinking else f"text : {wanted.expression}"])
        if not include_confidential:
            conditions += " AND s.confidential_since IS NULL"
        if session_id is not None:
            # The range is for speed: the index itself knows nothing of sessions.
            conditions += " AND t.session_id = ? AND w.rowid >= ? AND w.rowid < ?"
            first, last = self._db.rows(
                "SELECT coalesce(min(id), 0), coalesce(max(id), 0) FROM turns WHERE session_id = ?", (session_id,)
            )[0]
            parameters += [session_id, first * PLACES, (last + 1) * PLACES]
        most = max(MOST_RANKED + 1, offset + limit)
        newest = self._db.rows(_NEWEST.format(score="0", conditions=conditions), (*parameters, most))
        found = [int(row["doc"]) for row in newest]
        if 1 < len(found) <= MOST_RANKED:
            # A second time: to rank, SQLite counts each word in the whole index, which common words do not need.
            ranked = self._db.rows(
                _NEWEST.format(score="bm25(search_words)", conditions=conditions), (*parameters, most)
            )
            # bm25 is negative, the best lowest; the sort keeps the newest first among equals.
            found = [int(row["doc"]) for row in sorted(ranked, key=lambda row: float(row["score"]))]
        return found[offset : offset + limit]

    def _hit(self, document: int, marker: Marker, thinking: bool) -> Hit | None:
        """What to show of a document; None if it went meanwhile."""
        turn_id, place = divmod(document, PLACES)
        turn = self._db.row(_TURN, (turn_id,))
        if turn is None:
            return None
        model: str | None = None
        if place == _TITLE:
            where, texts = Place.TITLE, [turn["title"]]
        elif place == _PROMPT:
            where, texts = Place.PROMPT, [turn["prompt"]]
        elif place == _NOTE:
            where, texts = Place.NOTE, [turn["note"]]
        elif place == _ATTACHED:
            where, texts = Place.ATTACHMENT, [self._attached(turn_id)]
        else:
            side, variant = _answer(place)
            reply = self._db.row(_REPLY, (turn_id, side, variant))
            if reply is None:
                return None
            where, model = Place(side), reply["model"]
            texts = [reply["text"], *([reply["thinking"]] if thinking else [])]
        return Hit(
            session_id=turn["session_id"],
            title=turn["title"],
            turn_id=turn_id,
            seq=turn["seq"],
            where=where,
            model=model,
            asked=rows.time(turn["asked"]),
            snippet=_snippet(texts, marker),
            confidential=bool(turn["confidential"]),
        )

    # The index

    def index_step(self) -> bool:
        """Bring the index a little nearer to what is stored, in one transaction; False when there is nothing to do.

        Raises `StoreError`; then nothing has happened.
        """
        return self.index_changes() or self._fill() or self._forget() or self._empty_log()

    def finish_erasing(self) -> bool:
        """Take what was deleted out of the index's pages and the write-ahead log as well; False if that must wait.

        It waits while another program reads: then the thread that writes goes on with it, now or at a later start.
        """
        while self.index_changes() or self._forget():
            pass
        self._empty_log()
        return not self._log_remembers()

    def index_changes(self) -> bool:
        """Index a step's worth of what was said, renamed or deleted since; False when there is nothing to do."""
        if not self._changed():
            return False
        with self._db.transaction():
            done, letters = list[int](), 0
            for row in self._changed():  # under the lock: another program may just have done it
                letters += self._renew(row)
                done.append(row["doc"])
                if letters > STEP_LETTERS:
                    break
            self._db.write_many("DELETE FROM search_todo WHERE doc = ?", [(document,) for document in done])
        return True

    def _changed(self) -> list[sqlite3.Row]:
        # By number: FTS5 collects entries in memory for as long as their numbers rise.
        return self._db.rows(f"SELECT doc, text, thinking FROM search_todo ORDER BY doc LIMIT {STEP_TURNS}")  # noqa: S608 - a number

    def _renew(self, row: sqlite3.Row) -> int:
        """Take a document's old words out and put its new ones in; tells how many letters that were."""
        document, letters = row["doc"], 0
        held = self._db.row("SELECT id FROM search_words_docsize WHERE id = ?", (document,)) is not None
        if held:
            old = _Texts(row["text"], row["thinking"] or "")
            self._db.write(
                "INSERT INTO search_words (search_words, rowid, text, thinking) VALUES ('delete', ?, ?, ?)",
                (document, spaced(old.text), spaced(old.thinking)),
            )
            letters += old.letters
        new = self._texts(document)
        if new is not None:
            self._enter(document, new)
            letters += new.letters
        return letters

    def _fill(self) -> bool:
        """Index the newest turns of an older file that are not indexed yet."""
        if not self.unindexed_turns():
            return False
        with self._db.transaction():
            if self._changed():
                return True  # those first: they hold the words of an index that is not ahead of them
            entries, letters, lowest = list[tuple[int, _Texts]](), 0, 1
            for turn_id in self._turns_down_from(self.unindexed_turns()):
                for document in self._missing_documents(turn_id):
                    if (texts := self._texts(document)) is not None:
                        entries.append((document, texts))
                        letters += texts.letters
                lowest = turn_id
                if letters > STEP_LETTERS:
                    break
            for document, texts in sorted(entries, key=lambda entry: entry[0]):
                self._enter(document, texts)
            self._db.write("UPDATE search_state SET unfilled = ?", (lowest - 1,))
        return True

    def _turns_down_from(self, newest: int) -> list[int]:
        found = self._db.rows(
            f"SELECT id FROM turns WHERE id <= ? ORDER BY id DESC LIMIT {STEP_TURNS}",  # noqa: S608 - a number
            (newest,),
        )
        return [row["id"] for row in found]

    def _missing_documents(self, turn_id: int) -> Iterator[int]:
        """Of one turn, those that the index does not have."""
        known = self._db.rows(
            "SELECT id FROM search_words_docsize WHERE id BETWEEN ? AND ?",
            (turn_id * PLACES, turn_id * PLACES + _TITLE),
        )
        places = {row["id"] % PLACES for row in known}
        replies = self._db.rows("SELECT side, variant FROM replies WHERE turn_id = ?", (turn_id,))
        for place in (
            _TITLE,
            _PROMPT,
            _NOTE,
            _ATTACHED,
            *(_place(Side(row["side"]), row["variant"]) for row in replies),
        ):
            if place >= 0 and place not in places:
                yield turn_id * PLACES + place

    def _texts(self, document: int) -> _Texts | None:
        """What a document has to say; None when it says nothing, or is not there, or not settled."""
        turn_id, place = divmod(document, PLACES)
        texts = _Texts("", "")
        if place in (_TITLE, _PROMPT):
            turn = self._db.row(_TURN, (turn_id,))
            if turn is not None and place == _PROMPT:
                texts = _Texts(turn["prompt"], "")
            # A title that is the prompt's first line would only be found twice.
            elif turn is not None and turn["seq"] == 1 and turn["title"] != title_from(turn["prompt"]):
                texts = _Texts(turn["title"], "")
        elif place == _NOTE:
            turn = self._db.row(_TURN, (turn_id,))
            texts = _Texts("" if turn is None else turn["note"], "")
        elif place == _ATTACHED:
            texts = _Texts(self._attached(turn_id), "")
        else:
            reply = self._db.row(_REPLY, (turn_id, *_answer(place)))
            if reply is not None:
                texts = _Texts(reply["text"], reply["thinking"])
        return texts if texts.letters else None

    def _attached(self, turn_id: int) -> str:
        return self._db.rows(ATTACHED, (turn_id,))[0][0] or ""

    def _enter(self, document: int, texts: _Texts) -> None:
        self._db.write(
            "INSERT INTO search_words (rowid, text, thinking) VALUES (?, ?, ?)",
            (document, spaced(texts.text), spaced(texts.thinking)),
        )

    def _forget(self) -> bool:
        """Write a few pages of the index anew, without the words of what was deleted.

        FTS5 only marks words as deleted; they go when all its segments have been merged into one. This is its
        `optimize` in pieces (https://www.sqlite.org/fts5.html#the_merge_command). `forgetting` is 1 when something
        was deleted and 2 while the merge runs.
        """
        if not self._db.number("SELECT forgetting FROM search_state"):
            return False
        with self._db.transaction():
            begins = self._db.number("SELECT forgetting FROM search_state") == 1
            before = self._db.connection.total_changes
            self._db.write(
                "INSERT INTO search_words (search_words, rank) VALUES ('merge', ?)",
                (-_MERGED_PAGES if begins else _MERGED_PAGES,),
            )
            # As documented: fewer than two changes mean that there was nothing to merge.
            more = begins or self._db.connection.total_changes - before >= 2
            self._db.write("UPDATE search_state SET forgetting = ?", (2 if more else 0,))
        return True

    def _empty_log(self) -> bool:
        """Move the write-ahead log into the file and cut it, if it may still hold what was deleted.

        False, so that nobody tries again at once, also where another program's reading stands against it.
        """
        if self._log_remembers() and self._db.empty_log():
            with self._db.transaction():
                self._db.write("UPDATE erasing SET pending = 0")
        return False

    def _log_remembers(self) -> bool:
        return bool(self._db.number("SELECT pending FROM erasing"))


def _place(side: Side, variant: int) -> int:
    """Descending, so that newest first is the prompt, the left answer, the right one, then their variants."""
    return (_TITLE if side is Side.LEFT else _PROMPT) - 2 * variant


def _answer(place: int) -> tuple[Side, int]:
    return (Side.LEFT if place % 2 else Side.RIGHT), (_TITLE - place) // 2


def _snippet(texts: list[str], marker: Marker) -> Snippet:
    found = (snippet(text, marker) for text in texts)
    return next((place for place in found if place is not None), None) or beginning(texts[0])
