"""How often pictures are pulled: slower while the terminal cannot keep up, faster again when it can.

A slow link shows as lateness: the event loop was stuck writing when the next picture was due, or the terminal had not
taken the picture before (which counts as a whole period).
"""

from __future__ import annotations

from collections.abc import Mapping

from v2xsync.ui.options import LOCAL_FPS, LOW_BANDWIDTH_FPS, REMOTE_FPS, UiOptions

LATE_SHARE = 0.5
"""A tick later than this share of its period counts as late."""

LATE_TICKS = 3
GOOD_TICKS = 10
SLOWEST_S = 2.0


def wanted_fps(options: UiOptions, environ: Mapping[str, str]) -> float:
    """Return how many pictures per second to pull when all is well."""
    if options.fps:
        return options.fps
    if options.low_bandwidth:
        return LOW_BANDWIDTH_FPS
    return REMOTE_FPS if environ.get("SSH_CONNECTION") else LOCAL_FPS


class Pace:
    """The present period in seconds; halves its rate after three late ticks, doubles it after ten good ones."""

    def __init__(self, fps: float) -> None:
        self._best = 1.0 / max(0.1, fps)
        self.period = self._best
        self._late = 0
        self._good = 0

    @property
    def slow(self) -> bool:
        """Whether pictures come less often than wanted."""
        return self.period > self._best

    def tick(self, late_s: float) -> float:
        """Take how late this tick came, in seconds; returns the period until the next."""
        if late_s > self.period * LATE_SHARE:
            self._late, self._good = self._late + 1, 0
        else:
            self._late, self._good = 0, self._good + 1
        if self._late >= LATE_TICKS:
            self._change(min(SLOWEST_S, self.period * 2))
        elif self._good >= GOOD_TICKS:
            self._change(max(self._best, self.period / 2))
        return self.period

    def _change(self, period: float) -> None:
        self.period = max(period, self._best)
        self._late = self._good = 0
