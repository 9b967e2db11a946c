"""JSON files of any size, read value by value: the one door to ijson.

ijson builds its own objects and names its own errors; neither leaves this module. A file that ends too early or is
no JSON from some byte on is a `Cut`, after all that stood before.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

BIGGEST_RECORD = 32 * 1024 * 1024
"""Characters of text in one record; more is passed over. The longest conversations of years have a few million."""
LONGEST_TEXT = BIGGEST_RECORD
"""Bytes of one text as it stands in the file; of a longer one no more is read into memory."""
DEEPEST = 200
"""Values within values; ours and other programs' files have some ten."""
TOO_BIG = f"it is too big: more than {BIGGEST_RECORD // 2**20} MB"
_NEAR = 256 * 1024
"""Bytes read at once, so that a place in a longer file is only known so well. YAJL begins a text anew with each
reading: with 64 kB, one of 24 MB takes 1.7 s."""
_BOM = b"\xef\xbb\xbf"
_DEEPER = {"start_map": 1, "start_array": 1, "end_map": -1, "end_array": -1}
_ESCAPED = re.compile(rb"\\.", re.DOTALL)
_ESCAPE = len(r"\u0000")


class Cut(Exception):
    """From here on nothing can be read; the message says why."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(what)
        self.where = where


@dataclass(frozen=True, slots=True)
class TooBig:
    """Stands for a value that is bigger than `BIGGEST_RECORD`, or has a text longer than `LONGEST_TEXT` in it."""


class Counted:
    """A binary file that knows how far it was read; a byte order mark at its beginning is passed over.

    ijson holds every text whole, however long. So a text that goes on for more than `longest` bytes is cut short
    here, at a place where no escape or character is cut, and ends in `mark`, by which it is known afterwards.
    """

    def __init__(self, file: IO[bytes], longest: int = LONGEST_TEXT) -> None:
        self._file = file
        self._longest = longest
        self.taken = 0
        # Of this reading alone: no file can have it in it.
        self.mark = secrets.token_hex(16)
        self._first = True
        self._run = 0
        """Bytes since the last quote that is none of a text's own; in JSON only a text can be so long."""
        self._is_odd = False
        """What came ended in an odd number of backslashes: the next byte is escaped."""
        self._dropping = False

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes; at the end of the file none."""
        while True:
            data = self._file.read(size)
            self.taken += len(data)
            if self._first and data:  # ijson reads nothing first, to see what kind of file it has
                self._first = False
                data = data.removeprefix(_BOM) or self._file.read(size)
            shown = self._shortened(data)
            if shown or not data:
                return shown

    @property
    def where(self) -> str:
        """The place in words."""
        return f"byte {self.taken:,}" if self.taken < _NEAR else f"about byte {self.taken:,}"

    def _shortened(self, data: bytes) -> bytes:
        plain = _without_escapes(data, self._is_odd)
        self._is_odd = _ends_odd(data, self._is_odd)
        if self._dropping:
            quote = plain.find(b'"')
            if quote < 0:
                return b""
            self._dropping, self._run = False, len(data) - quote
            return data[quote:]
        last = plain.rfind(b'"')
        self._run = self._run + len(data) if last < 0 else len(data) - last
        if self._run <= self._longest:
            return data
        end = _safe_end(plain, last)
        if end is None:
            if self._run > 2 * self._longest:
                raise ValueError("a text without end")
            return data
        self._dropping = True
        return data[:end] + self.mark.encode()


def _ends_odd(data: bytes, before: bool) -> bool:
    """True if the byte after `data` is escaped; `before`: its first one is."""
    backslashes = len(data) - len(data.rstrip(b"\\"))
    return bool(backslashes % 2) != (before and backslashes == len(data))


def _without_escapes(data: bytes, before: bool) -> bytes:
    """As long as `data`, with two NULs for each escape's first two bytes."""
    if before:
        data = b"_" + data[1:]
    return _ESCAPED.sub(b"\0\0", data) if b"\\" in data else data


def _safe_end(plain: bytes, after: int) -> int | None:
    """A place behind `after` in what `_without_escapes` gives where a text can end: before an escape or a character.

    None: nowhere.
    """
    escape = plain.rfind(b"\0\0")
    if escape > after:
        return escape
    for at in range(len(plain) - 1, max(after, 0) + _ESCAPE, -1):  # the end of an escape may stand at the beginning
        if plain[at] & 0xC0 != 0x80:
            return at
    return None


def tokens(file: IO[bytes]) -> Iterator[tuple[str, str, Any]]:
    """Path, kind and value of each token (`sessions.item.title`, `string`, ...); a text too long as `TooBig`.

    Raises `Cut`.
    """
    import ijson

    counted = Counted(file)
    try:
        # The depth is looked at before paths are made: those of 100,000 values in each other would take gigabytes.
        events = _flat_enough(ijson.basic_parse(counted, use_float=True, buf_size=_NEAR), counted)
        for path, kind, value in ijson.parse(events):
            is_cut = isinstance(value, str) and len(value) > len(counted.mark) and value.endswith(counted.mark)
            yield path, kind, TooBig() if is_cut else value
    except (ijson.JSONError, UnicodeDecodeError, ValueError) as error:
        raise Cut(counted.where, _reason(error)) from error


def _flat_enough(events: Iterator[tuple[str, Any]], counted: Counted) -> Iterator[tuple[str, Any]]:
    depth = 0
    for kind, value in events:
        depth += _DEEPER.get(kind, 0)
        if depth > DEEPEST:
            raise Cut(counted.where, "values stand within values without end; nothing after it can be read")
        yield kind, value


def values(file: IO[bytes], path: str) -> Iterator[Any]:
    """Each value at a path, as Python objects; one that is too big as `TooBig`. Raises `Cut`."""
    building: Building | None = None
    for prefix, kind, value in tokens(file):
        if building is None:
            if prefix != path or kind in ("map_key", "end_map", "end_array"):
                continue
            building = Building()
        if building.take(kind, value):
            yield building.value
            building = None


class Building:
    """One value put together from its tokens, as far as it is not too big."""

    def __init__(self) -> None:
        import ijson

        self._builder: Any = ijson.ObjectBuilder()
        self._depth = 0
        self._size = 0

    def take(self, kind: str, value: Any) -> bool:
        """Take the next token; True when the value is whole."""
        if kind in ("start_map", "start_array"):
            self._depth += 1
        elif kind in ("end_map", "end_array"):
            self._depth -= 1
        if isinstance(value, TooBig):
            self._size = BIGGEST_RECORD
        self._size += len(value) if isinstance(value, str) else 1
        if self._size <= BIGGEST_RECORD:
            self._builder.event(kind, value)
        else:
            self._builder = None
        return self._depth == 0

    @property
    def value(self) -> Any:
        """What there is so far; `TooBig` if it is too big."""
        return TooBig() if self._size > BIGGEST_RECORD else self._builder.value


def _reason(error: Exception) -> str:
    words = str(error).lower()
    if isinstance(error, UnicodeDecodeError) or "utf8" in words or "utf-8" in words:
        return "the text is not UTF-8 from there on; nothing after it can be read"
    if "premature" in words or "incomplete" in words:
        return "the file ends in the middle of a record; it may not have been downloaded whole"
    return "it is not JSON from there on; nothing after it can be read"
