"""The dated table of Claude's models: names resolve, prices are the published ones, a user's file wins."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends.base import Usage
from backends.claude_models import PriceFileError, cost_usd, known_models, model
from backends.spec import DEFAULT_CLAUDE_MODEL


def test_default_model_is_known_and_offered_first() -> None:
    assert known_models()[0].name == DEFAULT_CLAUDE_MODEL
    assert len({known.name for known in known_models()}) == len(known_models())


def test_dated_name_finds_its_model() -> None:
    dated = model("claude-haiku-4-5-20251001")
    assert dated is not None
    assert dated.name == "claude-haiku-4-5"
    assert dated.context == 200_000


def test_unknown_model_has_no_entry_and_no_cost() -> None:
    assert model("claude-next") is None
    assert model("claude-mythos-preview") is None
    assert cost_usd("claude-next", Usage(input_tokens=1, output_tokens=1)) is None


def test_cost_counts_fresh_written_read_and_generated_tokens_each_at_its_price() -> None:
    usage = Usage(
        input_tokens=1_000_000, output_tokens=100_000, cache_read_tokens=500_000, cache_write_tokens=100_000
    )
    # 400k fresh at 2, 100k written at 2.5, 500k read at 0.1, 100k generated at 10
    assert cost_usd("claude-sonnet-5-5", usage) == pytest.approx(0.8 + 0.25 + 0.05 + 1.0)


@pytest.mark.parametrize(("prompt", "dollars"), [(100_000, 0.01 + 0.0005), (100_001, 0.0500005 + 0.0025)])
def test_haiku_bills_the_whole_request_higher_above_100_000_prompt_tokens(prompt: int, dollars: float) -> None:
    assert cost_usd("claude-haiku-5-5", Usage(input_tokens=prompt, output_tokens=1000)) == pytest.approx(dollars)


def test_cached_tokens_count_towards_the_higher_tier() -> None:
    usage = Usage(input_tokens=150_000, output_tokens=0, cache_read_tokens=149_000)
    assert cost_usd("claude-haiku-5-5", usage) == pytest.approx((1_000 * 0.5 + 149_000 * 0.05) / 1e6)


def test_cost_is_unknown_while_a_count_is_unknown() -> None:
    assert cost_usd("claude-sonnet-5-5", Usage(input_tokens=10)) is None


def test_models_that_refuse_adaptive_thinking_are_not_asked_for_it() -> None:
    without = {known.name for known in known_models() if not known.adaptive_thinking}
    assert without == {"claude-opus-4-5", "claude-sonnet-4-5", "claude-haiku-4-5"}


def test_own_file_corrects_single_fields(tmp_path: Path) -> None:
    own = tmp_path / "prices.toml"
    own.write_text('[[model]]\nname = "claude-haiku-5-5"\noutput = 1.0\n[model.large]\noutput = 9.0\n')
    corrected = model("claude-haiku-5-5", own)
    assert corrected is not None
    assert corrected.large_price is not None
    assert (corrected.price.input, corrected.price.output) == (0.10, 1.0)
    assert (corrected.large_price.input, corrected.large_price.output) == (0.50, 9.0)


def test_own_file_adds_a_model(tmp_path: Path) -> None:
    own = tmp_path / "prices.toml"
    own.write_text(
        '[[model]]\nname = "claude-next"\ncontext = 10\nmax_output = 5\n'
        "input = 1\noutput = 2\ncache_write = 3\ncache_read = 4\n"
    )
    assert cost_usd("claude-next", Usage(input_tokens=1_000_000, output_tokens=0), own) == 1.0
    assert known_models(own)[-1].name == "claude-next"


@pytest.mark.parametrize(
    "text",
    [
        "not toml",
        "model = 3",
        "[[model]]\ninput = 1.0",
        '[[model]]\nname = "claude-next"\ninput = 1.0',
        '[[model]]\nname = "claude-sonnet-5-5"\ninput = "cheap"',
        '[[model]]\nname = "claude-sonnet-5-5"\ninput = -1.0',
        '[[model]]\nname = "claude-sonnet-5-5"\ncontext = 0',
        '[[model]]\nname = "claude-sonnet-5-5"\nlarge = 3',
    ],
)
def test_unusable_own_file_is_named(tmp_path: Path, text: str) -> None:
    own = tmp_path / "prices.toml"
    own.write_text(text)
    with pytest.raises(PriceFileError, match=r"prices\.toml.*(Correct|remove)"):
        known_models(own)


def test_missing_own_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PriceFileError, match=r"absent\.toml"):
        known_models(tmp_path / "absent.toml")
