"""Kill programs that stream into one file, again and again, and compare the file with what they had said.

Two children at a time write conversations the way the app does. What a child says over its pipe is a promise that was
made to a person: a prompt that was stored, a text that was shown, a reply that was settled. One of the two is killed
with SIGKILL at a random moment and another takes its place, on the same file, crash upon crash. When that one has
started, the file must hold what the dead one had promised, and nothing of it may be left open; answers of the one
that lives must be left alone. Text that was shown may be lost only as far back as one flush.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Literal

from storage.records import NewReply, Outcome, Settlement, Side
from storage.store import Store
from storage.thread import StoreThread
from tests.storage.processes import context

FLUSH_SECONDS = 0.04
_TOKEN_SECONDS = 0.002
_TOKENS = 200
_SIDES = (NewReply(Side.LEFT, "demo:"), NewReply(Side.RIGHT, "demo:"))

Said = tuple[Literal["ready", "prompt", "shown", "settled", "trouble"], int, str, float]
"""What was promised, about which turn or reply, its text, and when on the monotonic clock."""


def stream(path: Path, said: Connection, seed: int) -> None:
    """The child: stream answers into the store until killed."""
    asyncio.run(_stream(path, said, random.Random(seed)))  # noqa: S311 - words, not secrets


async def _stream(path: Path, said: Connection, words: random.Random) -> None:
    def say(kind: str, number: int, text: str) -> None:
        said.send((kind, number, text, time.monotonic()))

    store = StoreThread(path, now=_now, flush_seconds=FLUSH_SECONDS, on_problem=lambda e: say("trouble", 0, str(e)))
    await store.start()
    say("ready", 0, "")
    session = await store.run(Store.create_session, left="demo:", right="demo:", created=_now())
    for number in itertools.count():
        prompt = f"{number} {words.random()}"
        turn = await store.run(Store.open_turn, session.id, prompt, _now(), _SIDES)
        say("prompt", turn.id, prompt)
        for token in range(_TOKENS):
            for reply in turn.replies:
                text = f"{token}:{words.randrange(1000)} "
                store.append(reply.id, text, thinking=False)
                say("shown", reply.id, text)
            await asyncio.sleep(_TOKEN_SECONDS)
        for reply in turn.replies:
            settled = await store.run(Store.settle_reply, reply.id, Settlement(Outcome.COMPLETE, _now()))
            say("settled", reply.id, settled.text)


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Child:
    """One streaming program and what it has promised."""

    process: ForkServerProcess
    pipe: Connection
    promises: list[Said] = field(default_factory=list)
    killed: float = 0.0

    def listen(self, until: float) -> None:
        """Take down what it says until that moment."""
        while (left := until - time.monotonic()) > 0:
            if self.pipe.poll(left):
                self.promises.append(self.pipe.recv())

    def wait_until_ready(self) -> None:
        """Return once its start, and thus its repair of the dead, is done."""
        deadline = time.monotonic() + 30
        while not self.promises:
            assert time.monotonic() < deadline, "the child did not start"
            self.listen(time.monotonic() + 0.005)

    def kill(self) -> None:
        """SIGKILL; what was in the pipe had been said as well."""
        self.killed = time.monotonic()
        self.process.kill()
        self.process.join()
        try:
            while self.pipe.poll():
                self.promises.append(self.pipe.recv())
        except (EOFError, OSError):
            pass  # the last message was cut: it was not said
        self.pipe.close()


@dataclass
class Kept:
    """What the kills did."""

    kills: int = 0
    prompts: int = 0
    settled: int = 0
    lost_seconds: list[float] = field(default_factory=list)
    """Per reply that was open: how long before the kill its first lost token was shown; 0 when none was lost."""


def run(folder: Path, kills: int, seed: int) -> Kept:
    """Kill that many programs. Raises AssertionError at the first broken promise."""
    path = folder / "conversations.db"
    moments = random.Random(seed)  # noqa: S311 - moments, not secrets
    kept = Kept()
    children = [_start(path, seed * 1000 + number) for number in range(2)]
    try:
        for child in children:
            child.wait_until_ready()
        for number in range(kills):
            victim = moments.randrange(2)
            until = time.monotonic() + moments.uniform(0.02, 0.35)
            while time.monotonic() < until:
                for child in children:
                    child.listen(min(until, time.monotonic() + 0.005))
            dead = children[victim]
            dead.kill()
            children[victim] = _start(path, seed * 1000 + number + 2)
            children[victim].wait_until_ready()
            _check(path, dead, kept)
    finally:
        for child in children:
            child.kill()
    for child in children:
        assert not [said for said in child.promises if said[0] == "trouble"], child.promises[-1]
    _check_whole(path, kept)
    return kept


def _start(path: Path, seed: int) -> Child:
    receiver, sender = context().Pipe(duplex=False)
    process = context().Process(target=stream, args=(path, sender, seed), daemon=True)
    process.start()
    sender.close()
    return Child(process, receiver)


def _check(path: Path, dead: Child, kept: Kept) -> None:
    """Compare the file with what a dead child had promised."""
    kept.kills += 1
    shown: dict[int, list[tuple[str, float]]] = {}
    with closing(Store.open(path, read_only=True)) as store:
        for kind, number, text, moment in dead.promises:
            match kind:
                case "prompt":
                    turn = store.turn(number)
                    assert turn.prompt == text
                    assert all(reply.outcome is not Outcome.OPEN for reply in turn.replies)
                    kept.prompts += 1
                case "shown":
                    shown.setdefault(number, []).append((text, moment))
                case "settled":
                    reply = store.reply(number)
                    assert (reply.outcome, reply.text) == (Outcome.COMPLETE, text)
                    assert text == "".join(token for token, _ in shown.pop(number))
                    kept.settled += 1
                case "trouble":
                    raise AssertionError(text)
                case "ready":
                    pass
        for number, tokens in shown.items():
            kept.lost_seconds.append(_lost(store.reply(number).text, tokens, dead.killed))


def _lost(stored: str, tokens: list[tuple[str, float]], killed: float) -> float:
    for token, moment in tokens:
        if not stored.startswith(token):
            # Nothing, or the beginning of what was said after the last word that we heard.
            assert stored == "", f"{stored!r} was never shown"
            return killed - moment
        stored = stored[len(token) :]
    return 0.0


def _check_whole(path: Path, kept: Kept) -> None:
    with closing(Store.open(path)) as store:
        store.repair_open_replies(_now())
        assert store.problems(thorough=True) == []
        assert store._db.number("SELECT count(*) FROM replies WHERE outcome = 'open'") == 0
        assert store._db.number("SELECT count(*) FROM reply_parts") == 0
        assert store._db.number("SELECT count(*) FROM turns") >= kept.prompts
