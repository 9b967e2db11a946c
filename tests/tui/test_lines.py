"""Wrapping loses nothing, fits, and can be undone by a copy."""

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tui.rendering.lines import FAINT, PLAIN, Ink, Role, cuts, fold, joined, line, wrap
from tui.rendering.safe_text import clean

WORDS = st.text(st.sampled_from("abc  de-f.日本、。한글é🚀🇩🇪 \u0301กำ"), max_size=80).map(clean)


def pieces(text: str, width: int) -> list[str]:
    return [text[start:end] for start, end, _ in cuts(text, width)]


def test_words_wrap_at_white_space_and_long_ones_are_torn() -> None:
    assert pieces("hello world this is a test", 12) == ["hello world", "this is a", "test"]
    assert pieces("averyveryverylongword x", 8) == ["averyver", "yverylon", "gword x"]
    assert pieces("  indented words", 10) == ["  indented", "words"]


def test_wide_characters_wrap_anywhere_but_before_closing_punctuation() -> None:
    assert pieces("日本語のテキスト、長い。です", 7) == ["日本語", "のテキ", "スト、", "長い。", "です"]


@given(WORDS, st.integers(2, 30))
def test_every_line_fits_and_nothing_is_lost(text: str, width: int) -> None:
    found = cuts(text, width)
    assert all(cell_len(text[start:end]) <= width for start, end, _ in found)
    again = "".join((glue or "") + text[start:end] for start, end, glue in found)
    assert again == text.rstrip() or again == text


@given(st.lists(st.tuples(WORDS, st.sampled_from([PLAIN, FAINT, Ink(bold=True)])), max_size=6), st.integers(8, 40))
def test_a_copy_of_wrapped_runs_gives_the_text_back(runs: list[tuple[str, Ink]], width: int) -> None:
    text = "".join(part for part, _ in runs)
    rest = [("  ", Ink(Role.RULE))]
    lines = wrap(runs, width, rest, rest)
    assert joined((each, 0, len(each.text)) for each in lines).rstrip() == text.rstrip()
    assert all(each.width <= width for each in lines)


@given(WORDS, st.integers(4, 30))
def test_folded_code_keeps_every_space(text: str, width: int) -> None:
    lines = fold([(text, PLAIN)], width, [("  ", FAINT)], [("> ", FAINT)])
    assert joined((each, 0, len(each.text)) for each in lines) == text
    assert all(each.width <= max(4, width) for each in lines)


def test_neighbours_in_one_ink_become_one_run() -> None:
    assert line([("a", PLAIN), ("", FAINT), ("b", PLAIN), ("c", FAINT)]).runs == (("ab", PLAIN), ("c", FAINT))


def test_only_the_selected_characters_are_copied_and_list_markers_are_text() -> None:
    lines = wrap([("one two three four", PLAIN)], 10, [("- ", PLAIN)], [("  ", PLAIN)])
    assert [each.text for each in lines] == ["- one two", "  three", "  four"]
    assert joined([(lines[0], 6, 9), (lines[1], 0, 99), (lines[2], 0, 3)]) == "two three f"
    assert joined((each, 0, 99) for each in lines) == "- one two three four"
