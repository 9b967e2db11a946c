"""Text that tries to command a terminal, hide, or break a layout; for every way in which text is shown."""

import re

COMMANDING = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ud800-\udfff"
    "\U000e0000-\U000e0fff]"
)
"""What must be in nothing that is shown (newlines are for whoever splits lines)."""

HOSTILE = (
    "\x1b]0;PWN\x07",
    "\x1b]52;c;UFdO\x1b\\",
    "\x1b[6n",
    "\x1b[21t",
    "\x1b[2J\x1b[H",
    "\x9b6n",
    "\x9d0;x\x9c",
    "\x1bP+q544e\x1b\\",
    "\x1b_Gf=100\x1b\\",
    "\x1b]8;;http://e\x1b\\t\x1b]8;;\x1b\\",
    "\x1b]1337;File=:AA\x07",
    "\x08" * 9,
    "a\rb",
    "\x0e\x0f",
    "\x00",
    "\x7f",
    "\u202egpj.exe",
    "\u2066x\u2069",
    "a\u200bb",
    "\U000e0049\U000e0067",
    "\ud800",
    "\ufeffx",
    "x" + "\u0301" * 500,
    "x" + "\u0301\u200b" * 100,
    "\u2028",
    "[/nope] [bold]x [@click=app.quit]y[/]",
    "\x1b" * 50,
)
