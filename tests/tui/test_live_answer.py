"""A growing answer looks like the whole, costs the same however long it is, and never changes what is frozen."""

import time
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tui.answers import ANSWERS
from tests.tui.hostile import COMMANDING, HOSTILE
from tui.rendering.lines import Line
from tui.rendering.live_answer import LiveAnswer
from tui.rendering.markdown import render

PIECES = st.lists(st.sampled_from([1, 3, 17, 40, 90, 400]), min_size=3, max_size=12)
PARAGRAPHS = [block for answer in ANSWERS for block in answer.split("\n\n")]


def stream(source: str, width: int, sizes: list[int], *, unwrapped: bool = False) -> list[Line]:
    """Feed pieces of these sizes, again and again, and flush after each; holds that what is said unchanged is."""
    answer = LiveAnswer(width, unwrapped=unwrapped)
    shown: list[Line] = []
    at = n = 0
    while at < len(source):
        answer.feed(source[at : at + sizes[n % len(sizes)]])
        at += sizes[n % len(sizes)]
        n += 1
        first = answer.flush()
        assert answer.lines[:first] == shown[:first]
        shown = list(answer.lines)
    first = answer.end()
    assert answer.lines[:first] == shown[:first]
    return answer.lines


CHUNKS = st.lists(st.integers(1, 400) | st.integers(1, 12), min_size=1, max_size=40)


@st.composite
def passages(draw: st.DrawFn) -> str:
    """Some blocks of an answer, as they follow each other there."""
    blocks = draw(st.sampled_from(ANSWERS)).split("\n\n")
    first = draw(st.integers(0, len(blocks) - 1))
    return "\n\n".join(blocks[first : first + draw(st.integers(1, 4))])[:600]


@settings(max_examples=1000, deadline=None)
@given(passages(), st.sampled_from([24, 38, 57, 100]), CHUNKS, st.booleans())
def test_a_streamed_answer_equals_the_whole_over_a_thousand_chunkings(
    source: str, width: int, sizes: list[int], unwrapped: bool
) -> None:
    assert stream(source, width, sizes, unwrapped=unwrapped) == render(source, width, unwrapped=unwrapped)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(ANSWERS), st.sampled_from([24, 38, 57, 100]), PIECES)
def test_a_long_streamed_answer_equals_the_whole(source: str, width: int, sizes: list[int]) -> None:
    assert stream(source, width, sizes) == render(source, width)


ENDLESS = (
    "```c\n/* a comment\n" + "that goes on\n" * 450 + "*/\n```\n",
    "words *emphasised " + "on and on " * 600 + "end*",
)


@pytest.mark.parametrize("size", [90, 400, 3000])
@pytest.mark.parametrize("source", ENDLESS)
def test_what_differs_from_the_whole_says_that_it_is_not_exact(source: str, size: int) -> None:
    answer = LiveAnswer(57)
    for at in range(0, len(source), size):
        answer.feed(source[at : at + size])
        answer.flush()
    answer.end()
    assert not answer.exact
    assert answer.lines != render(source, 57)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from(PARAGRAPHS), min_size=1, max_size=3),
    st.sampled_from(["\n\n", "\n", "\n\n\n", "\r\n\r\n"]),
    st.sampled_from([30, 58]),
    PIECES,
    st.booleans(),
)
def test_blocks_in_any_order_end_like_the_whole(
    blocks: list[str], between: str, width: int, sizes: list[int], unwrapped: bool
) -> None:
    source = between.join(blocks)
    assert stream(source, width, sizes, unwrapped=unwrapped) == render(source, width, unwrapped=unwrapped)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [*"#-+*>`~|_[]()!: \n\n\n\n  .1x", "```", "- ", "1. ", "> ", "| a | b |\n", "|--|--|\n", "    "]
        ),
        max_size=60,
    ),
    PIECES,
)
def test_any_markup_streams_without_an_error(pieces: list[str], sizes: list[int]) -> None:
    stream("".join(pieces), 40, sizes)


