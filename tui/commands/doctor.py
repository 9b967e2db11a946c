"""`duologue doctor`: what works here and what does not, fit to be copied into a report.

No secrets: of a key only where it is, of variables only their names where a value could hold a password, of paths the
home directory as `~`. Only this machine's own ports are looked at. What is merely absent (no key, no server) is said
and is no fault; what is broken ends the program with another exit code.
"""

from __future__ import annotations

import asyncio
import os
import platform
import stat
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backends import Locality
from backends.address import AddressRefused, ServerAddress
from backends.listener import listener
from storage.errors import StoreError
from storage.store import Store
from tui.commands.output import Output
from tui.commands.system_facts import system_facts
from tui.exit_codes import ExitCode
from tui.rendering.safe_text import one_line
from tui.settings import LMSTUDIO_URL, Settings
from tui.wiring import Wiring
from tui.words import key_source, plural, size

if TYPE_CHECKING:
    from backends.discovery import LocalServer

_LIBRARIES = ("textual", "anthropic", "ollama", "keyring", "httpx", "xllamacpp", "gguf")
_CELLS = 300


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    topic: str
    name: str
    words: str
    broken: bool = False
    """True: this should work and does not."""


def run(wiring: Wiring, output: Output, *, as_json: bool) -> ExitCode:
    """Print the report. Raises `OutputLost` only."""
    findings = asyncio.run(_examined(wiring))
    if as_json:
        output.json(_document(findings))
    else:
        _print(findings, output)
    broken = [finding for finding in findings if finding.broken]
    return ExitCode.INCOMPLETE if broken else ExitCode.OK


async def _examined(wiring: Wiring) -> list[Finding]:
    settings = wiring.settings
    return [
        *_program(),
        *_terminal(settings),
        *_places(settings),
        *_store(settings.database),
        *(Finding("system", name, words) for name, words in system_facts()),
        *_prices(wiring),
        *await _key(wiring),
        *_addresses(wiring),
        *await _servers(wiring),
        *_engine(settings, len(await wiring.gguf_files())),
        *_confidential(settings),
    ]


def _program() -> list[Finding]:
    libraries = ", ".join(f"{name} {found}" for name in _LIBRARIES if (found := _version(name)))
    return [
        Finding("program", "duologue", _version("duologue") or "not installed as a package"),
        Finding("program", "Python", f"{platform.python_version()}, {platform.system()} {platform.machine()}"),
        Finding("program", "libraries", libraries),
    ]


def _version(name: str) -> str:
    try:
        return version(name)
    except ModuleNotFoundError:
        return ""


def _terminal(settings: Settings) -> list[Finding]:
    try:
        cells = os.get_terminal_size(sys.__stdout__.fileno()) if sys.__stdout__ else None
    except (OSError, ValueError):
        cells = None
    variables = ", ".join(f"{name}={value}" for name, value in settings.terminal.items())
    return [
        Finding("terminal", "size", f"{cells.columns}x{cells.lines}" if cells else "output is not a terminal"),
        Finding("terminal", "variables", variables or "none are set"),
        Finding("terminal", "over SSH", "yes" if settings.over_ssh else "no"),
        Finding("terminal", "encoding", str(getattr(sys.stdout, "encoding", "unknown"))),
    ]


def _places(settings: Settings) -> list[Finding]:
    there = settings.config_file.exists()
    return [
        Finding("places", "data", _with_mode(settings.data_directory)),
        Finding(
            "places", "configuration", _with_mode(settings.config_file) if there else _absent(settings.config_file)
        ),
    ]


def _absent(path: Path) -> str:
    return f"{_shown(path)} (not there: all settings have their defaults)"


def _with_mode(path: Path) -> str:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return f"{_shown(path)} (not there yet)"
    except OSError as error:
        return f"{_shown(path)} ({error.strerror})"
    return f"{_shown(path)} (mode {mode:04o}{', others can read it' if mode & 0o044 else ''})"


def _shown(path: Path) -> str:
    """A path without the user's name in it, as far as that can be avoided."""
    try:
        return f"~/{path.relative_to(Path.home())}"
    except (ValueError, RuntimeError):
        return str(path)


def _store(path: Path) -> list[Finding]:
    if not path.exists():
        return [Finding("store", "file", f"{_shown(path)} (not there yet; the first prompt makes it)")]
    findings = [Finding("store", "file", _with_mode(path))]
    try:
        store = Store.open(path, read_only=True)
    except StoreError as error:
        return [*findings, Finding("store", "state", str(error), broken=True)]
    try:
        return [*findings, *_inside(store)]
    except StoreError as error:
        return [*findings, Finding("store", "state", str(error), broken=True)]
    finally:
        store.close()


def _inside(store: Store) -> list[Finding]:
    problems = store.problems()
    return [
        Finding("store", "format", f"{store.schema_version()}, journal mode {store.journal_mode()}"),
        Finding("store", "holds", f"{plural(store.session_count(), 'session')}, {size(store.size_bytes())}"),
        Finding("store", "check", "; ".join(problems[:3]) if problems else "no damage found", broken=bool(problems)),
    ]


def _prices(wiring: Wiring) -> list[Finding]:
    from backends.claude_models import PriceFileError

    if wiring.settings.prices_file is None:
        return []
    try:
        wiring.known_claude_models()
    except PriceFileError as error:
        return [Finding("claude", "prices", str(error), broken=True)]
    return [Finding("claude", "prices", f"yours, from {_shown(wiring.settings.prices_file)}")]


