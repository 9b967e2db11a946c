"""Sums of heights stay right while turns are added and measured."""

from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from storage import TurnSize
from tui.rendering.heights import CHUNK, Heights, estimate

CHANGES = st.lists(st.tuples(st.booleans(), st.integers(0, 99), st.integers(1, 30)), max_size=60)


@given(st.lists(st.integers(1, 30), max_size=70), st.integers(1, 9), CHANGES)
def test_starts_and_rows_agree_with_plain_sums(
    few: list[int], times: int, changes: list[tuple[bool, int, int]]
) -> None:
    heights = few * times
    known = tuple(heights)
    sums = Heights(len(heights), lambda first, count: known[first : first + count])
    for append, place, height in changes:
        if append or not heights:
            sums.append(height)
            heights.append(height)
        else:
            index = place * len(heights) // 100
            assert sums.measure(index, height) == height - heights[index]
            assert sums.is_exact(index)
            heights[index] = height
    assert [sums[index] for index in range(len(heights))] == heights
    starts = [0, *accumulate(heights)]
    assert [sums.start(index) for index in range(len(heights) + 1)] == starts
    assert sums.total == starts[-1]
    rows = [(index, row) for index, height in enumerate(heights) for row in range(height)]
    some = range(0, sums.total, 1 + sums.total // 50)
    assert [sums.at(number) for number in some] == [rows[number] for number in some]
    if rows:
        assert sums.at(-5) == rows[0]
        assert sums.at(10**9) == rows[-1]


def test_only_the_last_turns_are_estimated_until_somebody_looks_further_up() -> None:
    asked: list[int] = []

    def estimates(first: int, count: int) -> list[int]:
        asked.append(first)
        return [4 if first < 50_000 else 2] * count

    sums = Heights(100_000, estimates)
    assert (len(asked), sums.total) == (2, 200_000)
    turn, row = sums.at(50_000)
    assert (turn * 2, row) == (50_000, 0)
    assert len(asked) == 3
    assert sums.total == 200_000 + 2 * CHUNK
    assert sums.at(sums.start(25_000) + 3) == (25_000, 3)


def test_an_estimate_counts_the_taller_column_or_both_when_stacked() -> None:
    size = TurnSize(1, 1, prompt=30, left=4000, right=400)
    both = estimate(size, question_width=100, left_width=50, right_width=50, stacked=False, most=12)
    stacked = estimate(size, question_width=100, left_width=100, right_width=100, stacked=True, most=12)
    right = estimate(size, question_width=100, left_width=0, right_width=100, stacked=False, most=12)
    assert right < stacked < both
    assert 100 <= both <= 115
