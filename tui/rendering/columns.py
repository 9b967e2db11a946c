"""Text in columns of a fixed width."""

from __future__ import annotations

from textual.content import Content

from tui.rendering.safe_text import content


def column(text: str, width: int, *, right: bool = False) -> Content:
    """Foreign text, cleaned, cut with an ellipsis or filled with blanks to exactly `width` cells."""
    if width <= 0:
        return Content("")
    cut = content(text).truncate(width, ellipsis=True)
    missing = width - cut.cell_length
    return cut.pad_left(missing) if right else cut.pad_right(missing)
