"""The lines of one side's answer to one question: thinking, words, and the receipt or what stands in its place."""

from __future__ import annotations

from collections.abc import Sequence

from storage import Outcome, Reply
from tui.rendering.lazy_lines import GrowingLines, LazyLines
from tui.rendering.lines import BLANK, FAINT, PLAIN, Ink, Line, Role, line, words, wrap
from tui.rendering.live_answer import LiveAnswer
from tui.rendering.markdown import render
from tui.rendering.passages import Cut, passages
from tui.rendering.receipt import receipt_items, remarks, thinking_words
from tui.rendering.safe_text import Cleaner, clean, one_line

RENDERED_AGAIN = 4_000
"""Characters of an answer that are always rendered as a whole when it ends (some 8 ms). A longer one keeps the lines
that it grew where they are exact."""
RENDERED_AT_ONCE = 6_000
"""Characters of an answer that are rendered in one go (some 15 ms). Of a longer one only what is in view is laid out,
and one that grew on the screen keeps its lines in any case; they are the same but for rarities: emphasis over
thousands of characters, colours of comments in very long code."""
_PIECE = 2_000

_ERROR = Ink(Role.ERROR)
_DEMO = Ink(Role.DEMO, bold=True)
_LABEL = {"left": Ink(Role.LEFT, bold=True), "right": Ink(Role.RIGHT, bold=True)}


class Answer:
    """Lines that are there: above the words, the words, below them."""

    def __init__(self, head: Sequence[Line] = (), body: Sequence[Line] = (), foot: Sequence[Line] = ()) -> None:
        self.head = head
        self.body = body
        self.foot = foot

    def __len__(self) -> int:
        return len(self.head) + len(self.body) + len(self.foot)

    def __getitem__(self, index: int) -> Line:
        for lines in (self.head, self.body, self.foot):
            if index < len(lines):
                return lines[index]
            index -= len(lines)
        return BLANK


