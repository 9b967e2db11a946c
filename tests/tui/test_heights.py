"""Sums of heights stay right while turns are added and measured."""

from hypothesis import given
from hypothesis import strategies as st

from storage import TurnSize
from tui.rendering.heights import Heights, estimate

CHANGES = st.lists(st.tuples(st.booleans(), st.integers(0, 99), st.integers(1, 30)), max_size=60)


@given(st.lists(st.integers(1, 30), max_size=70), CHANGES)
def test_starts_and_rows_agree_with_plain_sums(heights: list[int], changes: list[tuple[bool, int, int]]) -> None:
    sums = Heights(heights)
    for append, index, height in changes:
        if append or not heights:
            sums.append(height)
            heights.append(height)
        else:
            index %= len(heights)
            assert sums.measure(index, height) == height - heights[index]
            assert sums.is_exact(index)
            heights[index] = height
    starts = [sum(heights[:index]) for index in range(len(heights) + 1)]
    assert [sums.start(index) for index in range(len(heights) + 1)] == starts
    assert sums.total == starts[-1]
    rows = [(index, row) for index, height in enumerate(heights) for row in range(height)]
    assert [sums.at(number) for number in range(sums.total)] == rows
    if rows:
        assert sums.at(-5) == rows[0]
        assert sums.at(10**9) == rows[-1]


def test_an_estimate_counts_the_taller_column_or_both_when_stacked() -> None:
    size = TurnSize(1, 1, prompt=30, left=4000, right=400)
    both = estimate(size, question_width=100, left_width=50, right_width=50, stacked=False, most=12)
    stacked = estimate(size, question_width=100, left_width=100, right_width=100, stacked=True, most=12)
    right = estimate(size, question_width=100, left_width=0, right_width=100, stacked=False, most=12)
    assert right < stacked < both
    assert 100 <= both <= 115
