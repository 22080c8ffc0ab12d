"""Which bytes of a file are there, which are missing, and which came before their turn. Values only; no wire."""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from typing import Final


class Pieces:
    """The range of bytes from `start` to `end`: pieces come in any order, more than once, and leave in order, once."""

    def __init__(self, start: int, end: int) -> None:
        self.end: Final = end
        self.frontier = start
        """Everything before it has left by `take`, or waits to."""
        self.high = start
        """Everything before it was asked for, or came."""
        self._gaps: list[tuple[int, int]] = []
        """Sorted, disjoint ranges (from, to) below `high` that are missing."""
        self._ahead: dict[int, bytes] = {}
        self.ahead_bytes = 0
        self._ready = bytearray()

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        return self.frontier >= self.end

    def ask_up_to(self, high: int) -> None:
        """Everything before `high` is asked for now: what of it is not there is missing."""
        high = min(high, self.end)
        if high > self.high:
            self._gaps.append((self.high, high))
            self.high = high

    def missing(self, offset: int, length: int) -> Iterator[tuple[int, int]]:
        """The parts (from, to) of a range that are missing below `high`."""
        to = offset + length
        at = max(0, bisect.bisect_right(self._gaps, (offset, self.end)) - 1)
        while at < len(self._gaps) and self._gaps[at][0] < to:
            start, stop = max(self._gaps[at][0], offset), min(self._gaps[at][1], to)
            if start < stop:
                yield start, stop
            at += 1

    def gaps(self) -> Iterator[tuple[int, int]]:
        """Everything that is missing below `high`."""
        return iter(self._gaps)

    def add(self, offset: int, data: bytes) -> int:
        """Take a piece; returns how many bytes of it were new."""
        self.ask_up_to(offset + len(data))
        new = 0
        for start, stop in list(self.missing(offset, len(data))):
            self._fill(start, stop)
            self._place(start, data[start - offset : stop - offset])
            new += stop - start
        return new

    def _fill(self, start: int, stop: int) -> None:
        at = bisect.bisect_right(self._gaps, (start, self.end + 1)) - 1
        low, high = self._gaps[at]
        self._gaps[at : at + 1] = [part for part in ((low, start), (stop, high)) if part[0] < part[1]]

    def _place(self, start: int, data: bytes) -> None:
        if start != self.frontier:
            self._ahead[start] = data
            self.ahead_bytes += len(data)
            return
        while True:
            self._ready += data
            self.frontier += len(data)
            if self.frontier not in self._ahead:
                return
            data = self._ahead.pop(self.frontier)
            self.ahead_bytes -= len(data)

    def ready_bytes(self) -> int:
        """How many bytes can leave now."""
        return len(self._ready)

    def take(self, most: int) -> tuple[int, bytes]:
        """What can leave now, `most` bytes of it: its offset, and the bytes."""
        offset = self.frontier - len(self._ready)
        data = bytes(self._ready[:most])
        del self._ready[:most]
        return offset, data
