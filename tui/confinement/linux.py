"""System calls of Linux that Python has no name for. Each raises `OSError` with the kernel's reason.

Numbers are from the kernel's own headers (<linux/prctl.h>, <linux/sched.h>, <linux/seccomp.h>, <linux/landlock.h>,
asm/unistd_64.h and asm-generic/unistd.h); they never change. Nothing here decides anything.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import sys
from collections.abc import Mapping
from typing import Final

IS_LINUX = sys.platform == "linux"

PR_SET_PDEATHSIG: Final = 1
PR_SET_DUMPABLE: Final = 4
PR_SET_NO_NEW_PRIVS: Final = 38
CLONE_NEWUSER: Final = 0x10000000
CLONE_NEWNET: Final = 0x40000000
_SECCOMP_SET_MODE_FILTER: Final = 1
_SECCOMP_FILTER_FLAG_TSYNC: Final = 1
_LANDLOCK_CREATE_RULESET: Final = 444
_LANDLOCK_RESTRICT_SELF: Final = 446
_LANDLOCK_ACCESS_NET_BIND_TCP: Final = 1
_LANDLOCK_ACCESS_NET_CONNECT_TCP: Final = 2
LANDLOCK_ABI_WITH_TCP: Final = 4
"""Linux 6.7."""

AUDIT_ARCH: Final[Mapping[str, int]] = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
X32_BIT: Final[Mapping[str, int | None]] = {"x86_64": 0x40000000, "aarch64": None}
"""x86-64 has a second table of system calls, told by this bit; a filter that forgets it is no filter."""

_X86_64: Final[Mapping[str, int]] = {
    "socket": 41, "sendto": 44, "sendmsg": 46, "bind": 49, "listen": 50, "setsockopt": 54, "execve": 59,
    "ptrace": 101, "mount": 165, "add_key": 248, "request_key": 249, "keyctl": 250, "unshare": 272,
    "perf_event_open": 298, "sendmmsg": 307, "setns": 308, "process_vm_readv": 310, "process_vm_writev": 311,
    "seccomp": 317, "bpf": 321, "execveat": 322,
}  # fmt: skip
_AARCH64: Final[Mapping[str, int]] = {
    "mount": 40, "unshare": 97, "ptrace": 117, "socket": 198, "bind": 200, "listen": 201, "sendto": 206,
    "setsockopt": 208, "sendmsg": 211, "add_key": 217, "request_key": 218, "keyctl": 219, "execve": 221,
    "perf_event_open": 241, "setns": 268, "sendmmsg": 269, "process_vm_readv": 270, "process_vm_writev": 271,
    "seccomp": 277, "bpf": 280, "execveat": 281,
}  # fmt: skip
_BOTH: Final[Mapping[str, int]] = {
    "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "pidfd_getfd": 438,
}  # fmt: skip
SYSTEM_CALLS: Final[Mapping[str, Mapping[str, int]]] = {
    "x86_64": {**_X86_64, **_BOTH},
    "aarch64": {**_AARCH64, **_BOTH},
}


def machine() -> str:
    """The processor's family, by the kernel's name."""
    return platform.machine()


def prctl(option: int, value: int) -> None:
    """See prctl(2)."""
    _checked(_libc().prctl(option, ctypes.c_ulong(value), 0, 0, 0), "prctl")


def unshare(flags: int) -> None:
    """See unshare(2). Fails with EPERM where user namespaces are switched off."""
    _checked(_libc().unshare(flags), "unshare")


def no_new_privileges() -> None:
    """From now on no program that this process starts gains rights (setuid is ignored); filters need it."""
    prctl(PR_SET_NO_NEW_PRIVS, 1)


def install_filter(program: bytes) -> None:
    """Put a seccomp filter over all threads of this process, and over its children. It cannot be taken off again."""

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))

    buffer = ctypes.create_string_buffer(program, len(program))
    described = Program(len(program) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    no_new_privileges()
    done = _libc().syscall(
        ctypes.c_long(SYSTEM_CALLS[machine()]["seccomp"]),
        ctypes.c_ulong(_SECCOMP_SET_MODE_FILTER),
        ctypes.c_ulong(_SECCOMP_FILTER_FLAG_TSYNC),
        ctypes.byref(described),
    )
    _checked(-1 if done else 0, "seccomp")


def landlock_abi() -> int:
    """Version of Landlock; 0 where the kernel has none."""
    version = _libc().syscall(ctypes.c_long(_LANDLOCK_CREATE_RULESET), None, ctypes.c_ulong(0), ctypes.c_ulong(1))
    return max(0, int(version))


def landlock_no_tcp() -> None:
    """No TCP socket of this thread and of what it starts can be bound or connected any more, however it came here."""
    handled = (0).to_bytes(8, sys.byteorder) + (
        _LANDLOCK_ACCESS_NET_BIND_TCP | _LANDLOCK_ACCESS_NET_CONNECT_TCP
    ).to_bytes(8, sys.byteorder)
    rules = _libc().syscall(
        ctypes.c_long(_LANDLOCK_CREATE_RULESET), handled, ctypes.c_ulong(len(handled)), ctypes.c_ulong(0)
    )
    _checked(rules, "landlock_create_ruleset")
    try:
        no_new_privileges()
        done = _libc().syscall(ctypes.c_long(_LANDLOCK_RESTRICT_SELF), ctypes.c_long(rules), ctypes.c_ulong(0))
        _checked(done, "landlock_restrict_self")
    finally:
        os.close(rules)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno() or errno.EPERM
        raise OSError(number, f"{what}: {os.strerror(number)}")
