from __future__ import annotations

import pytest

from backends import Locality
from backends.address import AddressRefused, ServerAddress, is_loopback, parse_server

TRUSTED = frozenset({"gpu.example", "192.168.1.5", "FD00::1"})


def read(text: str) -> ServerAddress:
    return parse_server(text, default_port=11434, trusted_hosts=TRUSTED)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("", "http://127.0.0.1:11434"),
        ("localhost", "http://localhost:11434"),
        ("  localhost ", "http://localhost:11434"),
        ('"127.0.0.1"', "http://127.0.0.1:11434"),
        ("LOCALHOST.:80", "http://localhost:80"),
        ("127.0.0.1", "http://127.0.0.1:11434"),
        ("127.0.0.1:1", "http://127.0.0.1:1"),
        (":8080", "http://127.0.0.1:8080"),
        ("0.0.0.0", "http://127.0.0.1:11434"),  # noqa: S104  # an address to call
        ("0.0.0.0:99", "http://127.0.0.1:99"),
        ("::", "http://[::1]:11434"),
        ("::1", "http://[::1]:11434"),
        ("[::1]:80", "http://[::1]:80"),
        ("[::]:80", "http://[::1]:80"),
        ("::ffff:127.0.0.1", "http://127.0.0.1:11434"),
        ("http://localhost", "http://localhost:80"),
        ("HTTPS://localhost", "https://localhost:443"),
        ("http://127.0.0.1:8080/base/path/", "http://127.0.0.1:8080/base/path"),
        ("127.0.0.1/", "http://127.0.0.1:11434"),
        ("ollama.com", "https://ollama.com:443"),
        ("https://MÜNCHEN.example", "https://xn--mnchen-3ya.example:443"),
    ],
)
def test_address_is_read_in_every_form_that_people_use(text: str, url: str) -> None:
    assert read(text).url == url


@pytest.mark.parametrize(
    ("text", "locality"),
    [
        ("localhost", Locality.THIS_MACHINE),
        ("127.0.0.53", Locality.THIS_MACHINE),
        ("::1", Locality.THIS_MACHINE),
        ("gpu.example", Locality.YOUR_NETWORK),
        ("192.168.1.5", Locality.YOUR_NETWORK),
        ("[fd00:0::1]", Locality.YOUR_NETWORK),
        ("https://10.1.2.3", Locality.YOUR_NETWORK),
        ("https://172.16.0.1", Locality.YOUR_NETWORK),
        ("https://169.254.1.1", Locality.YOUR_NETWORK),
        ("https://[fe80::1]", Locality.YOUR_NETWORK),
        ("https://api.example.com", Locality.CLOUD),
        ("https://8.8.8.8", Locality.CLOUD),
        ("https://172.32.0.1", Locality.CLOUD),
        ("https://192.0.2.1", Locality.CLOUD),
        ("https://localhost.example.com", Locality.CLOUD),
        ("https://127.0.0.1.example.com", Locality.CLOUD),
        ("https://127.1", Locality.CLOUD),
        ("https://0x7f000001", Locality.CLOUD),
        ("https://2130706433", Locality.CLOUD),
    ],
)
def test_locality_comes_from_literals_and_the_users_list_only(text: str, locality: Locality) -> None:
    assert read(text).locality is locality


@pytest.mark.parametrize(
    "host", ["example.com", "192.168.1.6", "10.0.0.1", "8.8.8.8", "localhost.example.com", "127.1"]
)
def test_plain_http_beyond_this_machine_is_refused_and_the_way_out_is_named(host: str) -> None:
    with pytest.raises(AddressRefused) as refused:
        read(f"http://{host}:8080")
    assert f'trusted_hosts = ["{host}"]' in str(refused.value)
    assert "https://" in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "http://user:password@127.0.0.1",
        "user@127.0.0.1",
        "http://127.0.0.1\\@evil.example",
        "127.0.0.1:99999",
        "127.0.0.1:0",
        "127.0.0.1:http",
        "127.0.0.1:-1",
        "http://[::1",
        "http://127.0.0.1?x=1",
        "http://127.0.0.1#x",
        "ftp://127.0.0.1",
        "unix:///run/x.sock",
        "local host",
        "127.0.0.1\n",
        "http://127.0.0.1\r\nHost: evil",
        "https://-bad-.example",
        "https://a..b",
        "https://%65vil.example",
    ],
)
def test_what_is_no_address_is_refused_with_a_sentence(text: str) -> None:
    if text == "127.0.0.1\n":
        assert read(text).host == "127.0.0.1"  # a trailing line end is white space, as after `cat`
        return
    with pytest.raises(AddressRefused) as refused:
        read(text)
    assert str(refused.value).endswith(".")
    assert "password@" not in str(refused.value)


def test_names_are_never_loopback() -> None:
    assert is_loopback("127.0.0.1")
    assert is_loopback("::1")
    assert not is_loopback("localhost")
    assert not is_loopback("loopback.example")


def test_display_is_host_and_port() -> None:
    assert read("http://127.0.0.1:8080/x").display == "127.0.0.1:8080"
    assert read("[::1]:80").display == "[::1]:80"


@pytest.mark.parametrize(
    ("text", "peer", "may"),
    [
        ("localhost", "127.0.0.1", True),
        ("localhost", "192.168.1.5", False),
        ("127.0.0.1", "203.0.113.7", False),
        ("gpu.example", "10.0.0.9", True),
        ("gpu.example", "127.0.0.1", True),
        ("gpu.example", "203.0.113.7", False),
        ("gpu.example", "192.168.1.5", True),
        ("198.51.100.4", "198.51.100.4", True),
        ("198.51.100.4", "198.51.100.5", False),
        ("https://api.example.com", "203.0.113.7", True),
    ],
)
def test_a_connection_ends_where_the_address_says_or_nowhere(text: str, peer: str, may: bool) -> None:
    address = parse_server(text, default_port=80, trusted_hosts=TRUSTED | {"198.51.100.4"})
    assert address.may_be(peer) is may


def test_a_listed_name_may_lead_to_a_public_address_that_is_listed_too() -> None:
    address = parse_server("gpu.example", default_port=80, trusted_hosts=frozenset({"gpu.example", "203.0.113.7"}))
    assert address.may_be("203.0.113.7")
    assert not address.may_be("203.0.113.8")
