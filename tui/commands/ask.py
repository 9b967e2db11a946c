"""`duologue ask`: one prompt to both sides from a script or a shell, through the same engine as the app.

Answers are stored while they come, so whatever ends the program (Ctrl+C, SIGTERM, a closed pipe) what had arrived is
kept with its outcome.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from backends import Connector, Locality
from backends.spec import DEFAULT_CLAUDE_MODEL, SpecError
from conversation.engine import Conversation
from conversation.errors import NothingToAsk
from conversation.library import Library
from storage import Outcome, Reply, Session, Side
from storage.errors import StoreError
from storage.thread import StoreThread
from tui.commands.live_answers import AnswersInTurn, Shown, StatusLine, failures
from tui.commands.output import Output, reply_document, say
from tui.commands.prompt_input import STDIN, read_prompt
from tui.commands.saved import unlock
from tui.commands.words import not_from_arguments
from tui.exit_codes import ExitCode
from tui.refusals import hear_refusals
from tui.rendering.safe_text import one_line
from tui.settings import SettingsError
from tui.wiring import Wiring

DEMO = "demo:"
OFF = "off"

_NO_MODEL = (
    "There is no model to ask. Name one with --left or --right (`duologue models list` shows what is here), "
    "or use --demo."
)
_REFUSAL_CELLS = 300
_ENDING_SIGNALS = {
    signal.SIGTERM: ExitCode.TERMINATED,
    **({signal.SIGHUP: ExitCode.HUNG_UP} if hasattr(signal, "SIGHUP") else {}),
}


@dataclass(frozen=True, slots=True)
class Question:
    """What the command line asks for."""

    prompt: str | None = None
    """As an argument; `-` and None mean standard input."""
    left: str | None = None
    right: str | None = None
    only: Side | None = None
    demo: bool = False
    confidential: bool = False
    session: str | None = None
    """Beginning of the id of a session to go on with."""
    keep: bool = True
    as_json: bool = False

    def model(self, side: Side) -> str | None:
        """The model named for a side, if any."""
        named = self.left if side is Side.LEFT else self.right
        return DEMO if named is None and self.demo else named

    def wants(self, side: Side) -> bool:
        """True if the side is to be asked, as far as the command line says."""
        return self.only in (None, side) and self.model(side) != OFF


def run(wiring: Wiring, question: Question, output: Output) -> ExitCode:
    """Ask, print, and tell how it ended.

    Raises `UsageError`, `SettingsError`, `SpecError`, `AddressRefused`, `NothingToAsk`, `StoreError`, `OutputLost`.
    """
    prompt = read_prompt(question.prompt)
    return asyncio.run(_Asking(wiring, question, output).run(prompt))


class _Asking:
    """One run of the command."""

    def __init__(self, wiring: Wiring, question: Question, output: Output) -> None:
        self._wiring = wiring
        self._question = question
        self._output = output
        self._unsaved: list[StoreError] = []

    async def run(self, prompt: str) -> ExitCode:
        keep = self._question.keep
        key = await unlock(self._wiring) if keep and self._wiring.confinement is not None else None
        store = self._wiring.store(keep=keep, key=key, on_problem=self._unsaved.append)
        try:
            with _interrupts() as interrupted:
                return await self._with_store(store, prompt, interrupted)
        finally:
            await self._wiring.aclose()
            store.close()
            for problem in self._unsaved:
                say(str(problem))

    async def _with_store(self, store: StoreThread, prompt: str, interrupted: _Interrupted) -> ExitCode:
        try:
            await store.start()
            hear_refusals(self._wiring, lambda words: say(one_line(words, _REFUSAL_CELLS)), lambda: store)
            conversation = await self._conversation(self._wiring.library(store), store)
        except asyncio.CancelledError:
            return interrupted.code()
        try:
            return await self._ask(conversation, prompt, interrupted)
        finally:
            await conversation.aclose()

    async def _ask(self, conversation: Conversation, prompt: str, interrupted: _Interrupted) -> ExitCode:
        asked = {side: one for side, one in conversation.connectors.items() if self._question.wants(side)}
        if not asked:
            raise NothingToAsk(_NO_MODEL)
        interrupted.stop = conversation.stop
        shown = self._shown(asked, conversation)
        try:
            await conversation.ask(prompt, shown, sides=frozenset(asked))
        except asyncio.CancelledError:
            if interrupted.by is None:
                raise
        finally:
            shown.end()
        replies = list(shown.gathered.settled.values())
        if shown.lost is not None:
            raise shown.lost
        if self._question.as_json:
            self._output.json(_document(conversation, shown, prompt, kept=self._question.keep))
        elif not self._output.is_terminal:
            for sentence in failures(replies):
                say(sentence)
        return self._code(replies, interrupted)

    def _shown(self, asked: Mapping[Side, Connector], conversation: Conversation) -> Shown:
        answers = None if self._question.as_json else AnswersInTurn(self._output, asked)
        tells = sys.stderr is not None and sys.stderr.isatty()
        return Shown(
            answers,
            StatusLine(sys.stderr, asked) if tells else None,
            one_screen=self._output.is_terminal,
            stop=conversation.stop,
        )

    def _code(self, replies: list[Reply], interrupted: _Interrupted) -> ExitCode:
        if interrupted.by is not None:
            return interrupted.code()
        if self._unsaved:
            return ExitCode.STORE
        complete = replies and all(reply.outcome is Outcome.COMPLETE for reply in replies)
        return ExitCode.OK if complete else ExitCode.INCOMPLETE

    # Which models

    async def _conversation(self, library: Library, store: StoreThread) -> Conversation:
        if self._question.session is not None:
            return await self._resumed(library, store.reader.find_session(self._question.session))
        pair = await self._pair(library, store)
        conversation = library.start(pair, confidential=self._question.confidential)
        for side in pair.keys() - conversation.connectors.keys():
            self._check_not_asked_for(side, pair[side])
        return conversation

    async def _resumed(self, library: Library, session: Session) -> Conversation:
        if session.confidential and self._question.prompt not in (None, STDIN):
            raise not_from_arguments("ask")
        conversation = await library.resume(session.id)
        if self._question.confidential:
            await conversation.make_confidential()
        for side in Side:
            named = self._question.model(side)
            if named is not None:
                await conversation.use(side, None if named == OFF else self._wiring.connector(side, named))
        return conversation

    async def _pair(self, library: Library, store: StoreThread) -> dict[Side, Connector]:
        pair: dict[Side, Connector] = {}
        for side in Side:
            if self._question.wants(side):
                named = self._question.model(side)
                connector = (
                    self._wiring.connector(side, named)
                    if named is not None
                    else await self._usual(library, store, side)
                )
                if connector is not None:
                    pair[side] = connector
        return pair

    async def _usual(self, library: Library, store: StoreThread, side: Side) -> Connector | None:
        """The side's model where the command line names none."""
        configured = self._wiring.settings.left if side is Side.LEFT else self._wiring.settings.right
        if configured is not None:
            return None if configured == OFF else self._configured(side, configured)
        last = library.last_pair().get(side)
        # A demonstration is asked for each time: it must not become the answer to a later, serious question.
        if last is not None and not last.startswith(DEMO):
            return self._wiring.saved_connector(side, last)
        if side is Side.LEFT:
            return self._wiring.connector(side, f"claude:{DEFAULT_CLAUDE_MODEL}")
        with self._wiring.recording(store, "probe"):
            found = await self._wiring.first_local_model()
        if found is None:
            say("No local model was found on this machine, so the right side is not asked (`duologue models list`).")
            return None
        return self._wiring.connector(side, str(found.spec))

    def _configured(self, side: Side, text: str) -> Connector:
        try:
            return self._wiring.connector(side, text)
        except SpecError as error:
            raise SettingsError(f"{self._wiring.settings.config_file}: {side}: {error}") from error

    def _check_not_asked_for(self, side: Side, connector: Connector) -> None:
        """A side that the policy took away: an error where the command line named it, else a word about it."""
        if self._question.model(side) is not None:
            raise NothingToAsk(
                f"{connector.spec} is not on this machine, and this session is confidential. Choose a local model."
            )
        if connector.locality is not Locality.THIS_MACHINE and sys.stderr is not None and sys.stderr.isatty():
            say(f"Confidential: {connector.spec} is not asked.")


