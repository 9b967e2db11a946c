"""Namespaces of the calling process (namespaces(7)): a network, a view of the files, and the user who owns both.

`unshare` works as root and, where unprivileged user namespaces are allowed, as anybody.
"""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Mapping
from pathlib import Path

_NEW_MOUNTS, _NEW_USER, _NEW_NETWORK = 0x00020000, 0x10000000, 0x40000000
_BIND, _RECURSIVE, _PRIVATE = 4096, 16384, 1 << 18
_END_WITH_PARENT, _DUMPABLE, _CHILD_SUBREAPER = 1, 4, 36
_libc = ctypes.CDLL(None, use_errno=True)


def leave_for_a_new_network() -> None:
    """Go into namespaces of our own for users, networks and mounts, as root inside. Raises `OSError`.

    Where root may not make user namespaces, the other two are made without one.
    """
    uid, gid = os.getuid(), os.getgid()
    try:
        _checked(_libc.unshare(_NEW_USER | _NEW_NETWORK | _NEW_MOUNTS))
    except OSError:
        if uid != 0:
            raise
        _checked(_libc.unshare(_NEW_NETWORK | _NEW_MOUNTS))
    else:
        for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
            Path("/proc/self", name).write_text(text)
    _checked(_libc.mount(b"none", b"/", None, _RECURSIVE | _PRIVATE, None))


def become(uid: int) -> None:
    """Be this ordinary user from now on; only root can. Raises `OSError`."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    _libc.prctl(_DUMPABLE, 1, 0, 0, 0)  # or our own /proc/self, with uid_map in it, stays root's


def leave_for_another_network() -> None:
    """A new network only. Raises `OSError`."""
    _checked(_libc.unshare(_NEW_NETWORK))


def cover_files(texts: Mapping[str, str], directory: Path) -> None:
    """Let these paths hold these texts, as this process and its children see them. Raises `OSError`."""
    for path, text in texts.items():
        cover = directory / path.strip("/").replace("/", "-")
        cover.write_text(text)
        cover.chmod(0o644)
        _checked(_libc.mount(str(cover).encode(), path.encode(), None, _BIND, None))


def end_with_parent() -> None:
    """Be killed when the parent ends, however it ends."""
    _libc.prctl(_END_WITH_PARENT, signal.SIGKILL, 0, 0, 0)


def adopt_orphans() -> None:
    """Become the parent of all descendants whose own parents end."""
    _libc.prctl(_CHILD_SUBREAPER, 1, 0, 0, 0)


def _checked(result: int) -> None:
    if result:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
