"""Child processes for storage tests to kill, forked from a server that has imported everything: they start in ms."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

from storage import migrations
from storage.database import Database
from storage.store import Store


def context() -> ForkServerContext:
    """Where children come from."""
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload([__name__, "tests.storage.crash", "sqlite_utils", "filelock"])
    return server


def start(target: Callable[..., None], *arguments: object) -> ForkServerProcess:
    """A running child."""
    child = context().Process(target=target, args=arguments, daemon=True)
    child.start()
    return child


def open_and_close(path: Path) -> None:
    """Bring the file up to date."""
    Store.open(path).close()


def open_at(path: Path, moment: float) -> None:
    """The same at a moment of the monotonic clock, so that several do it at once."""
    time.sleep(max(0.0, moment - time.monotonic()))
    open_and_close(path)


def die_within_step(path: Path, step: int) -> None:
    """Migrate, and be killed when the step's work is done but not committed."""

    def fatal(schema: object) -> None:
        migrations.STEPS[step](schema)  # type: ignore[arg-type] # sqlite-utils is imported in the child only
        os.kill(os.getpid(), signal.SIGKILL)

    database = Database.for_writing(path)
    database.use_wal()
    migrations.migrate(database, (*migrations.STEPS[:step], fatal))


def fill_until_killed(path: Path) -> None:
    """Index an older file without rest."""
    store = Store.open(path)
    while store.index_step():
        pass
    time.sleep(60)  # for whoever is late with the kill
