"""Lets a person choose a side's model: opens the picker at once and fills it as answers come in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from textual.app import App

from backends import Connector, ModelInfo
from backends.address import AddressRefused
from storage import Side
from tui.screens.models import ModelGroup, ModelPicker, ModelRow
from tui.services import Services

HERE, FILES, BUILT_IN, CLAUDE = "On this machine", "GGUF files", "Built in", "Claude"
DEMO_NOTE = "DEMO: a real engine, silly text"


async def choose_model(
    app: App[int], services: Services, side: Side, current: Connector | None, *, confidential: bool
) -> str | None:
    """Ask for the model of `side`; gives a spec, "off", or None. Asks this machine's ports, and a
    configured Ollama elsewhere; in a confidential session only if that host is listed."""
    groups = [ModelGroup(HERE, None), ModelGroup(FILES, None), ModelGroup(BUILT_IN, _built_in(services))]
    if not confidential:
        groups.append(ModelGroup(CLAUDE, [_row(model) for model in services.known_claude_models()]))
    picker = ModelPicker(f"{side} side", groups, current=str(current.spec) if current else None)
    app.run_worker(_look_around(services, picker, confidential=confidential), group="look around", exclusive=True)
    return await app.push_screen_wait(picker)


async def _look_around(services: Services, picker: ModelPicker, *, confidential: bool) -> None:
    files = await services.find_gguf_files()
    missing = services.engine_missing()
    picker.set_group(FILES, missing or ([_file_row(path) for path in files] or "none found"))
    try:
        servers = await services.find_servers(confidential)
    except AddressRefused as problem:
        picker.set_group(HERE, str(problem))
        return
    if not servers:
        picker.set_group(HERE, "no server answers (tried Ollama, LM Studio, llama-server)")
        return
    rows = [_row(model, server.title) for server in servers for model in server.models]
    picker.set_group(HERE, rows or "a server answers, but it has no models yet")


def _built_in(services: Services) -> Sequence[ModelRow]:
    off = ModelRow("off", "", note="no model on this side")
    if services.engine_missing() is not None:
        return [off]
    return [ModelRow("demo:", "this machine", note=DEMO_NOTE), off]


def _row(model: ModelInfo, note: str = "") -> ModelRow:
    return ModelRow(
        str(model.spec),
        str(model.locality),
        model.size_bytes,
        model.context_tokens,
        model.loaded,
        note or model.title,
    )


def _file_row(path: Path) -> ModelRow:
    return ModelRow(f"gguf:{path}", "this machine", path.stat().st_size if path.exists() else None)
