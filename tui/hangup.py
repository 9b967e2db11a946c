"""Ends the program when its terminal is gone, saving first.

Textual 8.2.8 does not survive that: its reader spins at the end of input with a third of a core, its writer thread
dies of EIO, and 30 writes later every write blocks the event loop, so an orderly exit never ends. So nothing is drawn
and nothing awaited: what came is saved, engines end, the process is gone. Replies that ran are settled as interrupted
at the next start.
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


def end_with_the_terminal(save: Callable[[], object]) -> None:
    """Call `save` and exit with 129 at SIGHUP, or when the terminal hangs up without one (no controlling terminal).

    `save` is called in the main thread at any moment, also while it waits for a lock: it must be fit for that.
    """

    def end(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            save()
        finally:
            os._exit(EXIT_CODE)

    # Not asyncio's handler: a Python one runs also while the event loop is blocked in a write to the dead terminal.
    signal.signal(signal.SIGHUP, end)
    threading.Thread(target=_wait_for_hangup, args=(sys.stdin.fileno(),), name="hangup", daemon=True).start()


def _wait_for_hangup(terminal: int) -> None:
    poll = select.poll()
    poll.register(terminal, 0)  # no events: a hangup is reported all the same, and nothing else wakes us
    for _, happened in poll.poll():
        if happened & select.POLLHUP:
            signal.raise_signal(signal.SIGHUP)