class LiveReply:
    """A reply that still streams: everything that has arrived, whether it is on screen or not."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.text: list[str] = []
        self.thinking: list[str] = []
        self.state = "waiting"
        self.changed = True
        """Something arrived since the view last looked."""

    def feed(self, piece: str, *, thinking: bool) -> None:
        """Collect; nothing else happens here, because this runs for every token."""
        (self.thinking if thinking else self.text).append(piece)
        self.changed = True

    def latest_words(self, width: int) -> str:
        """The newest words, on one line of at most `width` cells."""
        tail: list[str] = []
        length = 0
        for piece in reversed(self.text or self.thinking):
            tail.append(piece)
            length += len(piece)
            if length > 2 * width:
                break
        shown = one_line("".join(reversed(tail))[-4 * width :], 4 * width)
        while shown and line([(shown, PLAIN)]).width > width:
            _, _, rest = shown.partition(" ")
            shown = rest or shown[1:]
        return shown


class GrowingAnswer(Answer):
    """The lines of a live reply in a column; `flush` brings them up to date."""

    def __init__(self, live: LiveReply, width: int, *, unfolded: bool, unwrapped: bool = False) -> None:
        super().__init__()
        self._live = live
        self._width = width
        self._unfolded = unfolded
        self._text = LiveAnswer(width, unwrapped=unwrapped)
        self._before: LazyLines | None = None
        """What had arrived long ago when the lines were made anew, in another width."""
        self._thinking = LiveAnswer(width - 2)
        self._taken = [0, 0]
        self._begin(width, unwrapped=unwrapped)
        self.flush()

    def _begin(self, width: int, *, unwrapped: bool) -> None:
        """Leave all but the end of a long text to be laid out when it is looked at."""
        if sum(map(len, self._live.text)) <= RENDERED_AT_ONCE:
            return
        cleaner = Cleaner()
        source = cleaner.feed("".join(self._live.text))
        self._taken[0] = len(self._live.text)
        last = passages(source)[-1]
        self._before = LazyLines(source[: last.start], width, unwrapped=unwrapped)
        end = source[last.start :]
        if last.cut is Cut.CODE:
            end = f"{last.lead_in}{end}"
        elif last.cut is Cut.ROWS:
            end = f"{''.join(last.lead_in.splitlines(keepends=True)[:2])}{end}"
        self._text = LiveAnswer(width, unwrapped=unwrapped, begun=end, gap=last.start > 0, cleaner=cleaner)

    def flush(self) -> int:
        """Take what arrived, and return the index of the first line that changed; `len(self)` if none did."""
        head = self._head()
        first = self._feed(self._text, self._live.text, 0).flush()
        self.body = self._text.lines
        if self._before is not None:
            self.body = GrowingLines(self._before, self._text.lines)
            first += len(self._before)
        if head != self.head:
            self.head = head
            return 0
        return len(head) + first

    def unfold(self, *, unfolded: bool) -> None:
        """Show the thinking, or fold it."""
        self._unfolded = unfolded
        self.flush()

    def end(self, text: str) -> Sequence[Line] | None:
        """Take the rest: nothing follows. Returns the lines of the words, if they can stay."""
        if "".join(self._live.text) != text or len(text) <= RENDERED_AGAIN:
            return None
        self._feed(self._text, self._live.text, 0).end()
        kept = self._text.exact or len(text) > RENDERED_AT_ONCE
        return (
            (self._text.lines if self._before is None else GrowingLines(self._before, self._text.lines))
            if kept
            else None
        )

    def _feed(self, answer: LiveAnswer, pieces: list[str], which: int) -> LiveAnswer:
        if self._taken[which] < len(pieces):
            answer.feed("".join(pieces[self._taken[which] :]))
            self._taken[which] = len(pieces)
        return answer

    def _head(self) -> list[Line]:
        live = self._live
        if not live.thinking:
            return [] if live.text else _state(live.state, self._width)
        if not self._unfolded:
            title = "▸ thought" if live.text else f"▸ {live.state if live.state.startswith('think') else 'thinking'}"
            return [words(title, FAINT), *([BLANK] if live.text else [])]
        self._feed(self._thinking, live.thinking, 1).flush()
        return _thoughts("▾ thought" if live.text else "▾ thinking", self._thinking.lines)


def _state(state: str, width: int) -> list[Line]:
    return wrap([(clean(state), FAINT)], width)


def _thoughts(title: str, lines: Sequence[Line]) -> list[Line]:
    """Unfolded thinking: indented, and as dim as everything that is not the answer."""
    shown = [
        line([("  ", FAINT), *((text, ink._replace(role=Role.DIM)) for text, ink in each.runs)]) for each in lines
    ]
    indented = [new._replace(lead=old.lead + 2, glue=old.glue) for new, old in zip(shown, lines, strict=True)]
    return [words(title, FAINT), *indented, BLANK]


def settled(
    reply: Reply,
    variants: int,
    width: int,
    *,
    unfolded: bool,
    retry: bool,
    unwrapped: bool = False,
    grown: Sequence[Line] | None = None,
) -> Answer:
    """Lay out a reply that has its outcome; `grown` are the lines that its words have already."""
    head: list[Line] = []
    if reply.thinking:
        title = thinking_words(reply)
        head = (
            _thoughts(f"▾ {title}", _in_pieces(reply.thinking, width - 2))
            if unfolded
            else [words(f"▸ {title}", FAINT), BLANK]
        )
    if not reply.text.strip():
        body: Sequence[Line] = [] if reply.outcome is not Outcome.COMPLETE else [words("(an empty answer)", FAINT)]
    elif grown is not None:
        body = grown
    else:
        body = _whole(reply.text, width, unwrapped=unwrapped)
    return Answer(head, body, _foot(reply, receipt_items(reply, variants, retry=retry), width, gap=bool(body)))


def _whole(text: str, width: int, *, unwrapped: bool = False) -> Sequence[Line]:
    """Render at once, or a long text when it is looked at."""
    if len(text) <= RENDERED_AT_ONCE:
        return render(text, width, unwrapped=unwrapped)
    return LazyLines(clean(text), width, unwrapped=unwrapped)


def _in_pieces(text: str, width: int) -> list[Line]:
    """Render at once, or a long text as if it streamed: some markup takes a parser time by the square."""
    if len(text) <= RENDERED_AT_ONCE:
        return render(text, width)
    answer = LiveAnswer(width)
    for start in range(0, len(text), _PIECE):
        answer.feed(text[start : start + _PIECE])
        answer.flush()
    answer.end()
    return answer.lines


def not_asked() -> Answer:
    """What stands at the place of a side that was not asked."""
    return Answer(foot=[words("not asked", FAINT)])


def label(reply: Reply, name: str) -> Line:
    """The line above an answer where the column does not tell whose it is."""
    return line([(one_line(name, 60), _LABEL[reply.side])])


def _foot(reply: Reply, items: Sequence[str], width: int, *, gap: bool) -> list[Line]:
    lines = [BLANK] if gap else []
    for sentence in remarks(reply):
        lines += wrap([(sentence, _ERROR if reply.outcome is Outcome.FAILED else FAINT)], width)
    return lines + _receipt(items, width)


def _receipt(items: Sequence[str], width: int) -> list[Line]:
    """The items with dots between them; no item is torn while it fits a line."""
    rows: list[str] = []
    for item in items:
        longer = f"{rows[-1]} · {item}" if rows else item
        if rows and words(longer).width <= width:
            rows[-1] = longer
        else:
            rows.append(item)
    lines: list[Line] = []
    for row in rows:
        demo = row == "DEMO" or row.startswith("DEMO ·")
        lines += wrap([("DEMO", _DEMO), (row[4:], FAINT)] if demo else [(row, FAINT)], width)
    return lines
