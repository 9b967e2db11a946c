from __future__ import annotations

import pytest

from backends.spec import DEFAULT_CLAUDE_MODEL, ModelSpec, SpecError, parse


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("claude:claude-opus-5-5", ModelSpec("claude", "claude-opus-5-5")),
        ("claude:", ModelSpec("claude", DEFAULT_CLAUDE_MODEL)),
        ("ollama:llama3.1:8b", ModelSpec("ollama", "llama3.1:8b")),
        ("  lmstudio: qwen3-8b ", ModelSpec("lmstudio", "qwen3-8b")),
        ("gguf:notes/model.gguf", ModelSpec("gguf", "notes/model.gguf")),
        ("gguf:C:\\models\\a b.gguf", ModelSpec("gguf", "C:\\models\\a b.gguf")),
        ("demo:", ModelSpec("demo", "")),
        ("demo:chat", ModelSpec("demo", "chat")),
        ("openai:http://127.0.0.1:8080#name", ModelSpec("openai", "name", "http://127.0.0.1:8080")),
        ("openai:http://127.0.0.1:8080/v1/", ModelSpec("openai", "", "http://127.0.0.1:8080")),
        (
            "openai:https://[::1]:8443/base#org/name:tag",
            ModelSpec("openai", "org/name:tag", "https://[::1]:8443/base"),
        ),
    ],
)
def test_a_model_is_read_as_a_person_writes_it_and_written_so_again(text: str, spec: ModelSpec) -> None:
    assert parse(text) == spec
    assert parse(str(spec)) == spec


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("", "backend:model"),
        ("llama3.1", "backend:model"),
        ("gpt:4", "ollama:llama3.1:8b"),
        ("Claude:x", "backend:model"),
        ("ollama:", "models list"),
        ("lmstudio:  ", "models list"),
        ("gguf:", "gguf:PATH"),
        ("demo:opus", "demo:chat"),
        ("openai:127.0.0.1:8080", "openai:http://HOST:PORT"),
        ("openai:ftp://127.0.0.1", "openai:http://HOST:PORT"),
        ("openai:http://user:secret@127.0.0.1", "without a user name"),
        ("openai:", "openai:http://HOST:PORT"),
        ("openai:http://[::1", "openai:http://HOST:PORT"),
        ("ollama:a\x1b[2Jb", "control characters"),
        ("ollama:a\nb", "control characters"),
    ],
)
def test_what_names_no_model_is_answered_with_what_to_write(text: str, advice: str) -> None:
    with pytest.raises(SpecError, match=r".") as refusal:
        parse(text)
    assert advice in str(refusal.value)
    assert "secret" not in str(refusal.value)
