"""Nothing foreign commands a terminal, whichever way it comes in."""

import re
import subprocess
import sys
import time

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.color import Color

from tests.tui.hostile import COMMANDING, HOSTILE
from tui.rendering.safe_text import Cleaner, LineGuard, clean, content, one_line

BLACK = Color(0, 0, 0)
pieces_of_trouble = st.text(
    st.one_of(
        st.sampled_from("\r\n\t\x1b\x9b\x00\x7f\u202e\u200b\u2028\ufe0f\ud800ab \u0301\u0300\u20d0é日👍🏽"),
        st.characters(),
    ),
    max_size=60,
)


def test_hostile_text_comes_out_harmless() -> None:
    for text in HOSTILE:
        assert not COMMANDING.search(clean(text)), text
        assert not COMMANDING.search(one_line(text)), text
        assert not COMMANDING.search(content(text).plain), text
        clean(text).encode()


def test_controls_are_made_visible_and_newlines_of_all_kinds_become_one() -> None:
    assert clean("a\x1b[31mb\x7f") == "a␛[31mb␡"
    assert clean("1\r\n2\r3\x0b4\x0c5\x856\u20287\u20298") == "1\n2\n3\n4\n5\n6\n7\n8"
    assert clean("a\tb") == "a    b"


def test_ordinary_text_of_any_script_stays_as_it_is() -> None:
    for text in ("naïve café", "日本語", "한국어", "שלום עולם", "🇩🇪 🚀", "Tiếng Việt", "[bold]x[/x]", "e\u0301"):
        assert clean(text) == text


def test_invisible_characters_and_width_changers_are_dropped() -> None:
    assert clean("a\u200bb\u00adc\ufeffd\U000e0041e") == "abcde"
    assert clean("👍🏽 ❤\ufe0f") == "👍 ❤"


def test_zalgo_is_cut_even_when_something_invisible_stands_in_between() -> None:
    assert clean("x" + "\u0301" * 500) == "x" + "\u0301" * 4
    assert clean("x" + "\u0301\u200b" * 500) == "x" + "\u0301" * 4


@given(pieces_of_trouble)
def test_cleaning_twice_changes_nothing(text: str) -> None:
    assert clean(clean(text)) == clean(text)


@given(st.lists(pieces_of_trouble, max_size=8))
def test_cleaned_pieces_equal_the_cleaned_whole(pieces: list[str]) -> None:
    cleaner = Cleaner()
    assert "".join([cleaner.feed(piece) for piece in pieces]) + cleaner.end() == clean("".join(pieces))


def test_one_line_fits_its_cells() -> None:
    assert one_line("a\n\n b\tc") == "a b c"
    assert one_line("日本語日本語", 7) == "日本語…"
    assert all(cell_len(one_line("日x" * 100, limit)) <= limit for limit in range(1, 30))


def test_content_takes_markup_literally() -> None:
    assert content("[bold]x[/x]").plain == "[bold]x[/x]"
    assert content("[bold]x").spans == []


def test_the_guard_takes_out_what_slipped_through_and_keeps_the_width() -> None:
    guard = LineGuard()
    for text in HOSTILE:
        segments = [Segment("ok "), Segment(text, Style(bold=True, link="http://e/\x1b]0;x"))]
        guarded = guard.apply(segments, BLACK)
        assert not re.search(
            "[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", "".join(s.text for s in guarded)
        )
        assert all(s.style is None or s.style.link is None for s in guarded)
    for character in "\x00\x1b\x7f\x85\u202e\t\n\ud800":
        assert cell_len(guard.apply([Segment(character)], BLACK)[0].text) == cell_len(character)


def test_the_guard_leaves_clean_segments_alone() -> None:
    segments = [Segment("日本語"), Segment("x", Style(link="https://example.org"))]
    assert LineGuard().apply(segments, BLACK) is segments


def test_cleaning_a_megabyte_takes_well_under_a_second() -> None:
    text = "The quick brown fox. 日本語 \U0001f600\n" * 40_000
    before = time.process_time()
    clean(text)
    assert time.process_time() - before < 1.5


def test_the_door_loads_without_textual() -> None:
    script = (
        "import sys, tui.rendering.safe_text as s; s.clean('x'); s.one_line('x'); assert 'textual' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
