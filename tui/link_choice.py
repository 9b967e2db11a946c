"""Opening a link of an answer: which one, a question with its exact address, and then the browser.

In a confidential session nothing is opened: the browser would tell the link's host that somebody reads it, and the
address may carry words of the session.
"""

from __future__ import annotations

from collections.abc import Callable

from textual.app import App

from tui.links import Link, links_in
from tui.screens.confirm import Confirm
from tui.services import Services

REFUSED = "A confidential session opens no links: the browser would go to the network for them."
NONE = "There is no link in this answer that could be opened: only http and https addresses are."


async def open_link(
    app: App[int], services: Services, markdown: str, *, confidential: bool, copy: Callable[[str], None]
) -> str:
    """Let a person choose and open a link of this text; what to say about it, "" for nothing.

    Where no browser can be opened from here, the address is given to `copy` instead.
    """
    if confidential:
        return REFUSED
    links = links_in(markdown)
    if not links:
        return NONE
    link = links[0] if len(links) == 1 else await _chosen(app, links)
    if link is None:
        return ""
    opens = services.open_address
    if not await app.push_screen_wait(_question(link, copies=opens is None)):
        return ""
    if opens is None:
        copy(link.address)
        return ""
    if not opens(link.address):
        return f"The browser could not be started. The address is {link.address}"
    return f"Your browser opens {link.host}."


async def _chosen(app: App[int], links: list[Link]) -> Link | None:
    from tui.screens.links import LinkPicker

    return await app.push_screen_wait(LinkPicker(links))


def _question(link: Link, *, copies: bool) -> Confirm:
    warning = (
        ["The host is written with unusual letters and may be made to look like another one."]
        if link.looks_otherwise
        else []
    )
    if copies:
        sentences = [link.address, *warning, "No browser can be opened from here; the address can be copied."]
        return Confirm("Copy this address?", sentences, yes="Copy it", no="Leave it")
    sentences = [link.address, *warning, f"Your browser will go to {link.host}. A model wrote this address, not you."]
    return Confirm("Open this address?", sentences, yes="Open it", no="Leave it")
