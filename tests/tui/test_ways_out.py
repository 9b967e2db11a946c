"""What no module of the program does, because words would leave by it: links, notifications, titles, pictures."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
SOURCES = [
    path for package in ("backends", "conversation", "storage", "tui") for path in (PROJECT / package).rglob("*.py")
]

WAYS = {
    "opens a link": r"\bopen_url\(",
    "shows a notification, whose text is parsed as markup": r"\.notify\(",
    "sets the window's title": r"\\x1b\]0|\\033\]0|setproctitle|\.sub_title\b",
    "takes a picture of the screen": r"(save|deliver|export)_screenshot|export_(text|svg|html)\(",
    "shows variables in a traceback": r"show_locals\s*=\s*True|rich\.traceback",
    "makes a link that the terminal opens": r"\\x1b\]8|Style\([^)]*\blink=",
}
ALLOWED = {"takes a picture of the screen": ["tui/screenshot.py"]}
"""Where it is done, once; test_screenshot.py says on what terms."""


@pytest.mark.parametrize("way", WAYS)
def test_no_module(way: str) -> None:
    assert SOURCES
    found = [str(path.relative_to(PROJECT)) for path in SOURCES if re.search(WAYS[way], path.read_text("utf-8"))]
    assert found == ALLOWED.get(way, [])
