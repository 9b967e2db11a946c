"""Finds pastes that the terminal does not mark, and hands them on as one piece instead of key by key.

Terminals mark pastes (bracketed paste); tmux's `paste-buffer`, `screen` and simple terminals need not. Textual makes
a key event of each character then: a megabyte took hours, and Ctrl+Q waited behind it. Nobody types 64 characters
within one read of the terminal, so a run of that many is a paste. It is collected until nothing more comes.

A line end that ends a short run is the Enter of a script that types a line and sends it (`tmux send-keys`); at the
end of a long one it is a part of the text, because nothing may be sent that nobody has seen.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable

from textual import events
from textual._xterm_parser import BRACKETED_PASTE_END, BRACKETED_PASTE_START, XTermParser
from textual.message import Message

SHORTEST = 64
"""Characters."""
LONGEST_LINE_SENT = 4000
"""Characters from which a run surely is a paste: it came in more than one read of 4096 bytes."""
QUIET_SECONDS = 0.05
"""A paste has ended when nothing came for so long."""

_PLAIN = r"[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
_RUN = re.compile(f"{_PLAIN}{{{SHORTEST},}}")
_PLAIN_START = re.compile(f"{_PLAIN}*")


class UnmarkedPaste(events.Paste):
    """A paste that the terminal did not mark: the next one may come key by key, if it is short."""


UnmarkedPaste.handler_name = events.Paste.handler_name  # for widgets it is a paste like any other


class UnmarkedPasteParser(XTermParser):
    """Textual's parser of what the terminal sends, with an eye on runs of plain characters."""

    def __init__(self, debug: bool = False) -> None:
        super().__init__(debug)
        self._run: list[str] = []
        self._quiet_from = 0.0
        self._marked = False
        """True between the marks of a paste, which Textual collects itself."""
        self._before = ""
        """The end of what came before: a mark may be cut in two."""

    def feed(self, data: str) -> Iterable[Message]:
        """Take what was read; the end of input is "" ."""
        if not data:
            yield from self._end_run()
            yield from super().feed(data)
        while data:
            if self._run:
                data = self._hold(data, _PLAIN_START)
                if data:
                    yield from self._end_run()
                continue
            run = _RUN.search(data)
            keys = data if run is None else data[: run.start()]
            if keys:
                yield from self._keys(keys)
                data = data[len(keys) :]
            if data and self._marked:
                yield from self._keys(data)
                data = ""
            elif data and self._awaiting.timeout is not None:
                # Inside an escape sequence, which is short and waits for its rest.
                yield from self._keys(data[0])
                data = data[1:]
            elif data:
                data = self._hold(data, _RUN)

    def tick(self) -> Iterable[Message]:
        """Called after each read, and ten times a second while nothing comes."""
        if self._run and time.monotonic() - self._quiet_from >= QUIET_SECONDS:
            yield from self._end_run()
        yield from super().tick()

    def _keys(self, data: str) -> Iterable[Message]:
        """Leave it to Textual, and see whether a marked paste begins or ends in it."""
        seen = self._before + data
        start, end = seen.rfind(BRACKETED_PASTE_START), seen.rfind(BRACKETED_PASTE_END)
        if start != end:
            self._marked = start > end
        self._before = seen[1 - len(BRACKETED_PASTE_START) :]
        return super().feed(data)

    def _hold(self, data: str, pattern: re.Pattern[str]) -> str:
        """Put aside the text that `data` begins with, and return the rest."""
        text = pattern.match(data)
        end = text.end() if text else 0
        self._run.append(data[:end])
        self._quiet_from = time.monotonic()
        return data[end:]

    def _end_run(self) -> Iterable[Message]:
        if not self._run:
            return
        text = "".join(self._run)
        self._run.clear()
        line, end = text[:-1], text[-1:]
        if end in ("\r", "\n") and len(text) < LONGEST_LINE_SENT:
            yield UnmarkedPaste(line)
            yield from super().feed(end)
        else:
            yield UnmarkedPaste(text)
