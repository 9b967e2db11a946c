from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backends.secret_service import missing_programs, run_python, secret_service
from tests.tui.confinement.confined import KERNEL, NOBODY, confined, need, needs_linux
from tests.tui.program import PROJECT
from tui.confinement.levels import Level

pytestmark = needs_linux
OUTSIDE = "198.51.100.66"
"""TEST-NET-2 (RFC 5737): nobody is there."""


@contextlib.contextmanager
def listener(family: socket.AddressFamily = socket.AF_INET) -> Iterator[int]:
    """A server on loopback that says hello to whoever comes; its port."""
    with socket.create_server(("::1" if family is socket.AF_INET6 else "127.0.0.1", 0), family=family) as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    one, _ = server.accept()
                    with one, contextlib.suppress(ConnectionError):
                        one.sendall(b"hello")

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.parametrize("user", [None, NOBODY])
@pytest.mark.parametrize("level", KERNEL)
def test_ways_out_are_refused_by_the_kernel(level: Level, user: int | None) -> None:
    if user is not None and os.getuid() != 0:
        pytest.skip("only root can become somebody else")
    tried = confined(
        f"""
libc = ctypes.CDLL(None, use_errno=True)
def raw(number, *arguments):
    if libc.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), "")
ring = ctypes.create_string_buffer(120)
result = dict(
    tcp=tried(lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM)),
    tcp6=tried(lambda: socket.socket(socket.AF_INET6, socket.SOCK_STREAM)),
    udp=tried(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)),
    netlink=tried(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)),
    ctypes=tried(lambda: raw(41 if os.uname().machine == "x86_64" else 198, 2, 1, 0)),
    ring=tried(lambda: raw(425, 4, ring)),
    child=subprocess.run(["bash", "-c", "echo > /dev/tcp/{OUTSIDE}/443"], stderr=subprocess.DEVNULL).returncode,
)
""",
        level=level,
        user=user,
    )

    assert tried.pop("child") == 1
    assert set(tried.values()) == {"PermissionError:EACCES"}


@pytest.mark.parametrize("level", KERNEL)
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_broker_hands_in_a_connected_socket(level: Level, family: socket.AddressFamily) -> None:
    host = "::1" if family is socket.AF_INET6 else "127.0.0.1"
    with listener(family) as port:
        got = confined(
            f"""
with confinement.broker.dial({host!r}, {port}) as one:
    result = [list(one.getpeername()[:2]), one.recv(9).decode()]
""",
            level=level,
            targets=((host, port),),
        )

    assert got == [[host, port], "hello"]


@pytest.mark.parametrize("level", KERNEL)
def test_handed_in_socket_cannot_be_turned_elsewhere(level: Level) -> None:
    # A socket keeps the network it was born in, and connect(AF_UNSPEC) lets go of its peer.
    with listener() as port:
        tried = confined(
            f"""
libc = ctypes.CDLL(None, use_errno=True)
one = confinement.broker.dial("127.0.0.1", {port})
let_go = libc.connect(one.fileno(), struct.pack("=H14x", socket.AF_UNSPEC), 16)
one.settimeout(0.3)
address = struct.pack("!2sH4s8x", struct.pack("=H", socket.AF_INET), 443, socket.inet_aton({OUTSIDE!r}))
connected = libc.connect(one.fileno(), address, 16)
fast = tried(lambda: one.sendmsg([b"x"], [], 0x20000000))
device = one.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16)
result = dict(connected=connected, fast=fast, device=device.decode(),
              rebound=tried(lambda: one.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"\\0")))
""",
            level=level,
            targets=(("127.0.0.1", port),),
        )

    assert tried["connected"] == -1
    assert tried["fast"] == "PermissionError:EACCES"
    assert tried["device"].startswith("lo")
    assert tried["rebound"] == "PermissionError:EACCES"


@pytest.mark.parametrize("level", list(Level))
def test_memory_is_hidden(level: Level) -> None:
    state = confined(
        """
import resource
status = dict(line.split(":", 1) for line in open("/proc/self/status").read().splitlines() if ":" in line)
result = dict(core=resource.getrlimit(resource.RLIMIT_CORE), no_new=status["NoNewPrivs"].strip(),
              dumpable=ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))
""",
        level=level,
        user=NOBODY if os.getuid() == 0 else None,
    )

    assert state == {"core": [0, 0], "no_new": "1", "dumpable": 0}


