"""Markdown of models as HTML that can do nothing: no markup of theirs, no remote content, no script.

Everything is escaped by the parser (`html` off); images become links, links keep http, https and mailto only and tell
the place that they lead to no referrer. Alignment in tables is a class, because a style attribute would be refused by
the page's own policy.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from tui.exporting.file_text import readable
from tui.rendering.markdown import DEEPEST

LONGEST_MARKDOWN = 500_000
"""Characters; a longer answer is shown as it was written. Laying out 1 MB of Markdown takes seconds and 500 MB."""
LONGEST_CODE = 100_000
"""Characters of one code block that are coloured."""
_SCHEMES = frozenset({"http", "https", "mailto"})


def as_html(text: str) -> str:
    """Somebody's Markdown as HTML."""
    shown = readable(text)
    if len(shown) > LONGEST_MARKDOWN:
        return f"<pre>{html.escape(shown)}</pre>\n"
    return str(_parser().render(shown))


def as_words(text: str) -> str:
    """Somebody's words, with their line breaks and nothing else."""
    return html.escape(readable(text))


@cache
def _parser() -> MarkdownIt:
    options = {"html": False, "maxNesting": DEEPEST, "highlight": _coloured}
    parser = MarkdownIt("commonmark", options).enable(["table", "strikethrough"])
    parser.validateLink = _may_lead_to  # type: ignore[method-assign, assignment]  # this is how markdown-it is told
    parser.add_render_rule("image", _image)
    parser.add_render_rule("link_open", _link)
    for cell in ("td_open", "th_open"):
        parser.add_render_rule(cell, _cell)
    return parser


def _may_lead_to(address: str) -> bool:
    try:
        return urlsplit(address.strip()).scheme.lower() in _SCHEMES
    except ValueError:
        return False


def _image(self: RendererHTML, tokens: Sequence[Token], at: int, options: OptionsDict, environment: EnvType) -> str:
    token = tokens[at]
    words = self.renderInlineAsText(token.children or [], options, environment) or "image"
    address = html.escape(str(token.attrGet("src") or ""))
    return f'<a rel="noreferrer noopener" href="{address}">[image: {html.escape(words)}]</a>'


def _link(self: RendererHTML, tokens: Sequence[Token], at: int, options: OptionsDict, environment: EnvType) -> str:
    tokens[at].attrSet("rel", "noreferrer noopener")
    tokens[at].attrSet("title", str(tokens[at].attrGet("href") or ""))
    return self.renderToken(tokens, at, options, environment)


def _cell(self: RendererHTML, tokens: Sequence[Token], at: int, options: OptionsDict, environment: EnvType) -> str:
    style = tokens[at].attrs.pop("style", None)
    if isinstance(style, str):
        tokens[at].attrSet("class", style.rpartition(":")[2])
    return self.renderToken(tokens, at, options, environment)


def _coloured(code: str, language: str, _: str) -> str:
    from pygments import highlight
    from pygments.formatters.html import HtmlFormatter
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    if not language or len(code) > LONGEST_CODE:
        return ""  # markdown-it then escapes it
    try:
        lexer: Any = get_lexer_by_name(language, stripnl=False)
    except ClassNotFound:
        return ""
    return str(highlight(code, lexer, HtmlFormatter(nowrap=True)))
