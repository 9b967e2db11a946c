"""Ollama's HTTP API on loopback, as versions from 0.11 on answer it; a test scripts what a chat says.

Shapes are those of Ollama's docs/api.md and server/routes.go (0.33). What is not scripted is 404, as there.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.backends.scripted_server import Received, Reply, ScriptedServer

DIGEST = "a" * 64
Chat = Callable[[Received, Reply], Awaitable[None]]


def piece(content: str = "", thinking: str = "", **more: Any) -> dict[str, Any]:
    """One chunk of a streamed chat."""
    message = {"role": "assistant", "content": content, **({"thinking": thinking} if thinking else {})}
    return {"model": "qwen3:8b", "created_at": "2026-11-22T10:00:00Z", "message": message, "done": False, **more}


def last(**more: Any) -> dict[str, Any]:
    """The chunk that ends a chat."""
    return {
        **piece(),
        "done": True,
        "done_reason": "stop",
        "total_duration": 3_000_000_000,
        "load_duration": 500_000_000,
        "prompt_eval_count": 26,
        "prompt_eval_duration": 250_000_000,
        "eval_count": 40,
        "eval_duration": 2_000_000_000,
        **more,
    }


def says(*chunks: dict[str, Any]) -> Chat:
    """A chat that answers with these chunks."""

    async def chat(_: Received, reply: Reply) -> None:
        await reply.start()
        for chunk in chunks:
            await reply.line(chunk)
        await reply.end()

    return chat


def endless(server: ScriptedOllama) -> Chat:
    """A chat that goes on until the client leaves."""

    async def chat(_: Received, reply: Reply) -> None:
        server.at_work = True
        await reply.start()
        await reply.line(piece("word "))
        await reply.client_left()
        server.at_work = False
        reply.keep = False

    return chat


@dataclass
class Model:
    """One model that the server has."""

    name: str = "qwen3:8b"
    show: dict[str, Any] = field(default_factory=dict)
    tag: dict[str, Any] = field(default_factory=dict)
    context_loaded: int | None = None
    """Set: the model is loaded with that window."""
    trained: int = 40960
    remote: str = ""
    """Set: a stub whose requests go there."""


@dataclass
class ScriptedOllama:
    """What the server is and has; change it between requests."""

    version: str = "0.33.0"
    cloud_disabled: bool = False
    models: list[Model] = field(default_factory=lambda: [Model()])
    chat: Chat = field(default_factory=lambda: says(piece("Hello"), piece(" there."), last()))
    at_work: bool = False
    overrides: dict[str, Chat] = field(default_factory=dict)
    """Answers instead of the usual ones, by path."""

    @asynccontextmanager
    async def served(self, host: str = "127.0.0.1") -> AsyncIterator[ScriptedServer]:
        """The server while it runs."""
        async with ScriptedServer(self.answer, host) as server:
            yield server

    async def answer(self, request: Received, reply: Reply) -> None:
        if override := self.overrides.get(request.path):
            await override(request, reply)
            return
        match request.path:
            case "/api/version":
                await reply.json({"version": self.version})
            case "/api/status" if self.numbers >= (0, 16, 2) or self.version == "0.0.0":
                source = "env" if self.cloud_disabled else "none"
                await reply.json({"cloud": {"disabled": self.cloud_disabled, "source": source}})
            case "/api/tags":
                await reply.json({"models": [self.tag(model) for model in self.models]})
            case "/api/ps":
                await reply.json({"models": [self.process(model) for model in self.models if model.context_loaded]})
            case "/api/show":
                await self.show(request, reply)
            case "/api/chat":
                await self.answer_chat(request, reply)
            case _:
                await reply.whole(b"404 page not found", 404, "text/plain")

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(int(number) for number in re.findall(r"\d+", self.version.split("-")[0]))

    def found(self, name: str) -> Model | None:
        return next(
            (model for model in self.models if name in (model.name, model.name.removesuffix(":latest"))), None
        )

    def remote(self, model: Model) -> dict[str, str]:
        return {"remote_host": model.remote, "remote_model": "gpt-oss:120b"} if model.remote else {}

    def tag(self, model: Model) -> dict[str, Any]:
        return {
            "name": model.name,
            "model": model.name,
            "modified_at": "2026-10-01T10:00:00Z",
            "size": 300 if model.remote else 5_200_000_000,
            "digest": DIGEST,
            "details": {"format": "gguf", "family": "qwen3", "context_length": model.trained},
            **self.remote(model),
            **model.tag,
        }

    def process(self, model: Model) -> dict[str, Any]:
        return {
            "name": model.name,
            "model": model.name,
            "size": 6_000_000_000,
            "size_vram": 0,
            "digest": DIGEST,
            "context_length": model.context_loaded,
        }

    async def show(self, request: Received, reply: Reply) -> None:
        model = self.found(request.json["model"])
        if model is None:
            await reply.json({"error": f"model '{request.json['model']}' not found"}, 404)
            return
        info = {"general.architecture": "qwen3", "qwen3.context_length": model.trained}
        await reply.json({"details": {}, "model_info": info, **self.remote(model), **model.show})

    async def answer_chat(self, request: Received, reply: Reply) -> None:
        name: str = request.json["model"]
        insists_on_local = self.numbers >= (0, 17, 6) and name.endswith(":local")
        model = self.found(name.removesuffix(":local") if insists_on_local else name)
        if model is None or (insists_on_local and model.remote):
            await reply.json({"error": f"model '{name}' not found"}, 404)
            return
        await self.chat(request, reply)
