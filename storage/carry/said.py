"""One-sided conversations of other programs, as sessions of ours: who said what, put together to turns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from storage.carry.events import Event, SessionRead, TurnRead
from storage.carry.importing import origin_id
from storage.records import Outcome, Receipt, Reply, Session, Side, Turn
from storage.turns import title_from
from storage.whole import WholeAttachment, WholeSession, WholeTurn

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
"""For what has no time at all: the same at every import."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model said, as far as the other program kept it."""

    text: str
    thinking: str = ""
    when: datetime | None = None
    model: str | None = None
    served_model: str | None = None
    note: str = ""
    receipt: Receipt = field(default_factory=Receipt)
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Asked:
    """A prompt with its answers, the one that counts last."""

    prompt: str
    when: datetime | None = None
    answers: tuple[Answer, ...] = ()
    attachments: tuple[WholeAttachment, ...] = ()


@dataclass(frozen=True, slots=True)
class Conversation:
    """What another program keeps of one conversation."""

    origin: str
    """ "chatgpt:1f0c...": the program and its own id; the same at every import."""
    title: str
    model: str
    """For answers that do not name theirs, and for the session; in our words where we could ask it again."""
    asked: Sequence[Asked]
    side: Side = Side.LEFT
    locality: str | None = None
    created: datetime | None = None
    updated: datetime | None = None
    system_prompt: str = ""
    starred: bool = False
    archived: datetime | None = None
    parent_id: str | None = None
    parent_seq: int | None = None

    @property
    def born(self) -> datetime:
        """When it began, as far as anything tells."""
        times = [each.when for each in self.asked if each.when is not None]
        return self.created or (min(times) if times else BEGINNING)

    @property
    def session_id(self) -> str:
        """The id that it has here."""
        return origin_id(self.origin, self.born)

    def events(self) -> Iterator[Event]:
        """The session and its turns."""
        last = self.born
        turns = list[WholeTurn]()
        for seq, asked in enumerate(self.asked, 1):
            turn = self._turn(seq, asked, last)
            last = max([turn.turn.asked, *(reply.started for reply in turn.turn.replies)])
            turns.append(turn)
        left, right = (self.model, None) if self.side is Side.LEFT else (None, self.model)
        first = next((each.prompt for each in self.asked if each.prompt.strip()), "")
        yield SessionRead(
            WholeSession(
                Session(
                    id=self.session_id,
                    title=title_from(self.title) or title_from(first),
                    created=self.born,
                    updated=max(self.updated or last, self.born),
                    left=left,
                    right=right,
                    system_prompt=self.system_prompt,
                    starred=self.starred,
                    archived=self.archived,
                    origin=self.origin,
                    parent_id=self.parent_id,
                ),
                parent_seq=self.parent_seq,
            )
        )
        yield from map(TurnRead, turns)

    def _turn(self, seq: int, asked: Asked, last: datetime) -> WholeTurn:
        when = asked.when or last
        replies = tuple(
            Reply(
                id=variant,
                turn_id=0,
                side=self.side,
                variant=variant,
                model=answer.model or self.model,
                outcome=Outcome.COMPLETE if answer.complete else Outcome.INTERRUPTED,
                started=answer.when or when,
                ended=answer.when,
                text=answer.text,
                thinking=answer.thinking,
                served_model=answer.served_model,
                locality=self.locality,
                note=answer.note,
                receipt=answer.receipt,
            )
            for variant, answer in enumerate(asked.answers, 1)
        )
        return WholeTurn(Turn(0, "", seq, asked.prompt, when, replies), asked.attachments)


class Talk:
    """Puts messages, one after the other, together to prompts with answers."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []

    def user(self, text: str, when: datetime | None, attachments: Sequence[WholeAttachment] = ()) -> None:
        """A prompt; one more before any answer belongs to the one before."""
        if self.asked and not self.asked[-1].answers:
            last = self.asked[-1]
            prompt = "\n\n".join(part for part in (last.prompt, text) if part)
            self.asked[-1] = replace(last, prompt=prompt, attachments=(*last.attachments, *attachments))
        else:
            self.asked.append(Asked(text, when, (), tuple(attachments)))

    def assistant(self, answer: Answer) -> None:
        """An answer; one more before the next prompt goes on with it. One without a prompt gets an empty one."""
        if not self.asked:
            self.asked.append(Asked("", answer.when))
        last = self.asked[-1]
        if not last.answers:
            self.asked[-1] = replace(last, answers=(answer,))
            return
        before = last.answers[-1]
        joined = replace(
            before,
            text="\n\n".join(part for part in (before.text, answer.text) if part),
            thinking="\n\n".join(part for part in (before.thinking, answer.thinking) if part),
            note="; ".join(part for part in (before.note, answer.note) if part),
            model=answer.model or before.model,
            complete=before.complete and answer.complete,
        )
        self.asked[-1] = replace(last, answers=(*last.answers[:-1], joined))
