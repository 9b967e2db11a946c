"""How values are said on screen and on the command line: names of models, money, counts, times."""

from __future__ import annotations

from typing import Literal

from backends import Locality, ModelSpec
from backends.spec import SpecError, parse

CLAUDE_PREFIX = "claude-"
OFF_THE_RECORD = "OFF THE RECORD"
"""Nothing of it is kept: it is in memory, and gone with the session or the program."""


def side_name(spec: ModelSpec, locality: Locality) -> str:
    """The first word of a side's title: "Claude", "Local", "Network", "DEMO"."""
    if spec.backend == "claude":
        return "Claude"
    if spec.backend == "demo":
        return "DEMO"
    match locality:
        case Locality.THIS_MACHINE:
            return "Local"
        case Locality.YOUR_NETWORK:
            return "Network"
        case Locality.CLOUD:
            return "Cloud"


def model_name(spec: ModelSpec) -> str:
    """A model's short name: "sonnet-5.5", "llama3.1:8b", "notes-7b"."""
    match spec.backend:
        case "claude":
            return _claude_name(spec.model)
        case "gguf":
            return spec.model.replace("\\", "/").rsplit("/", 1)[-1].removesuffix(".gguf")
        case "demo":
            return "built-in model"
        case "openai":
            return spec.model or spec.url.partition("://")[2]
        case "ollama" | "lmstudio":
            return spec.model


def short_spec(text: str | None) -> str:
    """The same for a spec as stored; unreadable ones stay as they are."""
    if text is None:
        return "off"
    try:
        spec = parse(text)
    except SpecError:
        return text
    if spec.backend == "demo":
        return "DEMO"
    return f"Claude {model_name(spec)}" if spec.backend == "claude" else model_name(spec)


def money(dollars: float) -> str:
    """US dollars: "$0.0042", "$1.27"."""
    return f"${dollars:.4f}" if dollars < 0.1 else f"${dollars:.2f}"


def count(number: int) -> str:
    """A count in few characters: "188", "1.2k", "3.4M"."""
    if number < 1_000:
        return str(number)
    if number < 999_950:
        return f"{number / 1_000:.1f}k".replace(".0k", "k")
    return f"{number / 1_000_000:.1f}M".replace(".0M", "M")


def size(number: int) -> str:
    """Bytes: "812 B", "6.0 MB", "4.7 GB"."""
    value, units = float(number), ("B", "kB", "MB", "GB", "TB")
    for unit in units:
        if value < 1000 or unit == units[-1]:
            return f"{int(value)} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    raise AssertionError


def key_source(source: Literal["keyring", "environment", "this run", "none"], keyring: str) -> str:
    """Where the API key comes from: "in your keyring (Secret Service)"."""
    match source:
        case "keyring":
            return f"in your keyring ({keyring})"
        case "environment":
            return "from ANTHROPIC_API_KEY"
        case "this run":
            return "for this run only"
        case "none":
            return "no API key yet"


def plural(number: int, word: str) -> str:
    """ "1 turn", "3 turns"."""
    return f"{number:,} {word}" + ("" if number == 1 else "s")


def _claude_name(model: str) -> str:
    """ "claude-sonnet-5-5" is "sonnet-5.5"; a dated or unknown form stays as it is."""
    rest = model.removeprefix(CLAUDE_PREFIX)
    family, _, version = rest.partition("-")
    parts = version.split("-")
    if family and 1 <= len(parts) <= 2 and all(part.isdigit() and len(part) <= 2 for part in parts):
        return f"{family}-{'.'.join(parts)}"
    return rest
