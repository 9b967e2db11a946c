"""Servers that are on this machine by the user's word, because nothing that can be looked at would prove it.

A word is for one address, HOST:PORT of this machine, and is given once: in the configuration, on the command line, or
in the dialog before the first confidential prompt. It is kept in a file of its own, one line per server, with the
program that listened there; where a program that passes words on listens there later, the word is asked for again.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from backends.address import ServerAddress, display

FILE_NAME = "attested"


def named(server: ServerAddress) -> str:
    """The name under which a word is given: localhost is the address that it is dialled at."""
    return display("127.0.0.1" if server.host == "localhost" else server.host, server.port)


class Attested:
    """The words that were given."""

    def __init__(self, path: Path | None = None, configured: Iterable[str] = ()) -> None:
        """`path` None: in memory only. `configured` are names from `named`; they hold whatever listens there."""
        self._path = path
        self._configured = frozenset(configured)
        self._programs: dict[str, str] | None = None

    def __contains__(self, name: str) -> bool:
        name = name.replace("localhost:", "127.0.0.1:", 1)
        return name in self._configured or name in self._given()

    def names(self) -> list[str]:
        """All of them."""
        return sorted({*self._configured, *self._given()})

    def covers(self, name: str, program: str) -> bool:
        """True if the word also holds now that `program`, which passes words on, listens there."""
        return name in self._configured or self._given().get(name) == program

    def add(self, name: str, program: str, *, keep: bool = True) -> None:
        """Take the user's word; `keep`: also for later runs. A file that cannot be written is no reason to refuse."""
        self._given()[name] = program
        if keep and self._path is not None:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                with os.fdopen(os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "a") as file:
                    file.write(f"{name}\t{' '.join(program.split())}\n")
            except OSError:
                pass  # it is asked for once more in the next run

    def _given(self) -> dict[str, str]:
        if self._programs is None:
            self._programs = {}
            try:
                lines = [] if self._path is None else self._path.read_text().splitlines()
            except (OSError, UnicodeDecodeError):
                lines = []
            for line in lines:
                name, _, program = line.partition("\t")
                self._programs[name] = program
        return self._programs
