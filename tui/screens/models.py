"""Which model is to answer on a side: from what was found, or any other by its name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from backends.spec import SpecError, parse
from tui.rendering.columns import column
from tui.rendering.safe_text import clean, content, one_line
from tui.widgets.filter_line import FilterLine
from tui.words import count, size

LOADING = "looking …"
NONE_HERE = "none"
WIDE_COLUMNS = 100


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One model that can be picked."""

    spec: str
    locality: str
    """Where it answers, in words: "this machine", "your network", "cloud"."""
    size_bytes: int | None = None
    context_tokens: int | None = None
    loaded: bool | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class ModelGroup:
    """Models from one place."""

    title: str
    rows: Sequence[ModelRow] | str | None
    """The models; or in words why there are none; or None while they are being looked for."""


class ModelPicker(Screen[str | None]):
    """Gives the spec of the model that was picked, or None."""

    DEFAULT_CSS = """
    ModelPicker {
        background: $background;
        padding: 0 1;
        & Static { height: auto; }
        & #name { text-style: bold; }
        & FilterLine { margin-bottom: 1; }
        & OptionList {
            height: 1fr;
            border: none;
            padding: 0;
            background: $background;
            overflow-x: hidden;
            scrollbar-size-vertical: 1;
            scrollbar-background: $background;
            scrollbar-background-hover: $background;
            scrollbar-color: $rule;
        }
        & OptionList:focus { border: none; background-tint: $background; }
        & OptionList > .option-list--option { padding: 0; }
        & OptionList > .option-list--option-disabled { color: $quiet; }
        & OptionList > .option-list--option-highlighted {
            background: $block-cursor-background;
            color: $block-cursor-foreground;
            text-style: none;
        }
        & #problem { color: $error; }
        & #foot { color: $quiet; }
    }
    """

    BINDING_GROUP_TITLE = "Models"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Back", id="models.leave"),
        Binding("up", "list('cursor_up')", "Up", show=False, id="models.up"),
        Binding("down", "list('cursor_down')", "Down", show=False, id="models.down"),
        Binding("pageup", "list('page_up')", "Page up", show=False, id="models.pageup"),
        Binding("pagedown", "list('page_down')", "Page down", show=False, id="models.pagedown"),
    ]

    def __init__(self, side: str, groups: Sequence[ModelGroup], *, current: str | None = None) -> None:
        """Take the side's name in words, what is known so far, and the spec that the side has now."""
        super().__init__()
        self._side = side
        self._groups = list(groups)
        self._current = current
        self._list = OptionList(id="models", markup=False)
        self._problem = Static("", id="problem", markup=False)

    def compose(self) -> ComposeResult:
        """A line to filter with or to write a name in, the models, the keys."""
        yield Static(content(f"Model for the {one_line(self._side)}"), id="name")
        yield FilterLine(placeholder="type to filter, or write any model: ollama:llama3.1:8b", id="filter")
        yield self._list
        yield self._problem
        yield Static("Enter use · ↑↓ choose · Esc back", id="foot", markup=False)

    def on_mount(self) -> None:
        """Show what is known so far."""
        self._problem.display = False
        self.query_one(FilterLine).focus()
        self._show()

    def set_group(self, title: str, rows: Sequence[ModelRow] | str | None) -> None:
        """Put in what a group turned out to have, or in words why it has nothing; a new title is a new group."""
        group = ModelGroup(title, rows)
        for number, known in enumerate(self._groups):
            if known.title == title:
                self._groups[number] = group
                break
        else:
            self._groups.append(group)
        if self.is_mounted:
            self._show()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter as it is typed."""
        event.stop()
        self._problem.display = False
        self._show(keep=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Use what is picked."""
        event.stop()
        self._list.action_select()
        if self._list.highlighted is None:
            self._take_written(event.value)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Give it to whoever asked."""
        event.stop()
        if event.option_id is not None:
            self.dismiss(event.option_id)

    def on_resize(self) -> None:
        """Give columns the room there is."""
        if self.is_mounted:
            self._show()

    def action_list(self, what: str) -> None:
        """Move in the list while the line above keeps the keys."""
        getattr(self._list, f"action_{what}")()

    def action_leave(self) -> None:
        """Go back without a change."""
        self.dismiss(None)

    def _take_written(self, text: str) -> None:
        try:
            self.dismiss(str(parse(text)))
        except SpecError as error:
            self._problem.update(content(str(error)))
            self._problem.display = True

    def _show(self, *, keep: bool = True) -> None:
        """Fill the list; the picked model stays picked if it is still there and `keep` is set."""
        wanted = self.query_one(FilterLine).value.strip()
        picked = self._picked() if keep else None
        self._list.clear_options()
        shown: set[str] = set()
        for group in self._groups:
            self._show_group(group, wanted, shown)
        written = _spec_in(wanted)
        if written is not None and written not in shown:
            words = Content.assemble("  ", content(written), ("  use it as written", "$quiet"))
            self._list.add_option(Option(words, id=written))
        self._pick(picked or self._current)

    def _show_group(self, group: ModelGroup, wanted: str, shown: set[str]) -> None:
        title = Content.styled(clean(one_line(group.title)), "bold")
        match group.rows:
            case None:
                self._list.add_option(Option(Content.assemble(title, (f"  {LOADING}", "$quiet")), disabled=True))
            case str(reason):
                words = Content.assemble(title, "  ", content(one_line(reason, 300)).stylize("$quiet"))
                self._list.add_option(Option(words, disabled=True))
            case rows:
                found = [row for row in rows if row.spec not in shown and _matches(row, group.title, wanted)]
                if wanted and not found:
                    return
                after = (f"  {NONE_HERE}", "$quiet") if not found else ""
                self._list.add_option(Option(Content.assemble(title, after), disabled=True))
                for row in found:
                    # A server may list a model twice; an option's id is there once.
                    if row.spec not in shown:
                        shown.add(row.spec)
                        self._list.add_option(Option(self._words(row), id=row.spec))

    def _words(self, row: ModelRow) -> Content:
        wide = self.app.size.width >= WIDE_COLUMNS
        notes = ["in use"] if row.spec == self._current else []
        if row.loaded:
            notes.append("loaded")
        if row.note:
            notes.append(one_line(row.note))
        cells = [column(size(row.size_bytes) if row.size_bytes is not None else "", 8, right=True)]
        if wide:
            cells.append(column(f"{count(row.context_tokens)} context" if row.context_tokens else "", 14, right=True))
        cells.append(column(one_line(row.locality), 13))
        taken = sum(cell.cell_length + 2 for cell in cells)
        # Two cells of padding, two before the name, one for a scroll bar.
        room = max(0, self.app.size.width - 5 - taken)
        name = min(self._longest_name, room * 2 // 3 if wide else room - 18, room)
        cells.append(column(" · ".join(notes), room - name - 2))
        return Content.assemble(
            "  ",
            column(one_line(row.spec, 200), name),
            *(part for cell in cells for part in ("  ", cell.stylize("$quiet"))),
        )

    @property
    def _longest_name(self) -> int:
        rows = (row for group in self._groups if group.rows and not isinstance(group.rows, str) for row in group.rows)
        return max((len(row.spec) for row in rows), default=0)

    def _picked(self) -> str | None:
        at = self._list.highlighted
        return None if at is None else self._list.get_option_at_index(at).id

    def _pick(self, spec: str | None) -> None:
        options = [option.id for option in self._list.options]
        first = next((at for at, known in enumerate(options) if known is not None), None)
        self._list.highlighted = options.index(spec) if spec is not None and spec in options else first


def _matches(row: ModelRow, title: str, wanted: str) -> bool:
    """True when every word is somewhere in what the row says."""
    said = f"{row.spec} {row.locality} {title} {row.note}".casefold()
    return all(word in said for word in wanted.casefold().split())


def _spec_in(text: str) -> str | None:
    try:
        return str(parse(text))
    except SpecError:
        return None
