"""The egress ledger: one request per row, newest last, and under them what left this machine, in words.

Of this session, or of all that is kept beside it. The row names what matters; the picked one is told in full below.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import ClassVar, Protocol

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from storage import RequestRecord, RequestTotal
from storage.errors import StoreError
from tui.ledger_words import request_line, short_line, sum_in_words
from tui.rendering.safe_text import content
from tui.widgets.banner import WIDE
from tui.widgets.paged_list import Page, PagedList
from tui.words import plural

LocalTime = Callable[[datetime], datetime]
_KEYS = "↑↓ choose · a {other} · r read again · Esc back"


class Requests(Protocol):
    """A part of the ledger, as `conversation.library` gives it."""

    def totals(self) -> Sequence[RequestTotal]:
        """Added up. Raises `StoreError`."""

    def page(self, first: int, count: int) -> Sequence[RequestRecord]:
        """A run of requests, oldest first. Raises `StoreError`."""


class RequestList(PagedList[RequestRecord]):
    """Requests of any number."""

    BINDING_GROUP_TITLE = "Ledger"

    def __init__(self, page: Page[RequestRecord], total: int, local_time: LocalTime) -> None:
        """The newest one is picked."""
        super().__init__(page, total, total - 1)
        self._local_time = local_time

    def words(self, row: RequestRecord, width: int, *, picked: bool) -> Content:
        """When, what for, where, how much, how it ended."""
        line = short_line(row, self._local_time, dated=width >= WIDE - 2)
        return content(f"{'▸' if picked else ' '} {line}").truncate(max(1, width), ellipsis=True)


class LedgerScreen(Screen[None]):
    """Every request, and the sum in words."""

    DEFAULT_CSS = """
    LedgerScreen {
        background: $background;
        padding: 0 1;
        & #head { height: 1; margin: 0 0 1 0; text-style: bold; }
        & #picked { height: auto; max-height: 3; margin: 1 0 0 0; color: $quiet; }
        & #sum { height: auto; max-height: 7; margin: 1 0; }
        & #foot { height: 1; color: $quiet; }
    }
    """
    BINDING_GROUP_TITLE = "Ledger"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "leave", "Back", id="ledger.leave"),
        Binding("a", "other", "This session or all", id="ledger.all"),
        Binding("r", "read", "Read again", id="ledger.read"),
    ]

    def __init__(self, of_session: Requests, of_all: Requests, *, local_time: LocalTime) -> None:
        """Read how much there is. Raises `StoreError`."""
        super().__init__()
        self._of_session, self._of_all = of_session, of_all
        self._is_all = False
        self._totals = of_session.totals()
        self._local_time = local_time
        self._list = RequestList(of_session.page, self._count, local_time)

    @property
    def _count(self) -> int:
        return sum(total.requests for total in self._totals)

    def compose(self) -> ComposeResult:
        """How many, the list, the picked one in full, the sum, the keys."""
        yield Static(id="head", markup=False)
        yield self._list
        yield Static(id="picked", markup=False)
        yield Static(id="sum", markup=False)
        yield Static(id="foot", markup=False)

    def on_mount(self) -> None:
        """The list has the keys."""
        self._show_words()
        self._list.focus()

    def _show_words(self) -> None:
        whose = "of all sessions kept here, and of none" if self._is_all else "of this session"
        self.query_one("#head", Static).update(content(f"What left: {plural(self._count, 'request')} {whose}"))
        self.query_one("#sum", Static).update(content("\n".join(sum_in_words(self._totals))))
        other = "this session only" if self._is_all else "all sessions"
        self.query_one("#foot", Static).update(content(_KEYS.format(other=other)))
        self.on_paged_list_moved()

    def on_paged_list_moved(self) -> None:
        """Tell the picked one in full."""
        request = self._list.picked
        self.query_one("#picked", Static).update(
            content("" if request is None else request_line(request, self._local_time))
        )

    def action_other(self) -> None:
        """Between this session and all of them."""
        self._is_all = not self._is_all
        self.action_read()

    def action_read(self) -> None:
        """Read it again: requests may have come, or ended."""
        requests = self._of_all if self._is_all else self._of_session
        try:
            self._totals = requests.totals()
        except StoreError as problem:
            self.query_one("#head", Static).update(content(str(problem)))
            return
        self._list.show(requests.page, self._count, self._count - 1)
        self._show_words()

    def action_leave(self) -> None:
        """Go back."""
        self.dismiss(None)
