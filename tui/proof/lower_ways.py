"""Ways out below Python, as a compiled extension could take them: no audit event tells of them."""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import shlex
import socket
import struct
import sys
from collections.abc import Sequence
from typing import Self

from tui.proof.python_ways import asked
from tui.proof.ways import NAME, PORT, V4, WORDS, NotHere, Outside, Way, ended, packets_sent, program

_SETUP, _ENTER, _PIDFD_OPEN, _PIDFD_GETFD = 425, 426, 434, 438
"""Numbers of system calls that are the same on every processor (asm-generic/unistd.h)."""
_CLONE_NEWNET = 0x40000000
_EINPROGRESS = 115
_OP_CONNECT, _OP_SEND, _OP_SOCKET = 16, 26, 45
"""From <linux/io_uring.h>."""
_EAI = {-1: "bad flags", -2: "no such name", -3: "no resolver could be reached", -4: "failed", -11: "system error"}


def ways() -> Sequence[Way]:
    """All of them."""
    if sys.platform != "linux":
        return ()
    return (
        Way("TCP by system calls (ctypes)", lambda _: _connection(), below_python=True),
        Way("UDP by system calls (ctypes)", lambda _: _datagram(_new(socket.SOCK_DGRAM)), below_python=True),
        Way("DNS by the C library (ctypes)", lambda _: _name(), below_python=True),
        Way("a program by the C library (ctypes)", lambda _: _system(), below_python=True),
        Way("UDP by io_uring", lambda _: _ring(), below_python=True),
        Way("a socket out of another program", _taken_socket, below_python=True),
        Way("the network of another program", _other_network, below_python=True),
        Way("a broker's socket, connected anew", _reconnected, below_python=True),
    )


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{os.strerror(number)} ({what})")
    return result


def _address(port: int = PORT, family: int = socket.AF_INET) -> bytes:
    return struct.pack("=H", family) + struct.pack("!H", port) + socket.inet_aton(V4) + b"\0" * 8


def _new(kind: int) -> int:
    return _checked(_libc().socket(socket.AF_INET, kind, 0), "socket")


