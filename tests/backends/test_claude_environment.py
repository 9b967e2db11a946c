"""What the environment may do to Claude's backend: nothing. Each case is a fresh interpreter, as a user has it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
ASK = """
import asyncio, json, logging, sys
from backends import BackendError
from backends.claude import ClaudeBackend, is_loaded, preload
from tests.backends.anthropic_server import SONNET, a_key, asking, events_of, streams, text_of, whole
from tests.backends.scripted_server import ScriptedServer

async def main():
    async with ScriptedServer(streams(*whole("Good ", "day"))) as server:
        told = {"loaded before": is_loaded()}
        try:
            told["text"] = text_of(await events_of(ClaudeBackend(SONNET, address=server.address, key=a_key),
                                                   asking("canary of the prompt")))
        except BackendError as error:
            told["error"] = str(error)
        told |= {"loaded": is_loaded(), "connections": server.connections, "handlers": len(logging.root.handlers)}
        told["headers"] = server.received[0].headers if server.received else {}
        print(json.dumps(told))

asyncio.run(main())
"""


@dataclass(frozen=True)
class Told:
    """What the child reports, and what else it let out."""

    report: dict[str, Any]
    stderr: str


def run(code: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )


def ask_under(environment: dict[str, str]) -> Told:
    child = run(ASK, environment)
    return Told(json.loads(child.stdout), child.stderr)


def test_importing_the_backend_loads_no_library() -> None:
    heavy = ("anthropic", "httpx", "httpx2", "ollama", "keyring", "numpy", "sqlite_utils", "pydantic")
    child = run(f"import sys, backends.claude; print([name for name in {heavy!r} if name in sys.modules])", {})
    assert child.stdout == "[]\n"


def test_sdk_can_be_loaded_from_several_threads_at_once() -> None:
    code = """
import threading
from backends.claude import is_loaded, preload
threads = [threading.Thread(target=preload) for _ in range(8)]
assert not is_loaded()
for thread in threads: thread.start()
for thread in threads: thread.join()
preload()
print(is_loaded())
"""
    child = run(code, {})
    assert (child.stdout, child.stderr) == ("True\n", "")


@pytest.fixture
def profile_directory(tmp_path: Path) -> Path:
    """A login profile of the SDK's, which would give another key, another address and more headers."""
    for name in ("configs", "credentials"):
        (tmp_path / name).mkdir()
    (tmp_path / "active_config").write_text("default")
    profile = {
        "base_url": "http://127.0.0.1:1",
        "workspace_id": "wrkspc_foreign",
        "authentication": {"type": "user_oauth"},
    }
    (tmp_path / "configs" / "default.json").write_text(json.dumps(profile))
    token = {"access_token": "foreign-token", "refresh_token": "foreign", "expires_at": 4102444800}
    (tmp_path / "credentials" / "default.json").write_text(json.dumps(token))
    return tmp_path


def test_environment_has_no_effect(profile_directory: Path, tmp_path: Path) -> None:
    key_log = tmp_path / "keys.log"
    told = ask_under(
        {
            "ANTHROPIC_API_KEY": "foreign-key",
            "ANTHROPIC_AUTH_TOKEN": "foreign-token",
            "ANTHROPIC_BASE_URL": "http://127.0.0.1:1",
            "ANTHROPIC_CUSTOM_HEADERS": (
                "Authorization: Bearer foreign-key\nX-Api-Key: foreign-key\nX-Foreign: 1\nHost: foreign.example\n"
                "Content-Length: 3\nTransfer-Encoding: chunked\nanthropic-version: 1999-01-01\n: \nAccept: x/y"
            ),
            "ANTHROPIC_PROFILE": "default",
            "ANTHROPIC_CONFIG_DIR": str(profile_directory),
            "ANTHROPIC_LOG": "debug",
            "ANTHROPIC_OPEN_TELEMETRY": "true",
            "ANTHROPIC_OPEN_TELEMETRY_TRACES_CONTENT_MODE": "content",
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1",
            "HTTP_PROXY": "http://127.0.0.1:1",
            "http_proxy": "http://127.0.0.1:1",
            "HTTPS_PROXY": "http://127.0.0.1:1",
            "ALL_PROXY": "socks://127.0.0.1:1",
            "SSL_CERT_FILE": "/nonexistent/ca.pem",
            "SSLKEYLOGFILE": str(key_log),
        }
    )
    assert told.report["text"] == "Good day"
    headers = told.report["headers"]
    assert headers["authorization"] == "Bearer sk-ant-api03-canary-of-the-key"
    assert headers["host"].startswith("127.0.0.1:")
    assert headers["accept"] == "application/json"
    assert headers["anthropic-version"] > "2026"
    assert int(headers["content-length"]) > 100
    assert set(headers) <= {
        *("host", "connection", "accept", "accept-encoding", "user-agent", "content-type", "content-length"),
        *("authorization", "anthropic-version"),
    }
    assert told.report["handlers"] == 0
    assert told.stderr == ""
    assert not key_log.exists()


def test_log_that_the_program_keeps_itself_holds_neither_prompt_nor_key() -> None:
    verbose = "import logging, sys; logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)\n" + ASK
    child = run(verbose, {"ANTHROPIC_LOG": "debug"})
    assert json.loads(child.stdout)["handlers"] == 1
    assert "canary" not in child.stderr
    assert "127.0.0.1" not in child.stderr


@pytest.mark.parametrize(
    "environment",
    [
        {"OTEL_PROPAGATORS": "nonsense"},
        {"OTEL_PYTHON_CONTEXT": "nonsense", "OTEL_PYTHON_TRACER_PROVIDER": "nonsense"},
        {"DEFER_PYDANTIC_BUILD": "nonsense", "ANTHROPIC_LOG": "nonsense", "ANTHROPIC_OPEN_TELEMETRY": "nonsense"},
    ],
)
def test_odd_environment_ends_in_an_answer_or_in_a_sentence(environment: dict[str, str]) -> None:
    told = ask_under(environment)
    if "error" in told.report:
        assert "cannot be loaded" in told.report["error"]
        assert "Look for OTEL_* variables" in told.report["error"]
    else:
        assert told.report["text"] == "Good day"
    assert told.stderr == ""


def test_first_prompt_loads_the_sdk_by_itself() -> None:
    told = ask_under({})
    assert (told.report["loaded before"], told.report["loaded"]) == (False, True)
    assert told.report["text"] == "Good day"
