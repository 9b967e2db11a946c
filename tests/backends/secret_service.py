"""A real Secret Service for tests: gnome-keyring on a private session bus, with a private home.

Nothing outside the given directory is touched. What uses the keyring runs in a child process, because `keyring` keeps
its choice of backend for the life of a process, and because a test may want to see how a process ends.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parent.parent.parent
PROGRAMS = ("dbus-daemon", "dbus-send", "gnome-keyring-daemon")


def missing_programs() -> str:
    """What a Secret Service needs and this machine has not; empty if nothing."""
    return ", ".join(program for program in PROGRAMS if shutil.which(program) is None)


@dataclass(frozen=True, slots=True)
class Finished:
    """A child that came to its end."""

    result: Any
    """The last line that it printed, read as JSON."""
    seconds: float
    answered_after: float
    """Seconds from its start to that last line."""


def run_python(script: str, environment: dict[str, str], *, within: float = 30) -> Finished:
    """Run a script that prints JSON lines, in a clean environment plus the given one."""
    started = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(script)],
        env={"PATH": os.defpath, "PYTHONPATH": str(PROJECT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        overdue = threading.Timer(within, child.kill)
        overdue.start()
        last, answered = "", started
        for line in child.stdout:
            last, answered = line, time.monotonic()
        complaints = child.stderr.read()
        child.wait()
        overdue.cancel()
    assert child.returncode == 0, complaints or f"ended by {child.returncode} after {within} seconds at most"
    assert complaints == ""
    return Finished(json.loads(last), time.monotonic() - started, answered - started)


class SecretService:
    """The private bus, and gnome-keyring on it with an unlocked collection."""

    def __init__(self, home: Path, bus: str) -> None:
        self.environment = {
            "HOME": str(home),
            "XDG_RUNTIME_DIR": str(home / "run"),
            "XDG_DATA_HOME": str(home / "data"),
            "XDG_CONFIG_HOME": str(home / "config"),
            "XDG_CACHE_HOME": str(home / "cache"),
            "DBUS_SESSION_BUS_ADDRESS": bus,
        }

    def run(self, script: str, **environment: str) -> Finished:
        """Run a script on this bus; see `run_python`."""
        return run_python(script, {**self.environment, **environment})

    def send(self, destination: str, path: str, method: str, *arguments: str) -> bool:
        """Call a method on the bus; whether it answered."""
        command = ["dbus-send", "--session", "--print-reply", f"--dest={destination}", path, method, *arguments]
        environment = {"PATH": os.environ["PATH"], **self.environment}  # a test finds its programs
        return subprocess.run(command, env=environment, capture_output=True, check=False).returncode == 0

    def lock(self) -> None:
        """Lock the collection; from here on its password would be asked for."""
        assert self.send(
            "org.freedesktop.secrets",
            "/org/freedesktop/secrets",
            "org.freedesktop.Secret.Service.Lock",
            "array:objpath:/org/freedesktop/secrets/collection/login",
        )


@contextmanager
def private_bus(home: Path) -> Iterator[SecretService]:
    """A session bus with nobody on it."""
    for name in ("run", "data", "config", "cache"):
        (home / name).mkdir(mode=0o700, parents=True)
    # Without service directories: nothing that is installed on this machine can be started by a message.
    configuration = home / "bus.conf"
    configuration.write_text(
        f"<busconfig><type>session</type><listen>unix:dir={home / 'run'}</listen><policy context='default'>"
        "<allow send_destination='*' eavesdrop='true'/><allow eavesdrop='true'/><allow own='*'/></policy></busconfig>"
    )
    with _daemon(["dbus-daemon", f"--config-file={configuration}", "--nofork", "--print-address=1"], {}) as daemon:
        assert daemon.stdout is not None
        yield SecretService(home, daemon.stdout.readline().decode().strip())


@contextmanager
def secret_service(home: Path) -> Iterator[SecretService]:
    """gnome-keyring on a private bus, its collection open."""
    with private_bus(home) as service:
        command = ["gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets"]
        with _daemon(command, service.environment) as daemon:
            assert daemon.stdin is not None
            daemon.stdin.write(b"a password of the test")
            daemon.stdin.close()
            _wait_for_name(service, "org.freedesktop.secrets")
            yield service


@contextmanager
def silent_owner(service: SecretService, name: str) -> Iterator[None]:
    """Somebody who owns a name on the bus, takes every message, and answers none."""
    script = """
        import sys
        from jeepney.bus_messages import message_bus
        from jeepney.io.blocking import open_dbus_connection
        connection = open_dbus_connection()
        connection.send_and_get_reply(message_bus.RequestName(sys.argv[1]))
        while True:
            connection.receive()
    """
    with _daemon([sys.executable, "-c", textwrap.dedent(script), name], service.environment):
        deadline = time.monotonic() + 10
        owner = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus.GetNameOwner")
        while not service.send(*owner, f"string:{name}"):
            assert time.monotonic() < deadline, f"nobody took {name}"
            time.sleep(0.02)
        yield


def _wait_for_name(service: SecretService, name: str) -> None:
    deadline = time.monotonic() + 10
    while not service.send(name, "/org/freedesktop/secrets", "org.freedesktop.DBus.Peer.Ping"):
        assert time.monotonic() < deadline, f"{name} did not come up"
        time.sleep(0.02)


@contextmanager
def _daemon(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    path = os.environ["PATH"]  # a test finds its programs
    with subprocess.Popen(
        command,
        env={"PATH": path, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as daemon:
        try:
            yield daemon
        finally:
            daemon.kill()
