"""Which links of an answer are offered, and what happens before one is opened."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.links import exact, links_in


def addresses(markdown: str) -> list[str]:
    return [link.address for link in links_in(markdown)]


def test_links_are_offered_once_in_their_order_whatever_their_words_say() -> None:
    text = "See [bank.example](https://evil.example/a) and <https://b.example>, https://b.example. Also\n\n- http://c.example/x_(y)."
    assert addresses(text) == ["https://evil.example/a", "https://b.example", "http://c.example/x_(y)"]


def test_reference_links_and_addresses_in_code_are_found() -> None:
    text = "[one][r] and\n```\ncurl https://d.example/get?x=1\n```\n\n[r]: https://c.example"
    assert addresses(text) == ["https://c.example", "https://d.example/get?x=1"]


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "file:///etc/passwd",
        "vscode://x",
        "data:text/html,x",
        "https://user@evil.example",
        "https://bank.example:pw@evil.example/",
        "https://",
        "https:///path",
        "https://a.example:99999/",
        "https://a b.example",
        "https://a.example/\x1b[31m",
        "https://a.example/\n--flag",
        "//a.example",
        "-flag",
        "https://" + "a" * 3000,
        "https://[::1",
    ],
)
def test_what_is_not_plainly_a_web_address_is_not_opened(address: str) -> None:
    assert exact(address) is None


@pytest.mark.parametrize(
    ("address", "opened", "looks_otherwise"),
    [
        ("HTTPS://Example.COM/Ä?q=ü#ß", "https://example.com/%C3%84?q=%C3%BC#%C3%9F", False),
        ("https://\u0430pple.com", "https://xn--pple-43d.com", True),
        ("https://xn--pple-43d.com/", "https://xn--pple-43d.com/", True),
        ("http://[::1]:8080/x", "http://[::1]:8080/x", False),
        ("https://a.example/%2e%2e", "https://a.example/%2e%2e", False),
        ("https://a.example/\u202egpj.exe", "https://a.example/%E2%80%AEgpj.exe", False),
    ],
)
def test_an_address_is_shown_in_ascii(address: str, opened: str, looks_otherwise: bool) -> None:
    link = exact(address)
    assert link is not None
    assert (link.address, link.looks_otherwise) == (opened, looks_otherwise)


@given(st.text())
def test_any_text_is_looked_through(text: str) -> None:
    for link in links_in(text):
        assert link.address.isascii()
        assert link.address.startswith(("http://", "https://"))
        assert link.address.isprintable()
        assert " " not in link.address
