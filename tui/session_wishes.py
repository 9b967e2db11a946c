"""What a person can do with a saved session, from the list and from the session on screen alike.

Each wish asks what it has to ask, changes the store, and says what has happened in words; what can be undone gives
the way back. Another program may have changed or deleted the session meanwhile: then `StoreError` says so.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from textual.app import App

from storage import Session, SessionSummary
from tui.rendering.safe_text import one_line
from tui.words import plural

if TYPE_CHECKING:
    from conversation.catalogue import Catalogue

_TITLE_CELLS = 40


@dataclass(frozen=True, slots=True)
class Done:
    """What has happened."""

    words: str
    undo: Callable[[], Awaitable[None]] | None = None
    gone: bool = False
    """True: the session is not where it was listed."""


class SessionWishes:
    """Changes sessions of one catalogue."""

    def __init__(self, app: App[Any], catalogue: Catalogue) -> None:
        self._app = app
        self._catalogue = catalogue

    async def star(self, summary: SessionSummary) -> Done:
        """A star, or none any more."""
        session = summary.session
        await self._catalogue.star(session.id, starred=not session.starred)
        return Done(f"{named(session)} has {'no star any more' if session.starred else 'a star'}.")

    async def rename(self, summary: SessionSummary, title: str = "") -> Done | None:
        """Another title: the one that is given, else the one that the person writes."""
        from tui.screens.ask_line import AskLine

        session = summary.session
        wanted: str | None = title or None
        if wanted is None:
            wanted = await self._app.push_screen_wait(AskLine("Rename the session", session.title))
        if wanted is None or not wanted.strip() or wanted == session.title:
            return None
        await self._catalogue.rename(session.id, wanted)
        return Done(f"It is now called “{one_line(wanted, _TITLE_CELLS)}”.")

    async def tags(self, summary: SessionSummary, added: str = "") -> Done | None:
        """More tags: those that are given; else all that the person writes into a line with those that are there."""
        from tui.screens.ask_line import AskLine

        session = summary.session
        words: str | None = " ".join((*summary.tags, added)) if added else None
        if words is None:
            known = [tag for tag in self._catalogue.tags() if tag not in summary.tags]
            line = AskLine(
                f"Tags of {named(session)}",
                "".join(f"{tag} " for tag in summary.tags),
                placeholder="law work",
                about="" if known else "Words with spaces between them; tag:law in the filter finds them again.",
                known=known,
            )
            words = await self._app.push_screen_wait(line)
        if words is None:
            return None
        try:
            await self._catalogue.tag(session.id, words.split())
        except ValueError as problem:
            return Done(str(problem))
        tags = self._catalogue.summary(session.id).tags
        return Done(f"{named(session)}: {one_line(' '.join(tags), 200) or 'no tags'}.")

    async def archive(self, summary: SessionSummary) -> Done:
        """Into the archive, or back into the list."""
        session, away = summary.session, summary.session.archived is None
        await self._catalogue.archive(session.id, away=away)
        return Done(
            f"{named(session)} is in the {'archive' if away else 'list again'}.",
            undo=partial(self._catalogue.archive, session.id, away=not away),
            gone=True,
        )

    async def delete(self, summary: SessionSummary) -> Done | None:
        """Into the bin; one that is there already stays there."""
        session = summary.session
        if session.deleted is not None:
            return None
        await self._catalogue.delete(session.id)
        return Done(f"{named(session)} is in the bin.", undo=partial(self._catalogue.restore, session.id), gone=True)

    async def restore(self, summary: SessionSummary) -> Done | None:
        """Out of the bin; one that is not there stays where it is."""
        session = summary.session
        if session.deleted is None:
            return None
        await self._catalogue.restore(session.id)
        return Done(
            f"{named(session)} is in the list again.", undo=partial(self._catalogue.delete, session.id), gone=True
        )

    async def export(self, summary: SessionSummary) -> Done:
        """Into a file."""
        from tui.export_choice import export_session

        return Done(await export_session(self._app, self._catalogue, summary.session.id))

    async def empty_bin(self) -> Done | None:
        """Delete for good what is in the bin now; asks with a number. What comes into it meanwhile stays."""
        from tui.screens.confirm import Confirm

        there, until = await self._catalogue.bin()
        if not there:
            return Done("The bin is empty.")
        agreed = await self._app.push_screen_wait(
            Confirm(
                f"Delete {plural(there, 'session')} for good?",
                ["Everything in the bin goes, with all that was said in it. This cannot be undone."],
                yes=f"Delete {plural(there, 'session')}",
                no="Keep them",
            )
        )
        if not agreed:
            return None
        gone = await self._catalogue.empty_bin(until)
        return Done(f"{plural(gone, 'session')} deleted for good.", gone=True)


def named(session: Session) -> str:
    """A session by its title, in quotes."""
    return f"“{one_line(session.title, _TITLE_CELLS) or 'untitled'}”"
