"""What is told of a mistake in this program: which error, and where. Never what it was about.

A traceback shows more than code: Textual's prints the variables of each frame (the prompt, the key), and the message
of an exception holds what the code stumbled over (the `KeyError` of a word is the word). So an error is told by its
type, its place and an id that is the same whenever the same error happens at the same place; neither variables nor
messages nor the text of source lines. That holds for every way in which Python reports an error by itself: the main
thread, other threads, destructors, and what the event loop or a library logs.

While the app has the screen nothing may be written over it; reports wait until `told_afterwards` ends.
"""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from types import TracebackType

MOST_FRAMES = 30
"""Innermost frames that are shown; endless recursion has a thousand, all alike."""

_waiting: list[BaseException | str] | None = None
"""Reports that wait for the screen to be free; None: they are told at once. As Python's hooks, one per process."""


def install() -> None:
    """Take over every way in which Python tells of an error. For the program's entry, once."""
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread
    sys.unraisablehook = _unraisable
    # Without a handler, the logging module's last resort writes messages to standard error, whatever is in them.
    logging.root.handlers[:] = [_Wordless(logging.ERROR)]


def tell(error: BaseException) -> None:
    """Report an error on standard error, or keep it until the screen is free."""
    if _waiting is not None:
        _waiting.append(error)
    else:
        _write(report(error))


@contextmanager
def told_afterwards() -> Generator[None]:
    """Let reports wait for the end of this; of the same error only one is told."""
    global _waiting
    _waiting = []
    try:
        yield
    finally:
        waiting, _waiting = _waiting, None
        for text in dict.fromkeys(each if isinstance(each, str) else report(each) for each in waiting):
            _write(text)


def report(error: BaseException) -> str:
    """The id, the type and the place of an error and of those that led to it, as lines."""
    import hashlib  # OpenSSL: 4 ms that only an error pays

    lines = list(_lines(error, set()))
    number = hashlib.sha256("\n".join(lines).encode()).hexdigest()[:8]
    return (
        f"duologue: error {number}, a mistake in this program ({type(error).__name__}). "
        "Please report it with these lines; nothing of what you wrote is in them:\n" + "\n".join(lines)
    )


def _lines(error: BaseException, seen: set[int]) -> Iterator[str]:
    if id(error) in seen:
        return
    seen.add(id(error))
    yield f"  {type(error).__module__}.{type(error).__qualname__}"
    yield from _frames(error.__traceback__)
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from _lines(one, seen)
    inner = getattr(error, "error", None)  # Textual wraps what a worker raised
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    for one in (inner, before):
        if isinstance(one, BaseException):
            yield from _lines(one, seen)


def _frames(trace: TracebackType | None) -> Iterator[str]:
    frames = list(traceback.walk_tb(trace))
    if len(frames) > MOST_FRAMES:
        yield f"    ({len(frames) - MOST_FRAMES} more)"
    for frame, line in frames[-MOST_FRAMES:]:
        # The module, not the file: a path holds the name of the user.
        yield f"    {frame.f_globals.get('__name__', '?')}:{line} {frame.f_code.co_qualname}"


def _write(text: str) -> None:
    if sys.stderr is not None:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


def _uncaught(_type: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
    if not isinstance(error, KeyboardInterrupt):
        tell(error)


def _uncaught_in_thread(arguments: threading.ExceptHookArgs) -> None:
    if arguments.exc_value is not None and not isinstance(arguments.exc_value, SystemExit):
        tell(arguments.exc_value)


def _unraisable(failure: sys.UnraisableHookArgs) -> None:
    # Python's own hook prints the `repr` of the object whose destructor failed.
    if failure.exc_value is not None:
        tell(failure.exc_value)


class _Wordless(logging.Handler):
    """Tells that a library logged an error, without its words: they may be those of a prompt or hold a key."""

    def emit(self, record: logging.LogRecord) -> None:
        """Tell the error that was logged, or at least who logged one."""
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            tell(error)
            return
        text = f"duologue: {record.name} reported an error; its words are left out, because they may hold yours."
        if _waiting is not None:
            _waiting.append(text)
        else:
            _write(text)
