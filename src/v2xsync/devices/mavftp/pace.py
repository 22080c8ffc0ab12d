"""How a link is best read: by a window of plain reads, or by bursts. Learned from the link, kept for a session.

A burst is one request and many answers; it suits links with long round trips, but the vehicle sets its pace: MAVSDK's
server sends 2 ms apart whatever the link carries, and fills every queue of a slow radio. Plain reads, a few at a time,
follow the link by themselves, and a vehicle that arms is heard at once because no queue stands in between. So the link
is first read plainly; where it is fast enough a burst is tried, and the better of both stays.
"""

from __future__ import annotations

import enum
import statistics
from typing import Final

from v2xsync.devices.mavftp.payload import MOST_DATA

FIRST_WINDOW: Final = 4.0
"""ArduPilot keeps five requests; more are lost until it has answered."""
MOST_WINDOW: Final = 32.0
LEAST_WINDOW: Final = 2.0
SLOW_GAP_S: Final = 0.004
"""Answers that come further apart than this fill the link: below 60 KB/s a burst could only queue up."""
PROBE: Final = 64
"""Answers to judge a link by."""
_LOSSY: Final = 0.45
"""More than a bad radio loses: it is the vehicle that drops what it has no room for."""


class Reading(enum.Enum):
    """How files are read."""

    AUTO = "auto"
    BURST = "burst"
    PLAIN = "plain"


class Pace:
    """What is known of a link; used from one thread."""

    def __init__(self, reading: Reading = Reading.AUTO) -> None:
        self._reading: Final = reading
        self._fixed: bool | None = {Reading.BURST: True, Reading.PLAIN: False}.get(reading)
        self.window = FIRST_WINDOW
        self._gaps_s: list[float] = []
        self._last_at: float | None = None
        self._plain_rate: float | None = None
        self._sent = 0
        self._lost = 0
        self._refusals = 0
        self._least_s: float | None = None

    @property
    def bursts(self) -> bool:
        """Whether to read by bursts now."""
        if self._fixed is not None:
            return self._fixed
        return self._plain_rate is not None

    @property
    def on_trial(self) -> bool:
        """Whether the burst that runs is to be judged."""
        return self._fixed is None and self._plain_rate is not None

    def break_off(self) -> None:
        """The next answer does not follow on the last one."""
        self._last_at = None
        self._gaps_s.clear()

    def note_answer(self, took_s: float | None, now: float) -> None:
        """A plain read was answered; `took_s` is None where it had been asked twice."""
        if took_s is not None:
            self._least_s = took_s if self._least_s is None else min(self._least_s, took_s)
            self._fit_window(took_s, self._least_s)
        if self._fixed is None and self._plain_rate is None:
            if self._last_at is not None:
                self._gaps_s.append(now - self._last_at)
            self._last_at = now
            if len(self._gaps_s) >= PROBE:
                self._judge_plain()

    def _fit_window(self, took_s: float, least_s: float) -> None:
        """Grow while answers come as fast as over an empty link; shrink where they wait in a queue."""
        if took_s < 1.5 * least_s + 0.004:
            self.window = min(MOST_WINDOW, self.window + 1 / self.window)
        elif took_s > 2.5 * least_s + 0.010:
            self.window = max(LEAST_WINDOW, self.window - 1 / self.window)

    def _judge_plain(self) -> None:
        if statistics.median(self._gaps_s) > SLOW_GAP_S:
            self._fixed = False
        else:
            self._plain_rate = PROBE * MOST_DATA / max(sum(self._gaps_s), 1e-6)
        self.break_off()

    def judge_burst(self, count: int, took_s: float) -> None:
        """So many new bytes came by bursts in that time: what is better is kept."""
        if self._plain_rate is not None and self._fixed is None:
            self._fixed = count / max(took_s, 1e-6) > self._plain_rate

    def note_sent(self, *, again: bool) -> None:
        """A plain read was sent; `again` where it or its answer was lost."""
        self._sent += 1
        self._lost += again
        if self._sent >= PROBE:
            if self._lost > _LOSSY * self._sent:
                self.window = max(FIRST_WINDOW, self.window / 2)
            self._sent = self._lost = 0

    def note_refused_burst(self, *, unknown: bool) -> None:
        """The vehicle refused a burst, or said nothing to it: some cannot, and then plain reads have to do."""
        self._refusals += 1
        if unknown or self._refusals >= 3:
            self._fixed = False

    def note_burst(self) -> None:
        """A burst gave data."""
        self._refusals = 0
