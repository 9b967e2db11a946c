"""What the user configured, as one frozen value, read once at the top and handed down as plain values.

This is the only module that reads the environment. Order: command line, environment, configuration file, default.
A mistake in the file is an error with its place, never silently ignored.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from platformdirs import user_config_path, user_data_path

from tui.confinement.levels import Level

CLAUDE_URL = "https://api.anthropic.com"
OLLAMA_URL = "http://127.0.0.1:11434"
LMSTUDIO_URL = "http://127.0.0.1:1234"
CONFIG_NAME = "config.toml"


class SettingsError(Exception):
    """The configuration cannot be used; the message names the file, the place, and what to write instead."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting there is."""

    data_directory: Path
    config_file: Path
    left: str | None = None
    """Model of the left side in new sessions; None: Claude's default model."""
    right: str | None = None
    """Model of the right side; None: the first local model that is found."""
    theme: str = "duologue-dark"
    """duologue-dark, duologue-light, duologue-contrast, ansi-dark or ansi-light; any theme of Textual works."""
    compose: bool = False
    """True: Enter makes a new line and Ctrl+J sends."""
    wrap: bool = True
    """True: code and tables that are wider than their column are wrapped; else they are scrolled sideways."""
    trusted_hosts: frozenset[str] = frozenset()
    """Exact host names or addresses of your own network that may be asked over plain http."""
    attested: frozenset[str] = frozenset()
    """Servers (HOST:PORT of this machine) that are on this machine by the user's word, whatever listens there."""
    claude_url: str = CLAUDE_URL
    claude_url_from: str = "default"
    """Where claude_url comes from: "default", "ANTHROPIC_BASE_URL" or "configuration"."""
    claude_proxy: str | None = None
    """A proxy for Claude, and for nothing else; proxy variables of the environment are not used."""
    claude_ca_file: Path | None = None
    """Certificates (PEM) that are believed for Claude besides the system's, such as a company's own."""
    max_output_tokens: int | None = None
    """Longest answer, in tokens; None: the backend's default."""
    prices_file: Path | None = None
    """A file with prices of your own, in the form of backends/claude_models.toml."""
    ollama_url: str = OLLAMA_URL
    ollama_url_from: str = "default"
    ollama_context_tokens: int | None = None
    """num_ctx for Ollama; None: what the model has loaded, else 8192 at most."""
    ollama_models: Path | None = None
    """OLLAMA_MODELS: where Ollama keeps its files, if not in its usual place."""
    lmstudio_url: str = LMSTUDIO_URL
    llama_server: Path | None = None
    """A llama-server program for GGUF files; None: the one on the PATH, else the built-in engine."""
    engine_context_tokens: int | None = None
    key_map: Mapping[str, str] = field(default_factory=dict)
    """Binding id to keys: `"prompt.send" = "ctrl+s"`."""
    environment_key: str | None = field(default=None, repr=False)
    """ANTHROPIC_API_KEY."""
    proxy_variables: tuple[str, ...] = ()
    """Names of proxy variables that are set, for `doctor` to say that they are not used."""
    over_ssh: bool = False
    browser: tuple[str, ...] = ()
    """What opens an address in the user's own browser, without using this terminal; empty where nothing does."""
    no_color: bool = False
    """NO_COLOR is set (https://no-color.org), or the terminal is a dumb one."""
    terminal: Mapping[str, str] = field(default_factory=dict)
    """What the environment says about the terminal, for `doctor`."""
    require_kernel: bool = False
    """True: no confidential session below the kernel's levels of `tui.confinement`."""
    confinement_at_most: Level = Level.NAMESPACE
    """DUOLOGUE_CONFINEMENT: a weaker level than could be had, for tests and for systems where a level does harm. It
    is always shown, and `require_kernel` still holds, so the environment cannot weaken the promise unseen."""
    session_bus: str = ""
    editor: tuple[str, ...] = ()
    """The program that the draft is edited in, by its path, and its arguments: VISUAL, EDITOR, else vi; () for none,
    and on Windows, where the draft's folder could not be locked."""
    handed_over: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What a confidential process is told of the environment that it does not get."""
    engine_environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The few variables that the embedded engine gets."""

    @property
    def database(self) -> Path:
        """Where ordinary sessions are kept."""
        return self.data_directory / "duologue.db"

    @property
    def vault(self) -> Path:
        """Where confidential sessions are kept, encrypted."""
        return self.data_directory / "vault.db"


