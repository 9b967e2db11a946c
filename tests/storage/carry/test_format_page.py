"""docs/export-format.md documents every field that an export has, and no other."""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from storage.carry.document import session_document, turn_document
from storage.carry.importing import Import
from storage.records import Choice, Vote
from storage.store import Store
from storage.whole import WholeAttachment
from tests.storage.carry.test_round_trip import one_turn, session
from tests.storage.samples import NOON

PAGE = Path(__file__).parent.parent.parent.parent / "docs" / "export-format.md"


def documented(part: str) -> list[str]:
    text = PAGE.read_text().partition(f"## {part}\n")[2].partition("\n## ")[0]
    return re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)


def test_every_field_is_documented_in_its_order() -> None:
    turn = one_turn(1)
    turn = replace(
        turn,
        turn=replace(turn.turn, vote=Vote(Choice.LEFT, NOON)),
        attachments=(WholeAttachment("a", "text/plain", b"a"),),
    )
    found: Any = turn_document(turn)

    assert documented("Session") == [*session_document(session()), "turns"]
    assert documented("Turn") == list(found)
    assert documented("Reply") == list(found["replies"][0])
    assert documented("Receipt") == list(found["replies"][0]["receipt"])
    assert documented("Attachment") == list(found["attachments"][0])
    assert documented("Vote") == list(found["vote"])


def test_the_import_of_nothing_is_nothing() -> None:
    with closing(Store.open(None)) as store:
        assert Import().run(store, iter([])).sessions == 0
