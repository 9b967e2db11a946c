"""When Python's garbage collector runs, so that it never stops the screen for long.

Left alone it stops the program for 100 to 180 ms about every two seconds while two answers stream, because Textual's
strips refer to themselves and are cyclic garbage by the thousand. So: what exists after the first paint is frozen,
the collector is off while anything streams, and the frame timer collects the youngest generation four times a second
(3 to 13 ms each). What got older is collected in the quiet after a stream.
"""

from __future__ import annotations

import gc

YOUNG_EVERY = 0.25
"""Seconds between collections of the youngest generation while text streams."""
MIDDLE_EVERY = 600.0
"""Seconds after which a stream that does not end has its middle generation collected (some 20 ms)."""


class GCPolicy:
    """Decides for one running app. Times are seconds on any one clock."""

    def __init__(self) -> None:
        self._streaming = False
        self._young_at = 0.0
        self._middle_at = 0.0

    @staticmethod
    def begin() -> None:
        """To be called before the screen's libraries are imported: nothing of theirs is garbage (some 40 ms)."""
        gc.disable()

    @staticmethod
    def settle() -> None:
        """To be called once after the first paint: what exists by now stays, and is not looked at again."""
        gc.enable()
        gc.collect()
        gc.freeze()

    def frame(self, now: float) -> None:
        """A frame of streaming text was drawn."""
        if not self._streaming:
            self._streaming = True
            self._young_at, self._middle_at = now, now
            gc.disable()
        if now - self._middle_at >= MIDDLE_EVERY:
            self._middle_at = self._young_at = now
            gc.collect(1)
        elif now - self._young_at >= YOUNG_EVERY:
            self._young_at = now
            gc.collect(0)

    def quiet(self) -> None:
        """Nothing streams any more, and has not for a while."""
        if self._streaming:
            self._streaming = False
            gc.enable()
            gc.collect()
