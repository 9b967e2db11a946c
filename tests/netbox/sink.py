"""The whole Internet, as far as the box can tell: it answers for every address, and writes down what it was sent.

On each port of `PORTS` it speaks HTTP: as a web server, as a proxy (also CONNECT), and as an Ollama whose answer says
so. On UDP port 53 it answers every name with one address. A leak thus goes all the way, is seen, and harms nobody.
"""

from __future__ import annotations

import json
import re
import selectors
import socket
import struct
import threading
from typing import IO, Any

PORTS = (22, 25, 53, 80, 443, 853, 1080, 1234, 3128, 4317, 4318, 6006, 8000, 8080, 8081, 8443, 8888, 9000, 11434)
DNS_PORT = 53
EVERY_NAME = "203.0.113.7"
ANSWER = "answer from the sink"
_PACKET_INFO_WANTED, _PACKET_INFO = 49, 50  # IPV6_RECVPKTINFO, IPV6_PKTINFO
_PATIENCE_SECONDS = 2.0
_LARGEST = 1 << 20


class Sink:
    """Serves until somebody asks for the name `last`."""

    def __init__(self, log: IO[str], last: str) -> None:
        self._log = log
        self._last = last
        self._writing = threading.Lock()
        self._at_work: list[threading.Thread] = []
        self._ports = [_listener(port) for port in PORTS]
        self._dns = _dns_socket()

    def serve(self) -> None:
        with selectors.DefaultSelector() as selector:
            for listener in self._ports:
                selector.register(listener, selectors.EVENT_READ)
            selector.register(self._dns, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is not self._dns:
                        assert isinstance(key.fileobj, socket.socket)
                        self._accept(key.fileobj)
                    elif not self._answer_dns():
                        self._finish()
                        return

    def _finish(self) -> None:
        for listener in self._ports:  # those that are connected and not yet looked at
            listener.settimeout(0)
            try:
                while True:
                    self._accept(listener)
            except BlockingIOError:
                pass
        for thread in self._at_work:
            thread.join()

    def _note(self, **what: Any) -> None:
        with self._writing:
            self._log.write(json.dumps(what) + "\n")
            self._log.flush()

    def _answer_dns(self) -> bool:
        question, ancillary, _, asker = self._dns.recvmsg(4096, 256)
        labels, at = [], 12
        try:
            while question[at]:
                labels.append(question[at + 1 : at + 1 + question[at]].decode("latin-1"))
                at += 1 + question[at]
            kind = struct.unpack_from("!H", question, at + 1)[0]
        except (IndexError, struct.error):
            return True  # no question; the capture has it
        name = ".".join(labels)
        if name == self._last:
            return False
        self._note(kind="dns", name=name)
        record = b""
        if kind == 1:
            record = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x01\x00\x04" + socket.inet_aton(EVERY_NAME)
        head = question[:2] + b"\x81\x80\x00\x01" + struct.pack("!H", 1 if record else 0) + b"\0\0\0\0"
        # Answered from the address that was asked, of which the sink has all.
        where = [(level, what, data) for level, what, data in ancillary if what == _PACKET_INFO]
        self._dns.sendmsg([head + question[12 : at + 5] + record], where, 0, asker)
        return True

    def _accept(self, listener: socket.socket) -> None:
        connection, _ = listener.accept()
        thread = threading.Thread(target=self._converse, args=(connection,), daemon=True)
        self._at_work.append(thread)
        thread.start()

    def _converse(self, connection: socket.socket) -> None:
        address, port = connection.getsockname()[:2]
        connection.settimeout(_PATIENCE_SECONDS)
        got = bytearray()
        try:
            self._exchange(connection, got)
        except OSError:
            pass  # it went away, or says no more: what it said is written down all the same
        finally:
            connection.close()
            self._note(kind="tcp", address=address.removeprefix("::ffff:"), port=port, text=got.decode("latin-1"))

    def _exchange(self, connection: socket.socket, got: bytearray) -> None:
        while b"\r\n\r\n" not in got and len(got) < _LARGEST:
            if not _received(connection, got):
                return
        head, _, _ = bytes(got).partition(b"\r\n\r\n")
        if head.startswith(b"CONNECT"):
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            _received(connection, got)
            return
        length = re.search(rb"(?i)content-length: *(\d+)", head)
        while len(got) - len(head) - 4 < (int(length[1]) if length else 0):
            if not _received(connection, got):
                return
        text = _ollama_answer() if b"/api/chat" in head else "{}"
        connection.sendall(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n"
            + f"content-length: {len(text)}\r\n\r\n{text}".encode()
        )


def _received(connection: socket.socket, got: bytearray) -> bool:
    piece = connection.recv(65536)
    got += piece
    return bool(piece)


def _ollama_answer() -> str:
    message = {"role": "assistant", "content": ANSWER}
    done = {"done": True, "done_reason": "stop", "message": message}
    return json.dumps({"model": "sink", "created_at": "2026-01-01T00:00:00Z", **done}) + "\n"


def _listener(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    listener.bind(("::", port))
    listener.listen(64)
    return listener


def _dns_socket() -> socket.socket:
    dns = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    dns.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    dns.setsockopt(socket.IPPROTO_IPV6, _PACKET_INFO_WANTED, 1)
    dns.bind(("::", DNS_PORT))
    return dns
