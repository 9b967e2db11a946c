"""Finds the model servers of this machine: one quick look at each well-known port of loopback, all at once.

Nothing but loopback is asked, and Ollama's address if that is a host of the user's own network. A port where nobody
answers, or where something else lives, is left out: finding nothing is an answer, not an error.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Literal

import httpx

from backends.address import PORTS, ServerAddress, parse_server
from backends.base import Locality, ModelInfo
from backends.door import DoorRefused, client
from backends.errors import BackendError, KeyRejected
from backends.ollama import models as ollama_models
from backends.openai_compatible import identified
from backends.wire import Reply, ask, text_of

Kind = Literal["ollama", "llama-server", "lmstudio", "vllm", "other"]

_TITLES: dict[Kind, str] = {
    "ollama": "Ollama",
    "llama-server": "llama-server",
    "lmstudio": "LM Studio",
    "vllm": "vLLM",
    "other": "A model server",
}
_LISTING_SECONDS = 3.0
"""For a server that has answered already: while it loads a model it may be slow to list what it has."""


@dataclass(frozen=True, slots=True)
class LocalServer:
    """A server that answered."""

    kind: Kind
    """"other": none of the known ones, but it speaks OpenAI's protocol."""
    address: ServerAddress
    models: tuple[ModelInfo, ...]
    """Empty when it has none, or tells nobody without a key."""

    @property
    def title(self) -> str:
        """For people: "LM Studio at 127.0.0.1:1234"."""
        return f"{_TITLES[self.kind]} at {self.address.display}"


async def local_servers(
    *,
    ollama: ServerAddress | None,
    timeout: float = 0.3,  # noqa: ASYNC109  # of each look; the lists that follow have more time
    ports: tuple[int, ...] = PORTS,
) -> list[LocalServer]:
    """The servers that answer within `timeout` seconds, and what they have, in order of preference.

    `ollama` None: it is not looked for. Everything else is on loopback.
    """
    here = [parse_server(f"127.0.0.1:{port}", default_port=port) for port in ports]
    async with asyncio.TaskGroup() as tasks:
        looks = [tasks.create_task(_ollama_at(ollama, timeout))] if ollama is not None else []
        looks += [
            tasks.create_task(_openai_at(address, timeout))
            for address in here
            if ollama is None or not _same(address, ollama)
        ]
    return [server for look in looks if (server := look.result()) is not None]


async def _ollama_at(address: ServerAddress, seconds: float) -> LocalServer | None:
    if address.locality is Locality.CLOUD:
        return None
    reply = await _looked(address, "/api/version", seconds)
    # Older llama-servers answered some of Ollama's paths, but not this one.
    if reply is None or not text_of(reply.record, "version"):
        return None
    try:
        async with asyncio.timeout(_LISTING_SECONDS):
            return LocalServer("ollama", address, tuple(await ollama_models(address)))
    except (BackendError, TimeoutError):
        return LocalServer("ollama", address, ())


async def _openai_at(address: ServerAddress, seconds: float) -> LocalServer | None:
    reply = await _looked(address, "/v1/models", seconds)
    if reply is None or not _speaks_openai(reply):
        return None
    try:
        async with asyncio.timeout(_LISTING_SECONDS):
            flavour, offered = await identified(address)
            return LocalServer(flavour, address, tuple(offered))
    except KeyRejected:
        return LocalServer("other", address, ())
    except (BackendError, TimeoutError):
        return None


def _speaks_openai(reply: Reply) -> bool:
    """Many things live on port 8080: a page, or an error that is no JSON, is none of ours."""
    if reply.status == 200:
        return isinstance(reply.record.get("data"), list)
    return reply.status in (401, 503) and "error" in reply.record


async def _looked(address: ServerAddress, path: str, seconds: float) -> Reply | None:
    """The answer of whoever is there; None when nobody is, or nobody that speaks HTTP in time."""
    async with client(address) as http:
        try:
            return await ask(http, "GET", path, purpose="probe", seconds=seconds)
        except (httpx.HTTPError, DoorRefused, BackendError):
            return None


def _same(one: ServerAddress, other: ServerAddress) -> bool:
    return one.port == other.port and other.locality is Locality.THIS_MACHINE