@pytest.mark.parametrize("source", ANSWERS)
def test_one_character_at_a_time_ends_like_the_whole(source: str) -> None:
    assert stream(source[:1200], 57, [1]) == render(source[:1200], 57)


@pytest.mark.parametrize("width", [4, 8, 13, 24, 57, 100])
@pytest.mark.parametrize("source", ANSWERS)
def test_no_line_is_wider_than_its_column(source: str, width: int) -> None:
    assert max(line.width for line in render(source, width)) <= max(width, 8)


def test_hostile_text_stays_harmless_live_and_whole() -> None:
    source = (
        "\n\n".join(HOSTILE)
        + "\n\n```\n"
        + "\n".join(HOSTILE)
        + "\n```\n| a |\n|---|\n"
        + "".join(f"| {each} |\n" for each in HOSTILE)
    )
    entities = "&#x202e; &#27; &#x9b; &NewLine; &#8232; [x&#x202e;](https://e.example/&#27;)"
    for lines in (stream(source + entities, 40, [3, 7]), render(source + entities, 40)):
        for line in lines:
            assert not COMMANDING.search(line.text)
            assert "\n" not in line.text


def test_an_escape_sequence_split_over_pieces_is_harmless() -> None:
    lines = stream("x\x1b]0;PWN\x07y\r\nz" * 20, 40, [1])
    assert not any(COMMANDING.search(line.text) for line in lines)


KINDS = {
    "prose": lambda size: ("The tenant must **repair** within `14 days` of notice. " * 8 + "\n\n") * (size // 440),
    "fence": lambda size: "```python\n" + "def f(x):\n    return {'a': x + 1}  # comment\n" * (size // 45),
    "table": lambda size: "| a | b |\n|---|---|\n" + "| one cell | two words here |\n" * (size // 30),
    "nested list": lambda size: "- top\n" + "  - item with words\n    - deeper `code`\n" * (size // 41),
    "one line": lambda size: "words without an end and **strong** ones " * (size // 41),
    "no spaces": lambda size: "QUJDREVGR0hJSktM" * (size // 16),
    "never closed": lambda size: "text [ and ` and *open " + "word and more *words " * (size // 20),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_flush_costs_the_same_after_100_kilobytes(kind: str) -> None:
    source = KINDS[kind](100_000)
    answer = LiveAnswer(58)
    costs = []
    for at in range(0, len(source), 400):
        answer.feed(source[at : at + 400])
        begin = time.process_time()
        answer.flush()
        costs.append(time.process_time() - begin)
    # The beginning is where a paragraph has grown to its largest open part.
    assert median(costs[-60:]) <= 3 * median(costs[20:80]) + 0.001


DEEP = {
    "quotes": ">" * 500 + " innermost",
    "lists": "".join("  " * depth + f"- word{depth}\n" for depth in range(60)) + "  " * 60 + "innermost",
    "mixed": "> - 1. " * 80 + "innermost",
}


@pytest.mark.parametrize("kind", DEEP)
def test_what_is_nested_too_deeply_is_still_shown(kind: str) -> None:
    for lines in (render(DEEP[kind], 58), stream(DEEP[kind], 58, [50])):
        assert "innermost" in "".join(line.text.replace("↪ ", "").strip() for line in lines)
        assert max(line.width for line in lines) <= 58


@pytest.mark.parametrize("piece", ["[", "![", "*a_ ", "[a](", "**a", "`a ", "<a ", "&#", "a_b*", "~~x"])
def test_markup_that_is_never_closed_does_not_pile_up(piece: str) -> None:
    answer = LiveAnswer(58)
    for _ in range(20):
        answer.feed(piece * (1000 // len(piece)))
        answer.flush()
        assert len(answer._tail) < 8000
    answer.end()
    text = "".join(line.text for line in answer.lines).replace(" ", "")
    assert len(text) > 5_000
