from __future__ import annotations

import importlib.util
import itertools
import random
from collections import Counter
from pathlib import Path
from statistics import median

import httpx
import pytest

from backends.demo_model import (
    END_CHANCE,
    MODEL_NAME,
    RECIPE,
    Table,
    _Text,
    ensure_demo_model,
    follow_table,
    make_model,
)
from backends.engine import EmbeddedEngine, EngineAddress
from backends.errors import EngineFailed
from tests.engine_fixture import need_the_wheel

needs_gguf = pytest.mark.skipif(
    any(importlib.util.find_spec(library) is None for library in ("gguf", "numpy")),
    reason="gguf and numpy are not installed (extra `engine`)",
)
END = "<|im_end|>"
TABLE = follow_table(end_chance=END_CHANCE, think=False)


def spoken(seed: int, table: Table = TABLE) -> list[str]:
    """An answer drawn from the table, as the model draws it; 2000 pieces at most."""
    chance = random.Random(seed)  # noqa: S311  # repeatable, not secret
    said: list[str] = []
    last = "\n"
    while last != END and len(said) < 2000:
        last = chance.choices(list(table[last]), list(table[last].values()))[0]
        said.append(last)
    return said


def test_no_piece_of_text_occurs_twice() -> None:
    pieces = [p for block in _Text.read().blocks for segment in block for run in segment for p in run]

    assert [piece for piece, times in Counter(pieces).items() if times > 1] == []


def test_every_answer_says_that_it_is_a_demo_and_ends_by_itself() -> None:
    answers = [spoken(seed) for seed in range(100)]

    assert all("demo" in "".join(answer).lower() and answer[-1] == END for answer in answers)
    assert 60 <= median(len(answer) for answer in answers) <= 250


def test_answers_differ() -> None:
    assert len({"".join(spoken(seed)) for seed in range(50)}) == 50


def test_answers_have_lists_headings_and_code() -> None:
    everything = "".join(itertools.chain.from_iterable(spoken(seed) for seed in range(100)))

    for markdown in ("\n- ", "\n\n## ", "\n\n```python\n", "\n```\n\n", "**", "\n\n> "):
        assert markdown in everything


def test_greedy_decoding_ends_too() -> None:
    last, length = "\n", 0
    while last != END and length < 1000:
        last, length = max(TABLE[last], key=lambda after: TABLE[last][after]), length + 1

    assert length < 300


def test_end_chance_zero_never_ends() -> None:
    table = follow_table(end_chance=0.0, think=False)

    assert all(END not in afters for afters in table.values())
    assert len(spoken(4, table)) == 2000


def test_thinking_model_opens_with_a_thought() -> None:
    table = follow_table(end_chance=0.9, think=True)

    assert table["\n"] == {"<think>": 1.0}
    assert any("</think>" in afters for afters in table.values())


@needs_gguf
def test_model_is_made_once_small_and_without_leftovers(tmp_path: Path) -> None:
    directory = tmp_path / "models"
    outdated = directory / f"{MODEL_NAME}-0.gguf"
    directory.mkdir()
    outdated.write_bytes(b"of an earlier version")

    path = ensure_demo_model(directory)
    made = path.stat()

    assert path.name == f"{MODEL_NAME}-{RECIPE}.gguf"
    assert made.st_size < 40_000_000
    assert list(directory.iterdir()) == [path]
    assert ensure_demo_model(directory).stat().st_mtime_ns == made.st_mtime_ns


@needs_gguf
def test_directory_that_cannot_be_written_is_an_engine_failure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(EngineFailed, match="cannot be written"):
        ensure_demo_model(tmp_path / "file" / "models")


def test_llama_says_what_the_table_says(demo_engine: EngineAddress) -> None:
    with httpx.Client(trust_env=False, headers={"Authorization": f"Bearer {demo_engine.api_key}"}) as client:
        answer = client.post(
            f"{demo_engine.url}/v1/chat/completions",
            json={"messages": [{"role": "user", "content": "Who are you?"}], "seed": 1},
            timeout=60,
        ).json()
    text = answer["choices"][0]["message"]["content"]

    assert answer["choices"][0]["finish_reason"] == "stop"
    assert text.lower().count("demo") > 0
    remaining, last = text, "\n"
    while remaining:
        # Only allowed successors, all the way: the weights carry the table exactly.
        last = next(piece for piece in sorted(TABLE[last], key=len, reverse=True) if remaining.startswith(piece))
        remaining = remaining[len(last) :]
    assert END in TABLE[last]


async def test_thought_of_a_thinking_model_arrives_apart_from_the_answer(tmp_path: Path) -> None:
    need_the_wheel()
    model = tmp_path / "thinking.gguf"
    make_model(model, think=True, feed_forward=256)
    engine = EmbeddedEngine(model, alias="thinking", data_directory=tmp_path, prefer_wheel=True)
    try:
        address = await engine.start()
        headers = {"Authorization": f"Bearer {address.api_key}"}
        async with httpx.AsyncClient(trust_env=False, headers=headers, timeout=30) as client:
            question = {"messages": [{"role": "user", "content": "Who are you?"}]}
            answer = (await client.post(f"{address.url}/v1/chat/completions", json=question)).json()
    finally:
        await engine.aclose()
    message = answer["choices"][0]["message"]

    assert message["reasoning_content"].endswith("...")
    assert "demo" in message["content"].lower()
    assert "<think>" not in message["content"]


async def test_megabyte_is_counted_at_once(demo_engine: EngineAddress) -> None:
    megabyte = "All work and no play makes Jack a dull boy.\n" * 24_000
    headers = {"authorization": f"Bearer {demo_engine.api_key}"}
    async with httpx.AsyncClient(base_url=demo_engine.url, headers=headers, timeout=20) as http:
        reply = await http.post("/tokenize", json={"content": megabyte})

    # The time limit is the test: with pieces that are searched for in the prompt this took two minutes.
    assert len(reply.json()["tokens"]) > 100_000
