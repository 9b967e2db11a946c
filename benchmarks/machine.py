"""What the machine is, and how busy it is with other work. Linux only: figures come from /proc."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def cpu_pressure() -> float | None:
    """Per cent of the last ten seconds in which something waited for a CPU; None where the kernel does not say.

    Our own two processes count as well. Under about 15 absolute figures can be believed.
    """
    try:
        some = Path("/proc/pressure/cpu").read_text(encoding="ascii").splitlines()[0]
    except (OSError, IndexError):
        return None
    return float(some.split("avg10=")[1].split()[0])


def cpu_seconds(pid: int) -> float:
    """CPU time that a process has used so far, all threads, in steps of 10 ms. Raises `OSError` when it is gone."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def memory_mb(pid: int) -> float:
    """Resident memory of a process. Raises `OSError` when it is gone."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise OSError(f"/proc/{pid}/status has no VmRSS")


def in_words() -> str:
    """The machine in one sentence."""
    return (
        f"{platform.system()} {platform.release().split('-')[0]} on {os.cpu_count()} CPUs ({_model()}), "
        f"{_memory_gb():.0f} GB, Python {platform.python_version()}, Textual {version('textual')}"
    )


def _model() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory_gb() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
