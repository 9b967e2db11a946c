"""The words around a place that a search has found, on one line."""

from __future__ import annotations

from textual.content import Content
from textual.style import Style

from storage import Hit
from tui.rendering.safe_text import content


def found_words(hit: Hit, found: Style) -> Content:
    """The snippet of a hit, with what was looked for in the style `found`."""
    pieces = [content(words).stylize(found) if is_found else content(words) for words, is_found in hit.snippet]
    # Lines were joined before; what cleaning makes of a rare separator is no second line either.
    return Content.assemble(*(Content(" ").join(piece.split("\n")) for piece in pieces))
