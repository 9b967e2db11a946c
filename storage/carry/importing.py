"""Puts what a file holds into the store, once: a second import of the same file changes nothing.

A session is known by its id (imported ones have an id made of where they came from). One that is here already only
gets the turns that were said since, and those only if what is here is the beginning of what the file has. A session
of many batches stays out of sight until its end; after a program that was killed the next import goes on with it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import assert_never

from storage.carry.batches import Batch, batches
from storage.carry.events import Event, Events, Problem, SessionRead, TurnRead
from storage.sessions import id_from
from storage.store import Store
from storage.whole import WholeSession, WholeTurn

PROBLEMS_KEPT = 200
_CONFIDENTIAL = "it is confidential, so it does not come into the ordinary store; `sessions import --confidential`"
_CONFIDENTIAL += " takes it"


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
    """One import: give it the batches of a file in their order."""

    def __init__(self, *, confidential: datetime | None = None) -> None:
        """`confidential`: all that comes in is confidential, at the latest since then.

        None: sessions that are confidential in the file are left out, because this store is not theirs; in a vault
        they are not, and all that comes in is so.
        """
        self.summary = Summary()
        self._confidential = confidential
        self._target: _Target | None = None

    def run(self, store: Store, events: Events, progress: Callable[[Summary], None] = lambda _: None) -> Summary:
        """Store all of it; `progress` hears of every transaction.

        Raises `StoreError` and `Unreadable`; what had been stored by then stays, and the next import goes on.
        """
        for batch in batches(events):
            self.put(store, batch)
            progress(self.summary)
        return self.summary

    def put(self, store: Store, batch: Batch) -> None:
        """Store a batch in one transaction. Raises `StoreError`; it may then be tried again."""
        summary = replace(self.summary, problems=[*self.summary.problems])
        target = copy(self._target)
        try:
            with store.adding_sessions():
                self._check_target(store)
                for event in batch.events:
                    self._take(store, event)
                if batch.ends_whole:
                    self._finish(store)
                elif self._target is not None and self._target.is_new:
                    store.hide_half_session(self._target.id)
        except BaseException:
            self.summary, self._target = summary, target
            raise

    def give_up(self, store: Store) -> bool:
        """Take back some of the session that is half in; True while there is more of it. Raises `StoreError`."""
        target = self._target
        return target is not None and target.is_new and store.discard_half_session(target.id)

    def _check_target(self, store: Store) -> None:
        """Another program may have emptied the bin, in which a half session waits."""
        target = self._target
        if target is not None and store.last_position(target.id) is None:
            self._report(Problem(f"session {target.id}", "it was deleted meanwhile; import the file again"))
            self._target = None

    def _take(self, store: Store, event: Event) -> None:
        match event:
            case SessionRead(whole):
                self._finish(store)
                self._begin(store, whole)
            case TurnRead(whole):
                if self._target is not None:
                    self._add(store, whole, self._target)
            case Problem():
                self._report(event)
            case _:
                assert_never(event)

    def _begin(self, store: Store, whole: WholeSession) -> None:
        session = whole.session
        since = self._confidential or (session.updated if store.is_vault else None)
        if session.confidential and since is None:
            self._report(Problem(f"session {session.id}", _CONFIDENTIAL))
            return
        if since is not None and not session.confidential:
            session = replace(session, confidential_since=since)
            whole = replace(whole, session=session)
        stored = store.last_position(session.id)
        half = store.is_half_session(session.id)
        self._target = _Target(session.id, session.updated, is_new=stored is None or half, last=stored or 0)
        if stored is None:
            store.add_session(whole)
        elif session.confidential_since is not None:
            store.latch_session(session.id, session.confidential_since)
        if self._target.is_new:
            self.summary.sessions += 1
        else:
            self.summary.already += 1

    def _finish(self, store: Store) -> None:
        if self._target is not None and self._target.is_new:
            store.finish_session(self._target.id)
        self._target = None

    def _add(self, store: Store, whole: WholeTurn, target: _Target) -> None:
        turn = whole.turn
        if turn.seq <= target.first:
            if turn.seq == target.first:
                target.differs = store.stored_prompt(target.id, turn.seq) != turn.prompt
                self._leave_what_differs(target)
            return
        if turn.seq <= target.last:
            self._report(Problem(f"session {target.id}", f"turn {turn.seq:,} comes twice or out of its order"))
            return
        if target.differs:
            return
        if not (target.is_new or target.grows):
            target.grows = True
            self.summary.already -= 1
            self.summary.grown += 1
            store.touch_session(target.id, target.updated)
        store.add_turn(target.id, whole)
        target.last = turn.seq
        self.summary.turns += 1

    def _leave_what_differs(self, target: _Target) -> None:
        if target.is_new and target.differs:
            what = "its beginning is in the bin, from an import that did not end, and is not the same"
            self._report(Problem(f"session {target.id}", f"{what}; empty the bin and import the file again"))
            self._target = None

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
    """It was not here, or only the beginning of it was, from an import that did not end."""
    last: int
    """Position of the last turn that is stored."""
    first: int = field(init=False)
    """The same when this import came to it: what comes up to there is here already."""
    differs: bool = False
    """What is here is not the beginning of what the file has."""
    grows: bool = False

    def __post_init__(self) -> None:
        self.first = self.last
