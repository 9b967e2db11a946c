"""`duologue key`: puts the API key into the system's keyring, says where it comes from, takes it out again.

The key is never an argument, never echoed, and no part of it is ever printed. The vault's key is printed, when asked
for, as a recovery key for paper; with that, `recover` puts it back into a keyring that has lost it.
"""

from __future__ import annotations

import asyncio
import getpass
import sys
import warnings
from typing import Literal

from backends.keys import checked_key
from storage.vault_key import OpenedWith
from tui.commands.output import Output, say
from tui.exit_codes import ExitCode, UsageError
from tui.vault_door import NO_RECOVERY_KEY
from tui.wiring import Wiring
from tui.words import key_source

Action = Literal["set", "status", "delete", "recovery", "recover"]

_LONGEST_LINE = 4096


def run(wiring: Wiring, action: Action, output: Output) -> ExitCode:
    """Do it for the configured address of Claude. Raises `UsageError`, `AddressRefused`, `BackendError`."""
    match action:
        case "set":
            host = wiring.claude_address.host
            key = checked_key(_read(f"API key for {host}", "duologue key set"))
            return asyncio.run(_set(wiring, host, key.reveal(), output))
        case "status":
            return asyncio.run(_status(wiring, wiring.claude_address.host, output))
        case "delete":
            return asyncio.run(_delete(wiring, wiring.claude_address.host, output))
        case "recovery":
            return asyncio.run(_print_recovery_key(wiring, output))
        case "recover":
            text = _read("Recovery key of the vault", "duologue key recover")
            return asyncio.run(_recover(wiring, text, output))


async def _set(wiring: Wiring, host: str, key: str, output: Output) -> ExitCode:
    await wiring.keys.set(host, checked_key(key))
    status = await wiring.keys.status(host)
    output.line(f"The key for {host} is in your keyring ({status.keyring}), and was read back from it.")
    return ExitCode.OK


async def _status(wiring: Wiring, host: str, output: Output) -> ExitCode:
    status = await wiring.keys.status(host)
    output.line(f"{host}: {key_source(status.source, status.keyring)}")
    if status.problem:
        output.line(f"keyring: {output.foreign(status.problem)}")
    elif status.source != "keyring" and status.keyring:
        output.line(f"keyring: {status.keyring}, ready to keep one (duologue key set)")
    return ExitCode.OK if status.source != "none" else ExitCode.INCOMPLETE


async def _delete(wiring: Wiring, host: str, output: Output) -> ExitCode:
    had_one = await wiring.keys.delete(host)
    if had_one:
        output.line(f"The key for {host} is no longer in your keyring.")
    else:
        output.line(f"Your keyring has no key for {host}.")
    if (status := await wiring.keys.status(host)).source != "none":
        output.line(f"There still is one: {key_source(status.source, status.keyring)}.")
    return ExitCode.OK


async def _print_recovery_key(wiring: Wiring, output: Output) -> ExitCode:
    vault = wiring.vault()
    if vault.opened_with() is OpenedWith.PASSPHRASE:
        raise UsageError(NO_RECOVERY_KEY)
    key = await vault.key_from_keyring()
    output.line(key.recovery_text())
    say(
        "Write it on paper and keep it away from this machine: whoever has it and the file can read every "
        "confidential session. If the keyring is lost, `duologue key recover` opens the vault with it."
    )
    return ExitCode.OK


async def _recover(wiring: Wiring, text: str, output: Output) -> ExitCode:
    vault = wiring.vault()
    if vault.opened_with() is OpenedWith.PASSPHRASE:
        raise UsageError(NO_RECOVERY_KEY)
    key = await vault.key_from_recovery(text)
    await vault.keep(key)
    output.line("The recovery key opens the vault. Its key is in your keyring again, and was read back from it.")
    return ExitCode.OK


def _read(what: str, command: str) -> str:
    if sys.stdin is None:
        raise UsageError("There is nowhere to read the key from. Pipe it in, or run this in a terminal.")
    if sys.stdin.isatty():
        return _read_from_terminal(what, command)
    line = sys.stdin.buffer.readline(_LONGEST_LINE).decode("utf-8", "replace")
    if not line.strip():
        raise UsageError(f"No key was piped in. Run `{command}` in a terminal and paste it when it asks.")
    return line


def _read_from_terminal(what: str, command: str) -> str:
    with warnings.catch_warnings():
        # Where the echo cannot be switched off getpass warns and goes on, with the key on the screen.
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return getpass.getpass(f"{what} (not shown): ")
        except EOFError:
            return ""
        except getpass.GetPassWarning as warning:
            raise UsageError(f"This terminal would show the key. Pipe it in instead: {command} < FILE") from warning
