"""`duologue sessions rename | star | tag | archive | delete | restore | empty-bin`: puts saved sessions in order.

May run beside the app. Several sessions at once are looked up first, so a slip in the third changes none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from storage import Session
from storage.session_filter import SessionFilter
from storage.store import Store
from tui.commands.output import Output
from tui.commands.saved import open_saved
from tui.exit_codes import ExitCode, UsageError
from tui.rendering.safe_text import one_line
from tui.wiring import Wiring
from tui.words import plural

_TITLE_CELLS = 60
_LONGEST_TITLE = 200


def rename(wiring: Wiring, output: Output, beginning: str, title: str) -> ExitCode:
    """Give a session another title. Raises `StoreError`, `UsageError`."""
    wanted = " ".join(title.split())[:_LONGEST_TITLE]
    if not wanted:
        raise UsageError("A title needs a word. Write duologue sessions rename ID TITLE.")
    with _store(wiring) as store:
        session = store.find_session(beginning)
        store.rename_session(session.id, wanted)
    output.line(f"{_named(session)} is now called {one_line(wanted, _TITLE_CELLS)}.")
    return ExitCode.OK


def star(wiring: Wiring, output: Output, beginnings: Sequence[str], *, starred: bool) -> ExitCode:
    """Put stars on sessions, or take them off. Raises `StoreError`."""
    words = "has a star." if starred else "has no star."
    return _each(wiring, output, beginnings, lambda store, one: store.star_session(one.id, starred=starred), words)


def archive(wiring: Wiring, output: Output, beginnings: Sequence[str], *, away: bool) -> ExitCode:
    """Put sessions away, or get them back into the list. Raises `StoreError`."""
    when = wiring.now() if away else None
    words = "is put away; is:archived lists it." if away else "is in the list again."
    return _each(wiring, output, beginnings, lambda store, one: store.archive_session(one.id, when), words)


def tag(wiring: Wiring, output: Output, beginning: str, names: Sequence[str], *, remove: bool) -> ExitCode:
    """Add tags to a session or remove them, and print what it then has. Raises `StoreError`, `UsageError`."""
    with _store(wiring) as store:
        session = store.find_session(beginning)
        for name in names:
            _tag(store, session, name, remove=remove)
        tags = store.summary(session.id).tags
    output.line(f"{_named(session)}: {one_line(' '.join(tags), _LONGEST_TITLE) or 'no tags'}")
    return ExitCode.OK


def delete(wiring: Wiring, output: Output, beginnings: Sequence[str]) -> ExitCode:
    """Put sessions into the bin. Raises `StoreError`."""
    when = wiring.now()
    words = "is in the bin; duologue sessions restore ID brings it back."
    return _each(wiring, output, beginnings, lambda store, one: store.delete_session(one.id, when), words)


def restore(wiring: Wiring, output: Output, beginnings: Sequence[str]) -> ExitCode:
    """Take sessions out of the bin. Raises `StoreError`."""
    return _each(
        wiring,
        output,
        beginnings,
        lambda store, one: store.restore_session(one.id),
        "is in the list again.",
        find=Store.find_deleted_session,
    )


def empty_bin(wiring: Wiring, output: Output, *, agreed: bool, ask: Callable[[str], bool]) -> ExitCode:
    """Delete for good what is in the bin now; asks first unless `agreed`. Raises `StoreError`, `UsageError`."""
    until: datetime = wiring.now()
    with _store(wiring) as store:
        there = store.count_sessions(SessionFilter(shelf="bin"))
        if not there:
            output.aside("The bin is empty.")
            return ExitCode.OK
        if not agreed and not ask(f"Delete {plural(there, 'session')} for good? This cannot be undone. [y/N] "):
            output.aside("Nothing was deleted.")
            return ExitCode.OK
        gone = store.empty_bin(until)
        erased = store.finish_erasing()
    output.line(f"{plural(gone, 'session')} deleted for good.")
    if not erased:
        output.aside(
            "Another duologue is reading; the last traces go when it has ended and the program starts again."
        )
    return ExitCode.OK


def _each(
    wiring: Wiring,
    output: Output,
    beginnings: Sequence[str],
    change: Callable[[Store, Session], None],
    words: str,
    *,
    find: Callable[[Store, str], Session] = Store.find_session,
) -> ExitCode:
    with _store(wiring) as store:
        chosen = [find(store, beginning) for beginning in beginnings]
        for session in chosen:
            change(store, session)
            output.line(f"{_named(session)} {words}")
    return ExitCode.OK


def _tag(store: Store, session: Session, name: str, *, remove: bool) -> None:
    try:
        if remove:
            store.untag_session(session.id, name)
        else:
            store.tag_session(session.id, name)
    except ValueError as error:
        raise UsageError(str(error)) from error


@contextmanager
def _store(wiring: Wiring) -> Iterator[Store]:
    """The store for writing; what was changed can be found when it closes."""
    store = open_saved(wiring, read_only=False)
    try:
        yield store
        while store.index_changes():
            pass
    finally:
        store.close()


def _named(session: Session) -> str:
    return f"{session.id[:12]} {one_line(session.title, _TITLE_CELLS) or '(no title)'}"
