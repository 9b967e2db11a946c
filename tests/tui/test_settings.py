from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tui.settings import CLAUDE_URL, OLLAMA_URL, Settings, SettingsError, load


def read(folder: Path, text: str | None = None, **environment: str) -> Settings:
    """The settings of a person with this configuration file and environment."""
    if text is not None:
        (folder / "config.toml").write_text(text, encoding="utf-8")
    places = {"DUOLOGUE_CONFIG_DIR": str(folder), "DUOLOGUE_DATA_DIR": str(folder / "data")}
    return load({**places, **environment})


def test_without_a_file_everything_has_its_default(tmp_path: Path) -> None:
    settings = read(tmp_path)
    assert (settings.left, settings.right, settings.compose) == (None, None, False)
    assert (settings.claude_url, settings.claude_url_from) == (CLAUDE_URL, "default")
    assert (settings.ollama_url, settings.ollama_url_from) == (OLLAMA_URL, "default")
    assert settings.database == tmp_path / "data" / "duologue.db"
    assert not settings.data_directory.exists(), "reading settings makes nothing"


def test_every_setting_of_the_file_arrives(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        """
        left = "claude:claude-opus-5-5"
        right = "ollama:llama3.1:8b"
        theme = "duologue-light"
        compose = true
        trusted_hosts = ["GPU.example.lan", " 10.0.0.7 "]
        max_output_tokens = 4096
        [claude]
        url = "https://gateway.example.com"
        proxy = "http://proxy.example.com:3128"
        prices = "~/prices.toml"
        [ollama]
        url = "http://gpu.example.lan:11434"
        context_tokens = 16384
        [lmstudio]
        url = "http://127.0.0.1:4321"
        [engine]
        llama_server = "/opt/llama-server"
        context_tokens = 8192
        [keys]
        "chat.retry" = "f6"
        """,
    )
    assert (settings.left, settings.right) == ("claude:claude-opus-5-5", "ollama:llama3.1:8b")
    assert (settings.theme, settings.compose, settings.max_output_tokens) == ("duologue-light", True, 4096)
    assert settings.trusted_hosts == {"gpu.example.lan", "10.0.0.7"}
    assert (settings.claude_url, settings.claude_url_from) == ("https://gateway.example.com", "configuration")
    assert settings.claude_proxy == "http://proxy.example.com:3128"
    assert settings.prices_file == Path("~/prices.toml").expanduser()
    assert (settings.ollama_url_from, settings.ollama_context_tokens) == ("configuration", 16384)
    assert (settings.lmstudio_url, settings.engine_context_tokens) == ("http://127.0.0.1:4321", 8192)
    assert settings.llama_server == Path("/opt/llama-server")
    assert settings.key_map == {"chat.retry": "f6"}


def test_the_environment_wins_over_the_file_and_is_named_as_the_source(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        '[claude]\nurl = "https://file.example.com"\n[ollama]\nurl = "http://127.0.0.1:1"',
        ANTHROPIC_BASE_URL=" https://env.example.com ",
        OLLAMA_HOST="127.0.0.1:2",
    )
    assert (settings.claude_url, settings.claude_url_from) == ("https://env.example.com", "ANTHROPIC_BASE_URL")
    assert (settings.ollama_url, settings.ollama_url_from) == ("127.0.0.1:2", "OLLAMA_HOST")


def test_empty_variables_are_as_good_as_none(tmp_path: Path) -> None:
    settings = read(tmp_path, ANTHROPIC_BASE_URL="", OLLAMA_HOST=" ", ANTHROPIC_API_KEY="", NO_COLOR="")
    assert (settings.claude_url_from, settings.ollama_url_from) == ("default", "default")
    assert settings.environment_key is None
    assert not settings.no_color


def test_the_key_of_the_environment_is_in_no_repr(tmp_path: Path) -> None:
    settings = read(tmp_path, ANTHROPIC_API_KEY="sk-ant-secret", PATH="/private/bin")
    assert settings.environment_key == "sk-ant-secret"
    assert "sk-ant-secret" not in repr(settings)
    assert "/private/bin" not in repr(settings)


def test_proxy_variables_are_noted_by_name_only(tmp_path: Path) -> None:
    settings = read(tmp_path, HTTPS_PROXY="http://user:secret@proxy", all_proxy="x")
    assert settings.proxy_variables == ("HTTPS_PROXY", "all_proxy")
    assert "secret" not in repr(settings)
    assert settings.claude_proxy is None


def test_the_engine_gets_no_variable_but_the_few_it_needs(tmp_path: Path) -> None:
    settings = read(tmp_path, PATH="/bin", ANTHROPIC_API_KEY="sk", HTTPS_PROXY="x", CUDA_VISIBLE_DEVICES="0")
    assert settings.engine_environment == {"PATH": "/bin", "CUDA_VISIBLE_DEVICES": "0"}


