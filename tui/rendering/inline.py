"""What stands inside a paragraph, a heading or a table cell: Markdown's inline tokens to runs of text.

Links are shown, not made: `text (host)` where the words do not tell where it leads, and nothing that a click opens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tui.rendering.lines import Ink, Role, Run
from tui.rendering.safe_text import clean, one_line

if TYPE_CHECKING:
    from markdown_it.token import Token

_CODE = Ink(Role.CODE)


def runs_of(inline: Token, base: Ink) -> list[Run]:
    """Return the runs of one inline token; newlines in them are line breaks of the source.

    Line breaks are kept where Markdown would join lines: models break lines where they mean it (verse, addresses).
    """
    return list(_runs(inline.children or (), base))


def _runs(tokens: Sequence[Token], base: Ink) -> Iterator[Run]:
    inks = [base]
    links: list[tuple[str, list[str]]] = []
    for token in tokens:
        match token.type:
            case "softbreak" | "hardbreak":
                yield "\n", inks[-1]
                continue
            case "strong_open":
                inks.append(inks[-1]._replace(bold=True))
                continue
            case "em_open":
                inks.append(inks[-1]._replace(italic=True))
                continue
            case "s_open":
                inks.append(inks[-1]._replace(strike=True))
                continue
            case "link_open":
                inks.append(inks[-1]._replace(role=Role.LINK, underline=True))
                links.append((str(token.attrs.get("href", "")), []))
                continue
            case "link_close":
                inks.pop()
                href, shown = links.pop()
                if where := _destination(href, "".join(shown)):
                    yield f" ({where})", Ink(Role.DIM)
                continue
            case "strong_close" | "em_close" | "s_close":
                inks.pop()
                continue
            case "code_inline":
                text, ink = token.content, _CODE if inks[-1].role is Role.TEXT else inks[-1]
            case "image":
                text, ink = f"[image: {token.content}]", Ink(Role.DIM)
            case _:
                text, ink = token.content, inks[-1]
        # Entities are resolved after the door: `&#x202E;` and `&NewLine;` come in here.
        text = clean(text).replace("\n", " ")
        if links:
            links[-1][1].append(text)
        yield text, ink


def _destination(href: str, shown: str) -> str:
    """Where a link leads, if its words do not say so: the host, or for other kinds of links the address."""
    address = one_line(href, 60)
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        return address
    if not host:
        return "" if address.removeprefix("mailto:") == shown or address.startswith("#") else address
    said = shown.removeprefix(f"{parts.scheme}://")
    return "" if said == host or said.startswith((f"{host}/", f"{host}:", f"{host}?", f"{host}#")) else host
