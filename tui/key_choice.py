"""Lets a person give an API key: it goes from the dialog to the keyring, or stays for this run, and nowhere else."""

from __future__ import annotations

from textual.app import App

from tui.screens.api_key import ApiKeyDialog
from tui.services import Services


async def choose_key(app: App[int], services: Services) -> str:
    """Ask for a key and put it where the person wants it; what to say about that, "" if none was given.

    Raises `BackendError`, and `AddressRefused` for a configured address that is none.
    """
    state = await services.key_state()
    usable = bool(state.keyring) and not state.problem
    words = state.problem or (f"{state.keyring} found" if usable else "no keyring found on this machine")
    choice = await app.push_screen_wait(ApiKeyDialog(keyring=words, keyring_usable=usable, state=state.words))
    if choice is None:
        return ""
    if choice.keep:
        await services.keep_key(choice.text)
        return "The key is in your keyring. Claude answers from the next prompt on."
    services.use_key_for_this_run(choice.text)
    return "The key is used until you quit, and kept nowhere."