@pytest.mark.parametrize("level", KERNEL)
def test_unix_sockets_files_threads_and_children_still_work(level: Level) -> None:
    assert confined(
        """
import asyncio
async def loop():
    return await asyncio.to_thread(os.getpid)
one, other = socket.socketpair()
one.send(b"x")
result = [other.recv(1).decode(), asyncio.run(loop()) == os.getpid(), os.getuid(), os.stat("/").st_uid >= 0,
          subprocess.run([sys.executable, "-c", "print(1)"], capture_output=True).stdout.decode()]
""",
        level=level,
    ) == ["x", True, os.getuid(), True, "1\n"]


def test_abstract_session_bus_is_reached_below_the_namespace() -> None:
    assert (
        confined("result = enter([], session_bus='unix:abstract=/tmp/dbus-x,guid=1').level.value", level=Level.GUARD)
        == "kernel (seccomp)"
    )


def test_required_kernel_that_cannot_be_had_says_what_to_do() -> None:
    said = confined(
        """
try:
    enter([], at_most=Level.GUARD, require_kernel=True)
except NoKernelBarrier as error:
    result = str(error)
""",
        level=Level.GUARD,
    )

    assert "require_kernel = false" in said


def test_process_with_threads_is_not_confined() -> None:
    said = confined(
        """
held = threading.Event()
threading.Thread(target=held.wait).start()
try:
    enter([])
except ValueError as error:
    result = str(error)
held.set()
""",
        level=Level.GUARD,
    )

    assert "first thread" in said


@pytest.mark.secret_service
@pytest.mark.parametrize("level", KERNEL)
def test_keyring_still_answers(level: Level, tmp_path: Path) -> None:
    if missing := missing_programs():
        pytest.skip(f"not installed: {missing}")
    need(level)
    with secret_service(tmp_path) as service:
        ended = run_python(
            f"""
            import json, os
            from tui.confinement.barrier import enter
            from tui.confinement.levels import Level
            reached = enter([], at_most=Level({level.value!r}), session_bus=os.environ["DBUS_SESSION_BUS_ADDRESS"])
            import keyring
            keyring.set_password("duologue-test", "vault", "words")
            reached.broker.close()
            print(json.dumps([reached.level.value, keyring.get_password("duologue-test", "vault")]))
            """,
            service.environment,
        )

    assert ended.result == [level.value, "words"]


_ELSEWHERE = """
import asyncio, ctypes, importlib, json, multiprocessing, os, pathlib, pkgutil, platform, socket, subprocess, sys
sys.platform = {name!r}
os.__dict__.pop("memfd_create")
platform.system = lambda: {name!r}
for module in {missing!r}:
    sys.modules[module] = None
if {name!r} == "win32":
    del socket.AF_UNIX, os.uname
import tui.confinement, tui.cli, tui.egress, tui.restart
for one in pkgutil.iter_modules(tui.confinement.__path__):
    importlib.import_module("tui.confinement." + one.name)
from tui.confinement.barrier import enter
from tui.confinement.reexec import NotRestarted, in_memory
try:
    said = os.read(in_memory(b"words"), 9).decode()
except NotRestarted as error:
    said = str(error)
reached = enter([])
print(json.dumps([said, reached.level.value, list(reached.reasons)]))
"""


@pytest.mark.parametrize(
    ("name", "missing", "said"),
    [("darwin", [], "words"), ("win32", ["fcntl", "resource"], "Confidential mode needs Linux or macOS")],
)
def test_other_systems_have_the_guard_and_say_why(name: str, missing: list[str], said: str) -> None:
    # As near as a Linux comes to them: what they call themselves, and what their Python does not have.
    told, level, reasons = json.loads(run_here(_ELSEWHERE.format(name=name, missing=missing)))

    assert told.startswith(said)
    assert level == "process guard"
    assert all(f"only Linux has it, this is {name}" in reason for reason in reasons)


def run_here(source: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", source],
        env={"PATH": os.defpath, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
