"""Everything that can be set against a local chat: variables, a hosts file, a server that redirects.

The addresses are for documentation (RFC 5737, RFC 3849) and belong to nobody; in the box the sink answers for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

ELSEWHERE = "198.51.100.66"
REDIRECTED_TO = "203.0.113.9"
POISONED_HOSTS = "198.51.100.77\tlocalhost\n2001:db8::77\tlocalhost\n"
"""What `localhost` is not; a program that looks it up goes there."""


def variables(home: Path) -> Mapping[str, str]:
    """An environment that leads everywhere but home."""
    proxy = f"http://{ELSEWHERE}:3128"
    names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "FTP_PROXY")
    return {
        **{name: proxy for upper in names for name in (upper, upper.lower())},
        "NO_PROXY": "localhost,127.0.0.0/8",  # as people set it; httpx knows the literal 127.0.0.1 only
        "OLLAMA_HOST": f"http://{ELSEWHERE}:11434",
        "OLLAMA_API_KEY": "not-a-key",
        "ANTHROPIC_BASE_URL": f"http://{ELSEWHERE}:8080",
        "ANTHROPIC_API_KEY": "sk-ant-not-a-key",
        "OPENAI_BASE_URL": f"http://{ELSEWHERE}:8000/v1",
        "TEXTUAL": "devtools,debug",
        "TEXTUAL_DEVTOOLS_HOST": ELSEWHERE,
        "TEXTUAL_LOG": str(home / "textual.log"),
        "TEXTUAL_SCREENSHOT": "1",
        "TEXTUAL_SCREENSHOT_LOCATION": str(home),
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{ELSEWHERE}:4318",
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "true",
        "SSLKEYLOGFILE": str(home / "keys.log"),
        "LOCALDOMAIN": "example.invalid",
    }
