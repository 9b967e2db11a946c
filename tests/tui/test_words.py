from __future__ import annotations

import pytest

from backends import Locality
from backends.spec import parse
from tui.words import count, key_source, model_name, money, plural, short_spec, side_name, size


@pytest.mark.parametrize(
    ("spec", "locality", "name"),
    [
        ("claude:", Locality.CLOUD, "Claude"),
        ("demo:", Locality.THIS_MACHINE, "DEMO"),
        ("ollama:m", Locality.THIS_MACHINE, "Local"),
        ("ollama:m", Locality.YOUR_NETWORK, "Network"),
        ("openai:https://models.example.com#m", Locality.CLOUD, "Cloud"),
    ],
)
def test_a_side_is_named_for_who_answers_or_where(spec: str, locality: Locality, name: str) -> None:
    assert side_name(parse(spec), locality) == name


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("claude:claude-sonnet-5-5", "sonnet-5.5"),
        ("claude:claude-opus-6", "opus-6"),
        ("claude:claude-3-5-sonnet-20241022", "3-5-sonnet-20241022"),
        ("claude:claude-sonnet-4-20250514", "sonnet-4-20250514"),
        ("ollama:llama3.1:8b", "llama3.1:8b"),
        ("gguf:/models/notes-7b.gguf", "notes-7b"),
        ("gguf:C:\\models\\notes-7b.gguf", "notes-7b"),
        ("openai:http://127.0.0.1:8080", "127.0.0.1:8080"),
        ("openai:http://127.0.0.1:8080#qwen", "qwen"),
        ("demo:", "built-in model"),
    ],
)
def test_a_model_has_a_short_name(spec: str, name: str) -> None:
    assert model_name(parse(spec)) == name


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "off"),
        ("claude:", "Claude sonnet-5.5"),
        ("demo:chat", "DEMO"),
        ("ollama:m", "m"),
        ("from a newer version", "from a newer version"),
    ],
)
def test_a_stored_spec_is_said_whatever_it_is(text: str | None, words: str) -> None:
    assert short_spec(text) == words


@pytest.mark.parametrize(
    ("number", "words"),
    [(0, "0"), (999, "999"), (1_000, "1k"), (1_249, "1.2k"), (200_000, "200k"), (999_949, "999.9k"), (999_950, "1M")],
)
def test_a_count_never_reads_as_a_thousand_thousand(number: int, words: str) -> None:
    assert count(number) == words


@pytest.mark.parametrize(
    ("dollars", "words"), [(0.0042, "$0.0042"), (0.0999, "$0.0999"), (0.1, "$0.10"), (1.27, "$1.27")]
)
def test_small_money_keeps_its_digits(dollars: float, words: str) -> None:
    assert money(dollars) == words


@pytest.mark.parametrize(
    ("number", "words"), [(812, "812 B"), (6_000_000, "6.0 MB"), (4_700_000_000, "4.7 GB"), (2 * 10**15, "2000.0 TB")]
)
def test_a_size_has_the_unit_that_fits(number: int, words: str) -> None:
    assert size(number) == words


def test_plurals_count_with_commas() -> None:
    assert [plural(number, "turn") for number in (0, 1, 1234)] == ["0 turns", "1 turn", "1,234 turns"]


def test_where_a_key_is_from_never_holds_the_key() -> None:
    assert key_source("keyring", "Secret Service") == "in your keyring (Secret Service)"
    assert key_source("environment", "") == "from ANTHROPIC_API_KEY"
    assert key_source("this run", "") == "for this run only"
    assert key_source("none", "Secret Service") == "no API key yet"
