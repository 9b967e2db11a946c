"""An answer while it grows: finished blocks are frozen into lines, only the open end is parsed again.

The cost of a flush depends on what is new, not on what is there. The lines are those that `markdown.render` would
make of the whole; the tests hold the two against each other. Where that cannot be had at a bounded cost, `exact` says
so.
"""

from __future__ import annotations

from tui.rendering.lines import Line
from tui.rendering.markdown import Environment
from tui.rendering.open_ends import OpenBlocks, OpenEnd, Skeleton
from tui.rendering.safe_text import Cleaner


class LiveAnswer:
    """The lines of one growing answer in a column of `width` cells."""

    def __init__(
        self,
        width: int,
        *,
        unwrapped: bool = False,
        begun: str = "",
        gap: bool = False,
        cleaner: Cleaner | None = None,
    ) -> None:
        """`begun`: cleaned text that is there already; `gap`: it follows other blocks; `cleaner`: has seen them."""
        self.width = width
        self.unwrapped = unwrapped
        """Lines of code and tables may be wider."""
        self.lines: list[Line] = []
        self.exact = True
        """False: a very long block was frozen piece by piece and may look different as a whole."""
        self._frozen = 0
        """So many of the lines will not change any more."""
        self._arrived: list[str] = []
        self._cleaner = cleaner or Cleaner()
        self._gap = gap
        self._source: list[str] = []
        """All that was taken, cleaned, for the rare case that what is frozen has to be done again."""
        self._environment: Environment = {"references": {}}
        self._end: OpenEnd = self._beginning()
        self._tail = ""
        if begun:
            self._take(begun, ended=False)

    def _beginning(self) -> OpenBlocks:
        around = Skeleton(gap=self._gap)
        return OpenBlocks(self._environment, around, width=self.width, unwrapped=self.unwrapped)

    def feed(self, text: str) -> None:
        """Take the next piece as it came; nothing is done with it until `flush`."""
        self._arrived.append(text)

    def flush(self) -> int:
        """Bring `lines` up to date, and return the index of the first one that changed."""
        if not self._arrived:
            return len(self.lines)
        text = self._cleaner.feed("".join(self._arrived))
        self._arrived.clear()
        return self._take(text, ended=False)

    def end(self) -> int:
        """Take what was held back: nothing follows. Returns what `flush` returns."""
        text = self._cleaner.feed("".join(self._arrived)) + self._cleaner.end()
        self._arrived.clear()
        complete = "".join([*self._source[-1:], text]).endswith("\n")
        return self._take(text if complete else text + "\n", ended=True)

    def _take(self, text: str, *, ended: bool) -> int:
        if text:
            self._source.append(text)
        self._tail += text
        known = set(self._environment["references"])
        first = self._advance(ended=ended)
        if self._used_before(set(self._environment["references"]) - known):
            self.lines, self._frozen, self._end, self.exact = [], 0, self._beginning(), True
            self._tail = "".join(self._source)
            self._advance(ended=ended)
            first = 0
        return first

    def _used_before(self, labels: set[str]) -> bool:
        """Whether a link of an earlier block waited for one of these definitions."""
        if not labels:
            return False
        source = "".join(self._source).upper()  # markdown-it keeps labels in upper case
        return any(source.count(f"[{label}]") > 1 for label in labels)

    def _advance(self, *, ended: bool) -> int:
        first, before = self._frozen, self.lines[self._frozen :]
        while True:
            step = self._end.take(self._tail, ended=ended)
            self.exact = self.exact and step.exact
            kept = self._frozen - step.replaced
            if kept < first:
                first, before = kept, []
            self.lines[kept:] = step.frozen
            self._frozen = len(self.lines)
            self.lines += step.open
            self._tail = step.tail
            if step.then is None:
                break
            self._end = step.then
        # Most of the open lines look as they did; the view repaints from the first that does not.
        while before and first < len(self.lines) and self.lines[first] == before.pop(0):
            first += 1
        return first
