"""Rough token counts for the line above the prompt. Estimates only, always shown with "about".

Nothing is sent anywhere to count: counting at a server is sending.
"""

from __future__ import annotations

import math

BYTES_PER_TOKEN = 4.0
"""English prose has about 4.2 bytes a token with current vocabularies, code about 3.3, CJK text about 3."""


def tokens(text: str) -> int:
    """About how many tokens `text` has."""
    return math.ceil(len(text.encode("utf-8", "replace")) / BYTES_PER_TOKEN)
