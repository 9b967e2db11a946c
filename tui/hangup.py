"""Ends the program when its terminal is gone, saving first.

Textual 8.2.8 does not survive that: its reader spins at the end of input with a third of a core, its writer thread
dies of EIO, and 30 writes later every write blocks the event loop, so an orderly exit never ends. So nothing is drawn
and nothing awaited: what came is saved, engines end, the process is gone. Replies that ran are settled as interrupted
at the next start. A SIGHUP while the terminal is still there (`kill -HUP`, a shell that ends first) is a request to
leave like any other: a terminal must not stay in raw mode.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType

EXIT_CODE = 128 + signal.SIGHUP


def end_with_the_terminal(save: Callable[[], object], leave: Callable[[], bool]) -> None:
    """Call `save` and exit with 129 when the terminal hangs up, also without a SIGHUP (no controlling terminal).

    At a SIGHUP without that, `leave` is called, which asks the app to end; False: it does not run, and the process
    ends here. Both are called in the main thread at any moment, also while it waits for a lock: they must be fit for
    that.
    """
    terminal = sys.stdin.fileno()

    def end(_number: int, _frame: FrameType | None) -> None:
        if not _hung_up(terminal) and leave():
            return
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            save()
        finally:
            os._exit(EXIT_CODE)

    # Not asyncio's handler: a Python one runs also while the event loop is blocked in a write to the dead terminal.
    signal.signal(signal.SIGHUP, end)
    threading.Thread(target=_wait_for_hangup, args=(terminal,), name="hangup", daemon=True).start()


def _wait_for_hangup(terminal: int) -> None:
    if _hung_up(terminal, None):
        signal.raise_signal(signal.SIGHUP)


def _hung_up(terminal: int, milliseconds: int | None = 0) -> bool:
    """Whether the terminal is gone; with None this waits until it is."""
    poll = select.poll()
    poll.register(terminal, 0)  # no events: a hangup is reported all the same, and nothing else wakes us
    return any(happened & select.POLLHUP for _, happened in poll.poll(milliseconds))
