"""Shows running answers on a plain terminal or in a pipe: one side after the other, and what both do meanwhile.

Two streams cannot share one column. So the first side is printed while it comes; the other gathers, and follows when
the first has ended. What the sides do is told in one line on standard error, which is taken back before anything else
is written; only where standard error is a terminal.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TextIO, assert_never

from backends import Connector
from conversation.updates import (
    Delta,
    Located,
    RetryWaiting,
    Settled,
    State,
    StateChanged,
    TurnOpened,
    Update,
    VariantOpened,
)
from storage import Outcome, Reply, Side, Turn
from tui.commands.output import Output, OutputLost, closing, heading
from tui.rendering.safe_text import Cleaner, one_line
from tui.words import side_name

_USUAL_WIDTH = 80


class Gathered:
    """What the updates of one turn add up to."""

    def __init__(self) -> None:
        self.turn: Turn | None = None
        self.settled: dict[Side, Reply] = {}

    def take(self, update: Update) -> None:
        """Note what is worth keeping."""
        match update:
            case TurnOpened(turn):
                self.turn = turn
            case Settled(reply):
                self.settled[reply.side] = reply
            case VariantOpened() | StateChanged() | Located() | Delta() | RetryWaiting():
                pass
            case _:
                assert_never(update)


class _Answer:
    """One side's block: heading, text, closing lines."""

    def __init__(self, output: Output, model: str, locality: str) -> None:
        self._output = output
        self._model = model
        self.locality = locality
        self._cleaner = Cleaner() if output.is_terminal else None
        self._begun = False
        self._line_is_open = False

    @property
    def begun(self) -> bool:
        """True once something of it is on the screen."""
        return self._begun

    def write(self, text: str) -> None:
        """Print the next piece."""
        shown = self._cleaner.feed(text) if self._cleaner else text
        if not shown:
            return
        self._begin()
        self._output.write(shown, now=True)
        self._line_is_open = not shown.endswith("\n")

    def end(self, reply: Reply) -> None:
        """Print what is still held back, and the lines under the answer."""
        self._begin()
        if self._cleaner and (rest := self._cleaner.end()):
            self._output.write(rest)
            self._line_is_open = not rest.endswith("\n")
        if self._line_is_open:
            self._output.line()
        for line in closing(reply):
            self._output.aside(line)
        self._output.flush()

    def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            self._output.line(heading(self._model, self.locality))


class AnswersInTurn:
    """Prints the answers of one turn."""

    def __init__(self, output: Output, asked: Mapping[Side, Connector]) -> None:
        self._output = output
        self._answers = {
            side: _Answer(output, str(connector.spec), str(connector.locality)) for side, connector in asked.items()
        }
        self._order = list(asked)
        self._gathered: dict[Side, list[str]] = {side: [] for side in asked}
        self._settled: dict[Side, Reply] = {}

    @property
    def in_mid_answer(self) -> bool:
        """True while a line of an answer may stand unfinished on the screen."""
        return bool(self._order) and self._answers[self._order[0]].begun

    def take(self, update: Update) -> None:
        """Print what this update lets print. Raises `OutputLost`."""
        match update:
            case Located(side=side, locality=locality):
                self._answers[side].locality = locality
            case Delta(side=side, text=text, thinking=False):
                if side is self._order[0]:
                    self._answers[side].write(text)
                else:
                    self._gathered[side].append(text)
            case Settled(reply):
                self._settled[reply.side] = reply
                self._print_what_is_settled()
            case _:
                pass  # states are told elsewhere; thinking is not part of an answer

    def _print_what_is_settled(self) -> None:
        while self._order and (reply := self._settled.get(self._order[0])) is not None:
            self._answers[self._order.pop(0)].end(reply)
            if self._order:
                self._output.line()
                following = self._order[0]
                self._answers[following].write("".join(self._gathered.pop(following)))


class StatusLine:
    """What the sides do, in one line of standard error that is written over and over."""

    def __init__(self, stream: TextIO, asked: Mapping[Side, Connector]) -> None:
        self._stream = stream
        names = {side: side_name(connector.spec, connector.locality) for side, connector in asked.items()}
        alike = len(set(names.values())) < len(names)
        self._names = {side: f"{name} ({side})" if alike else name for side, name in names.items()}
        self._words: dict[Side, str] = dict.fromkeys(asked, str(State.WAITING))
        self._shown = ""

    def take(self, update: Update) -> None:
        """Note what a side does."""
        match update:
            case StateChanged(side=side, state=state, fraction=fraction):
                self._words[side] = str(state) if fraction is None else f"{state} {fraction:.0%}"
            case RetryWaiting(side=side, seconds=seconds, reason=reason):
                self._words[side] = f"retrying in {seconds} s: {reason}"
            case Settled(reply):
                self._words[reply.side] = "done" if reply.outcome is Outcome.COMPLETE else str(reply.outcome)
            case _:
                pass

    def draw(self) -> None:
        """Write the line, unless it stands there already."""
        width = self._width() - 1
        line = one_line(" · ".join(f"{self._names[side]}: {words}" for side, words in self._words.items()), width)
        if line != self._shown:
            self.hide()
            self._stream.write(line)
            self._stream.flush()
            self._shown = line

    def hide(self) -> None:
        """Take the line back: with blanks, which every terminal understands."""
        if self._shown:
            self._stream.write("\r" + " " * (self._width() - 1) + "\r")
            self._stream.flush()
            self._shown = ""

    def _width(self) -> int:
        try:
            return os.get_terminal_size(self._stream.fileno()).columns or _USUAL_WIDTH
        except OSError:
            return _USUAL_WIDTH


class Shown:
    """The `show` of a conversation: hands each update to those who print, gather and report."""

    def __init__(
        self,
        answers: AnswersInTurn | None,
        status: StatusLine | None,
        *,
        one_screen: bool,
        stop: Callable[[], object],
    ) -> None:
        """`one_screen`: answers and status share a terminal. `stop` is called when nobody reads any more."""
        self.gathered = Gathered()
        self.lost: OutputLost | None = None
        self._answers = answers
        self._status = status
        self._one_screen = one_screen
        self._stop = stop

    def __call__(self, update: Update) -> None:
        """Take one update; never raises, because it is called in the middle of a stream."""
        self.gathered.take(update)
        if self._status is not None:
            self._status.take(update)
            if self._one_screen:
                self._status.hide()
        self._print(update)
        if self._status is not None and not (self._one_screen and self._answers and self._answers.in_mid_answer):
            self._status.draw()

    def end(self) -> None:
        """Leave a clean screen."""
        if self._status is not None:
            self._status.hide()

    def _print(self, update: Update) -> None:
        if self._answers is None or self.lost is not None:
            return
        try:
            self._answers.take(update)
        except OutputLost as lost:
            self.lost = lost
            self._stop()


def failures(replies: Sequence[Reply]) -> list[str]:
    """One sentence for each reply that failed, for standard error where the answers went elsewhere."""
    return [f"{reply.side}: {reply.error}" for reply in replies if reply.outcome is Outcome.FAILED and reply.error]
