"""`duologue models list`: what can be asked from here, and how each is written.

Only this machine's own ports are looked at. Anthropic is asked with `--claude` alone; without it the dated list that
ships with the program is shown.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from backends import Locality, ModelInfo
from tui.commands.output import Output
from tui.exit_codes import ExitCode
from tui.rendering.safe_text import one_line
from tui.wiring import Wiring
from tui.words import count, size

if TYPE_CHECKING:
    from backends.discovery import LocalServer
    from backends.gguf_files import GgufFile

_CELLS = 200


def run(wiring: Wiring, output: Output, *, ask_claude: bool, as_json: bool) -> ExitCode:
    """Print the models. Raises `AddressRefused`, `PriceFileError`; with `ask_claude` `BackendError`, `StoreError`."""
    return asyncio.run(_run(wiring, output, ask_claude=ask_claude, as_json=as_json))


async def _run(wiring: Wiring, output: Output, *, ask_claude: bool, as_json: bool) -> ExitCode:
    from backends.engine import unavailable_reason

    claude = await _asked_claude(wiring) if ask_claude else wiring.known_claude_models()
    servers = await wiring.local_servers()
    files = await wiring.gguf_files()
    missing = unavailable_reason(wiring.settings.llama_server)
    if as_json:
        output.json(_document(claude, servers, files, missing, asked=ask_claude))
    else:
        _print(output, claude, servers, files, missing, asked=ask_claude)
    return ExitCode.OK


async def _asked_claude(wiring: Wiring) -> list[ModelInfo]:
    """Ask, and have the request in the ledger like every other that leaves this machine."""
    store = wiring.store()
    try:
        await store.start()
        with wiring.recording(store, "models"):
            return await wiring.claude_models()
    finally:
        store.close()


def _print(
    output: Output,
    claude: list[ModelInfo],
    servers: list[LocalServer],
    files: list[GgufFile],
    missing: str | None,
    *,
    asked: bool,
) -> None:
    output.line(f"Claude, {'as Anthropic says' if asked else 'as known to this version (--claude asks Anthropic)'}:")
    for model in claude:
        output.line(_row(model))
    for server in servers:
        output.line(f"{server.title}, {server.address.locality}:")
        for model in server.models:
            output.line(_row(model))
        if not server.models:
            output.aside("  it shows no models")
    if not servers:
        output.line("No model server answers on this machine (Ollama, LM Studio, llama-server, vLLM).")
    output.line("Files for the embedded engine:" if files else "No GGUF files were found in the usual places.")
    for file in files:
        facts = f"{file.name}, {size(file.size_bytes)}, {file.source}"
        output.line("  " + one_line(f"gguf:{file.path}", _CELLS) + "  " + one_line(facts, _CELLS))
    output.line("Embedded engine: can run; demo: is its built-in DEMO model." if missing is None else missing)


def _row(model: ModelInfo) -> str:
    facts = [
        *([model.title] if model.title and model.title != model.spec.model else []),
        *([size(model.size_bytes)] if model.size_bytes is not None else []),
        *([f"{count(model.context_tokens)} tokens"] if model.context_tokens else []),
        *(["loaded"] if model.loaded else []),
        *([str(model.locality)] if model.locality is not Locality.THIS_MACHINE else []),
    ]
    return "  " + one_line(f"{model.spec}", _CELLS) + "  " + one_line(", ".join(facts), _CELLS)


def _document(
    claude: list[ModelInfo], servers: list[LocalServer], files: list[GgufFile], missing: str | None, *, asked: bool
) -> dict[str, Any]:
    return {
        "claude": {"source": "anthropic" if asked else "built in", "models": [_model(model) for model in claude]},
        "servers": [
            {
                "kind": server.kind,
                "address": server.address.url,
                "locality": str(server.address.locality),
                "models": [_model(model) for model in server.models],
            }
            for server in servers
        ],
        "files": [
            {"model": f"gguf:{file.path}", "name": file.name, "size_bytes": file.size_bytes, "source": file.source}
            for file in files
        ],
        "engine": {"available": missing is None, "reason": missing},
    }


def _model(model: ModelInfo) -> dict[str, Any]:
    return {
        "model": str(model.spec),
        "title": model.title,
        "locality": str(model.locality),
        "size_bytes": model.size_bytes,
        "context_tokens": model.context_tokens,
        "loaded": model.loaded,
    }
