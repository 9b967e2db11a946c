"""Every frame that leaves through one interface, read from the kernel as tcpdump would (packet(7))."""

from __future__ import annotations

import base64
import codecs
import socket
import struct
import threading
from collections import Counter
from collections.abc import Sequence

_ALL_PROTOCOLS, _OUTGOING = 3, 4
_UTF_16 = codecs.lookup("utf-16-le")  # now: another user may not be allowed to read the codec's file
_SOL_PACKET, _STATISTICS = 263, 6
_ARP, _IPV4, _IPV6 = 0x0806, 0x0800, 0x86DD
_PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmp6", 132: "sctp"}
# Sent by the kernel itself as soon as an interface is up: multicast listener reports (130-132, 143), router and
# neighbour discovery (133-137).
_HOUSEKEEPING = frozenset((130, 131, 132, 133, 134, 135, 136, 137, 143))
_MULTICAST_REPORT = 0  # the hop-by-hop header that only those reports carry here


def spellings(canary: str) -> list[bytes]:
    """The forms in which a text may be on the wire: as it is, hexadecimal, percent-encoded, UTF-16, base64."""
    raw = canary.encode()
    forms = {raw, raw.hex().encode(), raw.hex().upper().encode(), _UTF_16.encode(canary)[0]}
    forms.add("".join(f"%{byte:02X}" for byte in raw).encode())
    for offset in range(3):  # the three alignments, without the edges that depend on what stands beside it
        encoded = base64.b64encode(b"\0" * offset + raw).rstrip(b"=")
        forms.add(encoded[(0, 2, 3)[offset] : -1])
    return [form for form in forms if len(form) >= 6]


class Capture(threading.Thread):
    """Counts and looks through frames until the one that holds `last`."""

    def __init__(self, interface: str, canaries: Sequence[str], last: bytes) -> None:
        super().__init__(name="capture", daemon=True)
        self.packets: Counter[str] = Counter()
        """By protocol, address and port, as "udp 192.0.2.1:53"."""
        self.sightings: Counter[str] = Counter()
        """How many frames held each canary."""
        self.dropped = 0
        """Frames that the kernel could not keep for us: more than 0, and the counts prove nothing."""
        self._canaries = {canary: spellings(canary) for canary in canaries}
        self._last = last
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL_PROTOCOLS))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 20)  # the kernel gives what it may
        self._socket.bind((interface, 0))

    def run(self) -> None:
        with self._socket:
            while True:
                frame, address = self._socket.recvfrom(1 << 17)
                if address[2] != _OUTGOING:
                    continue
                if self._last in frame:
                    break
                self._look_at(frame)
            self.dropped = struct.unpack("II", self._socket.getsockopt(_SOL_PACKET, _STATISTICS, 8))[1]

    def _look_at(self, frame: bytes) -> None:
        if (target := _target(frame)) is None:
            return
        self.packets[target] += 1
        for canary, forms in self._canaries.items():
            if any(form in frame for form in forms):
                self.sightings[canary] += 1


def _target(frame: bytes) -> str | None:
    """Where a frame goes; None for the kernel's own housekeeping."""
    kind = struct.unpack_from("!H", frame, 12)[0]
    match kind:
        case _ if kind == _ARP:
            return None
        case _ if kind == _IPV4 and len(frame) >= 34:
            protocol, at = frame[23], 14 + (frame[14] & 15) * 4
            address = socket.inet_ntoa(frame[30:34])
        case _ if kind == _IPV6 and len(frame) >= 54:
            protocol, at = frame[20], 54
            address = f"[{socket.inet_ntop(socket.AF_INET6, frame[38:54])}]"
        case _:
            return f"frame {kind:#06x}"
    name = _PROTOCOLS.get(protocol, str(protocol))
    if kind == _IPV6 and (
        protocol == _MULTICAST_REPORT or (name == "icmp6" and frame[at : at + 1] and frame[at] in _HOUSEKEEPING)
    ):
        return None
    if name in ("tcp", "udp", "sctp") and len(frame) >= at + 4:
        return f"{name} {address}:{struct.unpack_from('!H', frame, at + 2)[0]}"
    return f"{name} {address}"
