"""The same code against a server that nobody here wrote: llama.cpp speaks Anthropic's Messages API."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from backends import Locality, Message, ModelSpec, Request, Stop
from backends.address import ServerAddress, parse_server
from backends.claude import ClaudeBackend, models
from backends.engine import EngineAddress
from backends.errors import KeyRejected, PromptTooLong
from backends.keys import ApiKey
from tests.backends import contract

pytestmark = pytest.mark.engine

SPEC = ModelSpec("demo", "messages")


def address_of(engine: EngineAddress) -> ServerAddress:
    return parse_server(engine.url, default_port=80)


def demo(engine: EngineAddress, secret: str | None = None, **options: Any) -> ClaudeBackend:
    async def key() -> ApiKey:
        return ApiKey(secret or engine.api_key)

    return ClaudeBackend(SPEC, address=address_of(engine), key=key, api_model=engine.model, demo=True, **options)


def working_slots(engine: EngineAddress) -> bool:
    with httpx.Client(trust_env=False) as client:
        slots = client.get(f"{engine.url}/slots", headers={"Authorization": f"Bearer {engine.api_key}"}).json()
    return any(slot["is_processing"] for slot in slots)


async def test_real_answer_keeps_the_contract(demo_engine: EngineAddress) -> None:
    backend = demo(demo_engine)
    events = await contract.answered(backend, contract.prompt("Hello, how are you?", this_machine_only=True))
    await contract.check_closing_twice_is_harmless(backend)
    end = contract.finished(events)
    assert contract.located(events).locality is Locality.THIS_MACHINE
    assert contract.text(events)
    assert end.model == demo_engine.model
    assert end.usage.input_tokens
    assert end.usage.output_tokens
    assert end.cost_usd == 0.0


async def test_conversation_with_a_system_prompt_is_taken(demo_engine: EngineAddress) -> None:
    backend = demo(demo_engine)
    request = Request(
        (Message("user", "Grüße 東京 🙂"), Message("assistant", "Hello."), Message("user", "And now?")),
        system="Be brief.",
        max_output_tokens=8,
    )
    end = contract.finished(await contract.answered(backend, request))
    await backend.aclose()
    assert end.usage.output_tokens is not None
    assert end.usage.output_tokens <= 8


async def test_allowed_length_ends_a_real_answer(never_ending_engine: EngineAddress) -> None:
    backend = demo(never_ending_engine)
    end = contract.finished(await contract.answered(backend, contract.prompt(tokens=5)))
    await backend.aclose()
    assert (end.stop, end.usage.output_tokens) == (Stop.LENGTH, 5)


async def test_closing_and_cancelling_free_the_slot(never_ending_engine: EngineAddress) -> None:
    backend = demo(never_ending_engine)
    await contract.check_closing_stops_the_server(backend, lambda: working_slots(never_ending_engine), within=5.0)
    await backend.aclose()


async def test_wrong_key_is_rejected(demo_engine: EngineAddress) -> None:
    backend = demo(demo_engine, "another-key")
    _, error = await contract.broken_off(backend, contract.prompt())
    await backend.aclose()
    assert isinstance(error, KeyRejected)


async def test_prompt_too_long_comes_with_both_numbers(demo_engine: EngineAddress) -> None:
    backend = demo(demo_engine)
    _, error = await contract.broken_off(backend, contract.prompt("word " * 20_000))
    await backend.aclose()
    assert isinstance(error, PromptTooLong)
    assert error.tokens is not None
    assert error.limit is not None
    assert error.tokens > error.limit > 100


async def test_models_are_listed(demo_engine: EngineAddress) -> None:
    async def key() -> ApiKey:
        return ApiKey(demo_engine.api_key)

    offered = await models(address_of(demo_engine), key, demo=True)
    assert [info.spec.model for info in offered] == [demo_engine.model]
    assert offered[0].locality is Locality.THIS_MACHINE
