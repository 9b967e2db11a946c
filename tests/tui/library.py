"""A real store in memory with sessions in it, and the library's screen over it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from conversation.catalogue import Catalogue
from storage import NewReply, Outcome, Receipt, Settlement, Side
from storage.store import Store
from storage.thread import StoreThread
from tests.tui.screen_text import Stage
from tui.screens.sessions import Opened, SessionsScreen
from tui.widgets.filter_line import FilterLine
from tui.widgets.session_list import SessionList

NOW = datetime(2025, 11, 22, 15, 0, tzinfo=timezone(timedelta(hours=1)))


def local_time(moment: datetime) -> datetime:
    return moment.astimezone(NOW.tzinfo)


@dataclass(frozen=True)
class Saved:
    """A session to be stored."""

    title: str
    updated: datetime = datetime(2025, 11, 22, 13, 2, tzinfo=UTC)
    left: str | None = "claude:claude-sonnet-5-5"
    right: str | None = "ollama:llama3.1:8b"
    turns: int = 3
    cost: float | None = 0.021
    unhappy: int = 0
    confidential: bool = False
    starred: bool = False
    tags: Sequence[str] = ()
    said: str = "An answer."
    """What all its answers are."""

    def store(self, store: Store) -> str:
        """Store it; its id."""
        session = store.create_session(
            left=self.left,
            right=self.right,
            created=self.updated,
            title=self.title,
            confidential=self.confidential,
        )
        sides = [NewReply(side, spec) for side, spec in zip(Side, (self.left, self.right), strict=True) if spec]
        unhappy = self.unhappy
        for number in range(self.turns):
            turn = store.open_turn(session.id, f"Question {number + 1}?", self.updated, sides)
            for reply in turn.replies:
                store.append_parts([(reply.id, self.said, "")])
                first = number == 0 and reply is turn.replies[0]
                receipt = Receipt(cost_usd=self.cost if first else None)
                outcome, unhappy = (Outcome.STOPPED, unhappy - 1) if unhappy else (Outcome.COMPLETE, 0)
                store.settle_reply(reply.id, Settlement(outcome, self.updated, receipt=receipt))
        for tag in self.tags:
            store.tag_session(session.id, tag)
        store.star_session(session.id, starred=self.starred)
        return session.id


class Shelf(Stage):
    """The library's screen over a store in memory."""

    def __init__(self, saved: Sequence[Saved]) -> None:
        super().__init__()
        self.saved = saved
        self.ids: list[str] = []
        self.opened: list[Opened | None] = []
        self.thread: StoreThread | None = None

    async def on_load(self) -> None:
        self.thread = StoreThread(None, now=lambda: NOW)
        await self.thread.start()
        for each in self.saved:
            self.ids.append(await self.thread.run(each.store))
        while await self.thread.run(Store.index_step):
            pass

    def on_mount(self) -> None:
        assert self.thread is not None
        screen = SessionsScreen(Catalogue(self.thread, lambda: NOW), lambda: NOW, local_time=local_time)
        self.push_screen(screen, self.opened.append)

    async def on_unmount(self) -> None:
        if self.thread is not None:
            self.thread.close()

    @property
    def store(self) -> Store:
        assert self.thread is not None
        return self.thread.reader

    @property
    def list(self) -> SessionList:
        return self.screen_stack[1].query_one(SessionList)

    @property
    def line(self) -> FilterLine:
        return self.screen_stack[1].query_one(FilterLine)

    @property
    def titles(self) -> Sequence[str]:
        """What is in the list, as far as it is here."""
        return [row.session.title for row in self.list._rows]
