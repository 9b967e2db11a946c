"""The library: all saved sessions, to find one, to put them in order, and to open one.

The line above filters while it is typed, over titles and over what was said; it has the focus at first, so that a
word can be typed at once. In the list single keys change the picked session. What is read for the line is read off
the event loop; the first page without words is not, so that it is there with the first paint.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.screen import Screen
from textual.style import Style
from textual.timer import Timer
from textual.widgets import Input, Static

from conversation.catalogue import Catalogue, Listed
from storage import Hit, SessionSummary
from storage.errors import StoreError
from tui import filter_words
from tui.rendering.safe_text import content, one_line
from tui.session_wishes import Done, SessionWishes
from tui.widgets.filter_line import FilterLine
from tui.widgets.key_line import KeyHint, KeyLine
from tui.widgets.session_glance import SessionGlance
from tui.widgets.session_list import SessionList

FILTER_DELAY = 0.06
"""Seconds of rest after a key before the store is asked: a word typed at speed asks once."""
PAGE_ROWS = 60
UNDO_SECONDS = 10.0
GLANCE_COLUMNS = 140
"""Columns from which on there is room for a look into the picked session."""

_IN_LINE = (
    KeyHint("sessions.to_list", "the list", "into_list"),
    KeyHint("sessions.filters", "filters", "filters"),
    KeyHint("sessions.leave", "back", "leave"),
    KeyHint("sessions.help", "keys", "help"),
)
_IN_LIST = (
    KeyHint("sessions.open", "open", "open"),
    KeyHint("sessions.star", "star", "star"),
    KeyHint("sessions.tags", "tags", "tags"),
    KeyHint("sessions.rename", "rename", "rename"),
    KeyHint("sessions.archive", "archive", "archive"),
    KeyHint("sessions.delete", "delete", "delete"),
    KeyHint("sessions.export", "export", "export"),
    KeyHint("sessions.to_line", "filter", "line"),
    KeyHint("sessions.help", "keys", "help"),
    KeyHint("sessions.preview", "preview", "preview"),
)
_IN_BIN = (
    KeyHint("sessions.restore", "restore", "restore"),
    KeyHint("sessions.empty_bin", "empty the bin", "empty_bin"),
    KeyHint("sessions.open", "open", "open"),
    KeyHint("sessions.to_line", "filter", "line"),
    KeyHint("sessions.leave", "back", "leave"),
    KeyHint("sessions.help", "keys", "help"),
)
_UNDO = KeyHint("sessions.restore", "undo", "restore")


@dataclass(frozen=True, slots=True)
class Opened:
    """The session to open, and where in it."""

    session_id: str
    hit: Hit | None = None
    words: str = ""
    """What the hit was found by."""


OPEN_VAULT: Final = Opened("")
"""In place of a session: the person wants to see the confidential ones."""


class SessionsScreen(Screen[Opened | None]):
    """Gives the session to open, `OPEN_VAULT`, or None."""

    DEFAULT_CSS = """
    SessionsScreen {
        background: $background;
        padding: 0 1;
        & #head { height: 1; margin: 0 0 1 0; }
        & #name { width: 10; text-style: bold; }
        & FilterLine { width: 1fr; }
        & #count { width: auto; color: $quiet; padding-left: 2; }
        & #middle { height: 1fr; }
        & #aside { height: 1; color: $quiet; }
    }
    """

    BINDING_GROUP_TITLE = "Sessions"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Back", id="sessions.leave"),
        Binding("f4", "filters", "Filters to pick from", id="sessions.filters"),
        Binding("f8", "vault", "Open the vault", show=False, id="sessions.vault"),
        Binding("f1", "app.help", "All keys", id="sessions.help"),
        Binding("down", "into_list(1)", "Into the list", id="sessions.into_list"),
        Binding("tab", "into_list(0)", "Into the list", show=False, id="sessions.to_list"),
        Binding("slash", "to_line", "Back to the filter", id="sessions.to_line"),
        Binding("shift+tab", "to_line", "Back to the filter", show=False, id="sessions.back_to_line"),
        Binding("pageup", "list_page(-1)", "Page up", show=False, id="sessions.pageup"),
        Binding("pagedown", "list_page(1)", "Page down", show=False, id="sessions.pagedown"),
    ]

    def __init__(
        self,
        catalogue: Catalogue,
        now: Callable[[], datetime],
        *,
        local_time: Callable[[datetime], datetime] = datetime.astimezone,
        aside: str = "",
        leads_to_vault: bool = False,
    ) -> None:
        """Take the sessions, the clock, what makes a time a local one, and what is said below the list.

        `leads_to_vault`: F8 gives `OPEN_VAULT`, and `aside` says so.
        """
        super().__init__()
        self._leads_to_vault = leads_to_vault
        self._catalogue = catalogue
        self._list = SessionList(now, local_time, id="sessions")
        self._glance = SessionGlance(id="glance")
        self._foot = KeyLine(id="foot")
        self._aside = aside
        self._shown = ""
        """The line whose sessions are in the list."""
        self._listed: Listed | None = None
        self._more_asked_for: tuple[str, int] | None = None
        self._open_first_of: str | None = None
        """Enter came before the sessions of this line did."""
        self._said = ""
        self._undo: Callable[[], Awaitable[None]] | None = None
        self._undone: str | None = None
        """The session that comes back by it."""
        self._timer: Timer | None = None
        self._one_by_one = asyncio.Lock()

    def compose(self) -> ComposeResult:
        """A line to filter with, the list, a look inside, the keys."""
        with Horizontal(id="head"):
            yield Static("Sessions", id="name", markup=False)
            yield FilterLine(placeholder="type to filter", select_on_focus=False, id="filter")
            yield Static("", id="count", markup=False)
        with Horizontal(id="middle"):
            yield self._list
            yield self._glance
        yield Static(content(self._aside), id="aside", markup=False)
        yield self._foot

    def on_mount(self) -> None:
        """Show the newest ones."""
        self.query_one("#aside").display = bool(self._aside)
        self._glance.display = False
        self.query_one(FilterLine).focus()
        try:
            self._put(self._catalogue.newest(PAGE_ROWS), "")
        except StoreError as problem:
            self._say(str(problem))

    # The line

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter as it is typed."""
        event.stop()
        wanted = event.value
        self._open_first_of = None
        self._say_keys()
        self.set_timer(FILTER_DELAY, lambda: self._look_for(wanted))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Open what is picked among the sessions of what stands there now."""
        event.stop()
        if event.value == self._shown:
            self._list.action_choose()
        else:
            self._open_first_of = event.value
            self._look_for(event.value)

    def on_descendant_focus(self) -> None:
        """Other keys work now."""
        self._say_keys()

    def action_into_list(self, by: int) -> None:
        """Into the list, on from the row that is picked there."""
        self.set_focus(self._list)  # at once: the next key may be there already
        self._list.cursor += by

    def action_to_line(self) -> None:
        """Back to the filter, behind its last word."""
        line = self._line
        self.set_focus(line)
        line.cursor_position = len(line.value)

    def action_list_page(self, by: int) -> None:
        """Page in the list while the line keeps the keys."""
        self._list.action_page(by)

    def action_filters(self) -> None:
        """Filters to pick from."""
        from tui.screens.filter_picker import FilterPicker

        groups = filter_words.groups(self._catalogue.tags())
        self.app.push_screen(FilterPicker(groups, self._line.value, self._write))

    def action_leave(self) -> None:
        """Go back without a session."""
        self.dismiss(None)

    def action_vault(self) -> None:
        """Go where the confidential sessions are."""
        if self._leads_to_vault:
            self.dismiss(OPEN_VAULT)

    @property
    def _line(self) -> FilterLine:
        return self.query_one(FilterLine)

    def _write(self, line: str) -> None:
        self._line.value = line

    # Reading

    def _is_current(self, wanted: str) -> bool:
        return self.is_attached and wanted == self._line.value

    def _look_for(self, wanted: str) -> None:
        if self._is_current(wanted) and wanted != self._shown:
            self._read(wanted)

    @work(group="read", exclusive=True)
    async def _read(self, wanted: str, keep: str | None = None) -> None:
        listed = await self._asked(wanted, 0)
        if listed is not None and self._is_current(wanted):
            self._put(listed, wanted, keep=keep)

    @work(group="read", exclusive=True)
    async def _read_more(self, wanted: str, offset: int) -> None:
        listed = await self._asked(wanted, offset)
        if listed is not None and wanted == self._shown and self._is_current(wanted):
            self._listed = listed
            self._list.extend(listed)

    async def _asked(self, wanted: str, offset: int) -> Listed | None:
        try:
            return await self._catalogue.page(wanted, PAGE_ROWS, offset)
        except StoreError as problem:
            self._say(str(problem))
            return None

    def _put(self, listed: Listed, wanted: str, *, keep: str | None = None) -> None:
        self._shown, self._listed, self._more_asked_for = wanted, listed, None
        nothing = f"No session has “{one_line(wanted, 60)}” in it." if wanted.strip() else "No session is saved yet."
        self._list.show(listed, nothing, keep=keep)
        self._say_count()
        self._say_keys()
        if self._open_first_of == wanted:
            self._list.action_choose()

    def on_session_list_near_end(self, event: SessionList.NearEnd) -> None:
        """Have more rows ready."""
        event.stop()
        asked_for = (self._shown, self._list.loaded)
        more = self._listed is not None and not self._listed.ends
        if more and self._more_asked_for != asked_for and self._is_current(self._shown):
            self._more_asked_for = asked_for
            self._read_more(*asked_for)

    # The list

    def on_session_list_chosen(self, event: SessionList.Chosen) -> None:
        """Give it to whoever asked."""
        event.stop()
        words = self._listed.wanted.words if self._listed is not None else ""
        self.dismiss(Opened(event.session.session.id, event.hit, words))

    def on_session_list_left_above(self, event: SessionList.LeftAbove) -> None:
        """The line is above the first row."""
        event.stop()
        self.action_to_line()

    def on_session_list_typed(self, event: SessionList.Typed) -> None:
        """Go on typing the filter."""
        event.stop()
        self.action_to_line()
        self._line.insert_text_at_cursor(event.character)

    def on_session_list_picked(self, event: SessionList.Picked) -> None:
        """Look into it, if that is wanted."""
        event.stop()
        self._look_inside()

    def on_session_list_wished(self, event: SessionList.Wished) -> None:
        """Do it, as far as there is a session to do it to."""
        event.stop()
        self._wish(event.what)

    async def on_key_line_clicked(self, event: KeyLine.Clicked) -> None:
        """The same by the mouse."""
        event.stop()
        match event.action:
            case "filters":
                self.action_filters()
            case "leave":
                self.action_leave()
            case "help":
                await self.app.run_action("app.help")
            case "line":
                self.action_to_line()
            case "into_list":
                self.action_into_list(0)
            case "open":
                self._list.action_choose()
            case wish:
                self._wish(wish)

    @work(group="change")
    async def _wish(self, what: str) -> None:
        if what == "export":  # it changes nothing here, and may take long
            await self._change(what, self._list.picked)
            return
        # One after the other, so that a key pressed twice means the session below the second time.
        async with self._one_by_one:
            if what == "preview":
                self._toggle_glance()
            elif what == "restore" and self._undo is not None:
                await self._take_back(self._undo, self._undone)
            elif what == "restore" and not self._is_bin:
                self._say("There is nothing to undo any more. F4 leads to the bin.")
            elif what != "empty_bin" or self._is_bin:
                await self._change(what, self._list.picked)

    async def _change(self, what: str, picked: SessionSummary | None) -> None:
        wishes = SessionWishes(self.app, self._catalogue)
        try:
            if what == "empty_bin":
                picked, done = None, await wishes.empty_bin()
            elif picked is not None:
                wish: Callable[[SessionSummary], Awaitable[Done | None]] = getattr(wishes, what)
                done = await wish(picked)
            else:
                return
            if done is None:
                return
            if picked is None:
                self._read(self._shown)
            elif done.gone:
                self._take_away(picked.session.id)
            else:
                self._list.replace(self._catalogue.summary(picked.session.id))
        except StoreError as problem:
            self._say(str(problem))
            self._read(self._shown)
            return
        self._say(done.words, done.undo, picked.session.id if picked is not None else None)

    def _take_away(self, session_id: str) -> None:
        """Out of the list on screen, which is otherwise as it was: nothing jumps."""
        self._list.take_out(session_id)
        if self._listed is not None:
            listed = self._listed
            self._listed = Listed(
                listed.rows, listed.wanted, listed.matching - 1, self._catalogue.total(), listed.hits, listed.ends
            )
        self._say_count()
        self._look_inside()

    async def _take_back(self, undo: Callable[[], Awaitable[None]], session_id: str | None) -> None:
        self._say("")
        try:
            await undo()
        except StoreError as problem:
            self._say(str(problem))
        self._read(self._shown, keep=session_id)

    # A look inside

    def on_resize(self) -> None:
        """Where there is no room for a look inside there is none."""
        if self.is_mounted:
            self._glance.display = self._glance.display and self.app.size.width >= GLANCE_COLUMNS
            self._say_keys()

    def _toggle_glance(self) -> None:
        if self.app.size.width < GLANCE_COLUMNS:
            self._say(f"A preview needs {GLANCE_COLUMNS} columns. Enter opens the session.")
            return
        self._glance.display = not self._glance.display
        self._look_inside()

    def _look_inside(self) -> None:
        picked, hit = self._list.picked, self._list.hit
        if not self._glance.display:
            return
        try:
            turns = [] if picked is None else self._catalogue.glance(picked.session.id, hit.turn_id if hit else None)
        except StoreError:
            turns = []  # deleted for good meanwhile; opening it says so
        self._glance.show(picked, turns, hit)

    # Words

    def _say(
        self, words: str, undo: Callable[[], Awaitable[None]] | None = None, session_id: str | None = None
    ) -> None:
        """Say it in the last line, for as long as it can be undone; longer would be in the way of the keys."""
        self._said, self._undo, self._undone = words, undo, session_id
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(UNDO_SECONDS, lambda: self._say("")) if words else None
        self._say_keys()

    @property
    def _is_bin(self) -> bool:
        return self._listed is not None and self._listed.wanted.shelf == "bin"

    def _say_keys(self) -> None:
        if not self.is_attached or not self.is_current:
            return
        if self._list.has_focus:
            hints = _IN_BIN if self._is_bin else _IN_LIST
            self._foot.say([_UNDO, *hints] if self._undo is not None else hints, self._said)
            return
        completions = filter_words.completions(self._line.value, self._catalogue.tags()) if self._line.value else []
        self._foot.say(() if completions else _IN_LINE, self._said or "  ".join(completions[:12]) or "Enter open")

    def _say_count(self) -> None:
        listed = self._listed
        if listed is None:
            return
        order = filter_words.order_words(listed.wanted)
        many = f"{listed.total:,}" if not self._shown.strip() else f"{listed.matching:,} of {listed.total:,}"
        building = " · index being built" if listed.unindexed_turns else ""
        filters = Content("F4 filters").stylize(Style.from_meta({"@click": "screen.filters"}))
        self.query_one("#count", Static).update(Content.assemble(f"{many} · {order}{building} · ", filters))
