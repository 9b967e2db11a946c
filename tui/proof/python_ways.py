"""Ways out that Python code takes with Python's own means: sockets, names, programs."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import subprocess
import threading
import webbrowser
from collections.abc import Callable, Sequence
from typing import Any

from tui.proof.ways import (
    NAME,
    PORT,
    V4,
    V6,
    WORDS,
    NotHere,
    Outside,
    ToAProgramHere,
    Way,
    begun,
    ended,
    interpreter,
    packets_sent,
    program,
)

_IPPROTO_MPTCP, _MSG_FASTOPEN = 262, 0x20000000
_UDP_PORT = 53
_ANSWERED = (socket.EAI_NONAME, socket.EAI_NODATA)
"""The resolver's "no such name" is an answer, so the question went out."""


def ways() -> Sequence[Way]:
    """All of them."""
    return (
        Way("TCP over IPv4", lambda _: begun(socket.socket(), (V4, PORT))),
        Way("TCP over IPv6", lambda _: begun(socket.socket(socket.AF_INET6), (V6, PORT))),
        Way("TCP to the local model's own port", lambda outside: begun(socket.socket(), (V4, outside.server[1]))),
        Way("TCP from another thread", lambda _: _in_a_thread(lambda: begun(socket.socket(), (V4, PORT)))),
        Way("TCP through asyncio", lambda _: asyncio.run(_asyncio_connection())),
        Way("Multipath TCP", lambda _: begun(_socket(socket.SOCK_STREAM, _IPPROTO_MPTCP), (V4, PORT))),
        Way("TCP Fast Open", lambda _: _fast_open()),
        Way("SCTP", lambda _: begun(_socket(socket.SOCK_STREAM, socket.IPPROTO_SCTP), (V4, PORT))),
        Way("UDP over IPv4", lambda _: _datagram(socket.AF_INET, V4)),
        Way("UDP over IPv6", lambda _: _datagram(socket.AF_INET6, V6)),
        Way("UDP with sendmsg", lambda _: _message()),
        Way("UDP, connected", lambda _: _connected_datagram()),
        Way("UDP through asyncio", lambda _: asyncio.run(_asyncio_datagram())),
        Way("ICMP echo", lambda _: _echo(socket.SOCK_DGRAM)),
        Way("raw IP", lambda _: _echo(socket.SOCK_RAW)),
        Way("raw frames (AF_PACKET)", lambda _: _frame()),
        Way("DNS, a name", lambda _: _looked_up(lambda: socket.getaddrinfo(NAME, PORT))),
        Way("DNS, a name from asyncio's thread", lambda _: _looked_up(lambda: asyncio.run(_asyncio_name()))),
        Way("DNS, an address", lambda _: _looked_up(lambda: socket.gethostbyaddr(V4))),
        Way("a program", lambda _: ended(subprocess.run(program(), check=False).returncode)),
        Way("the engine's program", lambda _: _engine(), below_python=True),
        Way("a program, by fork and exec", lambda _: _fork_and_exec()),
        Way("a program, by posix_spawn", lambda _: _posix_spawn()),
        Way("the shell", lambda _: _shell()),
        Way("curl", lambda _: _curl()),
        Way("the browser", lambda _: _browser()),
        Way("another program's unix socket", _unix_socket),
    )


def _socket(kind: int, protocol: int) -> socket.socket:
    """Raises `NotHere` for a protocol that the kernel does not know; that is no refusal."""
    try:
        return socket.socket(socket.AF_INET, kind, protocol)
    except OSError as error:
        if error.errno in (errno.EPROTONOSUPPORT, errno.ESOCKTNOSUPPORT, errno.EAFNOSUPPORT):
            raise NotHere("this kernel does not speak it") from error
        raise


def _in_a_thread(attempt: Callable[[], str]) -> str:
    results: list[str | OSError] = []

    def work() -> None:
        try:
            results.append(attempt())
        except OSError as error:
            results.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if isinstance(results[0], OSError):
        raise results[0]
    return results[0]


async def _asyncio_connection() -> str:
    connecting = socket.socket()
    with connecting:
        connecting.setblocking(False)  # noqa: FBT003 - the name is the socket's
        try:
            async with asyncio.timeout(0.02):
                await asyncio.get_running_loop().sock_connect(connecting, (V4, PORT))
        except TimeoutError:
            pass  # it waits for an answer: the connection was begun
    return "the kernel began the connection"


def _fast_open() -> str:
    with socket.socket() as connecting:
        connecting.setblocking(False)  # noqa: FBT003 - the name is the socket's
        try:
            connecting.sendto(WORDS, _MSG_FASTOPEN, (V4, PORT))
        except BlockingIOError:
            pass  # in progress: the first packet is on its way
    return "the kernel began the connection"


