"""What a file holds, a batch at a time: each is stored in one transaction, during which other programs wait."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from storage.carry.events import Event, Events, Problem, SessionRead, TurnRead
from storage.carry.json_stream import Cut
from storage.whole import WholeTurn

TURNS = 500
"""Of a batch; storing them takes about 0.1 s."""
CHARACTERS = 4_000_000
"""The same by size: a batch ends with the turn that reaches it."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Some events in their order."""

    events: tuple[Event, ...]
    ends_whole: bool
    """False if more turns of the last session may follow."""


def batches(events: Events) -> Iterator[Batch]:
    """Read the file, and touch no store. A file that cannot be read to its end ends with a `Problem`."""
    taken, turns, characters = list[Event](), 0, 0
    for event in _to_the_end(events):
        if turns >= TURNS or characters >= CHARACTERS:
            yield Batch(tuple(taken), ends_whole=isinstance(event, SessionRead))
            taken, turns, characters = [], 0, 0
        taken.append(event)
        turns += 1
        characters += _size(event.whole) if isinstance(event, TurnRead) else 0
    if taken:
        yield Batch(tuple(taken), ends_whole=True)


def _to_the_end(events: Events) -> Events:
    try:
        yield from events
    except Cut as cut:
        yield Problem(cut.where, str(cut))


def _size(whole: WholeTurn) -> int:
    texts = sum(len(reply.text) + len(reply.thinking) for reply in whole.turn.replies)
    return len(whole.turn.prompt) + texts + sum(len(each.content) for each in whole.attachments)
