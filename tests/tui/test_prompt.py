"""The prompt box, driven with keys."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import events
from textual.binding import Binding, BindingType
from textual.widgets import Static

from tests.tui.screen_text import Stage, screen_lines, until
from tui.rendering.safe_text import clean
from tui.widgets.paste import LARGE_BYTES, Pastes, is_large
from tui.widgets.prompt import BURST_SECONDS, NOTHING_TO_SEND, Prompt

HOSTILE = "a\x1b]0;PWN\x07b\x9b6nc\u202ed\u2066e\U000e0041f\x00g\u200bh\x7fi"


class Desk(Stage):
    """A prompt at the foot of the screen, and one other place that can be focused."""

    CSS = "#rest { height: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "note('escape')"),
        Binding("ctrl+c", "note('ctrl+c')"),
        Binding("pageup", "note('pageup')"),
    ]

    def __init__(self, prompt: Prompt) -> None:
        rest = Static("", id="rest")
        rest.can_focus = True
        super().__init__(rest, prompt)
        self.prompt = prompt
        self.noted: list[str] = []

    def on_mount(self) -> None:
        super().on_mount()
        self.prompt.focus()

    def action_note(self, what: str) -> None:
        self.noted.append(what)

    def sent(self) -> list[str]:
        return [message.text for message in self.posted(Prompt.Submitted)]


def key(name: str, character: str | None = None, *, at: float | None = None) -> events.Key:
    event = events.Key(name, character)
    if at is not None:
        event.time = at
    return event


async def test_enter_sends_and_empties_the_box() -> None:
    app = Desk(Prompt())
    async with app.run_test() as pilot:
        app.prompt.draft = "Hello there"
        await pilot.press("enter")
        assert app.sent() == ["Hello there"]
        assert app.prompt.draft == ""


async def test_a_second_enter_does_not_send_twice() -> None:
    app = Desk(Prompt())
    async with app.run_test() as pilot:
        app.prompt.draft = "once"
        await pilot.press("enter", "enter")
        assert app.sent() == ["once"]


@pytest.mark.parametrize("name", ["ctrl+j", "shift+enter", "alt+enter", "ctrl+enter", "shift+\r", "ctrl+\r"])
async def test_newline_keys_begin_a_line(name: str) -> None:
    app = Desk(Prompt())
    async with app.run_test() as pilot:
        app.prompt.draft = "one"
        app.post_message(key(name, at=time.monotonic() + 1))
        await until(lambda: app.prompt.draft == "one\n")
        await pilot.press("2", "enter")
        assert app.sent() == ["one\n2"]


async def test_backslash_then_enter_begins_a_line() -> None:
    app = Desk(Prompt())
    async with app.run_test() as pilot:
        app.prompt.draft = "one\\"
        await pilot.press("enter", "x")
        assert app.prompt.draft == "one\nx"
        assert app.sent() == []


async def test_compose_mode_swaps_enter_and_ctrl_j() -> None:
    app = Desk(Prompt())
    async with app.run_test() as pilot:
        app.prompt.draft = "a"
        await pilot.press("f4", "enter", "b", "ctrl+j")
        assert app.sent() == ["a\nb"]
        assert [message.compose_mode for message in app.posted(Prompt.ComposeModeChanged)] == [True]


async def test_compose_mode_can_be_on_from_the_start() -> None:
    app = Desk(Prompt(compose_mode=True))
    async with app.run_test() as pilot:
        app.prompt.draft = "a"
        await pilot.press("enter")
        assert (app.sent(), app.prompt.draft) == ([], "a\n")


async def test_paste_without_brackets_is_kept_together() -> None:
    app = Desk(Prompt())
    async with app.run_test() as pilot:
        start = time.monotonic() + 1
        typed = [("a", "a"), ("enter", "\r"), ("b", "b"), ("ctrl+j", "\n"), ("c", "c")]
        for number, (name, character) in enumerate(typed):
            app.post_message(key(name, character, at=start + number * BURST_SECONDS / 10))
        await until(lambda: app.prompt.draft == "a\nb\nc")
        assert app.sent() == []
        app.post_message(key("enter", "\r", at=start + 1))
        await until(app.sent)
        assert app.sent() == ["a\nb\nc"]
        await pilot.pause(0)


async def test_a_line_that_a_script_types_with_its_enter_is_sent() -> None:
    app = Desk(Prompt())
    async with app.run_test():
        start = time.monotonic() + 1
        for number, (name, character) in enumerate([("h", "h"), ("i", "i"), ("enter", "\r")]):
            app.post_message(key(name, character, at=start + number * BURST_SECONDS / 10))
        await until(app.sent)
        assert app.sent() == ["hi"]


async def test_fast_enter_sends_once_the_terminal_has_shown_that_it_marks_pastes() -> None:
    app = Desk(Prompt())
    async with app.run_test():
        start = time.monotonic() + 1
        app.post_message(events.Paste("pasted"))
        app.post_message(key("x", "x", at=start))
        app.post_message(key("enter", "\r", at=start + BURST_SECONDS / 10))
        await until(app.sent)
        assert app.sent() == ["pastedx"]


@pytest.mark.parametrize("blank", ["", "   ", "\n\n \t"])
async def test_nothing_is_sent_from_an_empty_box_and_a_hint_says_so(blank: str) -> None:
    app = Desk(Prompt())
    async with app.run_test() as pilot:
        app.prompt.draft = blank
        await pilot.press("enter")
        await pilot.pause()
        assert app.sent() == []
        assert NOTHING_TO_SEND in screen_lines(app)
        await pilot.press("x", "backspace")
        assert NOTHING_TO_SEND not in screen_lines(app)
        assert "Ask both at once" in screen_lines(app)


async def test_send_can_be_moved_to_another_key() -> None:
    app = Desk(Prompt())
    async with app.run_test() as pilot:
        app.set_keymap({"prompt.send": "ctrl+s"})
        app.prompt.draft = "a"
        await pilot.press("enter", "b", "ctrl+s")
        assert app.sent() == ["a\nb"]


async def test_escape_tab_and_ctrl_c_are_left_to_the_screen() -> None:
    app = Desk(Prompt())
    async with app.run_test() as pilot:
        app.prompt.draft = "words"
        await pilot.press("escape", "ctrl+c", "pageup")
        assert app.noted == ["escape", "ctrl+c", "pageup"]
        app.prompt.select_all()
        await pilot.press("ctrl+c")
        assert app.noted == ["escape", "ctrl+c", "pageup"]
        assert app.clipboard == "words"
        await pilot.press("tab")
        assert not app.prompt.has_focus
        assert app.prompt.draft == "words"


async def test_pageup_moves_in_a_prompt_of_many_rows() -> None:
    app = Desk(Prompt())
    async with app.run_test() as pilot:
        app.prompt.draft = "\n".join(map(str, range(40)))
        await pilot.press("pageup")
        assert app.noted == []
        assert app.prompt.cursor_location[0] < 39


# History


async def test_up_and_down_walk_through_history_and_keep_what_was_typed() -> None:
    app = Desk(Prompt())
    async with app.run_test() as pilot:
        app.prompt.load_history(["first", "second", "second"])
        app.prompt.draft = "half a thou"
        await pilot.press("up")
        assert app.prompt.draft == "second"
        await pilot.press("up")
        assert app.prompt.draft == "first"
        await pilot.press("!", "down", "up")
        assert app.prompt.draft == "first!"
        await pilot.press("up", "down", "down", "down")
        assert app.prompt.draft == "half a thou"


async def test_sent_prompts_join_the_history() -> None:
    app = Desk(Prompt())
    async with app.run_test() as pilot:
        app.prompt.draft = "a question"
        await pilot.press("enter", "up")
        assert app.prompt.draft == "a question"


async def test_up_moves_within_wrapped_rows_before_it_recalls() -> None:
    app = Desk(Prompt())
    async with app.run_test(size=(40, 24)) as pilot:
        app.prompt.load_history(["earlier"])
        await pilot.pause()
        app.prompt.draft = "word " * 20
        await pilot.press("up")
        assert app.prompt.draft == "word " * 20
        await pilot.press("up", "up")
        assert app.prompt.draft == "earlier"


async def test_up_with_a_selection_does_not_recall() -> None:
    app = Desk(Prompt())
    async with app.run_test() as pilot:
        app.prompt.load_history(["earlier"])
        app.prompt.draft = "chosen"
        app.prompt.select_all()
        await pilot.press("up")
        assert app.prompt.draft == "chosen"


async def test_recalled_prompt_of_several_lines_can_be_walked_past() -> None:
    app = Desk(Prompt())
    async with app.run_test() as pilot:
        app.prompt.load_history(["oldest", "line one\nline two"])
        await pilot.press("up", "up")
        assert app.prompt.draft == "oldest"


# Size


@pytest.mark.parametrize(
    ("size", "rows", "height"),
    [
        ((80, 24), 1, 1),
        ((80, 24), 2, 2),
        ((80, 24), 4, 5),
        ((80, 24), 30, 5),
        ((80, 12), 30, 3),
        ((20, 5), 30, 1),
        ((120, 40), 1, 3),
        ((120, 40), 4, 5),
        ((120, 40), 6, 7),
        ((120, 40), 50, 10),
        ((120, 20), 50, 4),
    ],
)
async def test_box_grows_by_steps_within_a_third_of_the_screen(size: tuple[int, int], rows: int, height: int) -> None:
    app = Desk(Prompt())
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        app.prompt.draft = "\n".join("x" * rows)
        await until(lambda: app.prompt.content_size.height == height)
        assert app.prompt.outer_size.height <= max(2, size[1] // 3)


async def test_whole_text_is_in_view_when_it_fits() -> None:
    app = Desk(Prompt())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press(*"one", "ctrl+j", *"two", "ctrl+j", *"three")
        await until(lambda: "one" in screen_lines(app) and "three" in screen_lines(app))


async def test_destination_stands_in_the_border_and_is_not_read_as_markup() -> None:
    app = Desk(Prompt())
    async with app.run_test(size=(120, 30)) as pilot:
        app.prompt.set_destination("to [/b] \x1b[31mboth", confidential=False, fill="Claude 1 % | local 74 % of 8k")
        app.prompt.set_hint("Enter send · [/x]")
        await pilot.pause()
        lines = screen_lines(app)
        assert "to [/b] ␛[31mboth · Claude 1 % | local 74 % of 8k" in lines
        assert "Enter send · [/x]" in lines
        app.prompt.set_destination("local only: CONFIDENTIAL", confidential=True)
        await pilot.pause()
        assert "local only: CONFIDENTIAL" in screen_lines(app)
        assert app.prompt.has_class("-confidential")


async def test_destination_is_seen_at_80_columns_without_a_box() -> None:
    app = Desk(Prompt())
    async with app.run_test(size=(80, 24)) as pilot:
        app.prompt.set_destination("local only: CONFIDENTIAL", confidential=True, fill="local 74 %")
        app.prompt.draft = "my question"
        await pilot.pause()
        rule, line = screen_lines(app).splitlines()[-2:]
        assert rule.startswith("─ local only: CONFIDENTIAL · local 74 % ─")
        assert line == " my question"


# Pastes


async def test_paste_is_cleaned_and_keeps_its_lines_and_tabs() -> None:
    app = Desk(Prompt())
    async with app.run_test() as pilot:
        app.post_message(events.Paste(HOSTILE + "\r\n\tindented\rlast"))
        await until(lambda: app.prompt.draft)
        await pilot.press("enter")
        [text] = app.sent()
        assert text == clean(HOSTILE) + "\n\tindented\nlast"


@pytest.mark.parametrize("enter", ["paste", "draft", "insert", "history", "clipboard"])
async def test_no_way_in_lets_hidden_characters_through(enter: str) -> None:
    app = Desk(Prompt())
    async with app.run_test() as pilot:
        match enter:
            case "paste":
                app.prompt.paste(HOSTILE)
            case "draft":
                app.prompt.draft = HOSTILE
            case "insert":
                app.prompt.insert(HOSTILE)
            case "history":
                app.prompt.load_history([HOSTILE])
                await pilot.press("up")
            case _:
                app.copy_to_clipboard(HOSTILE)
                await pilot.press("ctrl+v")
        await pilot.press("enter")
        assert app.sent() == [clean(HOSTILE)]


async def test_joiners_that_belong_to_the_spelling_stay() -> None:
    persian = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"
    app = Desk(Prompt())
    async with app.run_test() as pilot:
        app.prompt.paste(persian + "x\u200cy")
        await pilot.press("enter")
        assert app.sent() == [persian + "xy"]


async def test_large_paste_becomes_a_chip_and_is_sent_whole() -> None:
    pasted = "\n".join(f"line {number} {'x' * 70}" for number in range(1270))
    app = Desk(Prompt())
    async with app.run_test() as pilot:
        app.prompt.draft = "Summarise:  in a word."
        app.prompt.move_cursor((0, 11))
        app.post_message(events.Paste(pasted))
        await until(lambda: "[pasted 102 KB, 1,270 lines]" in app.prompt.text)
        await pilot.pause()
        assert "Summarise: [pasted 102 KB, 1,270 lines] in a word." in screen_lines(app)
        assert app.prompt.draft == f"Summarise: {pasted} in a word."
        await pilot.press("enter")
        assert app.sent() == [f"Summarise: {pasted} in a word."]


async def test_one_long_line_becomes_a_chip() -> None:
    app = Desk(Prompt())
    async with app.run_test():
        app.prompt.paste("y" * 2001)
        assert app.prompt.text == "[pasted 2 KB, 1 line]"
        assert app.prompt.draft == "y" * 2001


async def test_equal_looking_pastes_stay_apart() -> None:
    first, second = "a" * 9000, "b" * 9000
    app = Desk(Prompt())
    async with app.run_test():
        for text in (first, second, first):
            app.prompt.paste(text)
        assert app.prompt.text == "[pasted 9 KB, 1 line][pasted 9 KB, 1 line, no. 2][pasted 9 KB, 1 line]"
        assert app.prompt.draft == first + second + first


async def test_chip_is_deleted_as_a_whole_and_comes_back_with_undo() -> None:
    app = Desk(Prompt())
    async with app.run_test() as pilot:
        app.prompt.draft = "see "
        app.prompt.paste("a" * 9000)
        await pilot.press("backspace")
        assert app.prompt.text == "see "
        await pilot.press("ctrl+z")
        assert app.prompt.draft == "see " + "a" * 9000


async def test_typing_inside_a_chip_goes_behind_it() -> None:
    app = Desk(Prompt())
    async with app.run_test() as pilot:
        app.prompt.paste("a" * 9000)
        await pilot.press("left", "left", "left", "z")
        assert app.prompt.draft == "a" * 9000 + "z"
        await pilot.press("home", "right", "right", "delete")
        assert app.prompt.draft == "z"


async def test_megabyte_paste_costs_little_more_than_cleaning_it() -> None:
    pasted = ("word " * 16 + "é\n") * 12_500
    app = Desk(Prompt())
    async with app.run_test() as pilot:
        await pilot.pause()

        def cpu(work: Callable[[], object]) -> float:
            start = time.process_time()
            work()
            return time.process_time() - start

        floor = min(cpu(lambda: clean(pasted)) for _ in range(3))
        cost = cpu(lambda: app.prompt.paste(pasted))
        assert cost < 6 * floor + 0.1
        assert len(app.prompt.text) < 60
        assert app.prompt.draft == pasted


async def test_recalled_large_prompt_is_folded_and_sent_whole() -> None:
    text = "Summarise this:\n" + "words and words\n" * 2000 + "Thank you."
    app = Desk(Prompt())
    async with app.run_test() as pilot:
        app.prompt.load_history([text])
        await pilot.press("up")
        assert app.prompt.text.startswith("Summarise this:\n")
        assert app.prompt.text.endswith("Thank you.")
        assert len(app.prompt.text) < 1000
        await pilot.press("enter")
        assert app.sent() == [text]


@given(st.text(alphabet="ab \n", max_size=300), st.integers(0, 40))
def test_folding_loses_nothing(piece: str, times: int) -> None:
    text = piece * times
    pastes = Pastes()
    folded = pastes.folded(text)
    assert pastes.unfolded(folded) == text
    assert is_large(text) == (folded != text)
    assert not is_large(folded)


def test_size_is_counted_in_bytes() -> None:
    line = "é" * 1000 + "\n"
    assert not is_large(line * 3)
    assert is_large(line * 4)
    assert not is_large("ab\n" * (LARGE_BYTES // 3))


async def test_the_cursor_stands_still_and_goes_with_the_focus() -> None:
    app = Desk(Prompt())
    async with app.run_test() as pilot:
        app.prompt.draft = "at rest"
        await pilot.pause()
        focused = app.prompt.render_line(0)
        assert not app.prompt.cursor_blink
        app.query_one("#rest").focus()
        await pilot.pause()
        assert app.prompt.render_line(0) != focused
        app.prompt.focus()
        await pilot.pause()
        assert app.prompt.render_line(0) == focused
