"""Reads the prompt of `duologue ask`: from the command line, from standard input, or from both.

What is not text is refused before anything is stored or sent: half a prompt with replacement characters would be
answered as if it were the question.
"""

from __future__ import annotations

import sys
from typing import BinaryIO

from tui.exit_codes import UsageError

STDIN = "-"
LONGEST = 32 * 1024 * 1024
"""Bytes. Many times what any model reads; less than what fills the memory when a device is piped in by mistake."""

_NONE = "There is no prompt. Write it after `duologue ask`, or pipe it in: duologue ask - < prompt.txt"
_EMPTY = "The prompt is empty; nothing was sent."


def read_prompt(argument: str | None) -> str:
    """The prompt: the argument, then a blank line and what was piped in; `-` means standard input alone.

    Raises `UsageError`.
    """
    if argument == STDIN:
        return _not_empty(_piped(even_from_a_terminal=True))
    if argument is None:
        piped = _piped()
        if piped is None:
            raise UsageError(_NONE)
        return _not_empty(piped)
    if any("\ud800" <= character <= "\udfff" for character in argument):
        raise UsageError("The prompt on the command line is not valid text in this locale; nothing was sent.")
    parts = [part for part in (argument, _piped()) if part is not None and part.strip()]
    return _not_empty("\n\n".join(parts))


def piped_text() -> str:
    """What standard input holds, even where that is a terminal. Raises `UsageError`."""
    return _piped(even_from_a_terminal=True) or ""


def _not_empty(prompt: str | None) -> str:
    if prompt is None or not prompt.strip():
        raise UsageError(_EMPTY)
    return prompt


def _piped(*, even_from_a_terminal: bool = False) -> str | None:
    """What standard input holds; None where nothing is piped in."""
    if sys.stdin is None or (sys.stdin.isatty() and not even_from_a_terminal):
        return None
    return _decoded(_all_bytes(sys.stdin.buffer))


def _all_bytes(stream: BinaryIO) -> bytes:
    try:
        raw = stream.read(LONGEST + 1)
    except OSError as error:
        raise UsageError(f"Standard input cannot be read ({error.strerror}); nothing was sent.") from error
    if len(raw) > LONGEST:
        raise UsageError(f"Standard input holds more than {LONGEST // 1024**2} MB, too much for a prompt.")
    return raw


def _decoded(raw: bytes) -> str:
    try:
        # A byte order mark is what some shells put before everything they pipe.
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"Standard input is not UTF-8 text (byte {error.start + 1:,} of {len(raw):,}); nothing was sent. "
            "Convert it first, for example with iconv."
        ) from error
    return text.rstrip("\r\n")
