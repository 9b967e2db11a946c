"""Checks the `[keys]` of the configuration against the bindings that there are.

Textual passes over an id that it does not know; a slip of the pen should be said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from textual.app import App
from textual.binding import Binding, BindingType
from textual.dom import DOMNode


def known_ids() -> frozenset[str]:
    """Every id that `[keys]` may name. Imports all screens, so not before the first paint."""
    from tui.screens.api_key import ApiKeyDialog
    from tui.screens.ask_line import AskLine
    from tui.screens.chat import ChatScreen
    from tui.screens.confirm import Confirm
    from tui.screens.filter_picker import FilterPicker
    from tui.screens.keys_help import KeysHelp
    from tui.screens.models import ModelPicker
    from tui.screens.search import SearchScreen
    from tui.screens.sessions import SessionsScreen
    from tui.widgets.first_run import FirstRun
    from tui.widgets.prompt import Prompt
    from tui.widgets.session_list import SessionList
    from tui.widgets.transcript import Transcript

    screens: list[type[DOMNode]] = [
        *(App, ApiKeyDialog, AskLine, ChatScreen, Confirm, FilterPicker, KeysHelp, ModelPicker, SearchScreen),
        SessionsScreen,
    ]
    widgets: list[type[DOMNode]] = [FirstRun, Prompt, SessionList, Transcript]
    return frozenset(one for owner in [*screens, *widgets] for one in _ids(owner.BINDINGS))


def unknown_ids(key_map: Mapping[str, str]) -> list[str]:
    """The ids in a key map that no binding has."""
    return [] if not key_map else sorted(key_map.keys() - known_ids())


def _ids(bindings: Iterable[BindingType]) -> Iterable[str]:
    return (binding.id for binding in bindings if isinstance(binding, Binding) and binding.id is not None)
