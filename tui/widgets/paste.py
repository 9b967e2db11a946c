"""Large pastes: a short chip stands in the prompt for the text, the text itself waits aside.

An editor lays out every character it holds: 100 KB on one line cost it 0.7 s per key. So what is large becomes a
chip such as `[pasted 102 KB, 1,270 lines]`, and `unfolded` puts the text back where the chip stands. Nothing is lost
on the way: folding and unfolding give the same text.
"""

from __future__ import annotations

import re

LARGE_BYTES = 8_000
LONG_LINE = 2_000
"""Characters from which on one line alone makes a text large."""
_ROOM = 400
"""Characters of a recalled text that stay editable before and after its chip."""


def is_large(text: str) -> bool:
    """True when an editor would slow down on this text."""
    # A character has at most four bytes, so most texts need no encoding to be told small.
    if len(text) > LARGE_BYTES or (len(text) * 4 > LARGE_BYTES and len(text.encode()) > LARGE_BYTES):
        return True
    return len(text) > LONG_LINE and max(map(len, text.split("\n"))) > LONG_LINE


class Pastes:
    """The texts that stand aside, each under the chip that represents it."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._pattern: re.Pattern[str] | None = None

    def __bool__(self) -> bool:
        return bool(self._texts)

    def chip(self, text: str) -> str:
        """Put a text aside and give the chip for it: one line, and unlike any other chip here."""
        size = len(text.encode())
        amount = f"{size / 1_000_000:.1f} MB" if size >= 1_000_000 else f"{max(1, round(size / 1000))} KB"
        count = text.count("\n") + 1
        about = f"pasted {amount}, {count:,} line{'s' if count > 1 else ''}"
        label, number = f"[{about}]", 1
        while self._texts.get(label, text) != text:
            number += 1
            label = f"[{about}, no. {number}]"
        self._texts[label] = text
        self._pattern = re.compile("|".join(map(re.escape, self._texts)))
        return label

    def forget(self) -> None:
        """Drop every text."""
        self._texts.clear()
        self._pattern = None

    def unfolded(self, text: str) -> str:
        """`text` with each chip replaced by what it stands for."""
        return self._pattern.sub(lambda chip: self._texts[chip.group()], text) if self._pattern else text

    def folded(self, text: str) -> str:
        """`text` with a chip for its middle if it is large: a few words at both ends stay to be edited."""
        if not is_large(text):
            return text
        start = text.rfind("\n", 0, _ROOM) + 1
        end = text.find("\n", len(text) - _ROOM)
        end = len(text) if end < 0 else end
        return text[:start] + self.chip(text[start:end]) + text[end:]

    def spans(self, line: str) -> list[tuple[int, int]]:
        """Where chips stand in one line: start and end columns, from left to right."""
        return [chip.span() for chip in self._pattern.finditer(line)] if self._pattern else []