def _connection() -> str:
    number = _new(socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        return _connect(number)
    finally:
        os.close(number)


def _connect(number: int) -> str:
    if _libc().connect(number, _address(), 16) and ctypes.get_errno() != _EINPROGRESS:
        raise OSError(ctypes.get_errno(), f"{os.strerror(ctypes.get_errno())} (connect)")
    return "the kernel began the connection"


def _datagram(number: int) -> str:
    try:
        count = _checked(_libc().sendto(number, WORDS, len(WORDS), 0, _address(53), 16), "sendto")
    finally:
        os.close(number)
    return f"the kernel took {count} bytes"


def _name() -> str:
    before = packets_sent()
    found = ctypes.c_void_p()
    code = _libc().getaddrinfo(NAME.encode(), None, None, ctypes.byref(found))
    if code == 0:
        _libc().freeaddrinfo(found)
        return "a resolver answered"
    return asked(code, before, f"{_EAI.get(code, code)} (getaddrinfo)")


def _system() -> str:
    return ended(os.waitstatus_to_exitcode(_libc().system(shlex.join(program()).encode())))


def _taken_socket(outside: Outside) -> str:
    """What a debugger may do (pidfd_getfd(2) takes the same right as ptrace(2))."""
    other = _checked(_libc().syscall(_PIDFD_OPEN, outside.process_id, 0), "pidfd_open")
    try:
        return _datagram(_checked(_libc().syscall(_PIDFD_GETFD, other, outside.datagram, 0), "pidfd_getfd"))
    finally:
        os.close(other)


def _other_network(outside: Outside) -> str:
    """In a child, which can enter it without leading this process back out."""
    with open(f"/proc/{outside.process_id}/ns/net", "rb") as network:  # noqa: PTH123 - a descriptor, not a file
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            words = ""
            try:
                _checked(_libc().setns(network.fileno(), _CLONE_NEWNET), "setns")
                _datagram(_new(socket.SOCK_DGRAM))
            except OSError as error:
                words = str(error.strerror)
            finally:
                os.write(writing, words.encode())
                os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as said:
            os.waitpid(child, 0)
            if words := said.read():
                raise OSError(words)
    return "the kernel took a datagram"


def _reconnected(outside: Outside) -> str:
    """A connected socket can be disconnected; what network it then has is decided by its birth."""
    if outside.dial is None:
        raise NotHere("there is no broker at this level")
    with outside.dial(*outside.server) as handed_in:
        nowhere = struct.pack("=H", socket.AF_UNSPEC) + b"\0" * 14
        _checked(_libc().connect(handed_in.fileno(), nowhere, 16), "connect")
        handed_in.setblocking(False)  # noqa: FBT003 - the name is the socket's
        return _connect(handed_in.fileno())


# io_uring: one request at a time, after <linux/io_uring.h> and io_uring(7).


def _ring() -> str:
    parameters = ctypes.create_string_buffer(120)
    ring = _checked(_libc().syscall(_SETUP, 4, parameters), "io_uring_setup")
    try:
        with _Ring(ring, parameters.raw) as queue:
            number = queue.done(_OP_SOCKET, socket.AF_INET, offset=socket.SOCK_DGRAM)
            with contextlib.closing(socket.socket(fileno=number)):
                address = ctypes.create_string_buffer(_address(53), 16)
                queue.done(_OP_CONNECT, number, offset=16, pointer=ctypes.addressof(address))
                words = ctypes.create_string_buffer(WORDS)
                count = queue.done(_OP_SEND, number, pointer=ctypes.addressof(words), length=len(WORDS))
    finally:
        os.close(ring)
    return f"the kernel took {count} bytes"


class _Ring:
    """The rings of one io_uring, mapped."""

    def __init__(self, ring: int, parameters: bytes) -> None:
        self._ring = ring
        entries, completions = struct.unpack_from("II", parameters, 0)
        sq, cq = struct.unpack_from("7I", parameters, 40), struct.unpack_from("6I", parameters, 80)
        self._tail, self._array = sq[1], sq[6]
        self._head, self._events = cq[0], cq[5]
        self._mask, self._event_mask = entries - 1, completions - 1
        self._submissions = mmap.mmap(ring, self._array + entries * 4, offset=0)
        self._completions = mmap.mmap(ring, self._events + completions * 16, offset=0x8000000)
        self._requests = mmap.mmap(ring, entries * 64, offset=0x10000000)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for mapped in (self._submissions, self._completions, self._requests):
            mapped.close()

    def done(self, operation: int, number: int, *, offset: int = 0, pointer: int = 0, length: int = 0) -> int:
        """Submit one request and wait for it; its result. Raises `OSError`, `NotHere` for an older kernel."""
        (tail,) = struct.unpack_from("I", self._submissions, self._tail)
        slot = tail & self._mask
        request = struct.pack("=BBHiQQI", operation, 0, 0, number, offset, pointer, length)
        self._requests[slot * 64 : slot * 64 + 64] = request.ljust(64, b"\0")
        struct.pack_into("I", self._submissions, self._array + slot * 4, slot)
        struct.pack_into("I", self._submissions, self._tail, tail + 1)
        _checked(_libc().syscall(_ENTER, self._ring, 1, 1, 1, None, 8), "io_uring_enter")
        (head,) = struct.unpack_from("I", self._completions, self._head)
        at = self._events + (head & self._event_mask) * 16
        (result,) = struct.unpack_from("i", self._completions, at + 8)
        struct.pack_into("I", self._completions, self._head, head + 1)
        if result == -22 and operation == _OP_SOCKET:
            raise NotHere("this kernel's io_uring makes no sockets")
        if result < 0:
            raise OSError(-result, f"{os.strerror(-result)} (io_uring)")
        return int(result)
