"""A user and network namespace of its own: there is no device in it that leads out.

The user stays who they are (one line of map each for user and group), so files, the terminal and the keyring on its
D-Bus path work as before. Unix sockets in the abstract namespace do not cross: see `barrier`.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import sys
from pathlib import Path

from tui.confinement import linux

if sys.platform != "win32":  # which has none
    import fcntl

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 0x1
"""From <linux/sockios.h> and <linux/if.h>."""


def check() -> None:
    """Try it in a child: a process that was let in halfway (no maps) would be of no use. Raises `OSError`."""
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        number = errno.EPERM
        try:
            leave_the_network()
            number = 0
        except OSError as error:
            number = error.errno or errno.EPERM
        finally:
            os.write(tell, bytes([number]))
            os._exit(0)  # never back into the program that was copied here
    os.close(tell)
    with os.fdopen(told, "rb") as answer:
        number = (answer.read() or bytes([errno.EPERM]))[0]
    os.waitpid(child, 0)
    if number:
        raise OSError(number, f"this system does not give a program a network of its own ({os.strerror(number)})")


def leave_the_network() -> None:
    """Move this process, which must have one thread only, into namespaces of its own. Raises `OSError` if it may not.

    Only before `process.hide_memory`: the kernel gives /proc/self of an undumpable process to root.
    """
    user, group = os.geteuid(), os.getegid()
    linux.unshare(linux.CLONE_NEWUSER | linux.CLONE_NEWNET)
    own = Path("/proc/self")
    (own / "setgroups").write_text("deny")  # the kernel wants it before a map of groups by somebody without rights
    (own / "uid_map").write_text(f"{user} {user} 1")
    (own / "gid_map").write_text(f"{group} {group} 1")
    _bring_up_loopback()


def _bring_up_loopback() -> None:
    """A loopback of our own, with nobody else on it; it is down when it is born."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = fcntl.ioctl(any_socket, _SIOCGIFFLAGS, struct.pack("16sH14x", b"lo", 0))
        flags = struct.unpack("16sH14x", request)[1]
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags | _IFF_UP))
