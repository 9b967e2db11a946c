"""The few rtnetlink messages that lay the wire between two network namespaces (rtnetlink(7)), so no `ip` is needed.

Every function acts on the network namespace of the calling process and raises `OSError` with the kernel's reason.
"""

from __future__ import annotations

import os
import socket
import struct

_NEWLINK, _NEWADDR, _NEWROUTE = 16, 20, 24
_REQUEST, _ACK, _CREATE, _EXCLUSIVE = 0x1, 0x4, 0x400, 0x200
_IFF_UP = 0x1
_NO_DUPLICATE_SEARCH = 0x02  # IFA_F_NODAD: the address can be used at once
_IFLA_IFNAME, _IFLA_LINKINFO, _IFLA_NET_NS_PID = 3, 18, 19
_INFO_KIND, _INFO_DATA, _VETH_PEER = 1, 2, 1
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_RTA_OIF, _RTA_GATEWAY = 4, 5
_TABLE_MAIN, _PROTOCOL_BOOT, _SCOPE_UNIVERSE, _SCOPE_HOST, _UNICAST, _LOCAL = 254, 3, 0, 254, 1, 2


def add_wire(here: str, there: str, pid: int) -> None:
    """A pair of connected interfaces: `here` in this namespace, `there` in that of process `pid`."""
    peer = (
        _link_header() + _attribute(_IFLA_IFNAME, _name(there)) + _attribute(_IFLA_NET_NS_PID, struct.pack("I", pid))
    )
    info = _attribute(_INFO_KIND, b"veth") + _attribute(_INFO_DATA, _attribute(_VETH_PEER, peer))
    body = _link_header() + _attribute(_IFLA_IFNAME, _name(here)) + _attribute(_IFLA_LINKINFO, info)
    _ask(_NEWLINK, _CREATE | _EXCLUSIVE, body)


def set_up(interface: str) -> None:
    """Switch an interface on."""
    _ask(_NEWLINK, 0, struct.pack("BxHiII", socket.AF_UNSPEC, 0, socket.if_nametoindex(interface), _IFF_UP, _IFF_UP))


def add_address(interface: str, address: str, prefix: int) -> None:
    """Give an interface an IPv4 or IPv6 address."""
    family, packed = _packed(address)
    head = struct.pack("BBBBI", family, prefix, _NO_DUPLICATE_SEARCH, 0, socket.if_nametoindex(interface))
    body = head + _attribute(_IFA_LOCAL, packed) + _attribute(_IFA_ADDRESS, packed)
    _ask(_NEWADDR, _CREATE | _EXCLUSIVE, body)


def add_default_route(interface: str, gateway: str) -> None:
    """Send everything that has no better route to `gateway`."""
    family, packed = _packed(gateway)
    head = struct.pack("BBBBBBBBI", family, 0, 0, 0, _TABLE_MAIN, _PROTOCOL_BOOT, _SCOPE_UNIVERSE, _UNICAST, 0)
    out = struct.pack("I", socket.if_nametoindex(interface))
    _ask(_NEWROUTE, _CREATE, head + _attribute(_RTA_GATEWAY, packed) + _attribute(_RTA_OIF, out))


def own_every_address(family: int) -> None:
    """Take every address of the family for one of this namespace's own (Linux calls it AnyIP).

    The route stands in the main table, after the routes to real neighbours, so answers still find their way back.
    """
    head = struct.pack("BBBBBBBBI", family, 0, 0, 0, _TABLE_MAIN, _PROTOCOL_BOOT, _SCOPE_HOST, _LOCAL, 0)
    _ask(_NEWROUTE, _CREATE, head + _attribute(_RTA_OIF, struct.pack("I", socket.if_nametoindex("lo"))))


def _packed(address: str) -> tuple[int, bytes]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return family, socket.inet_pton(family, address)


def _link_header() -> bytes:
    return struct.pack("BxHiII", socket.AF_UNSPEC, 0, 0, 0, 0)


def _name(interface: str) -> bytes:
    return interface.encode() + b"\0"


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("HH", 4 + len(value), kind) + value + b"\0" * (-len(value) % 4)


def _ask(kind: int, flags: int, body: bytes) -> None:
    message = struct.pack("IHHII", 16 + len(body), kind, _REQUEST | _ACK | flags, 1, 0) + body
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as netlink:
        netlink.send(message)
        answer = netlink.recv(65536)
    code = -struct.unpack_from("i", answer, 16)[0]
    if code:
        raise OSError(code, f"rtnetlink {kind}: {os.strerror(code)}")
