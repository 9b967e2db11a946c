"""JSON files of any size, read value by value: the one door to ijson.

ijson builds its own objects and names its own errors; neither leaves this module. A file that ends too early or is
no JSON from some byte on is a `Cut`, after all that stood before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

BIGGEST_RECORD = 256 * 1024 * 1024
"""Characters of text in one record; more is passed over. The longest conversations of years have a few million."""
_NEAR = 64 * 1024
"""Bytes read at once, so that a place in a longer file is only known so well."""
_BOM = b"\xef\xbb\xbf"


class Cut(Exception):
    """From here on nothing can be read; the message says why."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(what)
        self.where = where


@dataclass(frozen=True, slots=True)
class TooBig:
    """Stands for a value that is bigger than `BIGGEST_RECORD`."""


class Counted:
    """A binary file that knows how far it was read; a byte order mark at its beginning is passed over."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.taken = 0
        self._first = True

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes."""
        data = self._file.read(size)
        self.taken += len(data)
        if self._first and data:  # ijson reads nothing first, to see what kind of file it has
            self._first = False
            if data.startswith(_BOM):
                return data[len(_BOM) :] or self.read(size)
        return data


def tokens(file: IO[bytes]) -> Iterator[tuple[str, str, Any]]:
    """Path, kind and value of each token (`sessions.item.title`, `string`, ...). Raises `Cut`."""
    import ijson

    counted = Counted(file)
    try:
        yield from ijson.parse(counted, use_float=True, buf_size=_NEAR)
    except (ijson.JSONError, UnicodeDecodeError, ValueError) as error:
        where = f"byte {counted.taken:,}" if counted.taken < _NEAR else f"about byte {counted.taken:,}"
        raise Cut(where, _reason(error)) from error


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