@pytest.mark.parametrize(
    ("text", "place", "advice"),
    [
        ('thme = "x"', "thme", "Known here: left, right, theme"),
        ("theme = 5", "theme", "text in quotes"),
        ("compose = 1", "compose", "true or false"),
        ('compose = "yes"', "compose", "true or false"),
        ("max_output_tokens = 0", "max_output_tokens", "a positive whole number"),
        ("max_output_tokens = -5", "max_output_tokens", "a positive whole number"),
        ("max_output_tokens = true", "max_output_tokens", "a positive whole number"),
        ("max_output_tokens = 2.5", "max_output_tokens", "a positive whole number"),
        ('trusted_hosts = "gpu.lan"', "trusted_hosts", "a list of texts"),
        ("trusted_hosts = [7]", "trusted_hosts", "a list of texts"),
        ("[ollama]\ncontext = 5", "[ollama] context", "Known here: url, context_tokens"),
        ("[olama]\nx = 1", "[olama]", "[ollama]"),
        ('[""]\ntheme = "x"', "[]", "[ollama]"),
        ('claude = "x"', "claude", "Known here"),
        ('[keys]\n"prompt.send" = 5', "[keys]", '"prompt.send" = "ctrl+s"'),
        ("keys = 5", "[keys]", '"prompt.send" = "ctrl+s"'),
    ],
)
def test_a_mistake_is_named_with_its_place_and_what_to_write(
    tmp_path: Path, text: str, place: str, advice: str
) -> None:
    with pytest.raises(SettingsError) as problem:
        read(tmp_path, text)
    said = str(problem.value)
    assert str(tmp_path / "config.toml") in said
    assert place in said
    assert advice in said


@pytest.mark.parametrize("content", [b"theme = \n", b"\xff\xfe", b'theme = "a"\ntheme = "b"'])
def test_a_file_that_is_no_toml_is_an_error_and_not_ignored(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "config.toml").write_bytes(content)
    with pytest.raises(SettingsError, match="cannot be read"):
        read(tmp_path)


def test_a_folder_in_the_place_of_the_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "config.toml").mkdir()
    with pytest.raises(SettingsError, match="cannot be read"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("name", "text", "environment"),
    [
        ("[engine] llama_server", '[engine]\nllama_server = "~nobody-of-that-name/x"', {}),
        ("OLLAMA_MODELS", "", {"OLLAMA_MODELS": "~nobody-of-that-name/x"}),
    ],
)
def test_the_home_of_somebody_unknown_is_an_error_in_words(
    tmp_path: Path, name: str, text: str, environment: dict[str, str]
) -> None:
    with pytest.raises(SettingsError) as problem:
        read(tmp_path, text, **environment)
    assert name in str(problem.value)
    assert "~nobody-of-that-name" in str(problem.value)


def test_a_dumb_terminal_gets_no_colour(tmp_path: Path) -> None:
    assert read(tmp_path, TERM="dumb").no_color
    assert read(tmp_path, NO_COLOR="1").no_color
    assert not read(tmp_path, TERM="xterm-256color").no_color


def test_an_ssh_connection_is_noticed(tmp_path: Path) -> None:
    assert read(tmp_path, SSH_TTY="/dev/pts/1").over_ssh
    assert not read(tmp_path).over_ssh


TEXTUAL_LEAKS = {
    "TEXTUAL": "devtools,debug",
    "TEXTUAL_DEVTOOLS_HOST": "192.0.2.1",
    "TEXTUAL_LOG": "keys.log",
    "TEXTUAL_SCREENSHOT": "1",
    "TEXTUAL_SCREENSHOT_LOCATION": ".",
    "TEXTUAL_DRIVER": "no.such:Driver",
    "TEXTUAL_PRESS": "ctrl+q",
    "TEXTUAL_DEBUG": "1",
}


def test_textual_obeys_only_what_changes_how_it_draws() -> None:
    script = (
        "from tui.settings import set_textual_environment; set_textual_environment()\n"
        "from textual import constants as c, app; import os\n"
        "print(c.LOG_FILE, c.SCREENSHOT_DELAY, c.DRIVER, repr(c.PRESS), c.DEBUG, c.MAX_FPS, c.COLOR_SYSTEM)\n"
        "print(sorted(name for name in os.environ if name.startswith('TEXTUAL')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PATH": os.defpath, **TEXTUAL_LEAKS, "TEXTUAL_COLOR_SYSTEM": "256"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == ["None -1 None '' False 120 256", "['TEXTUAL_COLOR_SYSTEM', 'TEXTUAL_FPS']"]
