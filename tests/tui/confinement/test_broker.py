from __future__ import annotations

import socket

import pytest

from tests.tui.confinement.confined import KERNEL, confined, needs_linux
from tests.tui.confinement.test_barrier import listener
from tui.confinement.levels import Level

pytestmark = needs_linux


@pytest.mark.parametrize("level", KERNEL)
def test_address_that_was_not_named_is_refused_in_words(level: Level) -> None:
    said = confined(
        """
try:
    confinement.broker.dial("198.51.100.66", 443)
except DialRefused as error:
    result = error.strerror
""",
        level=level,
        targets=(("127.0.0.1", 9),),
    )

    assert "198.51.100.66:443" in said
    assert "--right" in said


def test_nobody_there_is_told_as_connect_tells_it() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        script = f'result = tried(lambda: confinement.broker.dial("127.0.0.1", {port}))'

        assert (
            confined(script, level=Level.SECCOMP, targets=(("127.0.0.1", port),))
            == "ConnectionRefusedError:ECONNREFUSED"
        )


def test_name_that_leads_to_nobody_is_an_error() -> None:
    script = 'result = tried(lambda: confinement.broker.dial("nobody.invalid", 80))'

    assert confined(script, level=Level.SECCOMP, targets=(("nobody.invalid", 80),)) != "done"


def test_junk_is_dropped_and_the_broker_lives_on() -> None:
    with listener() as port:
        got = confined(
            f"""
control = confinement.broker._control
def asked(words):
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(10)
    socket.send_fds(control, [words], [theirs.fileno()])
    theirs.close()
    return ours.recv(4096).decode()
control.send(b"junk without a socket")
junk = [b"junk", b"[]", b"[1]", b"{{}}", b'["127.0.0.1", "x", 1]', b'["127.0.0.1", {port}, "x"]', b"[" * 4000,
        b'["127.0.0.1", {port}, 1e400]', b'["127.0.0.1", NaN, 1]', b"\\xff\\xfe"]
answers = [asked(words) for words in junk]
hangs_up, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
socket.send_fds(control, [b'["127.0.0.1", {port}, 1]'], [theirs.fileno()])
theirs.close(); hangs_up.close()
with confinement.broker.dial("127.0.0.1", {port}) as one:
    result = [all(words.startswith("[") or words == "ok" for words in answers), one.recv(5).decode()]
""",
            level=Level.SECCOMP,
            targets=(("127.0.0.1", port),),
        )

    assert got == [True, "hello"]


@pytest.mark.parametrize("level", KERNEL)
def test_death_of_the_broker_leaves_streams_alive_and_refuses_new_ones(level: Level) -> None:
    with listener() as port:
        got = confined(
            f"""
one = confinement.broker.dial("127.0.0.1", {port})
os.kill(confinement.broker.process_id, signal.SIGKILL)
os.waitpid(confinement.broker.process_id, 0)
try:
    confinement.broker.dial("127.0.0.1", {port})
except BrokerGone as error:
    result = [one.recv(5).decode(), error.strerror]
""",
            level=level,
            targets=(("127.0.0.1", port),),
        )

    assert got[0] == "hello"
    assert "start again" in got[1]


def test_broker_holds_no_file_and_no_terminal() -> None:
    # Undumpable processes hide their descriptors from their own user, so only root can look.
    kept = confined(
        """
import time
file = open("/etc/passwd")
os.set_inheritable(file.fileno(), True)
from tui.confinement import broker
started = broker.start([Target("127.0.0.1", 9)])
where = f"/proc/{started.process_id}/fd"
tried(lambda: started.dial("127.0.0.1", 10))  # it has answered, so it has let go
deadline, result = time.monotonic() + 10, []
while len(result) != 4 and time.monotonic() < deadline:  # the socket of that answer may be open for an instant yet
    try:
        result = sorted(os.readlink(f"{where}/{one}").partition(":")[0] for one in os.listdir(where))
    except FileNotFoundError:
        continue
    except PermissionError:
        result = None
        break
""",
        level=Level.GUARD,
    )

    if kept is None:
        pytest.skip("only root can look at the descriptors of a process that hides")
    assert kept == ["/dev/null", "/dev/null", "/dev/null", "socket"]


def test_broker_ends_with_the_program() -> None:
    import os
    import time

    process_id = confined("result = confinement.broker.process_id", level=Level.SECCOMP)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            os.kill(process_id, 0)
        except ProcessLookupError:
            return
        time.sleep(0.01)
    pytest.fail("the broker outlived the program")
