"""What can go wrong between a prompt and its answer, by what a person can do about it.

    BackendError
    ├── Unreachable       nobody answers at that address
    ├── TimedOut          somebody answers, but too slowly
    ├── MissingKey        a key is needed and there is none
    ├── KeyRejected       the key was not accepted
    ├── NoCredit          the account cannot pay, or its limit is reached
    ├── NotAllowed        the key may not use this model or feature
    ├── RateLimited       too many requests; worth another try
    ├── Overloaded        the server is busy; worth another try
    ├── ServerFault       the server failed; worth another try
    ├── UnknownModel      there is no such model
    ├── PromptTooLong     the conversation does not fit the model's window
    ├── PromptRefused     the server does not accept this request
    ├── BrokenStream      the answer broke off, or was not in the protocol
    ├── NotOnDevice       it is not proved that this machine answers
    ├── NotRecorded       the ledger could not be written, so nothing was sent
    └── EngineFailed      the embedded engine did not start or died

`str(error)` is one or two plain sentences, fit to show (callers still clean them: servers' words are in them), and
ends in what to do next. Adapters translate in one function each; what they do not know is a bug and crashes.
"""

from __future__ import annotations

from typing import ClassVar


class BackendError(Exception):
    """The answer could not be had, or not to its end."""

    kind: ClassVar[str] = "error"
    """Stored with a failed reply, and given in JSON."""
    worth_retrying: ClassVar[bool] = False
    """True: the same request may succeed a little later, if nothing of the answer came yet."""

    def __init__(self, message: str, *, retry_after: float | None = None, request_id: str = "") -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds that the server asked to wait; not capped here."""
        self.request_id = request_id
        """The server's name for the request, for support."""


class Unreachable(BackendError):
    """Nobody answers at that address."""

    kind = "unreachable"


class TimedOut(BackendError):
    """No answer within the time allowed."""

    kind = "timed-out"


class MissingKey(BackendError):
    """There is no API key."""

    kind = "missing-key"


class KeyRejected(BackendError):
    """The API key was not accepted."""

    kind = "key-rejected"


class NoCredit(BackendError):
    """The account has no credit, or a spending limit is reached."""

    kind = "no-credit"


class NotAllowed(BackendError):
    """This key may not use this model or feature."""

    kind = "not-allowed"


class RateLimited(BackendError):
    """Too many requests for now."""

    kind = "rate-limited"
    worth_retrying = True


class Overloaded(BackendError):
    """The server is busy."""

    kind = "overloaded"
    worth_retrying = True


class ServerFault(BackendError):
    """The server had a problem of its own."""

    kind = "server-fault"
    worth_retrying = True


class UnknownModel(BackendError):
    """The server has no model of that name."""

    kind = "unknown-model"


class PromptTooLong(BackendError):
    """The conversation does not fit the model's context window."""

    kind = "prompt-too-long"

    def __init__(
        self, message: str, *, tokens: int | None = None, limit: int | None = None, request_id: str = ""
    ) -> None:
        super().__init__(message, request_id=request_id)
        self.tokens = tokens
        """Tokens that the prompt has, where known."""
        self.limit = limit
        """Tokens that the window holds, where known."""


class PromptRefused(BackendError):
    """The server does not accept this request."""

    kind = "prompt-refused"


class BrokenStream(BackendError):
    """The answer broke off, or what came was not in the protocol."""

    kind = "broken-stream"


class NotOnDevice(BackendError):
    """It is not proved that the answer would be made on this machine."""

    kind = "not-on-device"


class LeftThisMachine(NotOnDevice):
    """The prompt was sent to this machine's server, and the server had it answered elsewhere."""

    kind = "left-this-machine"

    def __init__(self, message: str, *, to: str) -> None:
        super().__init__(message)
        self.to = to
        """Who answered instead, by the server's own words."""


class NotRecorded(BackendError):
    """The request could not be written into the ledger first, so it was not sent."""

    kind = "not-recorded"


class EngineFailed(BackendError):
    """The embedded engine did not start, or died."""

    kind = "engine-failed"


def too_long(model: str, tokens: int | None, limit: int | None) -> PromptTooLong:
    """The one wording for a full window, with numbers where they are known."""
    if tokens is not None and limit is not None:
        over = f"{tokens - limit:,} tokens too long for {model} ({tokens:,} of {limit:,})"
    else:
        over = f"too long for {model}"
    return PromptTooLong(
        f"The conversation is {over}. Shorten the prompt, or start a new session.", tokens=tokens, limit=limit
    )
