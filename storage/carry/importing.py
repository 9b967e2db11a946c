"""Puts what a file holds into the store, once: a second import of the same file changes nothing.

A session is known by its id (imported ones have an id made of where they came from). One that is here already only
gets the turns that were said since, and those only if what is here is the beginning of what the file has. Sessions go
in whole, a few hundred turns per transaction; a program that is killed goes on with the next import.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import assert_never

from storage.carry.events import Event, Events, Problem, SessionRead, TurnRead
from storage.carry.json_stream import Cut
from storage.sessions import id_from
from storage.store import Store
from storage.whole import WholeSession

TURNS_PER_TRANSACTION = 500
"""Other programs wait with their writes meanwhile: about 0.1 s."""
PROBLEMS_KEPT = 200


@dataclass(slots=True)
class Summary:
    """What an import did."""

    sessions: int = 0
    """New ones."""
    turns: int = 0
    """New ones, in new and grown sessions."""
    grown: int = 0
    """Sessions that were here and got turns that were said since."""
    already: int = 0
    """Sessions that were here, and stayed as they are."""
    problem_count: int = 0
    problems: list[Problem] = field(default_factory=list)
    """The first ones."""


def origin_id(origin: str, created: datetime) -> str:
    """The id of a session of another program: the same for the same `origin` and time, whoever imports it when."""
    digest = hashlib.sha256(origin.encode("utf-8", "surrogatepass")).digest()
    return id_from(created, int.from_bytes(digest[:10], "big"))


class Import:
    """One import."""

    def __init__(self, store: Store, events: Events, progress: Callable[[Summary], None] = lambda _: None) -> None:
        """`progress` hears of every transaction."""
        self.summary = Summary()
        self._store = store
        self._events = events
        self._progress = progress
        self._held: Event | None = None
        self._target: _Target | None = None
        self._parents: list[WholeSession] = []

    def run(self) -> Summary:
        """Do it. Raises `StoreError` and `Unreadable`; what had been stored by then stays."""
        while self._batch():
            self._progress(self.summary)
        if self._parents:
            with self._store.adding_sessions():
                for whole in self._parents:
                    parent = whole.session.parent_id
                    if parent is not None:
                        self._store.link_parent(whole.session.id, parent, whole.parent_seq)
        self._progress(self.summary)
        return self.summary

    def _batch(self) -> bool:
        """Store some sessions, in one transaction; False when there are no more."""
        event = self._next()
        if event is None:
            return False
        before = self.summary.turns
        with self._store.adding_sessions():
            while event is not None:
                if isinstance(event, SessionRead) and self.summary.turns - before >= TURNS_PER_TRANSACTION:
                    self._held = event
                    return True
                self._take(event)
                event = self._next()
        return False

    def _next(self) -> Event | None:
        if self._held is not None:
            event, self._held = self._held, None
            return event
        try:
            return next(self._events, None)
        except Cut as cut:
            return Problem(cut.where, str(cut))

    def _take(self, event: Event) -> None:
        match event:
            case SessionRead(whole):
                self._begin(whole)
            case TurnRead():
                if self._target is not None:
                    self._add(event, self._target)
            case Problem():
                self._report(event)
            case _:
                assert_never(event)

    def _begin(self, whole: WholeSession) -> None:
        session = whole.session
        stored = self._store.last_position(session.id)
        self._target = _Target(session.id, session.updated, is_new=stored is None, last=stored or 0)
        if stored is None:
            self._store.add_session(whole)
            self.summary.sessions += 1
        else:
            self.summary.already += 1
        if session.parent_id is not None:
            self._parents.append(whole)

    def _add(self, event: TurnRead, target: _Target) -> None:
        turn = event.whole.turn
        if turn.seq <= target.last:
            if target.is_new:
                self._report(Problem(f"session {target.id}", f"turn {turn.seq:,} comes twice or out of its order"))
            elif turn.seq == target.last:
                target.differs = self._store.stored_prompt(target.id, turn.seq) != turn.prompt
            return
        if target.differs:
            return
        if not (target.is_new or target.grows):
            target.grows = True
            self.summary.already -= 1
            self.summary.grown += 1
            self._store.touch_session(target.id, target.updated)
        self._store.add_turn(target.id, event.whole)
        target.last = turn.seq
        self.summary.turns += 1

    def _report(self, problem: Problem) -> None:
        self.summary.problem_count += 1
        if len(self.summary.problems) < PROBLEMS_KEPT:
            self.summary.problems.append(problem)


@dataclass(slots=True)
class _Target:
    """The session that turns go to."""

    id: str
    updated: datetime
    is_new: bool
    last: int
    """Position of the last turn that is stored."""
    differs: bool = False
    """What is here is not the beginning of what the file has."""
    grows: bool = False