_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
_TERMINAL = ("TERM", "COLORTERM", "TERM_PROGRAM", "TERM_PROGRAM_VERSION", "LANG", "LC_ALL", "LC_CTYPE")
_ENGINE = ("PATH", "HOME", "TMPDIR", "LANG", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")
_TEXTUAL = frozenset(
    f"TEXTUAL_{name}"
    for name in ("ANIMATIONS", "COLOR_SYSTEM", "DIM_FACTOR", "DISABLE_KITTY_KEY", "FPS", "SMOOTH_SCROLL", "SPEEDUPS")
)
"""The variables of Textual that are obeyed."""
_HANDED_OVER = ("OLLAMA_HOST", "OLLAMA_MODELS", "VISUAL", "EDITOR")
_LEVELS = {"namespace": Level.NAMESPACE, "seccomp": Level.SECCOMP, "guard": Level.GUARD}
_TABLES: Mapping[str, Mapping[str, str]] = {
    "": {
        "left": "left",
        "right": "right",
        "theme": "theme",
        "compose": "compose",
        "wrap": "wrap",
        "trusted_hosts": "trusted_hosts",
        "require_kernel": "require_kernel",
        "attested": "attested",
        "max_output_tokens": "max_output_tokens",
    },
    "claude": {"url": "claude_url", "proxy": "claude_proxy", "ca_file": "claude_ca_file", "prices": "prices_file"},
    "ollama": {"url": "ollama_url", "context_tokens": "ollama_context_tokens"},
    "lmstudio": {"url": "lmstudio_url"},
    "engine": {"llama_server": "llama_server", "context_tokens": "engine_context_tokens"},
}
_TYPES: Mapping[str, type] = {
    "compose": bool,
    "require_kernel": bool,
    "wrap": bool,
    "trusted_hosts": list,
    "attested": list,
    "max_output_tokens": int,
    "ollama_context_tokens": int,
    "engine_context_tokens": int,
}


def shell_asks_for_words(environment: Mapping[str, str] | None = None) -> bool:
    """True if a shell runs us to complete a command line (argcomplete's protocol)."""
    return "_ARGCOMPLETE" in (os.environ if environment is None else environment)


def load(environment: Mapping[str, str] | None = None, *, handed_over: Mapping[str, str] | None = None) -> Settings:
    """Read the environment and the configuration file.

    `handed_over` is what the process before a confidential one had in its environment.
    Raises `SettingsError`. A missing file is no error.
    """
    env = {**(os.environ if environment is None else environment), **(handed_over or {})}
    config_file = _directory(env, "DUOLOGUE_CONFIG_DIR", user_config_path("duologue", appauthor=False)) / CONFIG_NAME
    values = _from_file(config_file)
    if "claude_url" in values:
        values["claude_url_from"] = "configuration"
    if url := env.get("ANTHROPIC_BASE_URL", "").strip():
        values |= {"claude_url": url, "claude_url_from": "ANTHROPIC_BASE_URL"}
    if "ollama_url" in values:
        values["ollama_url_from"] = "configuration"
    if url := env.get("OLLAMA_HOST", "").strip():
        values |= {"ollama_url": url, "ollama_url_from": "OLLAMA_HOST"}
    return Settings(
        data_directory=_directory(env, "DUOLOGUE_DATA_DIR", user_data_path("duologue", appauthor=False)),
        config_file=config_file,
        ollama_models=_path(env["OLLAMA_MODELS"], "OLLAMA_MODELS") if env.get("OLLAMA_MODELS") else None,
        environment_key=env.get("ANTHROPIC_API_KEY") or None,
        proxy_variables=tuple(name for name in _PROXIES if env.get(name)),
        over_ssh=bool(env.get("SSH_CONNECTION") or env.get("SSH_TTY")),
        browser=_browser(env),
        no_color=bool(env.get("NO_COLOR")) or env.get("TERM") == "dumb",
        terminal={name: env[name] for name in _TERMINAL if env.get(name)},
        confinement_at_most=_level(env.get("DUOLOGUE_CONFINEMENT", "").strip()),
        editor=_editor(env.get("VISUAL", "").strip() or env.get("EDITOR", "").strip() or "vi", env.get("PATH")),
        session_bus=env.get("DBUS_SESSION_BUS_ADDRESS", ""),
        handed_over={name: env[name] for name in _HANDED_OVER if name in env},
        engine_environment={name: env[name] for name in _ENGINE if name in env},
        **values,
    )


def _browser(env: Mapping[str, str]) -> tuple[str, ...]:
    """Not Python's `webbrowser`: without a desktop it would start a text browser on top of the app."""
    if env.get("SSH_CONNECTION") or env.get("SSH_TTY"):
        return ()
    if sys.platform == "darwin":
        return ("open",)
    return ("xdg-open",) if env.get("DISPLAY") or env.get("WAYLAND_DISPLAY") else ()


def set_textual_environment() -> None:
    """What Textual reads from the environment while it is imported, so before that.

    Only what changes how it draws is left: the others have it log each key (TEXTUAL_LOG), send screens to a console
    elsewhere (TEXTUAL=devtools), write pictures of the screen (TEXTUAL_SCREENSHOT), load another driver or show the
    variables of a crash. 120 is only the rate of its screen-update timer: with the usual 60 a key's echo is up to
    16 ms late.
    """
    for name in [name for name in os.environ if name == "TEXTUAL" or name.startswith("TEXTUAL_")]:
        if name not in _TEXTUAL:
            del os.environ[name]
    os.environ.setdefault("TEXTUAL_FPS", "120")


def own_environment() -> Mapping[str, str]:
    """All of it, for the process that this one becomes; see `confinement.reexec`."""
    return dict(os.environ)


def _level(word: str) -> Level:
    if word and word not in _LEVELS:
        raise SettingsError(f"DUOLOGUE_CONFINEMENT: {word} is no level. Write {', '.join(_LEVELS)}, or leave it out.")
    return _LEVELS[word] if word else Level.NAMESPACE


def _editor(command: str, path: str | None) -> tuple[str, ...]:
    """Words as a shell would split them; no shell is ever run. () where it cannot be read or is not there."""
    try:
        words = shlex.split(command)
    except ValueError:  # a quotation without its end
        return ()
    program = shutil.which(words[0], path=path) if words and sys.platform != "win32" else None
    return () if program is None else (program, *words[1:])


def _directory(env: Mapping[str, str], name: str, default: Path) -> Path:
    chosen = env.get(name, "").strip()
    return _path(chosen, name) if chosen else default


def _path(text: str, where: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise SettingsError(f"{where}: {text} begins with the home of somebody who is not known here.") from error


def _from_file(path: Path) -> dict[str, Any]:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error}") from error
    import tomllib  # 5 ms for those who have a configuration

    try:
        document = tomllib.loads(content.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}") from error
    values: dict[str, Any] = {}
    for name, given in document.items():
        if name == "keys":
            values["key_map"] = _key_map(path, given)
        elif isinstance(given, dict):
            if not name or name not in _TABLES:
                raise SettingsError(f"{path}: there is no table [{name}]. There are {_known_tables()}.")
            for key, value in given.items():
                _take(path, values, name, key, value)
        else:
            _take(path, values, "", name, given)
    return values


def _take(path: Path, values: dict[str, Any], table: str, key: str, value: object) -> None:
    known = _TABLES[table]
    where = f"[{table}] {key}" if table else key
    if key not in known:
        raise SettingsError(f"{path}: {where} is not a setting. Known here: {', '.join(known)}.")
    setting = known[key]
    wanted = _TYPES.get(setting, str)
    positive = not isinstance(value, int) or wanted is bool or (value > 0 and not isinstance(value, bool))
    all_texts = not isinstance(value, list) or all(isinstance(one, str) for one in value)
    if not isinstance(value, wanted) or not positive or not all_texts:
        names = {
            str: "text in quotes",
            bool: "true or false",
            int: "a positive whole number",
            list: "a list of texts",
        }
        raise SettingsError(f"{path}: {where} should be {names[wanted]}.")
    if wanted is list:
        assert isinstance(value, list)  # noqa: S101 - for the type checker; tested two lines above
        values[setting] = frozenset(str(host).strip().lower() for host in value)
    elif setting in ("prices_file", "llama_server", "claude_ca_file"):
        values[setting] = _path(str(value), f"{path}: {where}")
    else:
        values[setting] = value


def _key_map(path: Path, given: object) -> Mapping[str, str]:
    if not isinstance(given, dict) or not all(isinstance(keys, str) for keys in given.values()):
        raise SettingsError(f'{path}: [keys] holds lines such as "prompt.send" = "ctrl+s".')
    return {str(name): str(keys) for name, keys in given.items()}


def _known_tables() -> str:
    return ", ".join(f"[{name}]" for name in (*filter(None, _TABLES), "keys"))
