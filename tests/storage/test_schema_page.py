"""docs/schema.md says what the file holds, and its queries run."""

from __future__ import annotations

import importlib.util
import sqlite3
from contextlib import closing
from pathlib import Path
from types import ModuleType

import pytest

from storage.records import Choice
from storage.store import Store
from tests.storage.samples import FULL_SETTLEMENT, NOON, complete, later, new_session, new_turn

DOCS = Path(__file__).parent.parent.parent / "docs"


@pytest.fixture(scope="module")
def page() -> ModuleType:
    specification = importlib.util.spec_from_file_location("schema_page", DOCS / "schema.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_the_page_is_what_the_schema_makes_of_it(page: ModuleType) -> None:
    assert (DOCS / "schema.md").read_text() == page.document(), "run docs/schema.py"


def test_every_table_and_view_but_the_index_is_described(page: ModuleType) -> None:
    with closing(Store.open(None)) as store:
        found = store.database.rows(
            "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')"
            " AND name NOT LIKE 'sqlite%' AND name NOT LIKE 'search%'"
        )
    assert {row["name"] for row in found} == set(page.TABLES)


def test_the_queries_run_in_plain_sqlite_and_find_what_they_promise(page: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "duologue.db"
    with closing(Store.open(path)) as store:
        turn = new_turn(store, new_session(store, title="Lease"), "What is clause 7?")
        store.append_parts([(turn.replies[0].id, "Duties.", ""), (turn.replies[1].id, "Some", "")])
        store.settle_reply(turn.replies[0].id, complete())
        store.settle_reply(turn.replies[1].id, FULL_SETTLEMENT)
        store.vote(turn.id, Choice.LEFT, NOON)
        request = store.open_request(
            session_id=turn.session_id,
            reply_id=turn.replies[0].id,
            opened=later(1),
            purpose="chat",
            host="api.anthropic.com",
            port=443,
            locality="cloud",
        )
        assert request
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        rows = {title: connection.execute(query).fetchall() for title, query in page.QUERIES.items()}
    cost, preferred, unfinished, left, pair = rows.values()
    assert [row[:2] for row in cost] == [("claude:claude-sonnet-5-5", 1)]
    assert [row[2:] for row in preferred] == [(1, 0, 0)]
    assert [row[3] for row in unfinished] == ["failed"]
    assert [row[1:3] for row in left] == [("api.anthropic.com", 1)]
    assert [(row[0], row[2], row[4]) for row in pair] == [("What is clause 7?", "Duties.", "Some")]
