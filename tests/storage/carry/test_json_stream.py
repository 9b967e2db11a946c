"""Texts without end: they are not read into memory, are told, and what follows them is read."""

from __future__ import annotations

import io
import json
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.carry import json_stream
from storage.carry.json_stream import BIGGEST_RECORD, Counted, Cut, TooBig

PIECES = ['\\"', "\\\\", "\\u4e2d", "\\ud83d\\ude00", "é", "日", "\U0001f600", "a", " ", "\\n", "0123456789"]


@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=8), st.integers(20, 60), st.integers(1, 7))
def test_a_long_text_is_cut_where_no_escape_and_no_character_is_cut(
    pieces: list[str], longest: int, size: int
) -> None:
    long = "".join(pieces) * 60
    text = f'["before", "{long}", "after"]'.encode()
    counted = Counted(io.BytesIO(text), longest)

    read = b"".join(iter(lambda: counted.read(16 * size), b""))

    before, cut, after = json.loads(read)
    assert (before, after) == ("before", "after")
    if cut != json.loads(f'"{long}"'):
        assert cut.endswith(counted.mark)
        whole = json.loads(f'"{long}"').encode("utf-16-le", "surrogatepass")
        assert whole.startswith(cut.removesuffix(counted.mark).encode("utf-16-le", "surrogatepass"))


@given(st.lists(st.sampled_from([*PIECES, '"', ", ", '""']), max_size=30), st.integers(1, 40))
def test_short_texts_pass_as_they_are(pieces: list[str], size: int) -> None:
    text = "".join(pieces).encode()
    counted = Counted(io.BytesIO(text), 10_000)

    assert b"".join(iter(lambda: counted.read(size), b"")) == text


class Endless(io.RawIOBase):
    """A file of a few gigabytes that is nowhere."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = parts

    def read(self, size: int = -1, /) -> bytes:
        return next(self._parts, b"") if size else b""


def test_a_text_far_too_long_is_told_and_the_rest_is_read_in_bounded_memory() -> None:
    def parts() -> Iterator[bytes]:
        yield b'[{"a": "'
        for _ in range(BIGGEST_RECORD // 150_000):
            yield b"a" * 240_000
        yield b'"}, {"a": "b"}]'

    tracemalloc.start()
    found = list(json_stream.values(Endless(parts()), "item"))  # type: ignore[arg-type]  # all that is needed of a file
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert found == [TooBig(), {"a": "b"}]
    assert peak < 8 * BIGGEST_RECORD


@pytest.mark.parametrize("text", [b"[" * 9_000, b'{"a":' * 9_000, b'["' + b"\\" * 3])
def test_what_has_no_end_is_told_with_its_place(text: bytes) -> None:
    with pytest.raises(Cut) as cut:
        list(json_stream.tokens(io.BytesIO(text)))
    assert "byte" in cut.value.where
