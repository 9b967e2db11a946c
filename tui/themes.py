"""The program's colours: each side one hue, confidential one of its own, errors one; contrast at least 4.5 to 1."""

from __future__ import annotations

from textual.theme import Theme

DARK = Theme(
    name="duologue-dark",
    dark=True,
    primary="#8fb8e0",
    secondary="#b7c98a",
    accent="#e0b673",
    foreground="#d8dbe0",
    background="#15181d",
    surface="#15181d",
    panel="#1d2229",
    success="#9ccf8f",
    warning="#e6c07b",
    error="#ef8e8e",
    variables={
        "side-left": "#8fb8e0",
        "side-right": "#b7c98a",
        "confidential": "#e9a3d4",
        "quiet": "#8b93a1",
        "rule": "#39414d",
        "block-cursor-background": "#2c3643",
        "block-cursor-foreground": "#f0f2f5",
        "input-selection-background": "#35506e",
    },
)
LIGHT = Theme(
    name="duologue-light",
    dark=False,
    primary="#1f5f9f",
    secondary="#4a6a12",
    accent="#8a5a00",
    foreground="#1d2127",
    background="#fbfaf7",
    surface="#fbfaf7",
    panel="#f0eee8",
    success="#2f6f22",
    warning="#7d5600",
    error="#a32626",
    variables={
        "side-left": "#1f5f9f",
        "side-right": "#4a6a12",
        "confidential": "#8e2476",
        "quiet": "#5d6470",
        "rule": "#c9c5ba",
        "block-cursor-background": "#d9e4f0",
        "block-cursor-foreground": "#1d2127",
        "input-selection-background": "#c4d9ee",
    },
)
CONTRAST = Theme(
    name="duologue-contrast",
    dark=True,
    primary="#66ccff",
    secondary="#ccff66",
    accent="#ffd75f",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#101010",
    success="#87ff87",
    warning="#ffd75f",
    error="#ff8787",
    variables={
        "side-left": "#66ccff",
        "side-right": "#ccff66",
        "confidential": "#ff87ff",
        "quiet": "#c6c6c6",
        "rule": "#8a8a8a",
        "block-cursor-background": "#ffffff",
        "block-cursor-foreground": "#000000",
        "input-selection-background": "#005f87",
    },
)
THEMES = (DARK, LIGHT, CONTRAST)

FALLBACK_VARIABLES = {
    "side-left": "ansi_bright_blue",
    "side-right": "ansi_bright_green",
    "confidential": "ansi_bright_magenta",
    "quiet": "ansi_bright_black",
    "rule": "ansi_bright_black",
}
"""For themes that are not ours (Textual's, and the ones that follow the terminal's palette)."""
