"""How strongly a confidential process is held, in the words that are shown."""

from __future__ import annotations

from enum import Enum


class Level(Enum):
    """Strongest first; the value is what people read."""

    NAMESPACE = "kernel (namespace)"
    """A network namespace of its own without a device that leads out, and the filter of the next level on top."""
    SECCOMP = "kernel (seccomp)"
    """The kernel refuses every socket that is not a unix socket. Needs no privilege: works in containers too."""
    GUARD = "process guard"
    """Python's audit events only: code below Python (ctypes, io_uring) is not held."""

    @property
    def is_kernel(self) -> bool:
        """True if the kernel refuses, whatever code runs in the process and its children."""
        return self is not Level.GUARD

    @property
    def rank(self) -> int:
        """0 for the strongest."""
        return list(Level).index(self)
