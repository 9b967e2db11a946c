"""A session as one HTML file: question, then the two answers side by side; opens anywhere, loads nothing."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence

from storage import Outcome, Reply, Side, Turn
from storage.store import Store
from storage.whole import WholeSession, WholeTurn
from tui.exporting.html_style import policy, style
from tui.exporting.html_text import as_html, as_words
from tui.exporting.provenance import earlier, name_of, reply_facts, session_facts, title_of, turn_facts, when
from tui.words import plural

_UNHAPPY = (Outcome.FAILED, Outcome.STOPPED, Outcome.INTERRUPTED)


def html_pieces(store: Store, session_ids: Sequence[str], *, only: int | None = None) -> Iterator[str]:
    """The page, piece by piece. Raises `StoreError`."""
    first = title_of(store.session(session_ids[0])) if session_ids else "No sessions"
    title = first if len(session_ids) <= 1 else plural(len(session_ids), "session")
    yield (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{html.escape(policy())}">\n'
        '<meta name="referrer" content="no-referrer">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>{style()}</style>\n</head>\n<body>\n<main>\n"
    )
    if len(session_ids) > 1:
        yield from _contents(store, session_ids)
    for session_id in session_ids:
        yield _head(store.whole_session(session_id))
        for turn in store.whole_turns(session_id, only=only):
            yield from _turn(session_id, turn)
        yield "</article>\n"
    yield "<footer>Exported from Duologue. Times are UTC.</footer>\n</main>\n</body>\n</html>\n"


def _contents(store: Store, session_ids: Sequence[str]) -> Iterator[str]:
    yield f'<nav class="contents">\n<h2>{plural(len(session_ids), "session")}</h2>\n<ol>\n'
    for session_id in session_ids:
        session = store.session(session_id)
        yield f'<li><a href="#{session_id}">{html.escape(title_of(session))}</a></li>\n'
    yield "</ol>\n</nav>\n"


def _head(whole: WholeSession) -> str:
    facts = session_facts(whole)
    warning = ""
    if whole.session.confidential:
        warning = f'<p class="warning">{html.escape(facts.pop(0))}</p>\n'
    system = whole.session.system_prompt
    return (
        f'<article class="session" id="{html.escape(whole.session.id)}">\n<header>\n{warning}'
        f'<h1 dir="auto">{html.escape(title_of(whole.session))}</h1>\n<ul class="facts">\n'
        + "".join(f"<li>{html.escape(fact)}</li>\n" for fact in facts)
        + "</ul>\n"
        + (f'<p class="mine" dir="auto">System prompt: {as_words(system)}</p>\n' if system else "")
        + "</header>\n"
    )


def _turn(session_id: str, whole: WholeTurn) -> Iterator[str]:
    turn = whole.turn
    place = f"{html.escape(session_id)}-{turn.seq}"
    yield (
        f'<section class="turn" id="{place}">\n'
        f'<p class="label"><b><a href="#{place}">Question {turn.seq}</a></b> {html.escape(when(turn.asked))}</p>\n'
        f'<div class="ask" dir="auto">{as_words(turn.prompt)}</div>\n'
    )
    for attachment in whole.attachments:
        yield (
            f'<p class="label">With the file {as_words(attachment.name)} ({len(attachment.content):,} bytes)</p>\n'
        )
    asked = [reply for side in Side if (reply := turn.latest(side)) is not None]
    yield f'<div class="sides{"" if len(asked) > 1 else " one"}">\n'
    for reply in asked:
        yield from _reply(turn, reply)
    yield "</div>\n"
    for fact in turn_facts(turn):
        yield f'<p class="mine" dir="auto">{html.escape(fact)}</p>\n'
    if turn.note:
        yield f'<p class="mine" dir="auto">Note: {as_words(turn.note)}</p>\n'
    yield "</section>\n"


def _reply(turn: Turn, reply: Reply) -> Iterator[str]:
    yield f'<div class="reply {reply.side}">\n<p class="who">{html.escape(name_of(reply))}</p>\n'
    yield _words(reply)
    yield _receipt(turn, reply)
    for before in reversed(earlier(turn, reply.side)):
        yield f'<details class="more"><summary>Variant {before.variant}: {html.escape(name_of(before))}</summary>\n'
        yield _words(before)
        yield _receipt(turn, before)
        yield "</details>\n"
    yield "</div>\n"


def _words(reply: Reply) -> str:
    thinking = ""
    if reply.thinking:
        thinking = (
            "<details><summary>Thinking</summary>"
            f'<div class="text" dir="auto">{as_html(reply.thinking)}</div></details>\n'
        )
    text = as_html(reply.text) if reply.text.strip() else '<p class="none">no text</p>'
    return f'{thinking}<div class="text" dir="auto">{text}</div>\n'


def _receipt(turn: Turn, reply: Reply) -> str:
    *trouble, cost, source = reply_facts(turn, reply)
    mark = ' class="trouble"' if reply.outcome in _UNHAPPY else ""
    return (
        '<div class="receipt">\n'
        + "".join(f"<p{mark}>{html.escape(line)}</p>\n" for line in [*trouble, cost])
        + f"<p>{html.escape(source)}</p>\n</div>\n"
    )
