"""The command line as a grammar: every command, option and help text. It only reads; `cli` acts.

Nothing is imported here but argparse, so `--help` and a slip of the keyboard are answered at once.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from tui.exit_codes import UsageError, table

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction["_Parser"]  # noqa: SLF001 - argparse has no public name for it

PROGRAM = "duologue"

_MODELS = "claude:NAME, ollama:NAME, lmstudio:NAME, openai:http://HOST:PORT#NAME, gguf:PATH, demo: or off"
_EXAMPLES = f"""\
examples:
  duologue                                       open the app
  duologue --demo                                without a key or a server: the built-in DEMO model on both sides
  duologue --confidential                        only models on this machine
  duologue ask "Why is the sky blue?"            ask both sides, print both answers
  git diff | duologue ask "Review this:" --json  the text piped in follows the question
  duologue ask --only right - < letter.txt       only the right side, the text from a file
  duologue key set                               put your Anthropic API key into the system's keyring
  duologue doctor                                what works here, and what does not

a model is written as one of:
  {_MODELS}

exit codes:
{table()}
"""
_ASK_EXAMPLES = """\
The prompt is the argument; text that is piped in follows it after a blank line. Without an argument, or with "-", the
text from standard input is the prompt. Where no model is named, the left one is the configured one, else the last
session's, else Claude; the right one is the configured one, else the last session's, else the first that is found on
this machine.

--json prints one document, in ASCII:
  {"session": ID or null, "turn": N, "confidential": BOOL, "prompt": TEXT,
   "sides": {"left": null or {"model", "served_model", "digest", "locality", "outcome", "variant", "text", "thinking",
             "receipt": {...}, "error": null or {"kind", "message"}, "note", "demo"}, "right": ...}}
"""
_SEARCH_EXAMPLES = """\
examples:
  duologue search tenant lease            both words, in any order; the last one may be unfinished
  duologue search '"the lease"' NOT draft  a phrase; what has `draft` in it is left out
  duologue search 'lease OR rent'         one or the other; AND, OR and NOT are in capitals

Prompts, titles and the answers of both sides are searched; up to 500 places come best first, of more the newest do.
The exit code is 0 when something was found and 1 when nothing was.

--json prints one document, in ASCII:
  {"hits": [{"session", "title", "turn", "where": "title" or "prompt" or "left" or "right", "model", "asked",
             "confidential", "snippet", "found": [[FROM, TO], ...] in the snippet}, ...],
   "more": BOOL, "unindexed_turns": N}
"""
_LEDGER_NOTES = """\
Each line: time, what for, host and port asked, the address at the other end of the socket, where that is, bytes out
and in, how it ended, and what kept the program from every other way out, where known. Bytes are those of HTTP,
inside TLS. The sum at the end counts every request, not only those that are listed. A request without an end was
under way when the program was killed, or still is: what it sent is not known. Off the record nothing is kept, so
nothing is listed here.

--json prints one document, in ASCII:
  {"requests": [{"id", "session", "opened", "closed", "purpose", "host", "port", "peer", "locality", "place",
                 "by_your_word", "left_to", "bytes_sent", "bytes_received", "verdict", "detail", "level"}, ...],
   "total": N, "by_locality": {LOCALITY: {"requests", "bytes_sent", "bytes_received", "open"}, ...}, "words": TEXT}
"""
_DOCTOR_EXAMPLES = """\
--prove starts a program under the layers of confidential mode. It tries to reach addresses and a name that are for
documentation and belong to nobody, and says of each way whether it was refused or sent. The exit code is 0 when
nothing got out but what the reached level is known not to hold, else 1.

--prove --json prints one document, in ASCII:
  {"level", "reasons": [TEXT, ...], "seconds", "sum": TEXT, "ways": [{"way", "verdict": "refused" or "sent" or
   "on this machine" or "not here", "words", "below_python": BOOL, "expected": BOOL}, ...]}
"""
_COMPLETION = """\
examples:
  bash   echo 'eval "$(duologue completion bash)"' >> ~/.bashrc
  zsh    echo 'eval "$(duologue completion zsh)"' >> ~/.zshrc   (after compinit)
  fish   duologue completion fish > ~/.config/fish/completions/duologue.fish
"""
_EXPORT_EXAMPLES = """\
examples:
  duologue sessions export 01J9Z7 -o lease.html    a page with both answers side by side
  duologue sessions export 01J9Z7 --turn 3         one turn as Markdown, onto standard output
  duologue sessions export --all -o folder         one Markdown file for each session
  duologue sessions export --all -o all.json       everything, complete: `sessions import` reads it again

