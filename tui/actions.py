"""Everything a person can do, once: id, key, words, slash command. Bindings, palette and slash commands come from it.

An action is one of `KEEPING`, or a method `action_<name>` of the chat screen or, where it opens a screen, of the app.
Keys are defaults; `[keys]` in the configuration changes them by id.
"""

from __future__ import annotations

from dataclasses import dataclass

from textual.binding import Binding


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do."""

    name: str
    """The method's name, and the last part of the binding id."""
    keys: str
    """Comma-separated default keys; "" where only the palette and the slash command reach it."""
    title: str
    help: str
    slash: str = ""
    """The command that does it, without the slash; an argument may follow."""
    priority: bool = False
    """True: works wherever the focus is, before the prompt sees the key."""

    @property
    def id(self) -> str:
        """What `[keys]` calls it."""
        return f"chat.{self.name}"

    @property
    def binding(self) -> Binding:
        """The key binding."""
        return Binding(
            self.keys,
            f"act('{self.name}')",
            self.title,
            id=self.id,
            show=False,
            priority=self.priority,
            tooltip=self.help,
        )


ACTIONS: tuple[Action, ...] = (
    Action("stop", "escape", "Stop", "Stop both answers, or the picked side's; what has arrived is kept", "stop"),
    Action("retry", "ctrl+r", "Retry", "Ask again as a new variant; nothing is overwritten", "retry", priority=True),
    Action("new_session", "ctrl+n", "New session", "Start a new session", "new", priority=True),
    Action("sessions", "ctrl+o", "Sessions", "Open a saved session", "open", priority=True),
    Action("search", "ctrl+f", "Search", "Find words in all saved sessions", "find", priority=True),
    Action("find_here", "f7", "Find in this session", "Find words in the session on screen", "within", priority=True),
    Action("models", "f5", "Models", "Choose the picked side's model, else the right one's", "model", priority=True),
    Action("model_left", "", "Model of the left side", "Choose who answers on the left"),
    Action("model_right", "", "Model of the right side", "Choose who answers on the right"),
    Action("layout", "f3", "Layout", "Both columns, left, right, stacked", "layout", priority=True),
    Action("questions", "", "Questions", "Go to a question of this session by its outline", "questions"),
    Action("rename", "", "Rename", "Give this session another title", "rename"),
    Action("star", "", "Star", "Put a star on this session, or take it off", "star"),
    Action("tag", "", "Tags", "Tags of this session", "tag"),
    Action("archive", "", "Archive", "Put this session into the archive, or get it back", "archive"),
    Action("delete", "", "Delete", "Put this session into the bin; asks first", "delete"),
    Action("fork", "", "Fork", "Go on from the picked turn in a new session", "fork"),
    Action("forks", "", "Forks", "Go to the forks of this session, or to what it was forked from", "forks"),
    Action("note", "", "Note", "Your own words on the picked turn", "note"),
    Action("vote_left", "", "Vote: left is better", "The left answer of the picked turn is better", "vote left"),
    Action("vote_right", "", "Vote: right is better", "The right answer of the picked turn is better", "vote right"),
    Action("vote_tie", "", "Vote: both alike", "Both answers of the picked turn are equally good", "vote tie"),
    Action("vote_neither", "", "Vote: neither", "Neither answer of the picked turn is good", "vote neither"),
    Action("marked_next", "", "Next marked turn", "To the next turn with a vote, a note or an unfinished answer"),
    Action(
        "marked_before", "", "Marked turn before", "To the one before with a vote, a note or an unfinished answer"
    ),
    Action("wrap", "", "Wrap wide code", "Wrap wide code and tables, or scroll them sideways", "wrap"),
    Action("key", "f9", "API key", "Put your Anthropic API key into the keyring", "key", priority=True),
    Action(
        "confidential",
        "f8",
        "Confidential",
        "From now on only models on this machine; one-way",
        "confidential",
        priority=True,
    ),
    Action("ledger", "", "What left", "Every request of this session, and what left this machine", "ledger"),
    Action("recovery", "", "Recovery key", "Show the vault's recovery key, to be written on paper", "recovery"),
    Action("edit", "ctrl+g", "Edit in your editor", "Edit the draft in VISUAL or EDITOR", "edit", priority=True),
    Action("help", "f1", "Keys", "All keys that are active now", "help", priority=True),
    Action("follow", "ctrl+end", "Follow", "Jump to the newest text and follow it", "end"),
    Action("adopt_left", "", "Adopt left answer", "Tell both sides the left answer from now on", "adopt left"),
    Action("adopt_right", "", "Adopt right answer", "Tell both sides the right answer from now on", "adopt right"),
    Action("links", "", "Links", "Open a link of the picked answer, after showing its address", "links"),
    Action("export", "", "Export", "Write this session into a file: Markdown, HTML, text, JSON", "export"),
    Action("screenshot", "", "Screenshot", "A picture of the session as it is on screen, an SVG file", "screenshot"),
    Action("import", "", "Import", "Read conversations out of a file: ours, Claude.ai, ChatGPT, llm ...", "import"),
    Action("copy_out", "", "Copy out", "Put what was copied on the terminal's clipboard; asks first", "copy-out"),
    Action("demo", "", "Demo model", "Put the built-in demo model on both sides", "demo"),
    Action("leave", "ctrl+q", "Quit", "Quit; asks only while an answer is being written", "quit", priority=True),
)
KEEPING = frozenset(
    {
        *("rename", "star", "tag", "archive", "delete", "fork", "forks", "note"),
        *("vote_left", "vote_right", "vote_tie", "vote_neither", "marked_next", "marked_before"),
    }
)
"""The actions that `tui.keeping` does; the others are methods."""
BY_SLASH = {action.slash: action for action in ACTIONS if action.slash}


@dataclass(frozen=True, slots=True)
class SlashCommand:
    """A prompt that is a command: `/retry`, `/left What about ...`."""

    name: str
    argument: str


def parse_slash(text: str) -> SlashCommand | None:
    """Read a prompt as a command, or None where it is an ordinary prompt.

    A path such as /etc/hosts or a line with a second slash in its first word is a prompt.
    """
    first, _, rest = text.strip().partition(" ")
    if not first.startswith("/") or "/" in first[1:] or not first[1:].replace("-", "").isalpha() or "\n" in first:
        return None
    return SlashCommand(first[1:].lower(), rest.strip())
