"""Search in the text of all saved sessions: hits while you type; Enter goes to one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.screen import Screen
from textual.widgets import Input, Static

from storage import Found, Hit
from storage.errors import StoreError
from tui.rendering.safe_text import content
from tui.widgets.filter_line import FilterLine
from tui.widgets.hit_list import HitList
from tui.words import plural

Search = Callable[[str, int, int, bool], Awaitable[Found | None]]
"""Query, limit, offset and whether thinking is looked through, to hits;
None when a newer search was asked for meanwhile. Raises `StoreError`."""

SEARCH_DELAY = 0.06
"""Seconds of rest after a key: words typed at speed are looked for once."""
PAGE_HITS = 50
_HOW = (
    "All saved questions, answers and titles, except those of confidential sessions.\n\n"
    'tenant lease     both words; the last one may be unfinished\n"the lease"      a phrase\n'
    "lease OR rent    one or the other\nlease -draft     what has no “draft” in it"
)


class SearchScreen(Screen[tuple[Hit, str] | None]):
    """Gives the hit to open and the query that found it, or None."""

    DEFAULT_CSS = """
    SearchScreen {
        background: $background;
        padding: 0 1;
        & #head { height: 1; margin: 0 0 1 0; }
        & #name { width: 8; text-style: bold; }
        & FilterLine { width: 1fr; }
        & #count { width: auto; color: $quiet; padding-left: 2; }
        & #nothing { height: 1fr; padding: 1 2; color: $quiet; }
        & #building { height: 1; color: $quiet; }
        & #foot { height: 1; color: $quiet; }
    }
    """

    BINDING_GROUP_TITLE = "Search"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Back", id="search.leave"),
        Binding("ctrl+t", "thinking", "Look through thinking, too", id="search.thinking"),
        Binding("f1", "app.help", "All keys", id="search.help"),
        Binding("up", "list('move', -1)", "Up", show=False, id="search.up"),
        Binding("down", "list('move', 1)", "Down", show=False, id="search.down"),
        Binding("pageup", "list('page', -1)", "Page up", show=False, id="search.pageup"),
        Binding("pagedown", "list('page', 1)", "Page down", show=False, id="search.pagedown"),
    ]

    def __init__(
        self,
        search: Search,
        now: Callable[[], datetime],
        *,
        local_time: Callable[[datetime], datetime] = datetime.astimezone,
    ) -> None:
        """Take what searches, the clock, and what makes a time a local one."""
        super().__init__()
        self._search = search
        self._list = HitList(now, local_time, id="hits")
        self._nothing = Static(content(_HOW), id="nothing", markup=False)
        self._building = Static("", id="building", markup=False)
        self._shown = ""
        """The query whose hits are on the screen."""
        self._thinking = False
        self._complete = True
        self._more_asked_for: tuple[str, int] | None = None
        self._open_first_of: str | None = None
        """Enter came before the hits of this query did."""

    def compose(self) -> ComposeResult:
        """A line to type into, the hits, the keys."""
        with Horizontal(id="head"):
            yield Static("Search", id="name", markup=False)
            yield FilterLine(placeholder="words in saved sessions", id="query")
            yield Static("", id="count", markup=False)
        yield self._list
        yield self._nothing
        yield self._building
        yield Static("Enter open · ↑↓ choose · Ctrl+T thinking, too · Esc back · F1 keys", id="foot", markup=False)

    def on_mount(self) -> None:
        """Wait for words."""
        self._list.display = False
        self._building.display = False
        self.query_one(FilterLine).focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Search as it is typed."""
        event.stop()
        wanted = event.value
        self._open_first_of = None
        self.set_timer(SEARCH_DELAY, lambda: self._look_for(wanted))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Open what is picked among the hits of what stands there now."""
        event.stop()
        if event.value == self._shown:
            self._list.choose()
        else:
            self._open_first_of = event.value
            self._look_for(event.value)

    def on_hit_list_chosen(self, event: HitList.Chosen) -> None:
        """Give it to whoever asked."""
        event.stop()
        self.dismiss((event.hit, self._shown))

    def on_hit_list_near_end(self, event: HitList.NearEnd) -> None:
        """Have more hits ready."""
        event.stop()
        asked_for = (self._shown, self._list.loaded)
        if not self._complete and self._more_asked_for != asked_for and self._is_current(self._shown):
            self._more_asked_for = asked_for
            self._show_more(*asked_for)

    def action_list(self, what: str, by: int) -> None:
        """Move in the list while the line keeps the keys."""
        if what == "page":
            self._list.page(by)
        else:
            self._list.move(by)

    def action_thinking(self) -> None:
        """Look through what models thought as well, or no more."""
        self._thinking = not self._thinking
        self._show(self.query_one(FilterLine).value)

    def action_leave(self) -> None:
        """Go back without a hit."""
        self.dismiss(None)

    def _is_current(self, wanted: str) -> bool:
        return self.is_attached and wanted == self.query_one(FilterLine).value

    def _look_for(self, wanted: str) -> None:
        if self._is_current(wanted) and wanted != self._shown:
            self._show(wanted)

    @work(group="search", exclusive=True)
    async def _show(self, wanted: str) -> None:
        found = await self._found(wanted, 0)
        if found is None or not self._is_current(wanted):
            return
        self._shown, self._more_asked_for = wanted, None
        self._complete = len(found.hits) < PAGE_HITS
        self._list.show(found.hits)
        self._list.display = bool(found.hits)
        self._nothing.display = not found.hits
        self._nothing.update(content(f"Nothing has “{wanted}” in it." if wanted.strip() else _HOW))
        self._building.display = found.unindexed_turns > 0
        turns = plural(found.unindexed_turns, "older turn")
        self._building.update(f"The index is still being built: {turns} cannot be found yet.")
        self._say_count()
        if self._open_first_of == wanted:
            self._list.choose()

    @work(group="search", exclusive=True)
    async def _show_more(self, wanted: str, offset: int) -> None:
        found = await self._found(wanted, offset)
        if found is not None and wanted == self._shown and self._is_current(wanted):
            self._complete = len(found.hits) < PAGE_HITS
            self._list.extend(found.hits)
            self._say_count()

    async def _found(self, wanted: str, offset: int) -> Found | None:
        try:
            return await self._search(wanted, PAGE_HITS, offset, self._thinking)
        except StoreError as error:
            self._list.display = False
            self._nothing.display = True
            self._nothing.update(content(str(error)))
            return None

    def _say_count(self) -> None:
        count = self._list.loaded
        words = f"{count:,} or more" if not self._complete else plural(count, "place")
        thinking = "thinking, too" if self._thinking else ""
        self.query_one("#count", Static).update(" · ".join(filter(None, (thinking, words if count else ""))))
