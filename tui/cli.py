"""The command line, and the one place where the program is put together.

Reads the arguments and the settings, makes the wiring, and hands both to a subcommand or to the app. Each is imported
when it is asked for: `--help` loads no library, a subcommand no Textual, and nothing here a client. Expected errors
end as one line on standard error and an exit code (`exit_codes`); anything else is a bug, told by `crash`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from tui.arguments import parsed
from tui.exit_codes import ExitCode, UsageError
from tui.gc_policy import GCPolicy

if TYPE_CHECKING:
    from argparse import Namespace

    from tui.commands.output import Output
    from tui.confined import Confined
    from tui.services import Start
    from tui.settings import Settings
    from tui.wiring import Wiring


def main(argv: Sequence[str] | None = None, confined: Confined | None = None) -> int:
    """Run the program; returns its exit code. Without `argv`, or `confined`, this process is the program's own.

    Only such a process can be held to what the program may reach, or become a confidential one.
    """
    own = argv is None or confined is not None
    if own:
        from tui import crash

        crash.install()
        _answer_a_shell_at_tab()
    try:
        arguments = parsed(sys.argv[1:] if argv is None else argv)
        return int(_run(arguments, confined, own=own))
    except UsageError as error:
        return _ended(error, ExitCode.USAGE)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED


def _answer_a_shell_at_tab() -> None:
    from tui.settings import shell_asks_for_words

    if shell_asks_for_words():
        from tui.commands import completion

        completion.complete()


def _run(arguments: Namespace, confined: Confined | None, *, own: bool) -> int:
    if own and arguments.command is None:
        GCPolicy.begin()
    from tui import settings
    from tui.egress import hold
    from tui.wiring import Wiring

    try:
        if arguments.command is not None:
            from tui.commands.words import check_words_are_piped

            check_words_are_piped(arguments)
        configured = settings.load(handed_over=None if confined is None else confined.orders.settings)
        if own and confined is None and getattr(arguments, "confidential", False):
            _become_confidential(arguments, configured)
        confinement = None if confined is None else confined.confinement
        wiring = Wiring(configured, offline=arguments.offline, confinement=confinement)
        if own:
            wiring.guard = hold(confinement)
        _take_words(arguments, wiring)
        if arguments.command is not None:
            return _run_command(arguments, wiring)
        return _open_app(arguments, wiring, b"" if confined is None else confined.carried, own=own)
    except settings.SettingsError as error:
        return _ended(error, ExitCode.CONFIGURATION)
    except Exception as error:
        code = _code_of(error)
        if code is None:
            raise
        return _ended(error, code)


def _become_confidential(arguments: Namespace, configured: Settings) -> NoReturn:
    """The same command line, in a process that has no network. Raises `UsageError` where that cannot be."""
    from tui.confinement.reexec import NotRestarted
    from tui.restart import restart_confidential, stored_specs

    if getattr(arguments, "session", None) is not None and arguments.keep:
        _latch(arguments.session, configured)
    named = [getattr(arguments, side, None) for side in ("left", "right")]
    try:
        restart_confidential(configured, sys.argv[1:], [*named, *stored_specs(configured.database)])
    except NotRestarted as error:
        raise UsageError(str(error)) from error


def _latch(beginning: str, configured: Settings) -> None:
    """Let the latch of an ordinary session fall, so that the confidential process finds it in the vault."""
    from conversation.vault import exists
    from storage.errors import NotFound
    from storage.store import Store
    from tui.wiring import utc_now

    if not exists(configured.database):
        return
    store = Store.open(configured.database)
    try:
        store.mark_confidential(store.find_session(beginning).id, utc_now())
    except NotFound:
        pass  # it has fallen already, or the session is in the vault, which nobody can look into from here
    finally:
        store.close()


def _take_words(arguments: Namespace, wiring: Wiring) -> None:
    """Servers that the command line vouches for."""
    if arguments.attest:
        from backends.listener import listener

        for text in arguments.attest:
            name = wiring.attested_name(text)
            behind = listener(int(name.rpartition(":")[2]))
            wiring.attested.add(name, behind.program if behind else "", keep=arguments.keep)


def _run_command(arguments: Namespace, wiring: Wiring) -> int:
    from tui.commands.output import Output, OutputLost, drop_standard_output

    try:
        output = Output.standard(no_color=wiring.settings.no_color)
        code = _command(arguments, wiring, output)
        output.flush()
    except OutputLost as lost:
        if sys.stdout is not None:
            drop_standard_output()
        return _ended(lost, lost.code)
    return code


def _command(arguments: Namespace, wiring: Wiring, output: Output) -> ExitCode:
    match arguments.command:
        case "ask":
            return _ask(arguments, wiring, output)
        case "key":
            from tui.commands import key

            return key.run(wiring, arguments.action, output)
        case "models":
            from tui.commands import models

            return models.run(wiring, output, ask_claude=arguments.claude, as_json=arguments.json)
        case "sessions":
            return _sessions(arguments, wiring, output)
        case "search":
            from tui.commands import search
            from tui.commands.words import read_words

            wanted = search.Wanted(
                query=" ".join(read_words(arguments.query)),
                limit=arguments.limit,
                thinking=arguments.thinking,
                confidential=arguments.confidential,
            )
            return search.run(wiring, output, wanted, as_json=arguments.json)
        case "ledger":
            from tui.commands import ledger

            return ledger.run(wiring, output, arguments.id, limit=arguments.limit, as_json=arguments.json)
        case "backup" | "restore":
            from tui.commands import backup

            if arguments.command == "backup":
                return backup.back_up(wiring, output, arguments.file, replace=arguments.force)
            return backup.restore(wiring, output, arguments.file, agreed=arguments.yes, ask=_asked)
        case "completion":
            from tui.commands import completion

            return completion.script(output, arguments.shell)
        case "doctor":
            if arguments.prove:
                from tui.commands import prove

                return prove.run(wiring.settings, output, as_json=arguments.json)
            from tui.commands import doctor

            return doctor.run(wiring, output, as_json=arguments.json)
        case other:
            raise AssertionError(other)


def _sessions(arguments: Namespace, wiring: Wiring, output: Output) -> ExitCode:
    from tui.commands import session_changes, sessions
    from tui.commands.words import read_words

    match arguments.action:
        case "list":
            return sessions.list_all(
                wiring, output, " ".join(read_words(arguments.filter)), limit=arguments.limit, as_json=arguments.json
            )
        case "show":
            return sessions.show(wiring, output, arguments.id, as_json=arguments.json)
        case "rename":
            return session_changes.rename(wiring, output, arguments.id, " ".join(read_words(arguments.title)))
        case "tag":
            return session_changes.tag(
                wiring, output, arguments.id, read_words(arguments.tags), remove=arguments.remove
            )
        case "star" | "unstar":
            return session_changes.star(wiring, output, arguments.ids, starred=arguments.action == "star")
        case "archive" | "unarchive":
            return session_changes.archive(wiring, output, arguments.ids, away=arguments.action == "archive")
        case "delete":
            return session_changes.delete(wiring, output, arguments.ids)
        case "restore":
            return session_changes.restore(wiring, output, arguments.ids)
        case "export":
            return _export(arguments, wiring, output)
        case "import":
            from tui.commands import import_

            return import_.run(wiring, output, arguments.file, arguments.format, as_json=arguments.json)
        case "empty-bin":
            return session_changes.empty_bin(wiring, output, agreed=arguments.yes, ask=_asked)
        case other:
            raise AssertionError(other)


def _export(arguments: Namespace, wiring: Wiring, output: Output) -> ExitCode:
    from tui.commands import export
    from tui.exporting.formats import Format

    wanted = export.Wanted(
        sessions=arguments.ids,
        everything=arguments.all,
        turn=arguments.turn,
        form=None if arguments.format is None else Format(arguments.format),
        to=arguments.output,
        replace=arguments.force,
        confidential=arguments.confidential,
    )
    return export.run(wiring, output, wanted)


def _asked(question: str) -> bool:
    """Ask a person; without one, "no"."""
    if not _is_terminal(sys.stdin):
        raise UsageError("Nobody is there to be asked. Add --yes to do it without a question.")
    return input(question).strip().casefold() in ("y", "yes")


def _ask(arguments: Namespace, wiring: Wiring, output: Output) -> ExitCode:
    from storage import Side
    from tui.commands import ask

    _check_prices(wiring.settings)
    if arguments.session is not None and not arguments.keep:
        raise UsageError("--off-the-record keeps nothing, so it cannot go on with a saved session.")
    question = ask.Question(
        prompt=arguments.prompt,
        left=arguments.left,
        right=arguments.right,
        only=None if arguments.only is None else Side(arguments.only),
        demo=arguments.demo,
        confidential=arguments.confidential,
        session=arguments.session,
        keep=arguments.keep,
        as_json=arguments.json,
    )
    return ask.run(wiring, question, output)


def _open_app(arguments: Namespace, wiring: Wiring, carried: bytes, *, own: bool) -> int:
    if not (_is_terminal(sys.stdin) and _is_terminal(sys.stdout)):
        raise UsageError(
            "The app needs a terminal, and input or output goes elsewhere. To ask from a script or a pipe: "
            'duologue ask "..." or duologue ask - < prompt.txt'
        )
    if not arguments.keep and (arguments.session or arguments.continue_last):
        raise UsageError("--off-the-record keeps nothing, so it cannot go on with a saved session.")
    _check_prices(wiring.settings)
    start = _start(arguments, wiring)
    from tui.launch import run_app
    from tui.restart import Carried

    return run_app(wiring, start, keep=arguments.keep, carried=Carried.from_bytes(carried), may_restart=own)


def _start(arguments: Namespace, wiring: Wiring) -> Start:
    from storage import Side
    from tui.services import Start

    demo = "demo:" if arguments.demo else None
    start = Start(
        left=arguments.left or demo,
        right=arguments.right or demo,
        session=None if arguments.session is None else _session(wiring, arguments.session),
        confidential=arguments.confidential or wiring.confinement is not None,
        offline=arguments.offline,
        continue_last=arguments.continue_last,
        off_record=not arguments.keep,
    )
    for side, text in ((Side.LEFT, start.left), (Side.RIGHT, start.right)):
        if text is not None and text != "off":
            wiring.connector(side, text)  # a slip is better told here than on a screen that opens without the side
    return start


def _session(wiring: Wiring, beginning: str) -> str:
    """A session's whole id; in a confidential process the beginning, until the vault is open."""
    from storage.store import Store

    if wiring.confinement is not None:
        return beginning
    store = Store.open(wiring.settings.database, read_only=True)
    try:
        return store.find_session(beginning).id
    finally:
        store.close()


