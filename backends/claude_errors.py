"""Says in our errors what went wrong between us and Anthropic's API (or llama.cpp, which speaks it too).

Messages of the API are not stable, so a refusal is told by its `error_code`, then its `type`, then its status; the
few that only a message tells apart are listed with the words they begin with. Mid-stream errors carry status 200.
Nothing of the SDK is needed here: its exceptions are read by their attributes, whoever raised them.
https://platform.claude.com/docs/en/api/errors
"""

from __future__ import annotations

import contextlib
import email.utils
import math
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from backends.errors import (
    BackendError,
    BrokenStream,
    KeyRejected,
    NoCredit,
    NotAllowed,
    NotOnDevice,
    Overloaded,
    PromptRefused,
    PromptTooLong,
    RateLimited,
    ServerFault,
    TimedOut,
    UnknownModel,
    Unreachable,
    too_long,
)
from backends.route import DoorRefused, WayClosed
from backends.wire import Record, count_of, one_line, record_of

_CONSOLE = "the Console (platform.claude.com)"
_BROKE_OFF = "The answer broke off; what arrived is kept. Retry to ask again."
_STATUS_OF_TYPE = {
    "invalid_request_error": 400,
    "exceed_context_size_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
_MONTHLY_LIMITS = ("enforced_spend_limit_reached", "contract_spend_limit_reached")
# "prompt is too long: 3333404 tokens > 200000 maximum"; llama.cpp: "request (1064 tokens) exceeds the available
# context size (512 tokens), try increasing it".
_TOO_LONG = re.compile(
    r"prompt is too long(?:: (\d+) tokens > (\d+) maximum)?"
    r"|\((\d+) tokens\) exceeds the available context size \((\d+) tokens\)"
    r"|exceed context limit"
)
# The words of glibc, musl, macOS and Windows.
_NO_SUCH_NAME = re.compile(
    r"Name or service not known|name resolution|Name does not resolve|No address associated|nodename nor servname|"
    r"getaddrinfo failed"
)


@dataclass(frozen=True, slots=True)
class Conversation:
    """Who was asked for what, in the words of the messages."""

    server: str
    """"Anthropic", or host and port where it is somebody else."""
    host: str
    model: str
    proxy_host: str | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer of the server that says no."""

    status: int
    """200 for one in mid-stream."""
    type: str = ""
    code: str = ""
    message: str = ""
    """Short, on one line; still the server's words."""
    request_id: str = ""
    retry_after: float | None = None
    details: Record = field(default_factory=dict)
    redirect: str = ""
    """The host that a redirect leads to."""

    @property
    def kind(self) -> int:
        """The status that fits best: an error in mid-stream has only its type to tell."""
        return _STATUS_OF_TYPE.get(self.type, 500 if self.status < 300 else self.status)

    def is_about(self, *parameters: str) -> bool:
        """True if one of the parameters is what the server does not accept."""
        return self.kind in (400, 422) and any(parameter in self.message for parameter in parameters)


def refusal_in(error: BaseException, now: float | None = None) -> Refusal | None:
    """What the server said, if `error` is its answer; `now` in seconds since 1970 is for a date to wait for."""
    status, response = getattr(error, "status_code", None), getattr(error, "response", None)
    if not isinstance(status, int) or response is None:
        return None
    body = getattr(error, "body", None)
    record: Record = body if isinstance(body, dict) else {}
    said = record_of(record, "error")
    details = record_of(said, "details")
    headers = response.headers
    return Refusal(
        status=status,
        type=_word(said.get("type")),
        code=_word(details.get("error_code")),
        message=_quoted(said.get("message") if said else body),
        request_id=_word(headers.get("request-id"))
        or (_word(body.get("request_id")) if isinstance(body, dict) else ""),
        retry_after=retry_after(headers, time.time() if now is None else now),
        # llama.cpp puts its numbers beside the message.
        details=details or said,
        redirect=_host_of(headers.get("location")),
    )


def ours_in(error: BaseException) -> BackendError | None:
    """An error of ours that was raised below the SDK, which wraps what it does not know."""
    return next((cause for cause in _chain(error) if isinstance(cause, BackendError)), None)


def translated(error: BaseException, about: Conversation, *, is_started: bool) -> BackendError:
    """The one place where a foreign error becomes ours. `is_started`: a part of the answer may have come.

    Anything may come out of a stream that a server wrote to do harm (JSON, Unicode, recursion, attribute and
    assertion errors were seen), so what is not known here is a stream out of protocol.
    """
    for cause in _chain(error):
        if isinstance(cause, WayClosed):
            return Unreachable(str(cause))
        if isinstance(cause, DoorRefused):
            return NotOnDevice(f"{_quoted(str(cause))} Nothing was sent; check the address.")
    refusal = refusal_in(error)
    if refusal is not None:
        return _refused(refusal, about)
    names = {type(cause).__name__ for cause in _chain(error)}
    if is_started:
        if "ReadTimeout" in names:
            return TimedOut(f"{about.server} sent nothing more. What arrived is kept; retry to ask again.")
        if _is_network(error):
            return BrokenStream(_BROKE_OFF)
    elif _is_network(error):
        return _not_reached(error, names, about)
    return BrokenStream(
        f"{about.server} sent something that is not in its protocol ({type(error).__name__}). "
        "What arrived is kept; check the address, then retry."
    )


def broke_off() -> BrokenStream:
    """The stream ended before the server said that it was at its end."""
    return BrokenStream(_BROKE_OFF)


def not_the_api(about: Conversation) -> BrokenStream:
    """A success that has nothing of the protocol in it, such as the login page of a hotel's network."""
    return BrokenStream(
        f"{about.host} answered, but not as Anthropic's API does. If this network wants a login, open a browser and "
        "log in; else check the address. Then retry."
    )


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that the server asks to wait, however many: `retry-after-ms`, or `retry-after` as seconds or a date."""
    with contextlib.suppress(ValueError):
        return _seconds(float(headers.get("retry-after-ms", "")) / 1000)
    value = headers.get("retry-after", "")
    with contextlib.suppress(ValueError):
        return _seconds(float(value))
    with contextlib.suppress(ValueError, TypeError, OverflowError):
        return _seconds(email.utils.parsedate_to_datetime(value).timestamp() - now)
    return None


def _seconds(value: float) -> float | None:
    return max(0.0, value) if math.isfinite(value) else None


def _refused(refusal: Refusal, about: Conversation) -> BackendError:
    error = _known_refusal(refusal, about) or _refusal_by_status(refusal, about)
    error.request_id = refusal.request_id
    error.retry_after = refusal.retry_after
    return error


def _known_refusal(refusal: Refusal, about: Conversation) -> BackendError | None:
    """Refusals that their code or their words tell apart from others of the same status."""
    said = refusal.message
    if refusal.code in _MONTHLY_LIMITS:
        return NoCredit(
            f"The account's monthly limit is reached. Waiting a little does not help: ask for more in {_CONSOLE}, "
            "or use the local model."
        )
    if "organization_on_hold" in (refusal.code, refusal.type):
        appeal = _link(refusal.details.get("appeal_url"))
        return NotAllowed(f"Anthropic has put this account on hold. Ask for a review{appeal or f' in {_CONSOLE}'}.")
    if refusal.kind not in (400, 413):
        return None
    if said.startswith("Your credit balance is too low"):
        return _no_credit()
    if said.startswith("You have reached your specified"):
        return NoCredit(f"The spending limit you set is reached: {_sentence(said)} Raise it in {_CONSOLE}, or wait.")
    if "must have data retention enabled" in said:
        return NotAllowed(
            f"{about.model} asks that Anthropic may keep data for 30 days, and the account does not allow it. "
            "Allow it in the Console, or pick another model."
        )
    sizes = _TOO_LONG.search(said)
    if sizes or refusal.type == "exceed_context_size_error":
        return _too_long(refusal, sizes, about)
    return None


def _refusal_by_status(refusal: Refusal, about: Conversation) -> BackendError:
    server, said = about.server, _sentence(refusal.message)
    match refusal.kind:
        case 401:
            return KeyRejected(
                f"{server} did not accept the API key. Check it in {_CONSOLE}, then store it anew: press F9, or run "
                "`duologue key set`."
            )
        case 402:
            return _no_credit()
        case 403:
            return NotAllowed(
                f"This key may not use {about.model}, or not like this: {said} Pick another model (F5)."
            )
        case 404 if refusal.type == "not_found_error":
            return UnknownModel(f"{server} has no model {about.model} for this key. Pick another one (F5).")
        case 404 | 405:
            return Unreachable(f"{about.host} has no Messages API at this address. Check the address.")
        case 413:
            return PromptTooLong(
                f"The conversation is larger than the 32 MB that {server} takes. Shorten it, or start a new session."
            )
        case 429:
            return RateLimited(f"{server} has had too many requests: {said} Try again in a moment.")
        case 503 if refusal.type == "unavailable_error":
            return Overloaded(f"{server} is still loading its model. Try again in a moment.")
        case 529:
            return Overloaded(f"{_busy(server)} is busy. Try again in a moment.")
        case 408 | 409 | 504:
            return ServerFault(f"{server} did not manage to answer in time. Try again in a moment.")
        case status if status >= 500:
            return ServerFault(f"{server} had a problem: {said} Try again in a moment.")
        case status if 300 <= status < 400:
            return Unreachable(
                f"{about.host} wants to pass the request on to {refusal.redirect or 'another address'}. "
                "Redirects are not followed: check the address."
            )
        case _:
            return PromptRefused(
                f"{server} refused this request: {said} Change the prompt or the settings, then retry."
            )


def _busy(server: str) -> str:
    return "Claude" if server == "Anthropic" else server


def _no_credit() -> NoCredit:
    return NoCredit(f"Your Anthropic account has no credit. Add some at {_CONSOLE} under Billing, then retry.")


def _too_long(refusal: Refusal, sizes: re.Match[str] | None, about: Conversation) -> PromptTooLong:
    numbers = [int(number) for number in sizes.groups() if number] if sizes else []
    if len(numbers) == 2:
        return too_long(about.model, numbers[0], numbers[1])
    details = refusal.details
    return too_long(about.model, count_of(details, "n_prompt_tokens"), count_of(details, "n_ctx"))


def _not_reached(error: BaseException, names: set[str], about: Conversation) -> BackendError:
    """Failures before an answer began. The SDK's own text is only "Connection error.", so its causes are read.

    httpcore drops the system's exceptions and keeps their words.
    """
    said = " ".join(str(cause) for cause in _chain(error))
    where = about.host
    if "CERTIFICATE_VERIFY_FAILED" in said:
        return Unreachable(
            f"{where}'s certificate is not trusted. If a proxy inspects your traffic, add its certificate authority "
            "to the certificates that this system trusts; else somebody is in between: do not go on."
        )
    if "[SSL" in said:
        return Unreachable(f"{where} does not speak TLS as it should. Check the address, or the proxy in between.")
    if about.proxy_host is not None:
        return Unreachable(
            f"Cannot reach {where} through the proxy {about.proxy_host}. Check the proxy's address in the settings."
        )
    if _NO_SUCH_NAME.search(said):
        return Unreachable(f"The name {where} cannot be found. Check the network connection, then retry.")
    if "ConnectTimeout" in names or "PoolTimeout" in names:
        return Unreachable(f"Cannot reach {where}: nothing answers there. Check the network connection, then retry.")
    if any("Timeout" in name for name in names):
        return TimedOut(f"{about.server} gave no answer in time. Retry in a moment.")
    if "ConnectError" in names:
        return Unreachable(f"Cannot reach {where}. Check the network connection, then retry.")
    return Unreachable(f"The connection to {where} broke before an answer came. Retry in a moment.")


def _is_network(error: BaseException) -> bool:
    """True for failures of the connection, which httpx2 calls by names of its own and the system calls OSError."""
    import httpx2

    return any(isinstance(cause, httpx2.HTTPError | OSError) for cause in _chain(error))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what it was raised from, innermost last."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)


def _quoted(value: object) -> str:
    """A server's words, on one line and short; the title alone where they are a web page."""
    text = value if isinstance(value, str) else ""
    if "<html" in text[:1000].lower() or "<!doctype" in text[:1000].lower():
        title = re.search(r"<title[^>]*>([^<]{1,200})", text[:10_000], re.IGNORECASE)
        text = title.group(1) if title else "a web page"
    return one_line(text)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text or 'it gave no reason'}."


def _word(value: object) -> str:
    return _quoted(value)[:100]


def _link(value: object) -> str:
    url = _quoted(value)
    return f" at {url}" if url.startswith("https://") and " " not in url else ""


def _host_of(location: object) -> str:
    if not isinstance(location, str):
        return ""
    try:
        return _word(urlsplit(location).hostname)
    except ValueError:
        return ""
