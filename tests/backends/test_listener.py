"""Who listens on a port: the real kernel's answer about real sockets, on Linux."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from backends.listener import listener
from tests.backends.scripted_server import unused_port

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who owns a socket")

LISTEN = (
    "import socket, sys; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); input()"
)


def test_our_own_program_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = listener(server.getsockname()[1])
    assert found is not None
    assert found.program
    assert not found.passes_on


def test_nobody_is_nobody_and_a_system_without_the_tables_knows_nothing(tmp_path: Path) -> None:
    assert listener(unused_port()) is None
    assert listener(80, tmp_path / "no-proc") is None


def test_program_that_passes_on_is_known_by_its_name(tmp_path: Path) -> None:
    ssh = tmp_path / "ssh"
    shutil.copy(Path(sys.executable).resolve(), ssh)
    with subprocess.Popen(
        [ssh, "-I", "-S", "-c", LISTEN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as tunnel:
        assert tunnel.stdout is not None
        line = tunnel.stdout.readline()
        if not line:
            pytest.skip("this Python cannot run under another name")
        found = listener(int(line))
        tunnel.communicate(b"\n", timeout=10)
    assert found is not None
    assert (found.program, found.passes_on) == ("ssh", True)


def test_script_that_passes_on_is_known_although_python_runs_it(tmp_path: Path) -> None:
    script = tmp_path / "litellm"
    script.write_text(LISTEN)
    with subprocess.Popen([sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as gateway:
        assert gateway.stdout is not None
        found = listener(int(gateway.stdout.readline()))
        gateway.communicate(b"\n", timeout=10)
    assert found is not None
    assert (found.program, found.passes_on) == ("litellm", True)