def _check_prices(settings: Settings) -> None:
    """Read the user's own prices once, early: a mistake in them is told before anything is asked."""
    if settings.prices_file is not None:
        from backends.claude_models import known_models

        known_models(settings.prices_file)


def _code_of(error: Exception) -> ExitCode | None:
    """The exit code of an expected error; None for a bug."""
    from backends import BackendError
    from backends.address import AddressRefused
    from backends.claude_models import PriceFileError
    from backends.spec import SpecError
    from conversation.errors import NothingToAsk
    from storage.carry.events import Unreadable
    from storage.errors import Ambiguous, NotFound, StoreError
    from storage.new_file import FileExists

    match error:
        case UsageError() | SpecError() | NotFound() | Ambiguous() | FileExists() | Unreadable():
            return ExitCode.USAGE
        case AddressRefused() | PriceFileError():
            return ExitCode.CONFIGURATION
        case StoreError():
            return ExitCode.STORE
        case NothingToAsk():
            return ExitCode.NOTHING_TO_ASK
        case BackendError():
            return ExitCode.INCOMPLETE
        case _:
            return None


def _ended(error: Exception, code: ExitCode) -> ExitCode:
    from tui.commands.output import say

    if message := str(error):
        say(message)
    return code


def _is_terminal(stream: object) -> bool:
    isatty = getattr(stream, "isatty", None)
    return isatty is not None and bool(isatty())
