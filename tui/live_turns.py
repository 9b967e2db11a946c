"""What the engine tells, turned into what the screen shows: titles, states, text for the transcript.

It keeps the current value of each running turn, because the screen shows a settled reply before its row is committed.
It draws nothing and asks nothing; `receive` is the `show` callable of the conversation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol, assert_never

from backends import Connector, Locality
from conversation import estimate
from conversation.updates import (
    Delta,
    Located,
    RetryWaiting,
    Settled,
    State,
    StateChanged,
    TurnOpened,
    Update,
    VariantOpened,
)
from storage import Outcome, Reply, Side, Turn
from tui.widgets.side_titles import SideTitle
from tui.words import model_name, side_name

_ENDED_WORDS = {
    Outcome.COMPLETE: "done",
    Outcome.STOPPED: "stopped",
    Outcome.FAILED: "failed",
    Outcome.INTERRUPTED: "interrupted",
    Outcome.OPEN: "",
}


class TranscriptFeed(Protocol):
    """What of the transcript view is needed here."""

    def add_turn(self, turn: Turn) -> None:
        """A new last turn with open replies."""

    def add_variant(self, turn: Turn) -> None:
        """One more attempt at an answer."""

    def feed(self, reply_id: int, text: str, *, thinking: bool) -> None:
        """The next piece."""

    def set_state(self, reply_id: int, words: str) -> None:
        """What happens while nothing has arrived."""

    def settle(self, turn: Turn) -> None:
        """A reply of this turn has its outcome."""


class LiveTurns:
    """Follows the running replies of one conversation."""

    def __init__(
        self,
        transcript: TranscriptFeed,
        show_titles: Callable[[Mapping[Side, SideTitle]], None],
        *,
        monotonic: Callable[[], float],
        clock_words: Callable[[], str],
        started: Callable[[], None],
        settled: Callable[[Reply, Turn], None],
    ) -> None:
        """`clock_words` gives the time of day for "checked 14:02:11"; `started` and `settled` tell the screen."""
        self._transcript = transcript
        self._show_titles = show_titles
        self._monotonic = monotonic
        self._clock_words = clock_words
        self._started = started
        self._settled = settled
        self._turns: dict[int, Turn] = {}
        self._words: dict[Side, SideTitle] = {}
        self._characters: dict[int, int] = {}
        self._first_at: dict[int, float] = {}
        self.titles: dict[Side, SideTitle] = {}
        self.last_turn: Turn | None = None

    def set_sides(self, connectors: Mapping[Side, Connector], places: Mapping[Side, str]) -> None:
        """The models of the conversation changed, or another conversation is shown."""
        titles: dict[Side, SideTitle] = {}
        for side, connector in connectors.items():
            name = side_name(connector.spec, connector.locality)
            new = SideTitle(name, model_name(connector.spec), places[side])
            old = self.titles.get(side)
            same = old is not None and (old.name, old.model) == (new.name, new.model)
            if same and old is not None:
                # What an answer has shown since is better known than what the address alone says.
                told = old.locality != str(connector.locality)
                new = old if told else replace(old, locality=places[side])
            titles[side] = new
        self._words = {side: title for side, title in self._words.items() if side not in connectors}
        self._publish(titles | self._words)

    def set_words(self, side: Side, title: SideTitle) -> None:
        """Show a line for a side that has no model; it stays until the side gets one."""
        self._words[side] = title
        self._publish({**self.titles, side: title})

    def forget(self) -> None:
        """Another conversation comes on screen."""
        self._turns.clear()
        self._words.clear()
        self._characters.clear()
        self._first_at.clear()
        self.last_turn = None
        self.titles = {}

    def receive(self, update: Update) -> None:
        """Take one update; returns at once."""
        match update:
            case TurnOpened(turn):
                self._open(turn)
                self._transcript.add_turn(turn)
            case VariantOpened(turn, _):
                self._transcript.add_variant(self._open(turn))
            case StateChanged(side, reply_id, state, fraction):
                self._change_state(side, reply_id, state, fraction)
            case Located(side, _, locality, _, _):
                proved = locality == Locality.THIS_MACHINE
                self._retitle(side, locality=locality, checked=self._clock_words() if proved else "")
            case Delta(side, reply_id, text, thinking):
                self._transcript.feed(reply_id, text, thinking=thinking)
                self._measure_speed(side, reply_id, text)
            case RetryWaiting(side, reply_id, seconds, reason):
                self._retitle(side, state=f"retrying in {seconds} s", working=True)
                self._transcript.set_state(reply_id, f"{reason}\nTrying again in {seconds} s · Esc stops")
            case Settled(reply):
                self._settle(reply)
            case _:
                assert_never(update)

    def reread(self, turn: Turn) -> None:
        """Take a turn as it stands in the store now."""
        self._transcript.settle(self._remember(turn))

    def _remember(self, turn: Turn) -> Turn:
        turn = _merged(self._turns.get(turn.id), turn)
        self._turns[turn.id] = turn
        if self.last_turn is None or turn.seq >= self.last_turn.seq:
            self.last_turn = turn
        return turn

    def _open(self, turn: Turn) -> Turn:
        turn = self._remember(turn)
        for reply in turn.replies:
            if reply.outcome is Outcome.OPEN:
                self._retitle(reply.side, state="waiting", working=True, speed=None, since=self._monotonic())
        self._started()
        return turn

    def _change_state(self, side: Side, reply_id: int, state: State, fraction: float | None) -> None:
        words = str(state) if fraction is None else f"{state} {fraction:.0%}"
        self._retitle(side, state=words, working=True, since=self._monotonic())
        if state not in (State.ANSWERING, State.THINKING):
            self._transcript.set_state(reply_id, words)

    def _measure_speed(self, side: Side, reply_id: int, text: str) -> None:
        now = self._monotonic()
        first = self._first_at.setdefault(reply_id, now)
        characters = self._characters.get(reply_id, 0) + len(text)
        self._characters[reply_id] = characters
        if (title := self.titles.get(side)) is not None and now - first > 1.0:
            # Changed in place, without a repaint: the title's own clock draws it four times a second.
            speed = characters / estimate.BYTES_PER_TOKEN / (now - first)
            self.titles[side] = replace(title, speed=speed)

    def _settle(self, reply: Reply) -> None:
        turn = self._turns[reply.turn_id]
        replies = tuple(reply if one.id == reply.id else one for one in turn.replies)
        turn = replace(turn, replies=replies)
        self._turns[turn.id] = turn
        if self.last_turn is not None and self.last_turn.id == turn.id:
            self.last_turn = turn
        self._characters.pop(reply.id, None)
        self._first_at.pop(reply.id, None)
        self._retitle(reply.side, state=_ENDED_WORDS[reply.outcome], working=False, speed=None)
        self._transcript.settle(turn)
        self._settled(reply, turn)

    def _retitle(
        self,
        side: Side,
        *,
        state: str | None = None,
        working: bool | None = None,
        since: float | None = None,
        locality: str | None = None,
        checked: str | None = None,
        speed: float | None = None,
    ) -> None:
        title = self.titles.get(side)
        if title is None:
            return
        title = replace(
            title,
            state=title.state if state is None else state,
            working=title.working if working is None else working,
            since=title.since if since is None else since,
            locality=title.locality if locality is None else locality,
            checked=title.checked if checked is None else checked,
            speed=speed,
        )
        self._publish({**self.titles, side: title})

    def _publish(self, titles: dict[Side, SideTitle]) -> None:
        self.titles = {side: titles[side] for side in Side if side in titles}
        self._show_titles(self.titles)


def _merged(known: Turn | None, read: Turn) -> Turn:
    """A turn as read from the store, with what is known to be newer: two retries of one turn may run at once."""
    if known is None:
        return read
    replies = {reply.id: reply for reply in read.replies}
    for reply in known.replies:
        if reply.id not in replies or replies[reply.id].outcome is Outcome.OPEN:
            replies[reply.id] = reply
    in_order = sorted(replies.values(), key=lambda reply: (list(Side).index(reply.side), reply.variant))
    return replace(read, replies=tuple(in_order))
