"""The seccomp filters: which system calls the kernel refuses to a confidential process, and to its broker.

Written in classic BPF (struct sock_filter of <linux/filter.h>, over struct seccomp_data of <linux/seccomp.h>). Each
block below looks at one system call and either ends in a verdict or falls through to the next block, so the blocks
can be read one by one. What is not named is allowed: these filters take the network away, nothing else.
"""

from __future__ import annotations

import errno
import struct
from typing import Final

from tui.confinement import linux

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _MASK, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_ALLOW: Final = 0x7FFF0000
_REFUSE: Final = 0x00050000 | errno.EACCES
_KILL: Final = 0x80000000
"""For a call through another processor's table: nothing of ours does that."""

_AF_UNIX, _AF_INET, _AF_INET6, _SOCK_STREAM, _SOL_SOCKET = 1, 2, 10, 1, 1
"""Linux's own numbers: other systems have others or none, and this module can be imported there."""
_NUMBER, _ARCH = 0, 4
_SOCKET_TYPE_MASK = 0xF
_MSG_FASTOPEN = 0x20000000
"""A TCP connection made inside sendto(2), without connect(2)."""
_SO_BINDTODEVICE, _SO_BINDTOIFINDEX = 25, 62

_OTHER_WAYS = (
    # A ring does sockets without their system calls.
    *("io_uring_setup", "io_uring_enter", "io_uring_register"),
    # The memory and the descriptors of other processes of the same user.
    *("ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd"),
    # Other namespaces; file systems that are a network.
    *("setns", "unshare", "mount"),
    # The kernel asks the host's resolver for keys of type dns_resolver.
    *("add_key", "request_key", "keyctl"),
    *("bpf", "perf_event_open"),
)

Instruction = tuple[int, int, int, int]
"""Code, jump if true, jump if false, operand."""


def unix_sockets_only() -> bytes:
    """For the confidential process: unix sockets only, and nothing that turns a handed-in socket elsewhere.

    Raises `OSError` for a processor that is not known here.
    """
    return _program(
        *_refuse(*_OTHER_WAYS),
        *_when("socket", [_load_argument(0), (_EQUAL, 0, 1, _AF_UNIX), _allow(), _refused()]),
        *_when("setsockopt", _KEEP_ITS_DEVICE),
        *_when("sendto", _no_fast_open(argument=3)),
        *_when("sendmsg", _no_fast_open(argument=2)),
        *_when("sendmmsg", _no_fast_open(argument=3)),
    )


def connections_only(*, with_names: bool) -> bytes:
    """For the broker: it dials, and starts, reads and listens to nothing.

    `with_names`: it has to ask the system's resolver, which takes more kinds of sockets.
    """
    return _program(
        *_refuse(*_OTHER_WAYS, "execve", "execveat", "listen"),
        *([] if with_names else _when("socket", _STREAMS)),
    )


_KEEP_ITS_DEVICE: Final[list[Instruction]] = [
    (_LOAD, 0, 0, 16 + 8 * 1),
    (_EQUAL, 0, 4, _SOL_SOCKET),
    (_LOAD, 0, 0, 16 + 8 * 2),
    (_EQUAL, 1, 0, _SO_BINDTODEVICE),
    (_EQUAL, 0, 1, _SO_BINDTOIFINDEX),
    (_RETURN, 0, 0, _REFUSE),
    (_RETURN, 0, 0, _ALLOW),
]
_STREAMS: Final[list[Instruction]] = [
    (_LOAD, 0, 0, 16 + 8 * 0),
    (_EQUAL, 2, 0, _AF_UNIX),
    (_EQUAL, 1, 0, _AF_INET),
    (_EQUAL, 0, 4, _AF_INET6),
    (_LOAD, 0, 0, 16 + 8 * 1),
    (_MASK, 0, 0, _SOCKET_TYPE_MASK),
    (_EQUAL, 0, 1, _SOCK_STREAM),
    (_RETURN, 0, 0, _ALLOW),
    (_RETURN, 0, 0, _REFUSE),
]


def _program(*blocks: Instruction) -> bytes:
    known = linux.machine()
    if known not in linux.SYSTEM_CALLS:
        raise OSError(errno.ENOSYS, f"no filter for the processor {known}")
    x32 = linux.X32_BIT[known]
    whole = [
        (_LOAD, 0, 0, _ARCH),
        (_EQUAL, 1, 0, linux.AUDIT_ARCH[known]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        *([] if x32 is None else [(_AT_LEAST, 0, 1, x32), _refused()]),
        *blocks,
        _allow(),
    ]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in whole)


def _when(call: str, verdict: list[Instruction]) -> list[Instruction]:
    """`verdict` for this call; it ends in a return, because it has loaded something else than the call's number."""
    return [(_EQUAL, 0, len(verdict), linux.SYSTEM_CALLS[linux.machine()][call]), *verdict]


def _refuse(*calls: str) -> list[Instruction]:
    return [instruction for call in calls for instruction in _when(call, [_refused()])]


def _no_fast_open(*, argument: int) -> list[Instruction]:
    return [_load_argument(argument), (_ANY_BIT, 0, 1, _MSG_FASTOPEN), _refused(), _allow()]


def _load_argument(index: int) -> Instruction:
    """The low half of a 64-bit argument; both processors are little-endian, and the kernel reads an int here."""
    return (_LOAD, 0, 0, 16 + 8 * index)


def _allow() -> Instruction:
    return (_RETURN, 0, 0, _ALLOW)


def _refused() -> Instruction:
    return (_RETURN, 0, 0, _REFUSE)
