"""Editing the draft in the user's editor: the question in a confidential session, and the terminal handed over."""

from __future__ import annotations

from typing import Protocol

from textual.app import App, SuspendNotSupported

from tui.external_editor import NO_EDITOR, EditFailed
from tui.screens.confirm import Confirm
from tui.services import Services

_WARNING = (
    "An editor is another program. It may keep your text in swap files, undo files or backups, elsewhere too.",
    "A plug-in of it, above all one that completes with AI, may send your text away.",
    "The file itself is readable by you alone, and is removed when the editor ends.",
)
_NO_TERMINAL = "The terminal cannot be handed to an editor here."


class Draft(Protocol):
    """What stands in the prompt box."""

    @property
    def draft(self) -> str:
        """The text."""

    def replace_draft(self, text: str) -> None:
        """Another text in its place."""


async def edit_draft(app: App[int], services: Services, box: Draft, *, confidential: bool) -> str:
    """Have the draft edited; what to say about it, "" for nothing. Answers go on streaming meanwhile, unseen."""
    if services.edit is None:
        return NO_EDITOR
    if confidential and not await app.push_screen_wait(
        Confirm("Edit a confidential text in your editor?", _WARNING, yes="Open the editor", no="Stay here")
    ):
        return ""
    text, problem = box.draft, ""
    try:
        # Nothing is painted while the terminal is the editor's.
        with app.batch_update(), app.suspend():
            try:
                text = await services.edit(text)
            except EditFailed as failed:  # caught in here: Textual takes the terminal back only after a good end
                problem = str(failed)
    except SuspendNotSupported:
        return _NO_TERMINAL
    if not problem:
        box.replace_draft(text)
    return problem
