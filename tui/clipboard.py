"""What copying means, in words: where the text goes, said before it goes there.

A terminal program copies by asking its terminal to (OSC 52), and the terminal may stand on another machine. So text
of a confidential session stays inside the program, where Ctrl+V finds it, until the user lets it out, asked each
time; over SSH the first copy of a run asks as well. `DuologueApp.copy_to_clipboard`, the one way out, follows this.
"""

from __future__ import annotations

from tui.screens.confirm import Confirm

_HERE = "the terminal's clipboard"
_OVER_SSH = "the clipboard of the machine that you sit at, through your terminal (OSC 52)"
STAYED = "It stays inside this program."
NOTHING = "Nothing has been copied yet. Ctrl+C copies what is selected."


def kept_inside(what: str, text: str) -> str:
    """What is said of a copy in a confidential session."""
    return (
        f"Copied {what} ({len(text):,} characters) inside this program only: Ctrl+V pastes it here. "
        "/copy-out puts it on the terminal's clipboard, after a question."
    )


def went_out(what: str, text: str, *, over_ssh: bool) -> str:
    """What is said of a copy that has left."""
    return f"Copied {what} ({len(text):,} characters) to {_OVER_SSH if over_ssh else _HERE}."


def may_it_leave(text: str, *, confidential: bool, over_ssh: bool) -> Confirm:
    """The question before text goes out."""
    where = _OVER_SSH if over_ssh else _HERE
    sentences = [f"{len(text):,} characters go to {where}."]
    if confidential:
        sentences.append("They are of a confidential session. Every program there can read them, and some keep them.")
    if over_ssh:
        sentences.append("They leave this machine with that.")
    return Confirm("Copy this out of the program?", sentences, yes="Copy it", no="Keep it inside")
