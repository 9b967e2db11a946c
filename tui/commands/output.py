"""What every subcommand prints with.

Standard output is for people when it is a terminal: foreign text is cleaned, asides are dim. In a pipe the text goes
through as it is, without a single escape sequence of ours; JSON is ASCII and one document. Messages go to standard
error as one clean line each. A reply has one form as JSON and one as plain text, both here.
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, TextIO

from backends import Locality
from backends.spec import SpecError, parse
from storage import Reply
from tui.exit_codes import ExitCode
from tui.rendering.receipt import RETRY, receipt_items, remarks
from tui.rendering.safe_text import clean
from tui.words import model_name, side_name

_LONGEST_MESSAGE = 2000
_DIM, _BOLD, _PLAIN = "\x1b[2m", "\x1b[1m", "\x1b[22m"


class OutputLost(Exception):
    """Standard output cannot be written any more; the message is empty where nobody wants to hear of it."""

    def __init__(self, message: str, code: ExitCode) -> None:
        super().__init__(message)
        self.code = code


class Output:
    """Standard output."""

    def __init__(self, stream: TextIO, *, no_color: bool = False) -> None:
        self._stream = stream
        self.is_terminal = stream.isatty()
        """True: a person reads it."""
        self._dims = self.is_terminal and not no_color

    @classmethod
    def standard(cls, *, no_color: bool = False) -> Output:
        """The process's own; a lone surrogate in an answer is no reason to end with a traceback."""
        if sys.stdout is None:
            raise OutputLost("Standard output is closed.", ExitCode.INCOMPLETE)
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")
        return cls(sys.stdout, no_color=no_color)

    def write(self, text: str, *, now: bool = False) -> None:
        """Write text as it is; `now`: do not keep it in a buffer. Raises `OutputLost`."""
        try:
            self._stream.write(text)
            if now:
                self._stream.flush()
        except BrokenPipeError as error:
            raise OutputLost("", ExitCode.OUTPUT_CLOSED) from error
        except OSError as error:
            raise OutputLost(f"The output cannot be written: {error.strerror}.", ExitCode.INCOMPLETE) from error

    def flush(self) -> None:
        """Write what waits in the buffer. Raises `OutputLost`."""
        self.write("", now=True)

    def line(self, text: str = "") -> None:
        """Write one line of ours."""
        self.write(f"{text}\n")

    def aside(self, text: str) -> None:
        """Write a line that is less than the text around it."""
        self.line(f"{_DIM}{text}{_PLAIN}" if self._dims else text)

    def strong(self, text: str) -> str:
        """Clean text that is to stand out."""
        return f"{_BOLD}{text}{_PLAIN}" if self._dims else text

    def foreign(self, text: str) -> str:
        """Text of models, files and other people, as it may be written here."""
        return clean(text) if self.is_terminal else text

    def json(self, document: object) -> None:
        """Write one document; ASCII, so that nothing in it can command a terminal."""
        self.line(json.dumps(document, ensure_ascii=True, indent=2))


def drop_standard_output() -> None:
    """Let what is still in the buffer go nowhere, so that the interpreter does not complain about it at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def say(message: str) -> None:
    """Tell a person something, on standard error, as one clean line."""
    line = " ".join(clean(message[:_LONGEST_MESSAGE]).split())
    if sys.stderr is not None:
        print(f"duologue: {line}", file=sys.stderr, flush=True)


def heading(model: str, locality: str | None) -> str:
    """Who answers and where: "Claude (claude-sonnet-5-5, cloud):". Cleaned."""
    try:
        spec = parse(model)
    except SpecError:
        return clean(f"{model}:")
    name = spec.model if spec.backend == "claude" else model_name(spec)
    if locality is None:
        who = side_name(spec, Locality.CLOUD) if spec.backend in ("claude", "demo") else spec.backend
        return clean(f"{who} ({name}):")
    place = next((known for known in Locality if known == locality), Locality.CLOUD)
    return clean(f"{side_name(spec, place)} ({name}, {locality}):")


def closing(reply: Reply, variants: int = 1) -> list[str]:
    """The lines under an answer: why it failed, what the server said of it, what it cost. Cleaned."""
    items = [item for item in receipt_items(reply, variants) if item != RETRY]
    return [*remarks(reply), *([" · ".join(items)] if items else [])]


def reply_document(reply: Reply) -> Mapping[str, Any]:
    """A reply as JSON has it."""
    return {
        "model": reply.model,
        "served_model": reply.served_model,
        "digest": reply.digest,
        "locality": reply.locality,
        "outcome": str(reply.outcome),
        "variant": reply.variant,
        "text": reply.text,
        "thinking": reply.thinking,
        "receipt": {**asdict(reply.receipt), "tokens_per_second": reply.receipt.tokens_per_second},
        "error": None if reply.error is None else {"kind": reply.error_kind, "message": reply.error},
        "note": reply.note,
        "demo": reply.demo,
    }
