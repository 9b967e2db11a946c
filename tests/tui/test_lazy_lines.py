"""Long answers are laid out where they are looked at: the same lines as the whole, and never many at a time."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tui.answers import ANSWERS
from tests.tui.hostile import COMMANDING, HOSTILE
from tui.rendering.lazy_lines import LazyLines
from tui.rendering.lines import Line
from tui.rendering.markdown import render
from tui.rendering.passages import LONGEST_BLOCK, passages
from tui.rendering.safe_text import clean

DEFINING = [answer for answer in ANSWERS if "]: " in answer]
BLOCKS = [block for answer in ANSWERS for block in answer.split("\n\n") if "]: " not in block]
EVERYTHING = 1 << 24


def all_lines(source: str, width: int) -> list[Line]:
    lazy = LazyLines(clean(source), width)
    lazy.lay_out(0, EVERYTHING, EVERYTHING)
    return list(lazy)


@pytest.mark.parametrize("width", [24, 57, 100])
@pytest.mark.parametrize("source", ANSWERS)
def test_an_answer_laid_out_in_passages_equals_the_whole(source: str, width: int) -> None:
    assert all_lines(source, width) == render(source, width)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from([*(each for each in ANSWERS if each not in DEFINING), *BLOCKS]), min_size=2, max_size=4),
    st.sampled_from([38, 74]),
)
def test_blocks_in_any_order_look_the_same_in_passages(blocks: list[str], width: int) -> None:
    source = "\n\n".join(blocks)
    assert all_lines(source, width) == render(source, width)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [*"#-+*>`~|_[]()!: \n\n\n\n  .1x", "```\n", "  ```\n", "- ", "1. ", "> ", "| a |\n|--|\n", "word " * 100]
        ),
        max_size=40,
    )
)
def test_any_markup_is_cut_without_a_gap_or_an_overlap(pieces: list[str]) -> None:
    source = clean("".join(pieces))
    at = 0
    for each in passages(source):
        assert each.start >= at
        assert not re.sub(r"^ {0,3}(`{3,}|~{3,})[^\n]*$", "", source[at : each.start], flags=re.MULTILINE).strip()
        assert each.end > each.start
        at = each.end
    all_lines(source, 40)


def numbered(kind: str, words: int) -> str:
    each = [f"word{n}" for n in range(words)]
    match kind:
        case "line":
            return " ".join(each)
        case "verse":
            return "\n".join(each)
        case "fence":
            return "```python\n" + "\n".join(each) + "\n```\n"
        case "line of code":
            return "```\n" + " ".join(each) + "\n```\n"
        case "table":
            return "| a | b |\n|---|---|\n" + "".join(f"| {one} | x |\n" for one in each)
        case "row":
            return "| a | b |\n|---|---|\n| " + " ".join(each) + " | x |\n"
        case "list":
            return "\n".join(f"- {one}\n  - inner" for one in each)
        case "nested":
            return "- top\n" + "\n".join(f"  - {one}" for one in each)
        case _:
            return "\n\n".join(each)


KINDS = ("line", "verse", "fence", "line of code", "table", "row", "list", "nested", "paragraphs")


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_of_a_long_block_is_lost_or_shown_twice(kind: str) -> None:
    shown = "".join(
        "".join(text for text, _ in each.runs)[each.lead :] + " " for each in all_lines(numbered(kind, 3000), 80)
    )
    joined = shown if kind not in ("line of code", "row") else re.sub(r"\s", "", shown)
    found = [int(number) for number in re.findall(r"word(\d+)(?!\d)", joined)]
    if kind == "row":
        assert len(found) > 2990
    else:
        assert found == list(range(3000)) or kind == "line of code"


@pytest.mark.parametrize("kind", KINDS[:-2])
def test_the_end_of_megabytes_costs_some_passages(kind: str) -> None:
    lazy = LazyLines(numbered(kind, 150_000), 80)
    assert max(each.end - each.start for each in lazy.passages) <= 2 * LONGEST_BLOCK
    for _ in range(10):
        lazy.lay_out(len(lazy) - 45, len(lazy) - 1, 40)
    assert 0 < lazy.laid_out <= 20
    assert any("word149999" in each.text for each in lazy[len(lazy) - 45 :]) or kind in ("line of code", "row")


def test_what_is_below_stays_where_it_is_while_passages_above_it_are_laid_out() -> None:
    lazy = LazyLines(ANSWERS[0] * 40, 57)
    lazy.lay_out(len(lazy) - 10, len(lazy) - 1, 5)
    seen = list(lazy[len(lazy) - 5 :])
    for top in range(len(lazy) - 20, len(lazy) // 3, -20):
        before = len(lazy)
        lazy.lay_out(top, top + 20, 10)
        assert len(lazy) == before
        assert list(lazy[len(lazy) - 5 :]) == seen


def test_hostile_text_stays_harmless_in_passages() -> None:
    source = "\n\n".join(HOSTILE * 20) + "\n\n```\n" + "\n".join(HOSTILE * 40) + "\n```\n"
    for each in all_lines(source, 40):
        assert not COMMANDING.search(each.text)
