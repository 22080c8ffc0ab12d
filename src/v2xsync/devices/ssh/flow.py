"""How many bytes of content may be on their way at once: as many as the link holds, and not many more.

Too few leave a long link idle; too many make the far side queue megabytes, at a price that grows with the square of
the queue and hurts small machines most. Twice the product of bandwidth and delay keeps the link full: the delay is
the shortest answer ever seen, the bandwidth the best recent rate. Starting at 2 MiB, a link that is limited by
this number shows double the rate after each doubling, until it is full.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

MIB: Final = 1 << 20
START: Final = 2 * MIB
MOST: Final = 16 * MIB
_HEADROOM: Final = 2.0
_SHORTEST_LOOK_S: Final = 0.05
_LONGEST_LOOK_S: Final = 10.0
_FADE: Final = 0.9
"""How much of the best rate is believed one look later."""


class Flow:
    """Measures one session; `ticks` gives seconds from any origin."""

    def __init__(self, ticks: Callable[[], float]) -> None:
        self.ticks: Final = ticks
        self.limit = START
        """Bytes that may be on their way."""
        self.delay_s: float | None = None
        """The shortest answer seen."""
        self._rate = 0.0
        self._bytes = 0
        self._since = ticks()

    def answered_after(self, seconds: float) -> None:
        """A small request was answered after so long."""
        if 0.0 < seconds < _LONGEST_LOOK_S and (self.delay_s is None or seconds < self.delay_s):
            self.delay_s = seconds

    def begin(self) -> None:
        """A transfer begins: the time before it says nothing of the rate."""
        self._bytes = 0
        self._since = self.ticks()

    def moved(self, count: int) -> None:
        """`count` bytes of content have arrived, or were acknowledged."""
        self._bytes += count
        elapsed = self.ticks() - self._since
        if self.delay_s is None or 0.0 <= elapsed < max(_SHORTEST_LOOK_S, 2 * self.delay_s):
            return
        if 0.0 < elapsed < _LONGEST_LOOK_S:
            self._learn(self._bytes / elapsed, self.delay_s)
        self.begin()

    def _learn(self, rate: float, delay_s: float) -> None:
        self._rate = max(rate, self._rate * _FADE)
        self.limit = int(min(max(_HEADROOM * self._rate * delay_s, START), MOST))
