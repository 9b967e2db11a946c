"""Links in answers: which addresses there are, exactly, and which of them may be opened at all.

An answer's text is not to be trusted: the words of a link may say one host and its address another, a host may be
written in letters that look like others, and a "user" before an @ may look like the host. So what is shown and opened
is the address itself, in ASCII, and nothing but http and https to a host without user information.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote, urlsplit, urlunsplit

LONGEST = 2_000
"""Characters of an address; browsers take more, people read less."""
MOST = 200
"""Links of one answer that are offered."""

_BARE = re.compile(r"https?://[^\s<>\"'`\\]+", re.IGNORECASE)
_TRAILING = ".,;:!?*_~"


@dataclass(frozen=True, slots=True)
class Link:
    """One address that can be opened."""

    address: str
    """ASCII; exactly what a browser is given."""
    host: str
    looks_otherwise: bool
    """True: the host was written with other letters than those it stands for."""


def links_in(markdown: str) -> list[Link]:
    """The openable links of an answer, in their order, each once."""
    found = dict[str, Link]()
    for address in _addresses(markdown):
        link = exact(address)
        if link is not None and len(found) < MOST:
            found.setdefault(link.address, link)
    return list(found.values())


def exact(address: str) -> Link | None:
    """An address in the form in which it is opened; None for what is not opened."""
    if len(address) > LONGEST or any(character <= " " or character == "\x7f" for character in address):
        return None
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
        ascii_host = host.encode("idna").decode("ascii").lower()
    except (ValueError, UnicodeError):
        return None
    if parts.scheme.lower() not in ("http", "https") or not ascii_host or "@" in parts.netloc:
        return None
    shown_host = f"[{ascii_host}]" if ":" in ascii_host else ascii_host
    netloc = shown_host if port is None else f"{shown_host}:{port}"
    path, query, fragment = (_ascii(piece) for piece in (parts.path, parts.query, parts.fragment))
    whole = urlunsplit((parts.scheme.lower(), netloc, path, query, fragment))
    return Link(whole, ascii_host, looks_otherwise=not host.isascii() or "xn--" in ascii_host)


def _ascii(piece: str) -> str:
    return quote(piece, safe="/%:@!$&'()*+,;=-._~?[]")


def _addresses(markdown: str) -> Iterator[str]:
    """The addresses of a Markdown text: of its links, and those that stand in it as they are."""
    from markdown_it import MarkdownIt

    for block in MarkdownIt("commonmark").parse(markdown):
        for token in block.children or [block]:
            if token.type == "link_open":
                yield str(token.attrs.get("href", ""))
            elif token.type in ("text", "code_inline", "fence", "code_block"):
                for bare in _BARE.findall(token.content):
                    yield _without_trailing(bare)


def _without_trailing(bare: str) -> str:
    """Without the sentence's own marks; a closing bracket belongs to the address only if it opens there."""
    while bare and (
        bare[-1] in _TRAILING or (bare[-1] in ")]}" and bare.count(bare[-1]) > bare.count(_OPENS[bare[-1]]))
    ):
        bare = bare[:-1]
    return bare


_OPENS = {")": "(", "]": "[", "}": "{"}
