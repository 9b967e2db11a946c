"""The last line of a screen: what can be done now and by which key, for the mouse as well.

Keys are read from the bindings that are active, so the line says what the person has bound.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from textual.binding import ActiveBinding
from textual.content import Content
from textual.message import Message
from textual.style import Style
from textual.widgets import Static

from tui.rendering.safe_text import content

_GAP = "  "


@dataclass(frozen=True, slots=True)
class KeyHint:
    """A binding, by its id, and the one word that says what it does."""

    binding: str
    word: str
    action: str = ""
    """What a click asks for; "" where a click has no use."""


class KeyLine(Static):
    """Keys and words; hints that do not fit are left out from the end."""

    DEFAULT_CSS = """
    KeyLine { height: 1; color: $quiet; }
    """

    @dataclass
    class Clicked(Message):
        """A hint was clicked."""

        action: str

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name for it
        super().__init__("", id=id, markup=False)

    def say(self, hints: Sequence[KeyHint], words: str = "") -> None:
        """Show foreign words, if any, and then the hints for which there is room."""
        room = (self.size.width or self.app.size.width) - (2 if words else 0)
        keys = _keys(self.screen.active_bindings.values())
        told = [(hint, f"{keys[hint.binding]} {hint.word}") for hint in hints if hint.binding in keys]
        taken = sum(len(text) + len(_GAP) for _, text in told[:1])
        said = content(words).truncate(max(0, room - taken), ellipsis=True)
        room -= said.cell_length
        pieces = [said] if words else []
        for hint, text in told:
            room -= len(text) + (len(_GAP) if pieces else 0)
            if room < 0:
                break
            pieces.append(_hint(hint, text))
        self.update(Content(_GAP).join(pieces))

    def action_ask(self, action: str) -> None:
        """Tell of a click."""
        self.post_message(self.Clicked(action))


def _hint(hint: KeyHint, text: str) -> Content:
    if not hint.action:
        return Content(text)
    return Content(text).stylize(Style.from_meta({"@click": ("ask", (hint.action,))}))


def _keys(active: Iterable[ActiveBinding]) -> dict[str, str]:
    """The first key of each binding that has an id and can be used now."""
    from tui.screens.keys_help import key_words

    found: dict[str, str] = {}
    for binding in active:
        if binding.binding.id is not None and binding.enabled:
            found.setdefault(binding.binding.id, key_words(binding.binding.key))
    return found
