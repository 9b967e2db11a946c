"""Every key that works at this moment and what it does, read from the bindings themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from tui.rendering.safe_text import clean, content, one_line

EDITING = "Editing text"
_KEY_COLUMN = 26

_KEY_WORDS = {
    "ctrl": "Ctrl",
    "shift": "Shift",
    "alt": "Alt",
    "super": "Super",
    "enter": "Enter",
    "escape": "Esc",
    "pageup": "PageUp",
    "pagedown": "PageDown",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "space": "Space",
    "tab": "Tab",
    "backspace": "Backspace",
    "delete": "Delete",
    "home": "Home",
    "end": "End",
    "slash": "/",
    "question_mark": "?",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "equals_sign": "=",
    "minus": "-",
    "comma": ",",
    "full_stop": ".",
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "left_curly_bracket": "{",
    "right_curly_bracket": "}",
}


@dataclass(frozen=True, slots=True)
class KeyLine:
    """One thing that can be done, and the keys for it."""

    keys: tuple[str, ...]
    does: str


@dataclass(frozen=True, slots=True)
class KeyGroup:
    """What belongs together: one widget's, one screen's, the program's."""

    title: str
    lines: tuple[KeyLine, ...]


def groups_of(active: Mapping[str, ActiveBinding]) -> list[KeyGroup]:
    """Sort active bindings (`screen.active_bindings`) by where they belong, nearest to the focus first.

    Bindings with an id are ours and can be changed; those without are the toolkit's keys for editing, and come last.
    Bindings without a description are not for people.
    """
    found: dict[str, dict[tuple[str, str], list[str]]] = {}
    for key, (node, binding, enabled, _) in active.items():
        if not binding.description or not enabled or binding.system:
            continue
        title = (node.BINDING_GROUP_TITLE or type(node).__name__) if binding.id else EDITING
        does = binding.tooltip or binding.description
        found.setdefault(title, {}).setdefault((binding.action, does), []).append(key_words(key))
    if EDITING in found:
        found[EDITING] = found.pop(EDITING)
    return [
        KeyGroup(title, tuple(KeyLine(tuple(keys), does) for (_, does), keys in lines.items()))
        for title, lines in found.items()
    ]


def key_words(key: str) -> str:
    """A key as people write it: "ctrl+j" is "Ctrl+J", "slash" is "/"."""
    parts = key.split("+")
    return "+".join(
        _KEY_WORDS.get(part) or (part.upper() if part[1:].isdigit() or len(parts) > 1 else part) for part in parts
    )


class KeysHelp(Screen[None]):
    """Shows the keys that were active before it opened; gives nothing."""

    DEFAULT_CSS = """
    KeysHelp {
        background: $background;
        padding: 0 1;
        & VerticalScroll {
            height: 1fr;
            scrollbar-size-vertical: 1;
            scrollbar-background: $background;
            scrollbar-background-hover: $background;
            scrollbar-color: $rule;
        }
        & Static { height: auto; }
        & .group { margin-bottom: 1; max-width: 100; }
        & #foot { color: $quiet; }
    }
    """

    BINDING_GROUP_TITLE = "This list"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,f1,q", "leave", "Back", id="keys_help.leave")]

    def __init__(self, groups: Sequence[KeyGroup]) -> None:
        super().__init__()
        self._groups = groups

    def compose(self) -> ComposeResult:
        """One block per group."""
        with VerticalScroll():
            for group in self._groups:
                yield Static(_block(group), classes="group")
        yield Static("↑↓ scroll · Esc back", id="foot", markup=False)

    def action_leave(self) -> None:
        """Go back."""
        self.dismiss(None)


def _block(group: KeyGroup) -> Content:
    lines = [Content.styled(clean(one_line(group.title)), "bold")]
    for line in group.lines:
        keys = content(", ".join(line.keys))
        gap = " " * max(2, _KEY_COLUMN - keys.cell_length)
        lines.append(Content.assemble("  ", keys.stylize("$primary"), gap, content(one_line(line.does, 200))))
    return Content("\n").join(lines)
