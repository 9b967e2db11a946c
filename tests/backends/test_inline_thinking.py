from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends import TextDelta, ThinkingDelta
from backends.inline_thinking import InlineThinking


def split(*pieces: str) -> tuple[str, str]:
    """Thinking and text of an answer that came in these pieces."""
    splitter = InlineThinking()
    deltas = [delta for piece in pieces for delta in splitter.feed(piece)] + list(splitter.flush())
    assert all(delta.text for delta in deltas)
    kinds = [type(delta) for delta in deltas]
    assert kinds == sorted(kinds, key=[ThinkingDelta, TextDelta].index)
    thinking = "".join(delta.text for delta in deltas if isinstance(delta, ThinkingDelta))
    return thinking, "".join(delta.text for delta in deltas if isinstance(delta, TextDelta))


@pytest.mark.parametrize(
    ("whole", "thinking", "text"),
    [
        ("Hello", "", "Hello"),
        ("<think>\nHm.\n</think>\n\nYes.", "Hm.\n", "Yes."),
        ("  \n<think>Hm.</think>Yes.", "Hm.", "Yes."),
        ("<think></think>Yes.", "", "Yes."),
        ("<think>Hm. </thin", "Hm. </thin", ""),
        ("<think>a < b </ c</think>d", "a < b </ c", "d"),
        ("<thinking>no tag", "", "<thinking>no tag"),
        ("<thi", "", "<thi"),
        ("Say <think>x</think>", "", "Say <think>x</think>"),
        ("<think>a</think>b</think>c<think>d", "a", "b</think>c<think>d"),
        ("", "", ""),
        (" \n", "", " \n"),
        ("  indented", "", "  indented"),
    ],
)
def test_thinking_is_split_off_however_it_is_cut(whole: str, thinking: str, text: str) -> None:
    assert split(whole) == (thinking, text)
    assert split(*whole) == (thinking, text)
    for cut in range(len(whole)):
        assert split(whole[:cut], whole[cut:]) == (thinking, text)


@given(st.lists(st.sampled_from(["<think>", "</think>", "<", "/", "think", ">", " ", "\n", "x"])), st.data())
def test_pieces_and_whole_give_the_same(tokens: list[str], data: st.DataObject) -> None:
    whole = "".join(tokens)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(whole)))) | {0, len(whole)})
    assert split(*(whole[start:end] for start, end in pairwise(cuts))) == split(whole)