class _Interrupted:
    """Which signal came, and what it does: Ctrl+C stops the answers, the others end the program."""

    def __init__(self, task: asyncio.Task[Any]) -> None:
        self._task = task
        self.by: signal.Signals | None = None
        self.stop: Callable[[], bool] = lambda: False
        """Stops running answers; False if there are none."""

    def code(self) -> ExitCode:
        """The exit code that goes with the signal."""
        return ExitCode.INTERRUPTED if self.by is None else _ENDING_SIGNALS.get(self.by, ExitCode.INTERRUPTED)

    def take(self, number: signal.Signals) -> None:
        """Act on a signal; a second one, of whatever kind, waits for nothing."""
        first, self.by = self.by is None, number
        if not (first and number is signal.SIGINT and self.stop()):
            self._task.cancel()


@contextmanager
def _interrupts() -> Generator[_Interrupted, None, None]:
    """Turn signals into a stop or a cancellation of the current task, for as long as this lasts."""
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError
    interrupted = _Interrupted(task)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, *_ENDING_SIGNALS):
        loop.add_signal_handler(number, interrupted.take, number)
    try:
        yield interrupted
    finally:
        for number in (signal.SIGINT, *_ENDING_SIGNALS):
            loop.remove_signal_handler(number)


def _document(conversation: Conversation, shown: Shown, prompt: str, *, kept: bool) -> dict[str, Any]:
    turn, settled = shown.gathered.turn, shown.gathered.settled
    return {
        "session": conversation.session.id if conversation.session and kept else None,
        "turn": turn.seq if turn else None,
        "confidential": conversation.confidential,
        "prompt": prompt,
        "sides": {str(side): reply_document(settled[side]) if side in settled else None for side in Side},
    }
