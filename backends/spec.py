"""How a model is written: `backend:model`, the same in the configuration, on the command line and in the store.

    claude:claude-sonnet-5-5      ollama:llama3.1:8b      lmstudio:qwen3-8b
    openai:http://127.0.0.1:8080#name                     gguf:notes/model.gguf      demo:

A spec is only a name. What it says about where an answer is made is nothing: see `Locality`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args
from urllib.parse import urlsplit

BackendName = Literal["claude", "ollama", "lmstudio", "openai", "gguf", "demo"]
DEFAULT_CLAUDE_MODEL = "claude-sonnet-5-5"
DEMO_CHAT, DEMO_MESSAGES = "chat", "messages"
"""The two protocols that the demo model can be asked by: OpenAI's and Anthropic's."""


class SpecError(ValueError):
    """The text names no model; the message says how one is written."""


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model by name."""

    backend: BackendName
    model: str
    """The backend's own name for it. Empty with `openai` means the server's only or first model."""
    url: str = ""
    """Only with `openai`: scheme, host, port and path of the server."""

    def __str__(self) -> str:
        """The text that `parse` reads back."""
        if self.backend == "openai":
            return f"openai:{self.url}#{self.model}" if self.model else f"openai:{self.url}"
        return f"{self.backend}:{self.model}"


def parse(text: str) -> ModelSpec:
    """Read a model as a person wrote it.

    Raises `SpecError` with a sentence that says what to write instead.
    """
    backend, colon, rest = text.strip().partition(":")
    rest = rest.strip()
    if not colon or backend not in get_args(BackendName):
        kinds = ", ".join(f"{name}:" for name in get_args(BackendName))
        raise SpecError(f"{text!r} names no model. Write backend:model with one of {kinds} (ollama:llama3.1:8b).")
    if any(ord(c) < 0x20 or ord(c) == 0x7F for c in rest):
        raise SpecError("A model's name has no control characters.")
    match backend:
        case "claude":
            return ModelSpec("claude", rest or DEFAULT_CLAUDE_MODEL)
        case "demo":
            if rest not in ("", DEMO_CHAT, DEMO_MESSAGES):
                raise SpecError("Write demo: (or demo:chat, demo:messages for one of the two protocols).")
            return ModelSpec("demo", rest)
        case "openai":
            url, _, model = rest.partition("#")
            if not _is_server(url):
                raise SpecError("Write openai:http://HOST:PORT#model, without a user name or password.")
            return ModelSpec("openai", model, url.rstrip("/").removesuffix("/v1"))
        case "gguf" if not rest:
            raise SpecError("Write gguf:PATH with the path of a GGUF file.")
        case "ollama" | "lmstudio" if not rest:
            raise SpecError(f"Write {backend}:MODEL; `duologue models list` shows what the server has.")
        case "ollama" | "lmstudio" | "gguf":
            return ModelSpec(backend, rest)
        case _:
            raise SpecError(f"{backend!r} is not a backend.")


def _is_server(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:  # a bracket too few or too many
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not (parts.username or parts.password)
