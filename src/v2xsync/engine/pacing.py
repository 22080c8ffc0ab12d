"""Bandwidth limits: one bucket for the whole station, shared by every lane."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from v2xsync.engine.clock import Clock
from v2xsync.errors import Cancelled
from v2xsync.model.limits import RateStep, rate_at

_BURST_S = 0.25
"""So much of a second may pass at once; smooth enough for people, long enough for the scheduler."""

_LOOK_AGAIN_S = 5.0
"""A waiting transfer notices a new step of the timetable within this time."""


class Throttle:
    """A token bucket that follows the limits' timetable. Any thread may `take`."""

    def __init__(self, steps: Sequence[RateStep], zone: ZoneInfo, clock: Clock) -> None:
        self._steps = tuple(steps)
        self._zone = zone
        self._clock = clock
        self._lock = threading.Lock()
        self._free_at = 0.0

    def rate(self) -> float | None:
        """Bytes per second allowed now; None for no limit."""
        return rate_at(self._steps, self._clock.now(), self._zone) if self._steps else None

    def take(self, count: int, stop: threading.Event) -> None:
        """Wait until `count` bytes may pass; raises Cancelled where `stop` is set before."""
        if not self._steps:
            return
        wait_s = self._reserve(count)
        while wait_s > 0:
            if self._clock.wait(stop, min(wait_s, _LOOK_AGAIN_S)):
                raise Cancelled("stopped while waiting for bandwidth")
            wait_s -= _LOOK_AGAIN_S

    def _reserve(self, count: int) -> float:
        rate = self.rate()
        if rate is None:
            return 0.0
        with self._lock:
            now = self._clock.monotonic()
            self._free_at = max(self._free_at, now - _BURST_S) + count / max(rate, 1.0)
            return self._free_at - now