def _datagram(family: socket.AddressFamily, address: str) -> str:
    with socket.socket(family, socket.SOCK_DGRAM) as datagram:
        return _taken(datagram.sendto(WORDS, (address, _UDP_PORT)))


def _message() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram:
        return _taken(datagram.sendmsg([WORDS], [], 0, (V4, _UDP_PORT)))


def _connected_datagram() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram:
        datagram.connect((V4, _UDP_PORT))
        return _taken(datagram.send(WORDS))


async def _asyncio_datagram() -> str:
    before = packets_sent()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=(V4, _UDP_PORT))
    transport.sendto(WORDS)
    transport.close()
    if packets_sent() == before:
        raise OSError("no packet left")
    return "a packet left"


def _echo(kind: int) -> str:
    with socket.socket(socket.AF_INET, kind, socket.IPPROTO_ICMP) as icmp:
        return _taken(icmp.sendto(b"\x08\x00\xf7\xff\x00\x00\x00\x00", (V4, 0)))


def _frame() -> str:
    try:
        kind = socket.AF_PACKET
    except AttributeError:
        raise NotHere("only Linux has it") from None
    with socket.socket(kind, socket.SOCK_RAW) as raw:
        ways_out = [name for _, name in socket.if_nameindex() if name != "lo"]
        if not ways_out:
            raise OSError("there is no interface that leads out")
        ethernet = b"\xff" * 12 + b"\x08\x00"
        header = b"\x45\x00\x00\x14" + b"\x00" * 4 + b"\x40\x11\x00\x00" + b"\x00" * 4 + socket.inet_aton(V4)
        return _taken(raw.sendto(ethernet + header, (ways_out[0], 0x0800)))


def _taken(count: int) -> str:
    return f"the kernel took {count} bytes"


async def _asyncio_name() -> object:
    return await asyncio.get_running_loop().getaddrinfo(NAME, PORT)


def _looked_up(ask: Callable[[], Any]) -> str:
    before = packets_sent()
    try:
        ask()
    except (socket.gaierror, socket.herror) as error:
        return asked(error.errno or 0, before, str(error.strerror))
    return "a resolver answered"


def asked(code: int, packets_before: int, words: str) -> str:
    """What the resolver's error says: that it asked and was answered, that it asked in vain, or that it could not."""
    if code in _ANSWERED or code == 1:  # HOST_NOT_FOUND of gethostbyaddr
        return "a resolver answered"
    if packets_sent() > packets_before:
        return "a question left"
    raise OSError(words)


def _engine() -> str:
    return ended(subprocess.run(interpreter(), check=False).returncode)


def _fork_and_exec() -> str:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        words = ""
        try:
            os.execv(program()[0], program())  # noqa: S606 - no shell
        except OSError as error:
            words = str(error.strerror or error)
        finally:
            os.write(writing, words.encode())
            os._exit(254)
    os.close(writing)
    with os.fdopen(reading) as said:
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if words := said.read():
            raise PermissionError(code, words)
    return ended(code)


def _posix_spawn() -> str:
    child = os.posix_spawn(program()[0], program(), {})
    return ended(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def _shell() -> str:
    import shlex

    return ended(os.waitstatus_to_exitcode(os.system(shlex.join(program()))))  # noqa: S605 - it is what is tried


def _curl() -> str:
    import shutil

    if (path := shutil.which("curl")) is None:
        raise NotHere("it is not installed")
    command = [
        path,
        "--silent",
        "--noproxy",
        "*",
        "--max-time",
        "0.3",
        "--output",
        os.devnull,
        f"http://{V4}:{PORT}/",
    ]
    before = packets_sent()
    code = subprocess.run(command, check=False).returncode
    if code == 0 or packets_sent() > before:
        return "a packet left"
    raise OSError(f"curl ended with {code}")


def _browser() -> str:
    browser = webbrowser.GenericBrowser([*program(), "%s"])
    if not browser.open("http://localhost/"):
        raise OSError("it did not start, or could not connect")
    return "the kernel began the connection of the program that was started"


def _unix_socket(outside: Outside) -> str:
    if not outside.abstract:
        raise NotHere("only Linux has it")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as unix:
        unix.connect("\0" + outside.abstract)
        unix.sendall(WORDS)
        if unix.recv(16) != b"taken":
            raise OSError("nobody took it")
    raise ToAProgramHere("a unix socket in the abstract namespace; so are some desktop programs")
