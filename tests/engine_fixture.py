"""Real llama.cpp with the generated model, once per test session: what tests of backends talk to."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

from backends.demo_model import MODEL_NAME, RECIPE, ensure_demo_model, make_model
from backends.engine import EmbeddedEngine, EngineAddress


def need_the_wheel() -> None:
    """Skip the test where the extra `engine` is not installed."""
    missing = [name for name in ("xllamacpp", "gguf", "numpy") if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (extra `engine`)")


@pytest.fixture(scope="session")
def demo_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineAddress]:
    """The demo model, served on 127.0.0.1 to two requests at once; answers end by themselves."""
    need_the_wheel()
    directory = tmp_path_factory.mktemp("demo-engine")
    model = ensure_demo_model(directory)
    yield from _served(
        EmbeddedEngine(model, alias="duologue-demo", data_directory=directory, threads=1, prefer_wheel=True)
    )


@pytest.fixture(scope="session")
def brief_demo_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model for the place of the demo model, where a test is not about its text: small, and soon at an end.

    `os.link` it into a data directory under its own name.
    """
    need_the_wheel()
    path = tmp_path_factory.mktemp("brief-demo-model") / f"{MODEL_NAME}-{RECIPE}.gguf"
    make_model(path, end_chance=1.0, feed_forward=256)
    return path


@pytest.fixture(scope="session")
def never_ending_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineAddress]:
    """A model that never ends its answer and is slow enough (some 50 tokens/s) to be stopped in mid-stream."""
    need_the_wheel()
    directory = tmp_path_factory.mktemp("never-ending-engine")
    model = directory / "never-ending.gguf"
    make_model(model, end_chance=0.0, feed_forward=65536)
    yield from _served(
        EmbeddedEngine(model, alias="never-ending", data_directory=directory, threads=1, prefer_wheel=True)
    )


def _served(engine: EmbeddedEngine) -> Iterator[EngineAddress]:
    try:
        yield asyncio.run(engine.start())
    finally:
        engine.close_now()
