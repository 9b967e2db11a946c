"""Foreign text as it may stand in a file that people open: nothing in it commands a terminal or hides.

Milder than `safe_text.clean`, which is for cells on a screen: tabs, emoji sequences and the marks that some scripts
need stay, because a file is copied from. The raw words are in the JSON forms.
"""

from __future__ import annotations

import re

_CONTROLS = "\x00-\x08\x0b-\x1f\x7f-\x9f"
_BIDI = "\u202a-\u202e\u2066-\u2069"
_HIDDEN = "\u200b\u2060-\u2064\u206a-\u206f\ufeff\ufff9-\ufffb\u115f\u1160\u3164\uffa0\U000e0000-\U000e007f"
_UNFIT = re.compile(f"[{_CONTROLS}{_BIDI}{_HIDDEN}\u2028\u2029\ud800-\udfff]")
# The three flags that are written with tags: England, Scotland, Wales.
_FLAG = re.compile("(\U0001f3f4[\U000e0061-\U000e007a]{5}\U000e007f)")


def readable(text: str) -> str:
    """The text with LF at its line ends and every control or hidden character made visible."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if _UNFIT.search(text) is None:
        return text
    return "".join(part if _FLAG.fullmatch(part) else _UNFIT.sub(_shown, part) for part in _FLAG.split(text))


def _shown(found: re.Match[str]) -> str:
    code = ord(found.group())
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    if code in (0x2028, 0x2029):
        return "\n"
    return "\ufffd" if 0xD800 <= code <= 0xDFFF else f"<U+{code:04X}>"
