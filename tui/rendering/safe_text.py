"""The door for foreign text: what models, servers, files and other people wrote, made safe to show.

Everything that was not written in this repository goes through `clean` (or `Cleaner`, while it streams) before it is
drawn, and enters a Textual widget only as `content(...)`: a `str` handed to a widget is parsed as markup, which
interprets `[bold]` and ends the program on `[/x]`. `LineGuard` is the wall behind the door: a line filter that takes
out whatever control character still reached a widget.

Nothing here changes what is stored: the store keeps the raw words, cleaning is a matter of showing. Escape sequences
are not parsed: the one character that starts them is made visible, and the rest is ordinary text.

This module loads without Textual, because the subcommands of the command line clean their output as well.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.content import Content

    from tui.rendering.line_guard import LineGuard as LineGuard

TAB = "    "
"""A tab's width depends on the column it stands in, which wrapping changes; four spaces do not."""

MARKS_KEPT = 4
"""Combining marks kept on one character. Vietnamese needs two, pointed Hebrew three; zalgo uses dozens."""

_COMBINING = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670"
    "\u06d6-\u06dc\u06df-\u06e4\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20f0\u302a-\u302f"
    "\u3099\u309a\ufe20-\ufe2f"
)
# Zero-width and filler characters, bidi marks, soft hyphen, interlinear and musical controls, tags, and what changes
# the width of the emoji before it: variation selectors and skin tones, about which terminals disagree (tmux moves the
# cursor by four cells for a skin tone), so that in two columns the right one would shift.
_INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2060-\u2065\u206a-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufffb\U0001d173-\U0001d17a\U0001f3fb-\U0001f3ff\U000e0000-\U000e0fff"
)
_BIDI = "\u202a-\u202e\u2066-\u2069"
_OTHER_NEWLINES = "\x0b\x0c\x85\u2028\u2029"
_CONTROLS = "\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f"
_SURROGATES = "\ud800-\udfff"

_FOREIGN = re.compile(f"[\t{_OTHER_NEWLINES}{_CONTROLS}{_BIDI}{_SURROGATES}{_INVISIBLE}]")
_TOO_MANY_MARKS = re.compile(f"([{_COMBINING}]{{{MARKS_KEPT}}})[{_COMBINING}]+")
_MARKS_AT_END = re.compile(f"[{_COMBINING}]+\\Z")


def _shown(found: re.Match[str]) -> str:
    character = found.group()
    code = ord(character)
    if character == "\t":
        return TAB
    if character in _OTHER_NEWLINES:
        return "\n"
    if code < 0x20:
        return chr(0x2400 + code)  # the control pictures: ␛ for ESC
    if code == 0x7F:
        return "\u2421"
    if code < 0xA0 or 0x202A <= code <= 0x202E or 0x2066 <= code <= 0x2069 or 0xD800 <= code <= 0xDFFF:
        return "\ufffd"
    return ""


def _without_foreign(text: str) -> str:
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text if _FOREIGN.search(text) is None else _FOREIGN.sub(_shown, text)


def clean(text: str) -> str:
    """Return `text` as it may be shown: lines end in LF, nothing is invisible, nothing commands a terminal.

    Cleaning twice changes nothing more.
    """
    text = _without_foreign(text)
    if text.isascii():
        return text
    return _TOO_MANY_MARKS.sub(r"\1", text)


def one_line(text: str, limit: int = 80) -> str:
    """Return cleaned text for a title or a message: white space runs become one space; at most `limit` cells."""
    from rich.cells import cell_len, set_cell_size

    # Four characters per cell are plenty even where most are dropped; a megabyte is not cleaned to show 80 cells.
    line = " ".join(clean(text[: 4 * limit + 1000]).split())
    if cell_len(line) <= limit:
        return line
    return set_cell_size(line, max(0, limit - 1)).rstrip() + "…"


def content(text: str) -> Content:
    """Return cleaned text as plain Content: the only way in which foreign text enters a Textual widget."""
    from textual.content import Content

    return Content(clean(text))


class Cleaner:
    """`clean` for text that arrives in pieces: the pieces joined equal the whole cleaned at once.

    Only two things need to be seen together: CR with the LF after it, and the combining marks of one character.
    They are held back until the next piece, or `end`.
    """

    def __init__(self) -> None:
        self._return = ""
        self._marks = ""

    def feed(self, piece: str) -> str:
        """Take the next piece as it came, and return what can be shown by now."""
        piece = self._return + piece
        self._return = "\r" if piece.endswith("\r") else ""
        text = self._marks + _without_foreign(piece[:-1] if self._return else piece)
        self._marks = ""
        if text.isascii():
            return text
        if marks := _MARKS_AT_END.search(text):
            # One more than may stay is enough to remember: what follows is cut either way.
            self._marks = marks.group()[: MARKS_KEPT + 1]
            text = text[: marks.start()]
        return _TOO_MANY_MARKS.sub(r"\1", text)

    def end(self) -> str:
        """Return what was held back; nothing follows."""
        held = _TOO_MANY_MARKS.sub(r"\1", self._marks) + ("\n" if self._return else "")
        self._return = self._marks = ""
        return held


def __getattr__(name: str) -> object:
    """Load the wall only where Textual is in use anyway."""
    if name == "LineGuard":
        from tui.rendering.line_guard import LineGuard

        return LineGuard
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
