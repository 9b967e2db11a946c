"""What is known of Claude's models without asking anybody: sizes, prices, and whether thinking can be asked for.

The figures are dated data in `claude_models.toml` beside this file. A model that is not there is still usable: it
has no price, its window is unknown, and no optional parameter is sent for it. A cost is always an estimate.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from backends.base import Usage
from backends.errors import BackendError

_PER_MILLION = 1_000_000
_DATED = re.compile(r"-\d{8}$")
"""The end of a name that pins a snapshot: claude-haiku-4-5-20251001."""


class PriceFileError(BackendError):
    """The user's own file of prices cannot be used; the message names the file and what to change."""

    kind = "price-file"


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens."""

    input: float
    output: float
    """Thinking is billed as output."""
    cache_write: float
    """Writes that live five minutes, the only kind that is asked for."""
    cache_read: float


@dataclass(frozen=True, slots=True)
class ClaudeModel:
    """One model of Anthropic's, as of the date of the data."""

    name: str
    title: str
    context: int
    """Tokens that the window holds."""
    max_output: int
    """Largest `max_tokens` that the API accepts."""
    price: Price
    large_price: Price | None = None
    """For the whole request, if the prompt has more than `large_over` tokens."""
    large_over: int | None = None
    adaptive_thinking: bool = False
    """True: accepts `thinking={"type": "adaptive"}`."""
    note: str = ""
    """What a person should know before choosing it."""

    def price_of(self, prompt_tokens: int) -> Price:
        """The price of a request whose prompt, cached parts included, has that many tokens."""
        if self.large_price is not None and self.large_over is not None and prompt_tokens > self.large_over:
            return self.large_price
        return self.price


def known_models(prices: Path | None = None) -> tuple[ClaudeModel, ...]:
    """All models in the data, the ones to offer first at the front.

    `prices` names a TOML file of the user's own with the same shape, which wins field by field; a model that the
    data does not have is added at the end. Raises `PriceFileError`.
    """
    entries = {str(entry["name"]): entry for entry in _packaged()}
    for entry in _own(prices) if prices is not None else ():
        name = entry.get("name")
        if not isinstance(name, str) or not name:
            raise PriceFileError(f"{prices}: each [[model]] needs a name. Correct or remove the file.")
        entries[name] = _merged(entries.get(name, {}), entry)
    return tuple(_model(entry, prices) for entry in entries.values())


def model(name: str, prices: Path | None = None) -> ClaudeModel | None:
    """The model of that name; a dated name finds its undated entry. None: nothing is known of it."""
    by_name = {known.name: known for known in known_models(prices)}
    return by_name.get(name) or by_name.get(_DATED.sub("", name))


def cost_usd(name: str, usage: Usage, prices: Path | None = None) -> float | None:
    """An estimate in US dollars. None where the model's price or the counts are not known."""
    known = model(name, prices)
    if known is None or usage.input_tokens is None or usage.output_tokens is None:
        return None
    price = known.price_of(usage.input_tokens)
    read, written = usage.cache_read_tokens or 0, usage.cache_write_tokens or 0
    fresh = max(0, usage.input_tokens - read - written)
    millionths = (
        fresh * price.input
        + written * price.cache_write
        + read * price.cache_read
        + usage.output_tokens * price.output
    )
    return millionths / _PER_MILLION


@cache
def _packaged() -> tuple[Mapping[str, Any], ...]:
    text = files("backends").joinpath("claude_models.toml").read_text(encoding="utf-8")
    return tuple(tomllib.loads(text)["model"])


@cache
def _own(path: Path) -> tuple[Mapping[str, Any], ...]:
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8")).get("model", [])
    except (OSError, ValueError) as error:
        raise PriceFileError(f"{path} cannot be read as TOML ({error}). Correct or remove it.") from error
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise PriceFileError(f"{path}: write each model as a [[model]] table. Correct or remove the file.")
    return tuple(entries)


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**below, **above}
    if isinstance(below.get("large"), dict) and isinstance(above.get("large"), dict):
        merged["large"] = {**below["large"], **above["large"]}
    return merged


def _model(entry: Mapping[str, Any], source: Path | None) -> ClaudeModel:
    try:
        return ClaudeModel(
            name=entry["name"],
            title=str(entry.get("title", entry["name"])),
            context=_count(entry["context"]),
            max_output=_count(entry["max_output"]),
            price=_price(entry),
            large_price=_price(entry["large"]) if "large" in entry else None,
            large_over=_count(entry["large_over"]) if "large_over" in entry else None,
            adaptive_thinking=entry.get("thinking") == "adaptive",
            note=str(entry.get("note", "")),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise PriceFileError(
            f"{source}: {entry.get('name')} lacks or misstates {error}. Correct the file."
        ) from error


def _price(entry: Mapping[str, Any]) -> Price:
    return Price(*(_dollars(entry, field.name) for field in fields(Price)))


def _dollars(entry: Mapping[str, Any], name: str) -> float:
    value = entry[name]
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
        raise ValueError(name)
    return float(value)


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        raise ValueError(f"a count of tokens ({value!r})")
    return value
