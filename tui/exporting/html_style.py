"""How an exported page looks: one style block, light and dark by the reader's own setting, fit for print.

Text is set for reading (about 70 characters a line, a serif-free system font), the two answers in columns of equal
width that fold into one below 900 pixels. The two sides differ in colour and in words.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache

_RULES = """
:root {
  color-scheme: light dark;
  --page: #f6f5f1; --card: #ffffff; --ink: #1f2328; --quiet: #646a73; --line: #e1dfd8; --code: #f4f2ec;
  --left: #b4532a; --right: #1f6f6b; --warn: #9a1c1c; --warn-page: #fdecea; --link: #0b57b0; --ask: #efece3;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #16181c; --card: #1e2126; --ink: #e4e3df; --quiet: #989ea8; --line: #31353c; --code: #16181c;
    --left: #ef9a6c; --right: #6cc7bf; --warn: #ff9d94; --warn-page: #3a1d1b; --link: #8ab8ff; --ask: #272b31;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--ink); overflow-wrap: anywhere;
  font: 16px/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
main { max-width: 1440px; margin: 0 auto; padding: 40px 28px 80px; }
h1 { font-size: 29px; line-height: 1.25; margin: 0 0 10px; letter-spacing: -0.01em; }
.session + .session { margin-top: 90px; padding-top: 40px; border-top: 3px solid var(--line); }
.facts { list-style: none; margin: 0; padding: 0; color: var(--quiet); font-size: 14px; }
.facts li { display: inline; }
.facts li + li::before { content: " · "; }
.warning {
  margin: 0 0 14px; padding: 10px 16px; border-left: 4px solid var(--warn); border-radius: 4px;
  background: var(--warn-page); color: var(--warn); font-weight: 600;
}
.contents {
  margin: 0 0 60px; padding: 22px 28px; border: 1px solid var(--line); border-radius: 10px;
  background: var(--card);
}
.contents h2 { margin: 0 0 8px; font-size: 16px; }
.contents ol { margin: 0; padding-left: 26px; }
.turn { margin-top: 44px; }
.ask {
  padding: 16px 22px; border-radius: 10px; background: var(--ask); white-space: pre-wrap; font-size: 17px;
}
.label { display: flex; gap: 12px; align-items: baseline; margin: 0 0 8px; font-size: 13px; color: var(--quiet); }
.ask + .label { margin-top: 10px; }
.label + .label { margin-top: -2px; }
.label b { color: var(--ink); letter-spacing: 0.06em; text-transform: uppercase; font-size: 12px; }
.label a { color: inherit; text-decoration: none; }
.sides { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 20px; margin-top: 16px; }
.sides.one { grid-template-columns: minmax(0, 860px); }
.reply {
  display: flex; flex-direction: column; padding: 18px 24px 16px; border: 1px solid var(--line); border-radius: 10px;
  background: var(--card);
}
.reply { border-top: 3px solid var(--line); }
.reply.left { border-top-color: var(--left); }
.reply.right { border-top-color: var(--right); }
.who { margin: 0 0 10px; font-size: 14px; font-weight: 600; }
.left > .who { color: var(--left); }
.right > .who { color: var(--right); }
.text > :first-child { margin-top: 0; }
.text > :last-child { margin-bottom: 0; }
.text { flex: 1; }
.text h1, .text h2, .text h3, .text h4, .text h5, .text h6 { line-height: 1.3; margin: 1.3em 0 0.5em; }
.text h1 { font-size: 22px; } .text h2 { font-size: 19px; } .text h3 { font-size: 17px; }
.text h4, .text h5, .text h6 { font-size: 16px; }
.text ul, .text ol { padding-left: 24px; }
.text li + li { margin-top: 4px; }
.text blockquote { margin: 1em 0; padding: 2px 16px; border-left: 3px solid var(--line); color: var(--quiet); }
.text hr { border: 0; border-top: 1px solid var(--line); margin: 24px 0; }
.text table { border-collapse: collapse; display: block; overflow-x: auto; font-size: 15px; margin: 1em 0; }
.text th, .text td { border: 1px solid var(--line); padding: 6px 12px; text-align: left; overflow-wrap: normal; }
.text th { background: var(--code); }
.text .right { text-align: right; } .text .center { text-align: center; }
code, pre { font-family: ui-monospace, "SF Mono", "JetBrains Mono", "DejaVu Sans Mono", Consolas, monospace; }
code { font-size: 0.88em; background: var(--code); border-radius: 4px; padding: 0.1em 0.35em; }
pre {
  margin: 1em 0; padding: 14px 16px; overflow-x: auto; border: 1px solid var(--line); border-radius: 8px;
  background: var(--code); font-size: 13.5px; line-height: 1.5; overflow-wrap: normal;
}
pre code { font-size: inherit; background: none; padding: 0; }
a { color: var(--link); }
.none { color: var(--quiet); font-style: italic; }
.receipt {
  margin: 16px 0 0; padding-top: 10px; border-top: 1px solid var(--line); font-size: 13px; color: var(--quiet);
}
.receipt p { margin: 0; }
.receipt .trouble { color: var(--warn); font-weight: 600; }
details { margin: 0 0 12px; font-size: 15px; color: var(--quiet); }
details.more { margin: 14px 0 0; }
summary { cursor: pointer; font-size: 13px; }
details > .text { margin-top: 10px; padding-left: 14px; border-left: 2px solid var(--line); }
.mine {
  margin: 14px 0 0; padding: 10px 18px; border-left: 3px solid var(--quiet); font-size: 15px;
  white-space: pre-wrap;
}
footer { margin-top: 70px; font-size: 13px; color: var(--quiet); }
@media (max-width: 900px) {
  main { padding: 24px 14px 60px; }
  .sides { grid-template-columns: minmax(0, 1fr); }
}
@media print {
  body { background: none; font-size: 11pt; }
  main { max-width: none; padding: 0; }
  .ask, .reply { break-inside: auto; }
  pre { white-space: pre-wrap; }
}
"""


@cache
def style() -> str:
    """The whole style block."""
    from pygments.formatters.html import HtmlFormatter

    # Pygments' types leave this method out.
    light = HtmlFormatter(style="friendly").get_style_defs("pre")  # type: ignore[no-untyped-call]
    dark = HtmlFormatter(style="github-dark").get_style_defs("pre")  # type: ignore[no-untyped-call]
    own = "pre { background: var(--code); }"  # the colour schemes bring their own
    return f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n{_RULES}\n{own}\n"


@cache
def policy() -> str:
    """What the page may do: show itself with this one style block, and nothing else."""
    digest = base64.b64encode(hashlib.sha256(style().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
