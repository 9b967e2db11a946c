"""What Markdown looks like in lines of text."""

from tui.rendering.code import GrowingCode, highlight, language_of
from tui.rendering.lines import Ink, Role
from tui.rendering.markdown import render
from tui.rendering.table import column_widths


def text(source: str, width: int = 40) -> str:
    return "\n".join(line.text.rstrip() for line in render(source, width))


def inks(source: str, word: str) -> list[Ink]:
    return [ink for line in render(source, 60) for part, ink in line.runs if word in part]


def test_raw_html_stays_text() -> None:
    assert text("List<String> and <div>x</div>") == "List<String> and <div>x</div>"
    assert text("<div>\nblock\n</div>") == "<div>\nblock\n</div>"


def test_blocks_are_set_apart_and_lists_as_they_were_written() -> None:
    assert text("# A\ntext\n- one\n- two\n\n  more\n- three\n\n1. x\n7. y") == (
        "A\n\ntext\n\n• one\n• two\n\n  more\n• three\n\n1. x\n7. y"
    )


def test_nested_lists_and_quotes_are_indented() -> None:
    assert text("- a\n  - b\n    - c\n      1. d\n> q\n> > r") == "• a\n  ◦ b\n    ▪ c\n      1. d\n\n▌ q\n▌\n▌ ▌ r"


def test_line_breaks_of_the_source_are_kept() -> None:
    assert text("Roses are red,\nviolets are blue") == "Roses are red,\nviolets are blue"


def test_emphasis_and_code_have_their_inks() -> None:
    assert inks("a **bold** b", "bold") == [Ink(bold=True)]
    assert inks("a *em* ~~no~~", "em") == [Ink(italic=True)]
    assert inks("`code`", "code") == [Ink(Role.CODE)]
    assert inks("**`code`**", "code") == [Ink(Role.CODE)]


def test_links_say_where_they_lead_unless_their_words_do() -> None:
    assert text("[guide](https://example.org/x)") == "guide (example.org)"
    assert text("<https://example.org/x>") == "https://example.org/x"
    assert text("[example.org](https://example.org/x)") == "example.org"
    assert text("[example.org](https://evil.example/example.org)", 80) == "example.org (evil.example)"
    assert text("[example.org.evil](https://example.org)", 80) == "example.org.evil (example.org)"
    assert text("[mail](mailto:a@b.example)") == "mail (mailto:a@b.example)"
    assert text("[x](javascript:alert(1))") == "[x](javascript:alert(1))"
    assert text("![plan](https://example.org/p.png)") == "[image: plan]"


def test_a_table_fits_by_wrapping_its_cells() -> None:
    source = "| k | value |\n|---|------:|\n| a | some words that are long |\n| b | 日本 |\n"
    assert text(source, 20) == (
        "k │            value\n──┼─────────────────\na │  some words that\n  │         are long\nb │             日本"
    )


def test_a_table_that_is_too_narrow_becomes_a_list() -> None:
    assert text("| a | b | c |\n|---|---|---|\n| one words | two words | three words |\n", 16) == (
        "• a: one words\n  b: two words\n  c: three words"
    )


def test_columns_share_the_room_and_do_not_change_when_an_overfull_one_grows() -> None:
    assert column_widths([3, 4], 20) == (3, 4)
    assert column_widths([3, 40, 50], 49) == (3, 20, 20)
    assert column_widths([3, 90, 50], 49) == column_widths([3, 40, 95], 49)
    assert column_widths([30, 30, 30], 20) is None


def test_code_is_coloured_and_its_language_read_from_any_fence() -> None:
    assert inks("```python\ndef late(): 1\n```", "late") == [Ink(Role.FUNCTION)]
    assert inks("```python title=x\nreturn\n```", "return") == [Ink(Role.KEYWORD)]
    assert inks("```\nreturn\n```", "return") == [Ink(Role.CODE)]
    assert inks("```nonsense\nreturn\n```", "return") == [Ink(Role.CODE)]
    assert language_of("{.python .numberLines}") == "python"


def test_a_comment_over_lines_is_a_comment_once_the_block_is_whole() -> None:
    rows = highlight("/* it's\n don't */\nint x;", "c")
    assert {ink.role for row in rows[:2] for _, ink in row} == {Role.COMMENT}


def test_code_line_by_line_carries_its_state() -> None:
    growing = GrowingCode("python")
    lines = [growing.line(row) for row in ['x = """open', "still a string", 'end"""', "return"]]
    assert {ink.role for _, ink in lines[1]} == {Role.STRING}
    assert lines[3] == [("return", Ink(Role.KEYWORD))]


def test_highlighting_never_changes_the_text() -> None:
    for language in ("python", "c", "json", "yaml", "html", "bash", "console", "ruby", "diff", "make", "sql", "php"):
        source = "a: [1,\n\n  'x\n</b> $(y) \"\n\t@#%^\\"
        assert ["".join(part for part, _ in row) for row in highlight(source, language)] == source.split("\n")
        growing = GrowingCode(language)
        assert ["".join(part for part, _ in growing.line(row)) for row in source.split("\n")] == source.split("\n")


def test_folded_code_says_so_and_loses_nothing() -> None:
    assert text("```\n" + "x" * 50 + "\n```", 22) == f"  {'x' * 20}\n↪ {'x' * 20}\n↪ {'x' * 10}"
