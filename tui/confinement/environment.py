"""The environment of a confidential process: what is named here is kept, everything else is gone.

A list of what may stay, because nobody knows the list of what may not: proxies, keys and servers of every library
(OTEL_*, OLLAMA_*, ANTHROPIC_*, SSLKEYLOGFILE), switches of Textual that write key presses to a file, code that Python
or the loader would run (PYTHONPATH, PYTHONSTARTUP, LD_PRELOAD). What the settings need of it is handed over by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_KEPT: Final = frozenset(
    {
        # Who and where
        *("HOME", "USER", "LOGNAME", "SHELL", "PATH", "PWD", "TMPDIR", "TZ", "TZDIR", "HOSTNAME"),
        # The terminal, and how it is drawn on
        *("TERM", "COLORTERM", "COLORFGBG", "TERM_PROGRAM", "TERM_PROGRAM_VERSION", "TERMINFO", "TERMINFO_DIRS"),
        *("TMUX", "TMUX_PANE", "STY", "VTE_VERSION", "WINDOWID", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"),
        *("KITTY_WINDOW_ID", "WEZTERM_PANE", "KONSOLE_VERSION", "ALACRITTY_WINDOW_ID", "WT_SESSION"),
        *("LANG", "LANGUAGE"),
        # The keyring, on the session bus
        *("DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "GNOME_KEYRING_CONTROL"),
        *("DESKTOP_SESSION", "KDE_FULL_SESSION", "KDE_SESSION_VERSION", "PYTHON_KEYRING_BACKEND"),
        # That the terminal is another machine's is told to the user
        *("SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT"),
        *("EDITOR", "VISUAL"),
        # The engine's libraries and graphics cards; some interpreters find their own library by the first
        *("LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"),
        "VIRTUAL_ENV",
    }
)
_KEPT_BEGINNINGS: Final = ("LC_", "XDG_", "DUOLOGUE_")


def cleaned(environment: Mapping[str, str]) -> dict[str, str]:
    """What a confidential process keeps of an environment."""
    return {name: value for name, value in environment.items() if name in _KEPT or name.startswith(_KEPT_BEGINNINGS)}
