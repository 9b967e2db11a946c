"""A picture of the session on screen, as an SVG file: the one place that takes one.

Only the chat screen is drawn, never a dialog with a key in it or a list of other sessions. A confidential session
gives no picture, and there is no way to agree to one: `/export` writes it after saying who can read it then. The name
of the file and the title in it hold no word of the conversation, and a viewer fetches nothing to show the picture.
"""

from __future__ import annotations

import asyncio
import re
from datetime import datetime
from pathlib import Path
from typing import Any

from textual.app import App

from storage.errors import StoreError
from storage.new_file import FileExists, new_text_file
from tui.rendering.safe_text import clean
from tui.typed_path import typed_path

CONFIDENTIAL = (
    "No picture is taken of a confidential session. /export writes it into a file, after saying who can read it."
)
ELSEWHERE = "A picture is taken of the session alone. Press Esc to go back to it first."
_TITLE = "Duologue"
_ENDING = ".svg"
# Rich's template has its font fetched from a server. No words of a person look like this: their blanks are `&#160;`.
_FETCHED_FONT = re.compile(r"@font-face \{[^}]*\}\s*")
_NO_XML = re.compile("[\ufffe\uffff]")
"""What `clean` lets through and XML does not."""


def picture(app: App[Any]) -> str:
    """What the app shows now, as SVG."""
    drawn = _FETCHED_FONT.sub("", app.export_screenshot(title=_TITLE))
    return _NO_XML.sub("\ufffd", clean(drawn))


async def keep_picture(svg: str, wanted: str, taken: datetime) -> str:
    """Write it into the file or folder that was typed, else where the program was started; what to say about it.

    Raises `StoreError`; there is then no file, or the one that was there.
    """
    path = _path(wanted, taken)
    try:
        await asyncio.to_thread(_write, path, svg)
    except FileExists as error:
        raise StoreError(f"There is a file {path} already. Write /screenshot with another name.") from error
    return f"Screenshot written to {path}."


def _path(wanted: str, taken: datetime) -> Path:
    name = f"duologue-{taken.astimezone():%Y%m%d-%H%M%S-%f}{_ENDING}"
    path = typed_path(wanted.strip() or ".", name)
    return path if path.suffix else path.with_name(path.name + _ENDING)


def _write(path: Path, svg: str) -> None:
    with new_text_file(path) as file:
        file.write(svg)
