"""OpenAI's chat protocol on loopback, as llama-server, LM Studio, vLLM and others answer it; tests script it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.backends.scripted_server import Handler, Received, Reply, ScriptedServer

LM_STUDIO = {
    "/api/v1/models": {
        "models": [
            {
                "type": "llm",
                "key": "qwen/qwen3-8b",
                "display_name": "Qwen3 8B",
                "size_bytes": 5_000_000_000,
                "loaded_instances": [{"id": "qwen/qwen3-8b", "config": {"context_length": 4096}}],
                "max_context_length": 32768,
            },
            {"type": "llm", "key": "gemma", "loaded_instances": [], "max_context_length": 8192},
            {"type": "embedding", "key": "nomic", "loaded_instances": []},
        ]
    },
    "/v1/models": {"data": [{"id": "qwen/qwen3-8b"}, {"id": "gemma"}, {"id": "nomic"}]},
}
LM_STUDIO_03 = {
    "/api/v0/models": {
        "data": [
            {"id": "qwen3-8b", "type": "llm", "state": "not-loaded", "max_context_length": 32768},
            {"id": "gemma", "type": "vlm", "state": "loaded", "max_context_length": 8192},
            {"id": "nomic", "type": "embeddings", "state": "loaded"},
        ]
    },
    "/v1/models": {"data": [{"id": "qwen3-8b"}, {"id": "gemma"}, {"id": "nomic"}]},
}
VLLM = {"/v1/models": {"data": [{"id": "Qwen/Qwen3-8B", "owned_by": "vllm", "max_model_len": 40960}]}}
LLAMA = {
    "/health": {"status": "ok"},
    "/v1/models": {"data": [{"id": "tiny", "owned_by": "llamacpp", "meta": {"n_ctx": 4096, "size": 6_000_000}}]},
    "/props": {"default_generation_settings": {"n_ctx": 2048}, "model_path": "/home/me/secret/tiny.gguf"},
    "/v1/chat/completions/input_tokens": {"input_tokens": 12, "object": "response.input_tokens"},
}
OTHER = {"/v1/models": {"data": [{"id": "/home/me/secret/tiny.gguf"}]}}


def delta(content: str | None = None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    """One chunk of a streamed chat."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "model": "qwen3",
        "choices": [{"index": 0, "delta": {"content": content, **more}, "finish_reason": finish}],
    }


def usage(prompt: int = 12, completion: int = 34, **more: Any) -> dict[str, Any]:
    """The chunk with the counts."""
    counts = {"prompt_tokens": prompt, "completion_tokens": completion, **more}
    return {"model": "qwen3", "choices": [], "usage": counts}


def sse(*chunks: Any) -> bytes:
    """Events as bytes; texts are sent as they are."""
    return b"".join(
        f"data: {chunk if isinstance(chunk, str) else json.dumps(chunk, ensure_ascii=False)}\n\n".encode()
        for chunk in chunks
    )


def says(*chunks: Any) -> Handler:
    """A chat that answers with these chunks."""
    return streams(*(sse(chunk) for chunk in chunks))


def streams(*parts: bytes) -> Handler:
    """A chat that answers with these bytes."""

    async def chat(_: Received, reply: Reply) -> None:
        await reply.start("text/event-stream")
        for part in parts:
            await reply.chunk(part)
        await reply.end()

    return chat


@dataclass
class ScriptedOpenAI:
    """What the server answers, by path; change it between requests."""

    pages: dict[str, Any] = field(default_factory=lambda: VLLM)
    chat: Handler = field(
        default_factory=lambda: says(delta("Hello"), delta(" there."), delta(finish="stop"), usage(), "[DONE]")
    )
    overrides: dict[str, Handler] = field(default_factory=dict)

    @asynccontextmanager
    async def served(self) -> AsyncIterator[ScriptedServer]:
        """The server while it runs."""
        async with ScriptedServer(self.answer) as server:
            yield server

    async def answer(self, request: Received, reply: Reply) -> None:
        if override := self.overrides.get(request.path):
            await override(request, reply)
        elif request.path == "/v1/chat/completions":
            await self.chat(request, reply)
        elif request.path in self.pages:
            await reply.json(self.pages[request.path])
        else:
            await reply.json({"error": {"message": "File Not Found", "type": "not_found_error", "code": 404}}, 404)
