"""`duologue search`: where words stand in saved sessions. Reads only: nothing is changed, migrated or asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from storage import Hit, Place
from tui.commands.output import Output, say
from tui.commands.saved import open_saved
from tui.exit_codes import ExitCode
from tui.rendering.safe_text import clean
from tui.wiring import Wiring
from tui.words import plural

_ID_SHOWN = 12
"""As in `duologue sessions list`."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to look for, and where."""

    query: str
    limit: int
    thinking: bool
    confidential: bool


def run(wiring: Wiring, output: Output, wanted: Wanted, *, as_json: bool) -> ExitCode:
    """Print the places, one per line; `ExitCode.INCOMPLETE` when there are none. Raises `StoreError`."""
    hits, unindexed = _found(wiring, wanted)
    more, hits = len(hits) > wanted.limit, hits[: wanted.limit]
    if as_json:
        output.json({"hits": [_document(hit) for hit in hits], "more": more, "unindexed_turns": unindexed})
    else:
        for hit in hits:
            output.line(_row(hit, output))
        if not hits:
            output.aside("Nothing was found.")
        elif more:
            output.aside(f"There are more than {plural(wanted.limit, 'place')}; --limit shows more.")
    if unindexed:
        turns = plural(unindexed, "older turn")
        say(f"The index is still being built: {turns} cannot be found yet. It grows while the app is open.")
    return ExitCode.OK if hits else ExitCode.INCOMPLETE


def _found(wiring: Wiring, wanted: Wanted) -> tuple[list[Hit], int]:
    if wiring.confinement is None and not wiring.settings.database.exists():
        return [], 0
    store = open_saved(wiring)
    try:
        hits = store.search(
            wanted.query,
            limit=wanted.limit + 1,
            thinking=wanted.thinking,
            include_confidential=wanted.confidential,
        )
        return hits, store.unindexed_turns()
    finally:
        store.close()


def _row(hit: Hit, output: Output) -> str:
    where = "title" if hit.where is Place.TITLE else f"turn {hit.seq}, {hit.where}"
    shown = "".join(output.strong(clean(words)) if found else clean(words) for words, found in hit.snippet)
    line = " ".join(shown.split())
    mark = "CONFIDENTIAL  " if hit.confidential else ""
    return f"{hit.session_id[:_ID_SHOWN]}  {hit.asked.astimezone():%Y-%m-%d %H:%M}  {mark}{where}: {line}"


def _document(hit: Hit) -> Mapping[str, Any]:
    found, at = [], 0
    for words, is_found in hit.snippet:
        if is_found:
            found.append([at, at + len(words)])
        at += len(words)
    return {
        "session": hit.session_id,
        "title": hit.title,
        "turn": hit.seq,
        "where": str(hit.where),
        "model": hit.model,
        "asked": hit.asked.isoformat(),
        "confidential": hit.confidential,
        "snippet": "".join(words for words, _ in hit.snippet),
        "found": found,
    }
