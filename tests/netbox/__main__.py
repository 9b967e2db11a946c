"""`python -m tests.netbox SPECIFICATION`: makes the box, runs one command in it, and prints what was seen.

A process of its own, because namespaces are made before there is a thread. `tests.netbox.run` starts it. Standard
output holds the report as JSON; the command's own output goes to the files that the specification names.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.netbox import BOX4, BOX6, SINK4, SINK6, netlink
from tests.netbox.capture import Capture, spellings
from tests.netbox.namespaces import (
    adopt_orphans,
    become,
    cover_files,
    end_with_parent,
    leave_for_a_new_network,
    leave_for_another_network,
)
from tests.netbox.sink import DNS_PORT, Sink

LAST = "the-end-of-the-run.invalid"
FORBIDDEN = 77
"""Exit code: namespaces are not to be had here; standard error says why."""
_QUIET = {"accept_ra": "0", "autoconf": "0", "router_solicitations": "0", "addr_gen_mode": "1"}
_ONLY_FILES_AND_DNS = "passwd: files\ngroup: files\nhosts: files dns\n"


def main() -> int:
    end_with_parent()
    specification = json.loads(sys.argv[1])
    if (uid := specification["uid"]) is not None:
        become(uid)
    try:
        leave_for_a_new_network()
    except OSError as error:
        print(f"this system makes no network namespace for us: {error.strerror}", file=sys.stderr)
        return FORBIDDEN
    adopt_orphans()
    with tempfile.TemporaryFile("w+") as log:
        sink = _start_sink(log.fileno())
        covers = {
            "/etc/resolv.conf": f"nameserver {SINK4}\noptions timeout:1 attempts:1\n",
            "/etc/nsswitch.conf": _ONLY_FILES_AND_DNS,
            "/etc/hosts": specification["hosts"],
        }
        with tempfile.TemporaryDirectory(prefix="netbox-") as directory:
            cover_files(covers, Path(directory))
            capture = Capture("box", specification["canaries"], _question(LAST)[12:])
            capture.start()
            code = _run(specification)
            _kill_what_is_left(sink)
            _end(sink, capture)
        log.seek(0)
        print(json.dumps(_report(code, capture, [json.loads(line) for line in log])))
    return 0


def _start_sink(log: int) -> int:
    """Lay the wire and start the other end; gives its process."""
    netlink.set_up("lo")
    ready, say_ready = os.pipe()
    wired, say_wired = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            end_with_parent()
            leave_for_another_network()
            os.write(say_ready, b"n")
            os.read(wired, 1)
            _be_everybody()
            with os.fdopen(log, "w", closefd=False) as file:
                sink = Sink(file, LAST)
                os.write(say_ready, b"s")
                sink.serve()
        except BaseException:  # noqa: BLE001 - a forked child may not return into the program that was copied
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        os._exit(0)
    os.close(say_ready)
    _expect(ready)
    netlink.add_wire("box", "sink", pid)
    for name, value in _QUIET.items():
        with suppress(OSError):  # an older kernel lacks one; what it then sends is its own and not counted
            Path("/proc/sys/net/ipv6/conf/box", name).write_text(value)
    netlink.set_up("box")
    netlink.add_address("box", BOX4, 24)
    netlink.add_address("box", BOX6, 64)
    os.write(say_wired, b"w")
    _expect(ready)
    netlink.add_default_route("box", SINK4)
    netlink.add_default_route("box", SINK6)
    for end in (ready, wired, say_wired):
        os.close(end)
    return pid


def _expect(pipe: int) -> None:
    if not os.read(pipe, 1):
        raise RuntimeError("the sink could not start")


def _be_everybody() -> None:
    for interface in ("lo", "sink"):
        netlink.set_up(interface)
    netlink.add_address("sink", SINK4, 24)
    netlink.add_address("sink", SINK6, 64)
    for family in (socket.AF_INET, socket.AF_INET6):
        netlink.own_every_address(family)


def _run(specification: dict[str, Any]) -> int:
    with Path(specification["out"]).open("wb") as out, Path(specification["err"]).open("wb") as err:
        try:
            return subprocess.run(
                specification["command"],
                cwd=specification["directory"],
                env=specification["environment"],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                timeout=specification["seconds"],
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            err.write(b"\nnetbox: it did not end in time and was killed\n")
            return -1


def _kill_what_is_left(sink: int) -> None:
    """End whatever the command has left running: all are our children now, and nobody else is."""
    while left := [pid for pid in _children() if pid != sink]:
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, 9)
            os.waitpid(pid, 0)


def _children() -> list[int]:
    pids = ""
    for task in Path("/proc/self/task").iterdir():
        pids += (task / "children").read_text() + " "
    return [int(pid) for pid in pids.split()]


def _end(sink: int, capture: Capture) -> None:
    """Send a last packet, and wait until both have seen it: then they have seen all that went before."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
        last.sendto(_question(LAST), (SINK4, DNS_PORT))
    capture.join()
    if os.waitpid(sink, 0)[1]:
        raise RuntimeError("the sink failed")


def _question(name: str) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack("!HHHHHH", 1, 0x0100, 1, 0, 0, 0) + labels + b"\0\0\x01\0\x01"


def _report(code: int, capture: Capture, noted: list[dict[str, Any]]) -> dict[str, Any]:
    requests = [note for note in noted if note["kind"] == "tcp"]
    for request in requests:  # a canary that two frames share is whole again here
        for canary in capture._canaries:
            if any(form in request["text"].encode("latin-1") for form in spellings(canary)):
                capture.sightings[canary] += 1
    return {
        "code": code,
        "packets": capture.packets,
        "dropped": capture.dropped,
        "names": sorted({note["name"] for note in noted if note["kind"] == "dns"}),
        "requests": [[note["address"], note["port"], note["text"].partition("\r\n")[0]] for note in requests],
        "sightings": capture.sightings,
    }


if __name__ == "__main__":
    sys.exit(main())
