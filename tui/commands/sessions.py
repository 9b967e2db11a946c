"""`duologue sessions`: lists and prints what was saved. Reads only: nothing is changed, migrated or asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from storage import Session, SessionSummary, Side, Turn
from storage.session_filter import parse
from storage.store import Store
from tui.commands.output import Output, closing, heading, reply_document
from tui.commands.saved import open_saved
from tui.exit_codes import ExitCode
from tui.rendering.safe_text import one_line
from tui.wiring import Wiring
from tui.words import money, plural, short_spec

_ID_SHOWN = 12
"""Of 26 characters: the first ten are the time in milliseconds, so these are unambiguous in practice."""
_TITLE_CELLS = 60
_NONE = "No sessions are saved yet."

LocalTime = Callable[[datetime], datetime]


def list_all(wiring: Wiring, output: Output, filter_text: str = "", *, limit: int, as_json: bool) -> ExitCode:
    """Print the sessions that a filter (see `session_filter`) leaves, last used first. Raises `StoreError`."""
    wanted = parse(filter_text)
    if wiring.confinement is None and not wiring.settings.database.exists():
        found, total = list[SessionSummary](), 0
    else:
        store = open_saved(wiring)
        try:
            said_in = store.sessions_saying(wanted.words) if wanted.words else {}
            found = store.sessions(limit=limit, wanted=wanted, said_in=said_in)
            total = store.count_sessions(wanted, said_in)
        finally:
            store.close()
    if as_json:
        output.json({"sessions": [_summary_document(summary) for summary in found], "total": total})
        return ExitCode.OK
    for summary in found:
        output.line(_row(summary))
    if not found:
        output.aside(f"No session matches {one_line(filter_text, _TITLE_CELLS)}." if filter_text else _NONE)
    elif total > len(found):
        output.aside(f"{len(found)} of {total:,} sessions; --limit shows more.")
    return ExitCode.OK


def show(wiring: Wiring, output: Output, beginning: str, *, as_json: bool) -> ExitCode:
    """Print one session, turn after turn. Raises `StoreError`."""
    store = open_saved(wiring)
    try:
        session = store.find_session(beginning)
        if as_json:
            turns = [_turn_document(turn) for turn in store.turns(session.id)]
            output.json({"session": _session_document(session), "turns": turns})
        else:
            _print_session(store, session, output)
    finally:
        store.close()
    return ExitCode.OK


def _row(summary: SessionSummary) -> str:
    session = summary.session
    remarks = [
        *(["CONFIDENTIAL"] if session.confidential else []),
        *(["starred"] if session.starred else []),
        plural(summary.turns, "turn"),
        *([money(summary.cost_usd)] if summary.cost_usd else []),
        *([f"{summary.unhappy_replies} not whole"] if summary.unhappy_replies else []),
        *([f"{summary.open_replies} running"] if summary.open_replies else []),
        *([one_line(" ".join(f"#{tag}" for tag in summary.tags), _TITLE_CELLS)] if summary.tags else []),
    ]
    return "  ".join(
        [session.id[:_ID_SHOWN], _when(session.updated), _title(session), f"[{_pair(session)}]", ", ".join(remarks)]
    )


def _print_session(store: Store, session: Session, output: Output) -> None:
    output.line(_title(session))
    output.aside(f"{session.id} · {_when(session.created)} · {_pair(session)}")
    if session.confidential_since is not None:
        output.line(f"CONFIDENTIAL since {_when(session.confidential_since)}")
        if sent := store.cloud_turns(session.id):
            output.line(f"{plural(sent, 'earlier turn')} {'was' if sent == 1 else 'were'} sent to a cloud.")
    for size in store.turn_sizes(session.id):
        _print_turn(store.turn(size.id), output)


def _print_turn(turn: Turn, output: Output) -> None:
    output.line()
    output.line(f"Question {turn.seq}, {_when(turn.asked)}:")
    _print_text(turn.prompt, output)
    for side in Side:
        variants = turn.variants(side)
        if not variants:
            continue
        reply = variants[-1]
        output.line()
        output.line(heading(reply.model, reply.locality))
        _print_text(reply.text, output)
        for line in closing(reply, len(variants)):
            output.aside(line)
        if turn.adopted_reply_id in [variant.id for variant in variants]:
            output.aside("adopted on both sides")


def _print_text(text: str, output: Output) -> None:
    if text:
        shown = output.foreign(text)
        output.write(shown if shown.endswith("\n") else f"{shown}\n")


def _title(session: Session) -> str:
    return one_line(session.title, _TITLE_CELLS) or "(no title)"


def _pair(session: Session) -> str:
    return one_line(f"{short_spec(session.left)} | {short_spec(session.right)}", 2 * _TITLE_CELLS)


def _when(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M}"


def _session_document(session: Session) -> dict[str, Any]:
    return {
        "id": session.id,
        "title": session.title,
        "created": session.created.isoformat(),
        "updated": session.updated.isoformat(),
        "left": session.left,
        "right": session.right,
        "starred": session.starred,
        "archived": None if session.archived is None else session.archived.isoformat(),
        "deleted": None if session.deleted is None else session.deleted.isoformat(),
        "origin": session.origin,
        "confidential": session.confidential,
        "confidential_since": None if session.confidential_since is None else session.confidential_since.isoformat(),
    }


def _summary_document(summary: SessionSummary) -> dict[str, Any]:
    return {
        **_session_document(summary.session),
        "tags": list(summary.tags),
        "turns": summary.turns,
        "cost_usd": summary.cost_usd,
        "open_replies": summary.open_replies,
        "unhappy_replies": summary.unhappy_replies,
    }


def _turn_document(turn: Turn) -> Mapping[str, Any]:
    variants = {side: turn.variants(side) for side in Side}
    return {
        "turn": turn.seq,
        "asked": turn.asked.isoformat(),
        "prompt": turn.prompt,
        "sides": {str(side): reply_document(found[-1]) if found else None for side, found in variants.items()},
        "earlier_variants": {
            str(side): [reply_document(reply) for reply in found[:-1]] for side, found in variants.items()
        },
        "adopted": next((str(one.side) for one in turn.replies if one.id == turn.adopted_reply_id), None),
    }
