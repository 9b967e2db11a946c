"""The chat: turns above, one prompt box below.

It passes prompts and wishes to one conversation and shows what comes back. It draws no text of answers itself
(`Transcript` does), keeps no state of a running turn (`LiveTurns` does) and runs none (`conversation` does).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Rule, Static, TextArea

from backends import Connector
from backends.errors import LeftThisMachine
from conversation import estimate
from conversation.errors import Busy, NothingToAsk, WordNeeded
from conversation.updates import Update
from storage import Hit, Place, Reply, Side, Turn, Where
from storage.errors import StoreError
from storage.needles import Literal, Needle, Words
from tui.actions import ACTIONS, BY_SLASH, parse_slash
from tui.destination import SideFill, destination, fill
from tui.live_turns import LiveTurns
from tui.rendering.safe_text import content
from tui.services import Services
from tui.widgets.banner import WIDE, Banner, BannerText
from tui.widgets.blank_page import SHOWN, BlankPage
from tui.widgets.find_line import FindLine
from tui.widgets.first_run import FirstRun, Surroundings
from tui.widgets.prompt import Prompt
from tui.widgets.side_titles import SideTitle, SideTitles
from tui.widgets.transcript import Columns, Transcript
from tui.word_question import word_question

if TYPE_CHECKING:
    from conversation.engine import Conversation
    from conversation.library import Library

HINT = "Enter send · Ctrl+J newline · /command · Esc stop · Ctrl+R retry"
COMPOSE_HINT = "Ctrl+J send · Enter newline · /command · Esc stop · Ctrl+R retry"
ONE_SIDE = {"/left": Side.LEFT, "/right": Side.RIGHT}
ALARM = "ALARM: ANSWERED ELSEWHERE"
LAYOUTS = (Columns.BOTH, Columns.LEFT, Columns.RIGHT, Columns.STACKED)


@dataclass(frozen=True, slots=True)
class _Queued:
    """A prompt that waits until the answers before it are done."""

    text: str
    sides: frozenset[Side] | None
    """None: all."""


class ChatScreen(Screen[None]):
    """One conversation on screen."""

    AUTO_FOCUS = "Prompt"
    BINDING_GROUP_TITLE = "Chat"
    BINDINGS: ClassVar[list[BindingType]] = [
        *(action.binding for action in ACTIONS if action.keys),
        Binding("tab", "focus_round", "Other side or pane", show=False, id="chat.focus_round", priority=True),
        Binding("pageup", "page_up", "Page up", show=False, id="chat.page_up"),
        Binding("pagedown", "page_down", "Page down", show=False, id="chat.page_down"),
        Binding("ctrl+up", "line_up", "Scroll up", show=False, id="chat.line_up"),
        Binding("ctrl+down", "line_down", "Scroll down", show=False, id="chat.line_down"),
    ]

    def __init__(self, services: Services, act: Callable[[str, str], bool]) -> None:
        """`act` runs an action of the app by name with its argument; False: there is no such action."""
        super().__init__()
        self._services = services
        self._act_in_app = act
        self._library: Library | None = None
        self.conversation: Conversation | None = None
        self._opened = asyncio.Event()
        """Set with the first conversation; a prompt that is faster than the store waits for it."""
        self._queued: _Queued | None = None
        self._chosen_layout: dict[bool, Columns] = {}
        self._fills: dict[Side, tuple[int | None, int | None]] = {}
        self._finding_from_turns = False
        """The line that finds was opened from the turns, so the keys go back there."""
        self._turn_count = 0
        self._cloud_turns = 0
        self._cost = 0.0
        self._alarm = ""
        self._live: LiveTurns

    def compose(self) -> ComposeResult:
        """Top line, titles, turns, notice, prompt."""
        transcript = Transcript(
            time_words=lambda when: self._services.local_time(when).strftime("%H:%M"),
            unwrapped=not self._services.wrap,
        )
        yield Banner()
        yield Rule(id="under-banner")
        yield SideTitles(left_width=transcript.left_width, latest_words=transcript.latest_words)
        yield Rule(id="under-titles")
        with Vertical(id="middle"):
            yield FirstRun()
            yield BlankPage(markup=False)
            yield transcript
        yield FindLine()
        yield Static(id="notice")
        yield Prompt(placeholder="Type a question", compose_mode=self._services.compose)

    def on_mount(self) -> None:
        """Everything that needs the widgets."""
        self._live = LiveTurns(
            self._transcript,
            self._show_titles,
            monotonic=self._services.monotonic,
            clock_words=lambda: self._services.local_time(self._services.now()).strftime("%H:%M:%S"),
            started=self._turn_started,
            settled=self._reply_settled,
        )
        self.hide_first_run()
        self._find_line.display = False
        self.say("")
        self._show_destination()

    # What the app sets

    def open(self, library: Library, conversation: Conversation) -> None:
        """Show this conversation. What was typed before it came stays, after the session's own draft.

        Raises `StoreError`.
        """
        self._library, self.conversation = library, conversation
        self._opened.set()
        self._queued = None
        self._live.forget()
        if self._find_line.display:
            self._find_line.display = False
            self._prompt.focus()
        self._turn_count, self._cost, self._fills, self._alarm = 0, 0.0, {}, ""
        self._transcript.load(library.transcript(conversation))
        if (last := library.last_turn(conversation)) is not None:
            self._turn_count = last.seq
            self._live.last_turn = last
            self._take_fills(last)
        self.run_worker(self._add_earlier_cost(library, conversation), group="cost")
        self._prompt.load_history(library.recent_prompts(conversation))
        if conversation.session is not None:
            self.give_back(conversation.session.draft)
        if not self._turn_count:
            self.query_one(BlankPage).show(library.ordinary_summaries(SHOWN), confidential=conversation.confidential)
        self.hide_first_run()
        self.sides_changed()

    def show_turn(self, turn_id: int) -> None:
        """Bring a turn of this session into view."""
        self._transcript.show_turn(turn_id)

    @property
    def meant_turn(self) -> int | None:
        """The turn that keys mean: the one under the cursor, else the one being read; None where there is none."""
        return self._transcript.meant_turn

    def turn_changed(self, turn: Turn) -> None:
        """A turn of this session has another vote or note."""
        session = self.conversation.session if self.conversation is not None else None
        if session is not None and turn.session_id == session.id:
            self._live.reread(turn)

    def session_changed(self) -> None:
        """The session has another title, or became confidential."""
        if self._require_conversation().confidential != self.has_class("-confidential"):
            self.sides_changed()
        self._show_banner()

    def show_hit(self, hit: Hit, query: str) -> None:
        """Bring a hit of the search over all sessions into view, and mark what it was found by."""
        self._transcript.show_turn(hit.turn_id)
        if hit.where in (Place.NOTE, Place.ATTACHMENT):
            # Neither is among the words that are looked through and marked in the turns.
            self._transcript.focus()
            self.say(f"Found in {'your note on' if hit.where is Place.NOTE else 'a file with'} turn {hit.seq}.")
            return
        self._find_line.display = True
        self._finding_from_turns = False
        self._find_line.show_words(query)
        self._transcript.focus()
        where = Where(hit.where.value) if hit.where in (Place.LEFT, Place.RIGHT) else None
        where = Where.QUESTION if hit.where is Place.PROMPT else where
        self._look_for(Words(query), (hit.turn_id, where))

    def sides_changed(self) -> None:
        """The conversation has other models now, or became confidential."""
        conversation = self._require_conversation()
        # Once: what was sent before the latch fell does not change any more.
        self._cloud_turns = (
            self._library.cloud_turns(conversation) if self._library and conversation.confidential else 0
        )
        self._live.set_sides(conversation.connectors, conversation.places)
        self._transcript.set_sides(
            left=Side.LEFT in conversation.connectors or self._has_answers(Side.LEFT),
            right=Side.RIGHT in conversation.connectors or self._has_answers(Side.RIGHT),
        )
        self.set_class(conversation.confidential, "-confidential")
        self._apply_layout()
        self._show_banner()
        self._show_destination()

    def show_side_words(self, side: Side, title: SideTitle) -> None:
        """Say something in a side's title while it has no model."""
        self._live.set_words(side, title)
        self._apply_layout()

    def show_first_run(self, found: Surroundings) -> None:
        """Say what is there and what is missing, in place of an empty transcript."""
        if self._turn_count == 0:
            self._first_run.surroundings = found
            self._show_in_the_middle(self._first_run)

    @property
    def shows_first_run(self) -> bool:
        """True while the welcome stands in the middle."""
        return self._first_run.display

    def hide_first_run(self) -> None:
        """Back to the turns, or to the blank page where there are none."""
        self._show_in_the_middle(self._transcript if self._turn_count else self.query_one(BlankPage))

    def _show_in_the_middle(self, shown: Widget) -> None:
        for widget in (self._first_run, self.query_one(BlankPage), self._transcript):
            widget.display = widget is shown

    def side_words(self, side: Side) -> str:
        """A side's model in words: "Local · llama3.1:8b", or "" where there is none."""
        title = self._live.titles.get(side)
        return f"{title.name} · {title.model}" if title is not None else ""

    def take_draft(self) -> str:
        """Empty the prompt box and the queue, and give what was in them."""
        if self._queued is not None:
            queued, self._queued = self._queued, None
            self.give_back(queued.text)
        draft = self._prompt.draft
        self._prompt.clear()
        return draft

    def replace_draft(self, text: str) -> None:
        """Put another text in place of what stands in the prompt box."""
        self._prompt.draft = text

    def give_back(self, text: str) -> None:
        """Put text that was not sent into the prompt box, before what has been typed there since."""
        if text:
            typed = self._prompt.draft
            self._prompt.draft = f"{text}\n\n{typed}" if typed.strip() else text

    def say(self, words: str) -> None:
        """One line above the prompt that stays until something else is said."""
        notice = self.query_one("#notice", Static)
        notice.update(content(words))
        notice.display = bool(words)

    @property
    def draft(self) -> str:
        """What stands in the prompt box."""
        return self._prompt.draft

    @property
    def picked(self) -> Side | None:
        """The side that keys and prompts go to now, if one is picked."""
        return self._transcript.picked

    @property
    def picked_answers(self) -> str:
        """The Markdown of the answer under the cursor, else of the newest ones in view."""
        return self._transcript.picked_answers

    @property
    def confidential(self) -> bool:
        """True unless the conversation on screen is known to be an ordinary one."""
        return self.conversation is None or self.conversation.confidential

    @property
    def busy(self) -> bool:
        """True while an answer is being written."""
        return self.conversation is not None and bool(self.conversation.running)

    # Prompts

    def on_prompt_submitted(self, event: Prompt.Submitted) -> None:
        """A prompt, or a slash command."""
        self.say("")
        text, sides = event.text, None
        command = parse_slash(text)
        if command is not None and f"/{command.name}" in ONE_SIDE and command.argument:
            text, sides = command.argument, frozenset({ONE_SIDE[f"/{command.name}"]})
        elif command is not None:
            self._run_command(f"{command.name} {command.argument}".strip(), text)
            return
        elif (side := self._transcript.picked) is not None:
            sides = frozenset({side})
        if self.busy:
            self._queue(_Queued(text, sides))
        else:
            self._ask(text, sides)

    def _run_command(self, words: str, prompt: str) -> None:
        name, _, argument = words.partition(" ")
        action = BY_SLASH.get(words) or BY_SLASH.get(name)
        if action is None:
            known = ", ".join(f"/{slash}" for slash in BY_SLASH)
            self.say(f"There is no command /{name}. There are {known}, /left TEXT, /right TEXT.")
            self.give_back(prompt)
        else:
            self.act(action.name, argument)

    def _queue(self, prompt: _Queued) -> None:
        if self._queued is not None:
            self.give_back(prompt.text)
            self.say("One prompt is queued already. Esc stops the answers, and then it is sent.")
            return
        self._queued = prompt
        where = "" if prompt.sides is None else f" to the {' and '.join(sorted(prompt.sides))} side only"
        self.say(f"Queued, sent{where} when the answers are done: {prompt.text}")

    def _send_queued(self, conversation: Conversation) -> None:
        if self._queued is not None and conversation is self.conversation and not self.busy:
            queued, self._queued = self._queued, None
            self.say("")
            self._ask(queued.text, queued.sides)

    def _ask(self, text: str, sides: frozenset[Side] | None = None) -> None:
        self.run_worker(self._ask_and_settle(text, sides), group="turn", name="ask")

    async def _ask_and_settle(self, text: str, sides: frozenset[Side] | None) -> None:
        await self._opened.wait()
        conversation = self._require_conversation()
        try:
            await self._with_words(lambda: conversation.ask(text, self._receive, sides=sides))
        except (Busy, NothingToAsk, StoreError) as problem:
            self.give_back(text)
            self.say(str(problem))
        finally:
            if self.app.is_running:
                self._show_banner()
        self._send_queued(conversation)

    async def _retry(self, turn: Turn, side: Side) -> None:
        conversation = self._require_conversation()
        try:
            await self._with_words(lambda: conversation.retry(turn.id, side, self._receive))
        except (Busy, NothingToAsk, StoreError) as problem:
            self.say(str(problem))
        self._send_queued(conversation)

    async def _with_words(self, work: Callable[[], Awaitable[object]]) -> None:
        """Do it, after asking for the user's word where that is needed. Raises `WordNeeded` where it is not given."""
        while True:
            try:
                await work()
            except WordNeeded as needed:
                if not await self.app.push_screen_wait(word_question(needed)):
                    raise
                self._require_conversation().take_word(needed)
                self.sides_changed()
            else:
                return

    # Updates

    def _receive(self, update: Update) -> None:
        """Show what happened; replies that settle because the program ends have nothing to be shown on any more."""
        if self.app.is_running:
            self._live.receive(update)

    def _turn_started(self) -> None:
        turn = self._live.last_turn
        if turn is not None and turn.seq > self._turn_count:
            self._turn_count = turn.seq
        self.hide_first_run()
        if self._require_conversation().confidential != self.has_class("-confidential"):
            self.sides_changed()  # another program let the latch fall
        self._show_banner()

    def _reply_settled(self, reply: Reply, turn: Turn) -> None:
        self._cost += reply.receipt.cost_usd or 0.0
        if reply.error_kind == LeftThisMachine.kind:
            self._alarm = ALARM
            self._cloud_turns += 1
            self.app.bell()
        self._take_fills(turn)
        self._show_banner()
        self._show_destination()

    async def _add_earlier_cost(self, library: Library, conversation: Conversation) -> None:
        try:
            cost = await library.cost(conversation)
        except StoreError:
            return  # the banner then tells what this run has cost; what is wrong with the store is said elsewhere
        if self.conversation is conversation:
            self._cost += cost
            self._show_banner()

    def _take_fills(self, turn: Turn) -> None:
        for side in Side:
            reply = turn.latest(side)
            if reply is not None and reply.receipt.context_used is not None:
                self._fills[side] = (reply.receipt.context_used, reply.receipt.context_allowed)

    def _show_titles(self, titles: Mapping[Side, SideTitle]) -> None:
        self.query_one(SideTitles).titles = titles

    def _show_banner(self) -> None:
        conversation, library = self.conversation, self._library
        if conversation is None or library is None:
            return
        session = conversation.session
        self.query_one(Banner).text = BannerText(
            title=session.title if session and session.title else "New session",
            turns=self._turn_count,
            cost_usd=self._cost,
            confidential=conversation.confidential,
            cloud_turns=self._cloud_turns,
            off_record=not library.kept,
            level=self._services.level,
            bytes_left=library.bytes_left(conversation) if conversation.confidential else 0,
            network=any(one.is_listed for one in conversation.connectors.values()),
            alarm=self._alarm,
        )

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        """The border says how much it is, while it is written."""
        event.stop()
        self._show_destination()

    def _show_destination(self) -> None:
        conversation = self.conversation
        confidential = conversation is not None and conversation.confidential
        connectors: Mapping[Side, Connector] = conversation.connectors if conversation is not None else {}
        sides = {
            side: SideFill(
                self._live.titles[side].name,
                *self._fills.get(side, (None, None)),
                is_network=connectors[side].is_listed,
            )
            for side in connectors
            if side in self._live.titles
        }
        off_record = self._library is not None and not self._library.kept
        words = destination(sides, confidential=confidential, only=self._transcript.picked, off_record=off_record)
        tokens = estimate.tokens(self._prompt.draft)
        self._prompt.set_destination(words, confidential=confidential, fill=fill(sides, tokens))
        self._prompt.set_hint(COMPOSE_HINT if self._prompt.compose_mode else HINT)

    def on_prompt_compose_mode_changed(self) -> None:
        """The hint names other keys now."""
        self._show_destination()

    def on_transcript_side_picked(self) -> None:
        """Prompts and keys go to that side only."""
        self._show_destination()

    # Finding inside the session

    def action_find_here(self, text: str = "") -> None:
        """Open the line that finds inside this session, and find what is given."""
        if not self._transcript.display:
            self.say("There is nothing to find yet: this session has no turns.")
            return
        if not self._find_line.display:
            self._find_line.display = True
            self._finding_from_turns = self._transcript.has_focus
        if text:
            self._find_line.show_words(text)
            self._look_for(Literal(text))
        self._find_line.type_into()

    def on_finding_view_find_asked(self) -> None:
        """The same from inside the turns."""
        self.action_find_here()

    def action_questions(self) -> None:
        """The outline of this session."""
        from tui.screens.questions import QuestionsScreen

        conversation, library = self.conversation, self._library
        if conversation is None or library is None or not self._turn_count:
            self.say("There are no questions in this session yet.")
            return

        def go(turn_id: int | None) -> None:
            if turn_id is not None:
                self._transcript.show_turn(turn_id)
                self._transcript.focus()

        rows = partial(library.questions, conversation)
        self.app.push_screen(QuestionsScreen(rows, self._turn_count, self._transcript.turn_at_top), go)

    def action_wrap(self) -> None:
        """Wrap wide code and tables, or leave them wide."""
        self._transcript.action_wrap()

    def on_find_line_wanted(self, event: FindLine.Wanted) -> None:
        """Look for what was typed."""
        if event.text.strip():
            self._look_for(Literal(event.text))
        else:
            self.workers.cancel_group(self, "find")
            self._transcript.end_find()
            self._find_line.show_count("")

    def _look_for(self, needle: Needle, near: tuple[int, Where | None] | None = None) -> None:
        self._find_line.show_count("…")
        self.run_worker(self._show_found(needle, near), group="find", exclusive=True)

    async def _show_found(self, needle: Needle, near: tuple[int, Where | None] | None) -> None:
        conversation, library = self.conversation, self._library
        if conversation is None or library is None:
            return
        try:
            found = await library.find(conversation, needle)
        except StoreError as problem:
            self.say(str(problem))
            return
        if found is not None and conversation is self.conversation and self._find_line.display:
            self._transcript.show_found(needle, found, near)

    def on_finding_view_found_moved(self, event: Transcript.FoundMoved) -> None:
        """Say which of how many."""
        where = "" if event.shown else " · in markup"
        number = f"{event.number + 1:,} of {event.total:,}{where}" if event.number is not None else f"{event.total:,}"
        self._find_line.show_count(number if event.total else "not found")

    def on_finding_view_side_needed(self, event: Transcript.SideNeeded) -> None:
        """What was found is on the side that was not shown."""
        self._chosen_layout[self._is_wide] = Columns(event.side.value)
        self._apply_layout()

    def on_find_line_stepped(self, event: FindLine.Stepped) -> None:
        """From one place to another while the line keeps the keys."""
        self._transcript.action_find_next(event.step)

    def on_find_line_entered(self) -> None:
        """n and N go on from here."""
        self.set_focus(self._transcript)

    def on_find_line_left(self) -> None:
        """Esc in the line."""
        self._end_find()

    def _end_find(self) -> None:
        self.workers.cancel_group(self, "find")
        self._find_line.display = False
        self._transcript.end_find()
        self.set_focus(self._transcript if self._finding_from_turns else self._prompt)

    @property
    def _find_line(self) -> FindLine:
        return self.query_one(FindLine)

    # Layout

    def on_resize(self) -> None:
        """Another width class may have another layout."""
        self._apply_layout()

    @property
    def _is_wide(self) -> bool:
        return self.size.width >= WIDE

    def _apply_layout(self) -> None:
        sides = [side for side in Side if side in self._live.titles] if hasattr(self, "_live") else []
        default = Columns.BOTH if self._is_wide else Columns.LEFT
        columns = self._chosen_layout.get(self._is_wide, default)
        if len(sides) == 1:
            columns = Columns.LEFT if sides[0] is Side.LEFT else Columns.RIGHT
        self._transcript.columns = columns
        shown = {Columns.LEFT: {Side.LEFT}, Columns.RIGHT: {Side.RIGHT}}.get(columns, set(Side))
        self.query_one(SideTitles).shown = frozenset(shown)

    def _has_answers(self, side: Side) -> bool:
        turn = self._live.last_turn
        return turn is not None and turn.latest(side) is not None

    # Actions

    def action_act(self, name: str) -> None:
        """What the keys of `tui.actions` are bound to."""
        self.act(name)

    def act(self, name: str, argument: str = "") -> None:
        """Run one of `tui.actions`, here or in the app."""
        if not self._act_in_app(name, argument):
            method = getattr(self, f"action_{name}")
            method(argument) if argument and name in ("layout", "find_here") else method()

    def action_stop(self) -> None:
        """Esc: stop what runs; else leave a picked side; else back to the prompt. Never quits, never closes."""
        if self._find_line.display and self._transcript.has_focus:
            self._end_find()
            return
        picked = self._transcript.picked
        conversation = self.conversation
        if conversation is not None and conversation.stop(picked):
            return
        if self._find_line.display:
            self._end_find()
        if self._transcript.leave_block():
            return
        if picked is not None:
            self._transcript.pick(None)
        self._prompt.focus()

    def action_ledger(self) -> None:
        """The egress ledger of this session, request by request, and what left this machine in words."""
        from tui.screens.ledger import LedgerScreen

        conversation, library = self.conversation, self._library
        if conversation is None or library is None:
            return
        requests = library.requests(conversation), library.all_requests()
        try:
            screen = LedgerScreen(*requests, local_time=self._services.local_time)
        except StoreError as problem:
            self.say(str(problem))
        else:
            self.app.push_screen(screen)

    def action_retry(self) -> None:
        """One more variant of the last turn's answers, on the picked side or on both."""
        turn, conversation = self._live.last_turn, self.conversation
        if turn is None or conversation is None:
            self.say("There is nothing to retry yet.")
            return
        picked = self._transcript.picked
        asked = [side for side in conversation.connectors if picked is None or side is picked]
        sides = [side for side in asked if side not in conversation.running]
        if not sides:
            self.say("That side still answers. Esc stops it.")
        for side in sides:
            self.run_worker(self._retry(turn, side), group="turn", name=f"retry {side}")

    def action_layout(self, wanted: str = "") -> None:
        """The next layout, or the one that is named."""
        now = self._transcript.columns
        chosen = next((one for one in LAYOUTS if one == wanted), None)
        self._chosen_layout[self._is_wide] = chosen or LAYOUTS[(LAYOUTS.index(now) + 1) % len(LAYOUTS)]
        self._apply_layout()

    def action_focus_round(self) -> None:
        """In one column the other side; in two the prompt, the left, the right, the prompt."""
        transcript, prompt = self._transcript, self._prompt
        if transcript.columns in (Columns.LEFT, Columns.RIGHT) and len(self._live.titles) == 2:
            other = Columns.RIGHT if transcript.columns is Columns.LEFT else Columns.LEFT
            self._chosen_layout[self._is_wide] = other
            self._apply_layout()
        elif prompt.has_focus:
            transcript.focus()
            transcript.pick(Side.LEFT if Side.LEFT in self._live.titles else Side.RIGHT)
        elif transcript.picked is Side.LEFT and Side.RIGHT in self._live.titles:
            transcript.pick(Side.RIGHT)
        else:
            transcript.pick(None)
            prompt.focus()

    def action_follow(self) -> None:
        """To the newest text."""
        self._transcript.follow()

    def action_page_up(self) -> None:
        """Scroll the turns while the prompt has the focus."""
        self._transcript.action_page_up()

    def action_page_down(self) -> None:
        """Scroll the turns while the prompt has the focus."""
        self._transcript.action_page_down()

    def action_line_up(self) -> None:
        """Scroll the turns while the prompt has the focus."""
        self._transcript.action_scroll_up()

    def action_line_down(self) -> None:
        """Scroll the turns while the prompt has the focus."""
        self._transcript.action_scroll_down()

    def action_adopt_left(self) -> None:
        """Tell both sides the left answer of the last turn."""
        self._adopt(Side.LEFT)

    def action_adopt_right(self) -> None:
        """Tell both sides the right answer of the last turn."""
        self._adopt(Side.RIGHT)

    def _adopt(self, side: Side) -> None:
        turn = self._live.last_turn
        reply = turn.latest(side) if turn is not None else None
        if turn is None or reply is None or not reply.text.strip():
            self.say(f"There is no {side} answer to adopt.")
            return
        self.run_worker(self._adopt_reply(turn.id, reply.id), group="adopt")

    async def _adopt_reply(self, turn_id: int, reply_id: int) -> None:
        conversation = self._require_conversation()
        try:
            turn = await conversation.adopt(turn_id, reply_id)
        except StoreError as problem:
            self.say(str(problem))
            return
        if conversation is self.conversation:
            self._live.reread(turn)

    def _require_conversation(self) -> Conversation:
        if self.conversation is None:
            raise LookupError("No conversation is open yet.")
        return self.conversation

    @property
    def _transcript(self) -> Transcript:
        return self.query_one(Transcript)

    @property
    def _first_run(self) -> FirstRun:
        return self.query_one(FirstRun)

    @property
    def _prompt(self) -> Prompt:
        return self.query_one(Prompt)
