"""The wall behind the door: no control character leaves for the terminal, whichever widget drew it.

One instance belongs to the app, which returns it from `App.get_line_filters()`; one only, because strips cache what a
filter made of them by the filter's identity.
"""

from __future__ import annotations

import re

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

# All C0 (a finished line has no tab and no newline), DEL, C1, bidi embeddings, overrides, isolates, line separators,
# surrogates (which no terminal's encoder takes). Zero-width characters are the door's business: they command nothing.
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029\ud800-\udfff]")


class LineGuard(LineFilter):
    """Takes out what a terminal might obey."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002 - the base class's signature
        """Return the segments without forbidden characters, and without links that hold one."""
        if not any(self._forbidden(segment) for segment in segments):
            return segments
        return [self._guarded(segment) for segment in segments]

    @staticmethod
    def _forbidden(segment: Segment) -> bool:
        text, style, _ = segment
        if _FORBIDDEN.search(text):
            return True
        return style is not None and style.link is not None and _FORBIDDEN.search(style.link) is not None

    @staticmethod
    def _guarded(segment: Segment) -> Segment:
        text, style, control = segment
        if control:
            return segment
        if style is not None and style.link is not None and _FORBIDDEN.search(style.link):
            style = style.update_link(None)
        # Rich counts no cell for these characters and one for a lone surrogate: what is printed must be as wide as
        # what was counted, or everything to the right of it shifts.
        return Segment(_FORBIDDEN.sub(lambda found: "\ufffd" if found.group() >= "\ud800" else "", text), style)