async def _key(wiring: Wiring) -> list[Finding]:
    try:
        host = wiring.claude_address.host
    except AddressRefused:
        return []  # the address is told where addresses are
    status = await wiring.keys.status(host)
    return [
        Finding("claude", "API key", f"{key_source(status.source, status.keyring)} (for {host})"),
        Finding("claude", "keyring", status.problem or status.keyring or "none was found"),
    ]


def _addresses(wiring: Wiring) -> list[Finding]:
    settings = wiring.settings
    variables = ", ".join(settings.proxy_variables)
    lmstudio_from = "default" if settings.lmstudio_url == LMSTUDIO_URL else "configuration"
    lines = [
        _address("Claude", lambda: wiring.claude_address, settings.claude_url_from),
        _address("Ollama", lambda: wiring.ollama_address, settings.ollama_url_from),
        _address("LM Studio", lambda: wiring.lmstudio_address, lmstudio_from),
        Finding("addresses", "proxy for Claude", "configured" if settings.claude_proxy else "none"),
        Finding("addresses", "proxy variables", f"{variables}: set, and not used" if variables else "none are set"),
    ]
    if attested := wiring.attested.names():
        lines.append(Finding("addresses", "this machine, by your word", ", ".join(attested)))
    if settings.trusted_hosts:
        lines.append(Finding("addresses", "trusted hosts", ", ".join(sorted(settings.trusted_hosts))))
    return lines


def _address(name: str, read: Callable[[], ServerAddress], source: str) -> Finding:
    try:
        address = read()
    except AddressRefused as error:
        return Finding("addresses", name, f"{error} (from {source})", broken=True)
    where = "a gateway on this machine: who answers is not known" if address.is_gateway and address.is_here else ""
    return Finding("addresses", name, f"{address.url} ({source}), {where or address.locality}")


async def _servers(wiring: Wiring) -> list[Finding]:
    try:
        servers = await wiring.local_servers()
    except AddressRefused:
        return []  # told where addresses are
    found = [Finding("local servers", server.title, _server_words(server)) for server in servers]
    return found or [Finding("local servers", "found", "none on the usual ports of this machine")]


def _server_words(server: LocalServer) -> str:
    elsewhere = sum(model.locality is not server.address.locality for model in server.models)
    models = plural(len(server.models), "model") + (f", {elsewhere} of them answered elsewhere" if elsewhere else "")
    return f"{server.address.locality} ({_how_sure(server)}), {models}{_program_behind(server.address)}"


def _program_behind(address: ServerAddress) -> str:
    behind = listener(address.port) if address.is_here else None
    if behind is None or not behind.program:
        return ""
    name = one_line(behind.program, 40)
    return f"; ALARM: behind it is {name}, which passes on what it is sent" if behind.passes_on else f"; {name}"


def _how_sure(server: LocalServer) -> str:
    match server.address.locality:
        case Locality.THIS_MACHINE if server.kind == "ollama":
            return "loopback; Ollama says which of its models are answered elsewhere"
        case Locality.THIS_MACHINE:
            return "loopback; whether that program passes words on cannot be seen from here"
        case Locality.YOUR_NETWORK:
            return "by its address or your trusted_hosts"
        case Locality.CLOUD:
            return "not this machine and not a network of yours"


def _engine(settings: Settings, files: int) -> list[Finding]:
    from backends.engine import find_llama_server, unavailable_reason

    server = find_llama_server(settings.llama_server)
    configured_in_vain = settings.llama_server is not None and server is None
    return [
        Finding("engine", "embedded engine", unavailable_reason(settings.llama_server) or "can run"),
        Finding(
            "engine",
            "llama-server",
            f"{_shown(settings.llama_server)} is configured and cannot be run"
            if configured_in_vain and settings.llama_server is not None
            else (_shown(server) if server is not None else "not on the PATH"),
            broken=configured_in_vain,
        ),
        Finding("engine", "DEMO model", _demo_model(settings.data_directory)),
        Finding("engine", "GGUF files", f"{plural(files, 'file')} in the usual places"),
    ]


def _confidential(settings: Settings) -> list[Finding]:
    """What would hold a confidential process here: one is started for it, and ends."""
    from tui.confinement.trial import tried
    from tui.restart import orders
    from tui.settings import own_environment

    trial = tried(orders(settings, ()), own_environment())
    why = one_line("; ".join(trial.reasons), _CELLS)
    required = "true: a confidential session takes the kernel's level" if settings.require_kernel else "false"
    return [
        Finding("confidential", "require_kernel", required),
        Finding(
            "confidential",
            "level here",
            f"none: {why}" if trial.level is None else trial.level.value,
            broken=trial.level is None,
        ),
        *([Finding("confidential", "no stronger level", why)] if trial.level is not None and why else []),
    ]


def _demo_model(directory: Path) -> str:
    made = next(directory.glob("duologue-demo-*.gguf"), None)
    return f"{_shown(made)}, {size(made.stat().st_size)}" if made else "not made yet; the first use makes it"


def _print(findings: list[Finding], output: Output) -> None:
    topic = ""
    for finding in findings:
        if finding.topic != topic:
            topic = finding.topic
            output.line(topic)
        mark = "BROKEN: " if finding.broken else ""
        output.line("  " + one_line(f"{finding.name}: {mark}{finding.words}", _CELLS))
    broken = [finding for finding in findings if finding.broken]
    output.line()
    output.line(f"{plural(len(broken), 'thing')} broken." if broken else "Nothing is broken.")


def _document(findings: list[Finding]) -> dict[str, Any]:
    topics: dict[str, dict[str, str]] = {}
    for finding in findings:
        topics.setdefault(finding.topic, {})[finding.name] = finding.words
    broken = [{"topic": one.topic, "name": one.name, "words": one.words} for one in findings if one.broken]
    return {**topics, "broken": broken}
