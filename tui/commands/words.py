"""Words that a command is given: its arguments, or, of confidential sessions, standard input alone.

What stands on a command line can be read by other users of the machine, and the shell keeps it. So what is typed of a
confidential session (a prompt, what is searched for, a title, tags) is refused there before anything else is done.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from tui.commands.prompt_input import STDIN, piped_text
from tui.exit_codes import UsageError

_FORMS = {
    "ask": ("prompt", "A confidential prompt", "ask --confidential - < prompt.txt"),
    "search": ("query", "What is searched for in confidential sessions", "search --confidential - < words.txt"),
    "list": ("filter", "A filter of confidential sessions", "sessions list --confidential - < filter.txt"),
    "rename": ("title", "The title of a confidential session", "sessions rename --confidential ID - < title.txt"),
    "tag": ("tags", "A tag of a confidential session", "sessions tag --confidential ID - < tags.txt"),
}
"""By command or action: the argument, what it is, and how it is given instead."""


def check_words_are_piped(arguments: Namespace) -> None:
    """Raises `UsageError` where words of a confidential session are arguments."""
    name = getattr(arguments, "action", None) or arguments.command
    form = _FORMS.get(name) if getattr(arguments, "confidential", False) else None
    if form is None:
        return
    given = getattr(arguments, form[0])
    words = [given] if isinstance(given, str) else given or []
    if any(word != STDIN for word in words):
        raise not_from_arguments(name)


def not_from_arguments(name: str) -> UsageError:
    """What is said of words of a confidential session among the arguments of this command or action."""
    _, what, command = _FORMS[name]
    return UsageError(
        f"{what} is not taken from the command line: other users of this machine can read it there, and your shell "
        f"keeps it. Pipe it in: duologue {command}"
    )


def read_words(given: Sequence[str]) -> list[str]:
    """The words of a command; `-` stands for those on standard input. Raises `UsageError`."""
    return piped_text().split() if list(given) == [STDIN] else list(given)
