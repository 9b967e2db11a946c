"""All turns of one transcript: which are laid out, how tall they are, and what streams.

Of saved turns there is a number at first. Their ids and lengths are read some hundreds at a time, when somebody comes
near them. A turn is read and laid out when it comes into view, and dropped again when many others have come since.
The turns of this run are kept for a while, because a reply is shown as settled before its row is committed.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple, Protocol

from storage import Outcome, Reply, Side, Turn, TurnSize
from tui.rendering.answer import LiveReply
from tui.rendering.heights import CHUNK, Heights, estimate
from tui.rendering.turn_block import QUESTION_ROWS, Folds, TurnBlock, View

BLOCKS_KEPT = 200
"""Turns that stay laid out; a 50,000-token answer takes some 5 MB, an ordinary one 50 kB."""
TURNS_KEPT = 50
"""Turns of this run that are not read from the source again."""


class TurnSource(Protocol):
    """Where saved turns are read from, while the view waits: a call takes 0.1 ms to 5 ms."""

    def count(self) -> int:
        """How many turns there are."""

    def sizes(self, first: int, count: int) -> Sequence[TurnSize]:
        """The lengths of a run of turns, oldest first; `first` counts from 0."""

    def index_of(self, turn_id: int) -> int | None:
        """How many turns come before this one; None if it is not among them."""

    def turn(self, turn_id: int) -> Turn:
        """One turn with its texts."""


class Spot(NamedTuple):
    """A row by the turn it is in."""

    turn: int
    """Its index in the list."""
    row: int


class TurnList:
    """The turns of one transcript in one layout."""

    def __init__(self, source: TurnSource | None, view: View) -> None:
        self._source = source
        self._saved = source.count() if source is not None else 0
        """Turns that were there at first; others came in this run."""
        self._saved_ids: dict[int, array[int]] = {}
        """By chunk, of those that were looked into."""
        self._new: list[TurnSize] = []
        self._indexes: dict[int, int] = {}
        """Of turns of this run, and of others that were asked for."""
        self._own: OrderedDict[int, Turn] = OrderedDict()
        self._live: dict[int, LiveReply] = {}
        self._blocks: OrderedDict[int, TurnBlock] = OrderedDict()
        self._unfolded: dict[int, Folds] = {}
        self.laid_out = 0
        """How many blocks were made; tests and benchmarks look at it."""
        self.lay_out(view)

    def __len__(self) -> int:
        return self._saved + len(self._new)

    @property
    def streaming(self) -> bool:
        """Whether a reply is open."""
        return bool(self._live)

    def lay_out(self, view: View) -> None:
        """Start over in another layout: every height is a guess again, and no block is left."""
        self.view = view
        self._blocks.clear()
        self.heights = Heights(self._saved, self._estimates)
        for size in self._new:
            self.heights.append(self._estimate(size))

    def _estimates(self, first: int, count: int) -> Iterable[int]:
        return map(self._estimate, self._sizes(first, count))

    def _sizes(self, first: int, count: int) -> Sequence[TurnSize]:
        """The lengths of a chunk of saved turns; keeps their ids."""
        assert self._source is not None  # noqa: S101 - without one nothing is saved
        sizes = self._source.sizes(first, count)
        if len(sizes) < count:
            raise LookupError(f"{count - len(sizes)} of {self._saved} turns are gone")
        self._saved_ids[first // CHUNK] = array("q", [size.id for size in sizes])
        return sizes

    def _estimate(self, size: TurnSize) -> int:
        layout = self.view.layout
        left, right = layout.columns.get(Side.LEFT), layout.columns.get(Side.RIGHT)
        return estimate(
            size,
            question_width=layout.question.width,
            left_width=left.width if left else 0,
            right_width=right.width if right else 0,
            stacked=layout.stacked,
            most=QUESTION_ROWS,
        )

    # Reading

    def index_of(self, turn_id: int) -> int | None:
        """Where a turn is in the list."""
        if turn_id not in self._indexes and self._source is not None and self._saved:
            index = self._source.index_of(turn_id)
            if index is not None and index < self._saved:
                self._indexes[turn_id] = index
        return self._indexes.get(turn_id)

    def _id(self, index: int) -> int:
        """Which turn stands there."""
        if index >= self._saved:
            return self._new[index - self._saved].id
        chunk, at = divmod(index, CHUNK)
        if chunk not in self._saved_ids:
            self._sizes(chunk * CHUNK, min(CHUNK, self._saved - chunk * CHUNK))
        return self._saved_ids[chunk][at]

    def turn(self, index: int) -> Turn:
        """One turn with its texts."""
        turn_id = self._id(index)
        if (own := self._own.get(turn_id)) is not None:
            return own
        if self._source is None:
            raise LookupError(f"turn {turn_id} has no source")
        return self._source.turn(turn_id)

    def turn_so_far(self, index: int) -> Turn:
        """One turn with its texts, and of what still streams all that has arrived."""
        turn = self.turn(index)
        replies = [
            replace(reply, text="".join(self._live[reply.id].text)) if reply.id in self._live else reply
            for reply in turn.replies
        ]
        return replace(turn, replies=tuple(replies))

    def turn_as_shown(self, index: int) -> Turn:
        """The same, without the answers that are newer than the shown ones."""
        turn, folds = self.turn_so_far(index), self.folds(index)
        newest = {side: shown.variant for side in Side if (shown := folds.shown(turn, side)) is not None}
        return replace(turn, replies=tuple(each for each in turn.replies if each.variant <= newest[each.side]))

    def turns_of_this_run(self) -> list[Turn]:
        """Turns that may be ahead of the source, with all that has arrived."""
        indexes = [self.index_of(turn_id) for turn_id in self._own]
        return [self.turn_so_far(index) for index in indexes if index is not None]

    def block(self, index: int) -> TurnBlock:
        """One turn laid out; its height is exact from then on."""
        block = self._blocks.get(index)
        if block is None:
            turn_id = self._id(index)
            folds, last = self._unfolded.get(turn_id, Folds()), index == len(self) - 1
            block = TurnBlock(self.turn(index), self.view, folds, self._live, retry=last)
            self.laid_out += 1
            self._blocks[index] = block
            self._drop_old_blocks()
            self.heights.measure(index, block.height)
        else:
            self._blocks.move_to_end(index)
            if (height := block.height) != self.heights[index]:  # more of a long answer has been laid out
                self.heights.measure(index, height)
        return block

    def lay_out_rows(self, index: int, first: int, last: int, most: int, *, held: int) -> tuple[int, int]:
        """Lay out what rows of a turn show of long answers; as `TurnBlock.lay_out`."""
        block = self.block(index)
        new, held = block.lay_out(first, last, most, held=held)
        if new:
            self.heights.measure(index, block.height)
        return new, held

    def measured(self, index: int) -> int:
        """The exact height of a turn."""
        return self.heights[index] if self.heights.is_exact(index) else self.block(index).height

    def walk(self, spot: Spot, rows: int) -> Spot:
        """Go down (or up, if negative) by rows, laying out what is on the way; ends at the first or last row."""
        index, row = spot.turn, spot.row + rows
        while row < 0 and index > 0:
            index -= 1
            row += self.measured(index)
        while index < len(self) - 1 and row >= self.measured(index):
            row -= self.measured(index)
            index += 1
        last = self.measured(index) - 1 if len(self) else 0
        return Spot(index, max(0, min(row, last)))

    def row_of(self, spot: Spot) -> int:
        """The number of a row from the top of the transcript, as far as heights are known."""
        return self.heights.start(spot.turn) + spot.row

    # Changing

    def add(self, turn: Turn) -> int:
        """Add a turn, or a new variant of one that is there; its open replies begin to stream. Returns its index."""
        for reply in turn.replies:
            if reply.outcome is Outcome.OPEN and reply.id not in self._live:
                self._live[reply.id] = LiveReply(reply)
        self._keep(turn)
        index = self.index_of(turn.id)
        if index is None:
            index = self._indexes[turn.id] = len(self)
            self._new.append(_size_of(turn))
            self.heights.append(1)
            if (last := self._blocks.get(index - 1)) is not None:
                last.offer_retry(offered=False)
                self.heights.measure(index - 1, last.height)
        if (block := self._blocks.get(index)) is not None:
            block.settle(turn)
            self.heights.measure(index, block.height)
        else:
            self.block(index)
        return index

    def settle(self, turn: Turn) -> int | None:
        """Take a turn of which a reply has its outcome. Returns its index, None if it is not in the list."""
        for reply in turn.replies:
            if reply.outcome is not Outcome.OPEN:
                self._live.pop(reply.id, None)
        index = self.index_of(turn.id)
        if index is None:
            return None
        self._keep(turn)
        if index >= self._saved:
            self._new[index - self._saved] = _size_of(turn)
        if (block := self._blocks.get(index)) is not None:
            block.settle(turn)
            self.heights.measure(index, block.height)
        return index

    def feed(self, reply_id: int, piece: str, *, thinking: bool) -> bool:
        """Collect a piece; False: nobody waits for it."""
        live = self._live.get(reply_id)
        if live is None:
            return False
        live.feed(piece, thinking=thinking)
        return True

    def set_state(self, reply_id: int, words: str) -> bool:
        """Say what an answer waits for; False: nobody waits for it."""
        live = self._live.get(reply_id)
        if live is None or live.state == words:
            return False
        live.state, live.changed = words, True
        return True

    def flush(self) -> list[tuple[int, int]]:
        """Bring what streams up to date; the index of each changed turn, and its first row that changed."""
        changed = dict.fromkeys(live.reply.turn_id for live in self._live.values() if live.changed)
        for live in self._live.values():
            live.changed = False
        found: list[tuple[int, int]] = []
        for turn_id in changed:
            index = self._indexes[turn_id]
            block = self._blocks.get(index)
            if block is not None and (first := block.flush()) is not None:
                self.heights.measure(index, block.height)
                found.append((index, first))
        return found

    def latest_live(self, side: Side) -> LiveReply | None:
        """The reply of a side that streams, the newest if there are several."""
        return next((live for live in reversed(self._live.values()) if live.reply.side is side), None)

    def folds(self, index: int) -> Folds:
        """What of a turn is unfolded."""
        return self._unfolded.get(self._id(index), Folds())

    def unfold(self, index: int, folds: Folds) -> None:
        """Unfold or fold parts of a turn."""
        self._unfolded[self._id(index)] = folds
        if (block := self._blocks.get(index)) is not None:
            block.fold(folds)
            self.heights.measure(index, block.height)

    def _keep(self, turn: Turn) -> None:
        self._own[turn.id] = turn
        self._own.move_to_end(turn.id)
        open_turns = {live.reply.turn_id for live in self._live.values()}
        for turn_id in [each for each in self._own if each not in open_turns][: max(0, len(self._own) - TURNS_KEPT)]:
            if self._source is not None:
                del self._own[turn_id]

    def _drop_old_blocks(self) -> None:
        while len(self._blocks) > BLOCKS_KEPT:
            oldest = next((index for index, block in self._blocks.items() if not block.growing), None)
            if oldest is None:
                return
            del self._blocks[oldest]


def _size_of(turn: Turn) -> TurnSize:
    return TurnSize(
        turn.id, turn.seq, len(turn.prompt), _length(turn.latest(Side.LEFT)), _length(turn.latest(Side.RIGHT))
    )


def _length(reply: Reply | None) -> int:
    return len(reply.text) if reply is not None else 0
