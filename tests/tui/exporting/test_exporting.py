"""Exported pages: nothing in them acts, nothing of an answer reaches beyond it."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from contextlib import closing
from html.parser import HTMLParser

import pytest

from storage import NewReply, Outcome, Settlement, Side
from storage.store import Store
from tests.storage.carry.generated import HOSTILE
from tests.storage.samples import NOON
from tui.exporting.formats import Format, pieces
from tui.exporting.html_text import LONGEST_MARKDOWN, as_html
from tui.exporting.markdown import contained

NASTY = (
    *HOSTILE,
    "[x](javascript:alert(1)) [y](data:text/html,x) ![z](https://evil.example/t.png) <https://example.com>",
    "<img src=x onerror=alert(1)><style>*{}</style><iframe src='//evil.example'>",
    "[a]: javascript:alert(1)\n[a]",
    "> " * 300 + "deep",
    "```html\n<script>alert(1)</script>",
)


class Page(HTMLParser):
    """What a browser would find."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags = list[tuple[str, dict[str, str | None]]]()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


@pytest.fixture
def store() -> Iterator[Store]:
    with closing(Store.open(None)) as store:
        for text in NASTY:
            session = store.create_session(left="claude:x", right="\x1b:<b>", created=NOON, title=text)
            asked = [NewReply(Side.LEFT, "claude:x"), NewReply(Side.RIGHT, "\x1b:<b>")]
            turn = store.open_turn(session.id, text, NOON, asked)
            for reply in turn.replies:
                store.append_parts([(reply.id, text, text)])
                store.settle_reply(reply.id, Settlement(Outcome.FAILED, NOON, error=text, note=text, digest=text))
            store.note_turn(turn.id, text)
        yield store


def exported(store: Store, form: Format) -> str:
    return "".join(pieces(form, store, store.session_ids()))


def test_a_page_loads_nothing_and_runs_nothing(store: Store) -> None:
    text = exported(store, Format.HTML)
    page = Page(text)

    assert {tag for tag, _ in page.tags}.isdisjoint({"script", "img", "iframe", "object", "embed", "form", "base"})
    assert [tag for tag, _ in page.tags].count("style") == 1
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on") or name in ("style", "src")], tag
        if tag == "a" and not str(attributes["href"]).startswith("#"):
            assert re.match("https?:|mailto:", str(attributes["href"]))
            assert attributes["rel"] == "noreferrer noopener"


def test_the_pages_policy_admits_its_own_style_alone(store: Store) -> None:
    text = exported(store, Format.HTML)
    style = text.partition("<style>")[2].partition("</style>")[0]
    policies = [dict(each)["content"] for tag, each in Page(text).tags if "http-equiv" in each and tag == "meta"]

    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policies == [f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"]


@pytest.mark.parametrize("form", [Format.HTML, Format.MARKDOWN, Format.TEXT])
def test_no_control_or_hidden_character_is_in_a_file_for_people(store: Store, form: Format) -> None:
    text = exported(store, form)

    assert (
        re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b\U000e0000-\U000e007f]", text) is None
    )


def test_an_open_code_block_is_closed_and_html_is_shown() -> None:
    assert contained("a\n```py\nx = 1") == "a\n```py\nx = 1\n```"
    assert contained("````\n```\n````\n<div>") == "````\n```\n````\n\\<div>"
    assert contained("~~~\n<b>\n~~~\n<!-- x") == "~~~\n<b>\n~~~\n\\<!-- x"


def test_emoji_tabs_and_flags_stay() -> None:
    text = "a\tb \U0001f468\u200d\U0001f469 \U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
    assert contained(text) == text


def test_a_very_long_answer_is_shown_as_it_was_written() -> None:
    long = "**word** <b> " * (LONGEST_MARKDOWN // 10)

    assert as_html(long).startswith("<pre>**word** &lt;b&gt; ")
