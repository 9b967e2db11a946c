"""Saved sessions: find one and open it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.screen import Screen
from textual.widgets import Input, Static

from storage import SessionSummary
from tui.rendering.safe_text import content
from tui.widgets.filter_line import FilterLine
from tui.widgets.session_list import SessionList

Rows = Callable[[str, int, int], Sequence[SessionSummary]]
"""Filter text, limit and offset to sessions, newest first."""

FILTER_DELAY = 0.12
"""Seconds of rest after a key before the store is asked: a word typed at speed asks once."""


class SessionsScreen(Screen[str | None]):
    """Gives the id of the session to open, or None."""

    DEFAULT_CSS = """
    SessionsScreen {
        background: $background;
        padding: 0 1;
        & #head { height: 1; margin: 0 0 1 0; }
        & #name { width: 10; text-style: bold; }
        & FilterLine { width: 1fr; }
        & #count { width: auto; color: $quiet; padding-left: 2; }
        & #nothing { height: 1fr; padding: 1 2; color: $quiet; }
        & #foot { height: 1; color: $quiet; }
    }
    """

    BINDING_GROUP_TITLE = "Sessions"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Back", id="sessions.leave"),
        Binding("up", "list('move', -1)", "Newer", show=False, id="sessions.up"),
        Binding("down", "list('move', 1)", "Older", show=False, id="sessions.down"),
        Binding("pageup", "list('page', -1)", "Page up", show=False, id="sessions.pageup"),
        Binding("pagedown", "list('page', 1)", "Page down", show=False, id="sessions.pagedown"),
    ]

    def __init__(
        self,
        rows: Rows,
        total: int,
        now: Callable[[], datetime],
        *,
        local_time: Callable[[datetime], datetime] = datetime.astimezone,
    ) -> None:
        """Take where rows come from, how many there are in all, the clock, and what makes a time a local one."""
        super().__init__()
        self._fetch = rows
        self._total = total
        self._list = SessionList(now, local_time, id="sessions")
        self._nothing = Static("", id="nothing", markup=False)

    def compose(self) -> ComposeResult:
        """A line to filter with, the list, the keys."""
        with Horizontal(id="head"):
            yield Static("Sessions", id="name", markup=False)
            yield FilterLine(placeholder="type to filter", id="filter")
            yield Static("", id="count", markup=False)
        yield self._list
        yield self._nothing
        yield Static("Enter open · ↑↓ choose · Esc back", id="foot", markup=False)

    def on_mount(self) -> None:
        """Show the newest ones."""
        self.query_one(FilterLine).focus()
        self._show("")

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter as it is typed."""
        event.stop()
        wanted = event.value
        self.set_timer(FILTER_DELAY, lambda: self._show_if_current(wanted))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Open what is picked, filtered by what stands there now."""
        event.stop()
        self._show_if_current(event.value)
        self._list.action_choose()

    def on_session_list_chosen(self, event: SessionList.Chosen) -> None:
        """Give it to whoever asked."""
        event.stop()
        self.dismiss(event.session_id)

    def on_session_list_grown(self, event: SessionList.Grown) -> None:
        """Say how many there are, as far as that is known."""
        event.stop()
        self._say_count()

    def action_list(self, what: str, by: int) -> None:
        """Move in the list while the filter keeps the keys."""
        if what == "page":
            self._list.action_page(by)
        else:
            self._list.action_move(by)

    def action_leave(self) -> None:
        """Go back without a session."""
        self.dismiss(None)

    _shown: str | None = None

    def _show_if_current(self, wanted: str) -> None:
        if self.is_attached and wanted == self.query_one(FilterLine).value and wanted != self._shown:
            self._show(wanted)

    def _show(self, wanted: str) -> None:
        self._shown = wanted
        self._list.show(lambda limit, offset: self._fetch(wanted, limit, offset))
        empty = self._list.loaded == 0
        self._list.display = not empty
        self._nothing.display = empty
        self._nothing.update(content(f"No session has “{wanted}” in it." if wanted else "No session is saved yet."))
        self._say_count()

    def _say_count(self) -> None:
        if self._shown:
            more = "" if self._list.complete else " or more"
            words = f"{self._list.loaded:,}{more} of {self._total:,} · newest first"
        else:
            words = f"{self._total:,} · newest first"
        self.query_one("#count", Static).update(words)