md, html and text are for people; json and jsonl are complete and documented in docs/export-format.md. Files are made
for you alone (0600). --confidential exports confidential sessions and no others; the file is not encrypted.
"""
_IMPORT_EXAMPLES = """\
It reads this program's json and jsonl, Claude.ai's and ChatGPT's data export (the .zip, or conversations.json in it),
the logs.db of llm, oterm's store.db and elia's elia.sqlite. What is here already is not added twice, so an export of
later can be imported again. A record that cannot be read is told with its place, and the rest goes in; the exit code
is then 1.

--json prints one document, in ASCII:
  {"file", "format", "sessions": NEW, "turns": NEW, "grown": N, "already": N,
   "problems": [{"where", "what"}, ...], "problem_count": N}
"""
_OF_COMMAND = "command_"
"""Options that exist both before and after a command are told apart: argparse would let one overwrite the other."""
_KEY_ON_COMMAND_LINE = (
    "A key is not taken from the command line: other users of this machine can read it there, and your shell keeps "
    "it. If that was a real key, revoke it. Run `duologue key set` and paste the key when it asks, or pipe it in."
)


def parsed(argv: Sequence[str]) -> argparse.Namespace:
    """Read the arguments. Raises `UsageError`; ends the process after `--help` and `--version`."""
    parser = make_parser()
    arguments, unknown = parser.parse_known_args(argv)
    command = arguments.command
    if command == "key" and (unknown or arguments.extra):
        raise UsageError(_KEY_ON_COMMAND_LINE)
    if unknown:
        parser.error(_unknown_words(unknown))
    if command is not None and (misplaced := _app_options_given(parser, arguments)):
        raise UsageError(f"Write {', '.join(misplaced)} after `{command}`, if `duologue {command} --help` has it.")
    for name, value in vars(arguments).copy().items():
        if name.startswith(_OF_COMMAND):
            setattr(arguments, name.removeprefix(_OF_COMMAND), value)
    return arguments


def _unknown_words(unknown: Sequence[str]) -> str:
    """What was too much, without repeating words that may be a prompt or a secret."""
    options = [argument.partition("=")[0] for argument in unknown if argument.startswith("-")]
    if options:
        return f"There is no option {', '.join(options)} here"
    return "There is an argument too many; put quotes around a prompt of several words"


def _app_options_given(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> list[str]:
    return [
        action.option_strings[0]
        for action in parser._actions  # noqa: SLF001 - argparse has no public way to list its options
        if action.option_strings
        and action.dest not in (argparse.SUPPRESS, "help", "version")
        and getattr(arguments, action.dest) != action.default
    ]


def make_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = _Parser(
        prog=PROGRAM,
        description="One prompt to Claude and to your local model at once, side by side. Without a command it opens "
        "the app.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")
    _add_pair(parser)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--session", metavar="ID", help="open a saved session; the beginning of its id is enough")
    which.add_argument("--continue", dest="continue_last", action="store_true", help="open the session used last")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser, title="commands")
    _add_ask(commands)
    _add_key(commands)
    _add_models(commands)
    _add_sessions(commands)
    _add_search(commands)
    _add_ledger(commands)
    _add_backup(commands)
    _add_doctor(commands)
    _add_completion(commands)
    return parser


def _add_pair(parser: argparse.ArgumentParser, prefix: str = "") -> None:
    parser.add_argument("--left", metavar="MODEL", dest=f"{prefix}left", help="the model of the left side")
    parser.add_argument("--right", metavar="MODEL", dest=f"{prefix}right", help="the model of the right side")
    parser.add_argument(
        "--demo", action="store_true", dest=f"{prefix}demo", help="the built-in DEMO model on both sides"
    )
    parser.add_argument(
        "--confidential",
        action="store_true",
        dest=f"{prefix}confidential",
        help="only models on this machine; cannot be undone for a session",
    )
    parser.add_argument(
        "--off-the-record",
        "--no-save",
        action="store_false",
        dest=f"{prefix}keep",
        help="keep nothing on disk: no session, no draft, no ledger",
    )
    parser.add_argument(
        "--attest",
        metavar="HOST:PORT",
        action="append",
        default=[],
        dest=f"{prefix}attest",
        help="say that what answers there is on this machine, for confidential sessions; kept",
    )
    parser.add_argument(
        "--offline", action="store_true", dest=f"{prefix}offline", help="ask nothing that is not on this machine"
    )


def _command_parser(commands: Commands, name: str, summary: str, epilog: str | None = None) -> _Parser:
    return commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def _add_ask(commands: Commands) -> None:
    parser = _command_parser(
        commands, "ask", "ask both sides one question and print the answers", f"models: {_MODELS}\n\n{_ASK_EXAMPLES}"
    )
    parser.add_argument("prompt", metavar="PROMPT", nargs="?", help='the question; "-" reads standard input')
    _add_pair(parser, _OF_COMMAND)
    parser.add_argument("--only", choices=("left", "right"), help="ask one side only")
    parser.add_argument(
        "--session",
        metavar="ID",
        dest=f"{_OF_COMMAND}session",
        help="go on with a saved session (beginning of its id)",
    )
    _add_json(parser)


def _add_key(commands: Commands) -> None:
    parser = commands.add_parser(
        "key",
        help="the API key for Claude, in the system's keyring",
        description="Store, look for or delete the API key for Claude in the system's keyring. The key is read from "
        "the terminal without being shown, or as one line from standard input; never from the command line. "
        "`recovery` prints the recovery key of the vault of confidential sessions, for paper; `recover` reads it the "
        "same way and puts the vault's key back into a keyring that has lost it.",
        allow_abbrev=False,
    )
    parser.set_defaults(may_be_given_a_key=True)
    parser.add_argument("action", choices=("set", "status", "delete", "recovery", "recover"))
    parser.add_argument("extra", nargs="*", help=argparse.SUPPRESS)


def _add_models(commands: Commands) -> None:
    parser = _command_parser(commands, "models", "list the models that can be asked")
    parser.add_argument("action", choices=("list",), nargs="?", default="list", help="the default")
    parser.add_argument("--claude", action="store_true", help="ask Anthropic which models your key can use")
    _add_json(parser)


_FILTER_EXAMPLES = """filters:
  tenant lease                    words in the title, or in what was said
  tag:law  is:starred  is:unfinished  is:archived  is:deleted  is:imported
  model:llama  left:claude  right:qwen
  has:attachment  has:note  has:vote  vote:left
  since:2026-11-01  before:2026-12-01  cost:>0.10
  sort:newest | oldest | title | cost | turns"""


def _add_sessions(commands: Commands) -> None:
    parser = _command_parser(commands, "sessions", "list, read and keep in order what was saved")
    actions = parser.add_subparsers(dest="action", metavar="ACTION", parser_class=_Parser, required=True)
    listing = _command_parser(actions, "list", "list saved sessions, last used first", _FILTER_EXAMPLES)
    listing.add_argument(
        "filter", metavar="FILTER", nargs="*", help='words, and filters such as tag:law; "-" reads standard input'
    )
    listing.add_argument("--limit", type=_positive, default=50, metavar="N", help="at most N sessions (50)")
    _add_json(listing)
    _add_confidential(listing, "list")
    showing = _command_parser(actions, "show", "print a saved session, both sides")
    showing.add_argument("id", metavar="ID", help="the beginning of its id is enough")
    _add_json(showing)
    _add_confidential(showing, "look among")
    renaming = _command_parser(actions, "rename", "give a session another title")
    renaming.add_argument("id", metavar="ID")
    renaming.add_argument("title", metavar="TITLE", nargs="+", help='"-" reads standard input')
    _add_confidential(renaming, "look among")
    tagging = _command_parser(actions, "tag", "add tags to a session, or remove them")
    tagging.add_argument("id", metavar="ID")
    tagging.add_argument("tags", metavar="TAG", nargs="+", help='"-" reads standard input')
    tagging.add_argument("--remove", action="store_true", help="remove these tags")
    _add_confidential(tagging, "look among")
    for name, summary in _SESSION_CHANGES.items():
        changing = _command_parser(actions, name, summary)
        changing.add_argument("ids", metavar="ID", nargs="+")
        _add_confidential(changing, "look among")
    _add_export(actions)
    _add_import(actions)
    emptying = _command_parser(actions, "empty-bin", "delete for good what is in the bin")
    emptying.add_argument("--yes", action="store_true", help="do not ask")
    _add_confidential(emptying, "delete")


def _add_export(actions: Commands) -> None:
    parser = _command_parser(actions, "export", "write sessions into a file", _EXPORT_EXAMPLES)
    parser.add_argument("ids", metavar="ID", nargs="*", help="the beginning of an id is enough")
    parser.add_argument("--all", action="store_true", help="all sessions, those in the bin aside")
    parser.add_argument("--turn", type=_positive, metavar="N", help="only turn N of one session")
    parser.add_argument(
        "--format", choices=("md", "html", "json", "jsonl", "text"), help="else by the file's name, or md"
    )
    parser.add_argument(
        "-o", "--output", metavar="PATH", default="-", help='a file, a folder (one file each), or "-" (the default)'
    )
    parser.add_argument("--force", action="store_true", help="replace a file that exists")
    parser.add_argument(
        "--confidential",
        action="store_true",
        dest=f"{_OF_COMMAND}confidential",
        help="confidential sessions and no others, in a process without a network",
    )


def _add_import(actions: Commands) -> None:
    parser = _command_parser(actions, "import", "read conversations out of a file", _IMPORT_EXAMPLES)
    parser.add_argument("file", metavar="FILE")
    parser.add_argument(
        "--format",
        choices=("auto", "duologue", "claude", "chatgpt", "llm", "oterm", "elia"),
        default="auto",
        help="whose file it is; auto finds out",
    )
    parser.add_argument(
        "--confidential",
        action="store_true",
        dest=f"{_OF_COMMAND}confidential",
        help="all that comes in is confidential, for good; without it, what is confidential in the file is left out",
    )
    _add_json(parser)


_SESSION_CHANGES = {
    "star": "put a star on sessions",
    "unstar": "take the star off sessions",
    "archive": "put sessions away: kept, found, but not in the list",
    "unarchive": "get sessions that were put away back into the list",
    "delete": "put sessions into the bin",
    "restore": "take sessions out of the bin",
}


def _add_search(commands: Commands) -> None:
    parser = _command_parser(commands, "search", "find words in saved sessions", _SEARCH_EXAMPLES)
    parser.add_argument("query", metavar="QUERY", nargs="+", help='the words to look for; "-" reads standard input')
    parser.add_argument("--limit", type=_positive, default=50, metavar="N", help="at most N places (50)")
    parser.add_argument("--thinking", action="store_true", help="look into what models thought, too")
    parser.add_argument(
        "--confidential",
        action="store_true",
        dest=f"{_OF_COMMAND}confidential",
        help="look into confidential sessions, too; the words are then read from standard input",
    )
    _add_json(parser)


def _add_ledger(commands: Commands) -> None:
    parser = _command_parser(
        commands, "ledger", "say what left this machine: one line per request, and the sum in words", _LEDGER_NOTES
    )
    parser.add_argument(
        "id", metavar="SESSION", nargs="?", help="one session only; the beginning of its id is enough"
    )
    parser.add_argument(
        "--limit", type=_positive, default=50, metavar="N", help="at most N requests (50), the newest"
    )
    _add_json(parser)
    _add_confidential(parser, "say it of")


def _add_backup(commands: Commands) -> None:
    parser = _command_parser(commands, "backup", "copy all ordinary conversations into one file")
    parser.add_argument("file", metavar="FILE", help="where to; readable for you alone")
    parser.add_argument("--force", action="store_true", help="replace a file that is there")
    parser = _command_parser(
        commands, "restore", "put the conversations of a backup in place of those that are there"
    )
    parser.add_argument("file", metavar="FILE", help="what duologue backup made")
    parser.add_argument("--yes", action="store_true", help="do not ask")


def _add_doctor(commands: Commands) -> None:
    parser = _command_parser(
        commands, "doctor", "say what works here and what does not; fit to copy, without secrets", _DOCTOR_EXAMPLES
    )
    parser.add_argument(
        "--prove",
        action="store_true",
        help="try every known way out of this machine as a confidential session is held, and print what came of it",
    )
    _add_json(parser)


def _add_completion(commands: Commands) -> None:
    parser = _command_parser(commands, "completion", "print what makes your shell complete commands", _COMPLETION)
    parser.add_argument("shell", choices=("bash", "zsh", "fish"))


def _add_confidential(parser: argparse.ArgumentParser, does: str) -> None:
    parser.add_argument(
        "--confidential",
        action="store_true",
        dest=f"{_OF_COMMAND}confidential",
        help=f"{does} confidential sessions, in a process without a network; words are then read from standard input",
    )


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("write a whole number of 1 or more")
    return int(text)


class _Parser(argparse.ArgumentParser):
    """Ends a wrong command line as every other error ends."""

    def error(self, message: str) -> NoReturn:
        """Raise `UsageError`."""
        if self.get_default("may_be_given_a_key"):  # then the message may hold one
            raise UsageError(f"Write duologue key set, status, delete, recovery or recover. {_KEY_ON_COMMAND_LINE}")
        # A word in the wrong place may be a secret as well; what could stand there is told, it is not.
        message = re.sub(r"invalid choice: .* \(choose from (.*)\)$", r"choose from \1", message, flags=re.DOTALL)
        raise UsageError(f"{message}. `{self.prog} --help` shows how it is written.")


class _Version(argparse.Action):
    """Prints the version; a look-up that only those pay for who ask."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from importlib.metadata import version

        print(f"{PROGRAM} {version(PROGRAM)}")  # noqa: T201 - as `--help` does; also where output is closed
        parser.exit()
