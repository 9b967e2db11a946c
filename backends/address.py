"""Where a server is, read from what a person wrote, and what that alone says about who answers there.

Pure: nothing is resolved or dialled here. A name is never loopback except the word "localhost", because a hosts file
or a resolver may send any other name (and that one too, which is why `backends.door` dials literals) elsewhere.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from backends.base import Locality

_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
# Not `is_private`: that also holds test and reserved networks, which are nobody's home.
_PRIVATE = tuple(
    ipaddress.ip_network(network)
    for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10")
)

PORTS = (1234, 8080, 8000)
"""LM Studio's, llama-server's, and vLLM's and llama-cpp-python's, in the order in which one is picked for someone who
named none; Ollama's comes before them."""


class AddressRefused(ValueError):
    """No server is addressed like this; the text says what to write instead."""


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """One server that may be dialled."""

    scheme: str
    """"http" or "https"."""
    host: str
    """Lower case, without brackets or trailing dot."""
    port: int
    path: str = ""
    """Begins with a slash and does not end in one, or is empty."""
    trusted: bool = False
    """The user listed this host as part of their own network."""
    listed: frozenset[str] = frozenset()
    """The literal addresses in the user's list: where a listed name may lead besides private networks."""
    unix_socket: str = ""
    """Path of a socket of ours on which it is reached instead; host and port are then a name only."""
    is_gateway: bool = False
    """What listens there passes words on (Claude behind a gateway): a cloud, however near the address is."""

    @property
    def url(self) -> str:
        """For an HTTP client, without a trailing slash."""
        return f"{self.scheme}://{_bracketed(self.host)}:{self.port}{self.path}"

    @property
    def display(self) -> str:
        """For people: host and port."""
        return display(self.host, self.port)

    @property
    def is_here(self) -> bool:
        """True where the connection ends on this machine, whoever answers behind it."""
        return locality_of(self.host) is Locality.THIS_MACHINE

    @property
    def is_yours(self) -> bool:
        """True for this machine and for a host of the user's network that is in their list."""
        return self.locality is Locality.THIS_MACHINE or (self.trusted and self.locality is Locality.YOUR_NETWORK)

    def may_be(self, peer: str) -> bool:
        """True if a connection to this server may end at the literal address `peer`.

        On this machine that is loopback. A listed host may lead to a private network, or to an address that is listed
        itself: a resolver may send a name anywhere. Elsewhere a certificate says who answers.
        """
        if self.is_here:
            return is_loopback(peer)
        if not self.trusted:
            return True
        return _plain(peer) in {self.host, *self.listed} or locality_of(peer) is not Locality.CLOUD

    @property
    def locality(self) -> Locality:
        """What the address alone says. A server on this machine may still have others answer."""
        return Locality.CLOUD if self.is_gateway else locality_of(self.host, trusted=self.trusted)


def parse_server(url: str, *, default_port: int, trusted_hosts: frozenset[str] = frozenset()) -> ServerAddress:
    """Read an address as a URL, or in the short forms that OLLAMA_HOST has (`host`, `host:port`, `:port`, `::1`).

    A port that is not given is 80 or 443 after `http://` or `https://`, else `default_port`. 0.0.0.0 and :: are where
    a server listens, not where one calls: they mean loopback. Raises `AddressRefused`.
    """
    text = url.strip().strip("\"'").strip()
    if any(ord(character) <= 0x20 or ord(character) == 0x7F for character in text):
        raise AddressRefused(f"{_shown(url)} is no address: it has spaces or control characters in it.")
    scheme, separator, rest = text.partition("://")
    if not separator:
        scheme, rest = "", text
    scheme = scheme.lower()
    if separator and scheme not in ("http", "https"):
        raise AddressRefused(f"{_shown(url)} is no address of a server. Write http://HOST:PORT or https://HOST:PORT.")
    host, port, path = _split(rest, url)
    if not scheme and host == "ollama.com" and port is None:
        scheme = "https"
    if port is None:
        port = {"http": 80, "https": 443}.get(scheme, default_port)
    list_ = frozenset(_plain(trusted_host) for trusted_host in trusted_hosts)
    trusted = host in list_
    listed = frozenset(one for one in list_ if _literal(one) is not None) if trusted else frozenset()
    address = ServerAddress(scheme or "http", host, port, path, trusted, listed)
    if address.scheme == "http" and address.locality is not Locality.THIS_MACHINE and not trusted:
        raise AddressRefused(
            f"{address.display} is not this machine, and plain http would show your words to everyone on the way. "
            f'Write https://, or add trusted_hosts = ["{host}"] to the configuration if that host is yours.'
        )
    return address


def display(host: str, port: int) -> str:
    """An address for people: "127.0.0.1:1234", "[::1]:1234"."""
    return f"{_bracketed(host)}:{port}"


def locality_of(host: str, *, trusted: bool = False) -> Locality:
    """Where a host is, by its literal address or by the user's word; unknown is the cloud."""
    if is_loopback(host) or host == "localhost":
        return Locality.THIS_MACHINE
    if trusted:
        return Locality.YOUR_NETWORK
    address = _literal(host)
    if address is not None and any(address in network for network in _PRIVATE):
        return Locality.YOUR_NETWORK
    return Locality.CLOUD


def is_loopback(host: str) -> bool:
    """True for a literal loopback address; False for every name."""
    address = _literal(host)
    return address is not None and address.is_loopback


def _split(rest: str, url: str) -> tuple[str, int | None, str]:
    """Host, port (None: not given) and path of what follows the scheme."""
    authority, slash, path = rest.partition("/")
    if "@" in authority:
        raise AddressRefused("An address has no user name or password in it. Store a key with `duologue key set`.")
    if "?" in rest or "#" in rest or "\\" in rest:
        raise AddressRefused(f"{_shown(url)} is no address of a server: leave out everything from ?, # or \\ on.")
    if authority.count(":") > 1 and "[" not in authority:
        authority = f"[{authority}]"  # a bare IPv6 address, as OLLAMA_HOST=::1 has it
    try:
        parts = urlsplit(f"//{authority}")
        host, port = parts.hostname or "127.0.0.1", parts.port
    except ValueError as error:
        raise AddressRefused(
            f"{_shown(url)} is no address: {error}. Write HOST:PORT with a port of 1 to 65535."
        ) from error
    if port == 0:
        raise AddressRefused(f"{_shown(url)} is no address: port 0 cannot be called.")
    return _checked(_plain(host), url), port, f"/{path.strip('/')}" if slash and path.strip("/") else ""


def _checked(host: str, url: str) -> str:
    address = _literal(host)
    if address is None:
        # "127.1" or "0x7f000001" are read as addresses by some resolvers and as names by others: as names they stay.
        if not _NAME.fullmatch(host):
            raise AddressRefused(f"{_shown(url)} is no address: {_shown(host)} is no host name.")
        return host
    if address.is_unspecified:
        return "127.0.0.1" if address.version == 4 else "::1"
    return str(address)


def _plain(host: str) -> str:
    """One spelling per host, so that two can be compared."""
    host = host.strip().strip("[]").rstrip(".").lower()
    try:
        host = host.encode("idna").decode("ascii") if not host.isascii() else host
    except UnicodeError:
        return host  # no host name either way; `_checked` says so
    address = _literal(host)
    return host if address is None else str(address)


def _literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that `host` spells; an IPv4 address in IPv6 clothes is the IPv4 one."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "...")
