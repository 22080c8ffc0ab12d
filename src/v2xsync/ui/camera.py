"""`Camera`: takes pictures of a station, and remembers the little that the screen adds to them.

That is: the newest events, the throughput of the last seconds, and what a person asked a moment ago.
"""

from __future__ import annotations

import datetime as dt
from collections import deque
from collections.abc import Iterable
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from v2xsync.engine.facade import Facade
from v2xsync.model.views import DeviceState, EventView, StationView
from v2xsync.ui.glyphs import Glyphs
from v2xsync.ui.ink import Ink, Picture
from v2xsync.ui.options import UiOptions
from v2xsync.ui.words import Moment

EVENTS_KEPT = 2000
CURVE_SECONDS = 24
MARK_S = 1.0
"""How long a row says `requested` after a key, so that the eye sees it even where the engine answers at once."""


QUIET = frozenset({DeviceState.UP, DeviceState.UNKNOWN})
"""States that give way to `requested`."""


class Camera:
    """Pulls; nothing pushes."""

    def __init__(self, facade: Facade, options: UiOptions, glyphs: Glyphs) -> None:
        self._facade = facade
        self._options = options
        self._glyphs = glyphs
        self._ring: deque[EventView] = deque(maxlen=EVENTS_KEPT)
        self._events: tuple[EventView, ...] = ()
        self._last_seq = 0
        self._missed = 0
        self._rates: deque[float] = deque(maxlen=CURVE_SECONDS)
        self._rated_at = 0
        self._marks: dict[str | int, float] = {}
        self._zone: tuple[str, dt.tzinfo] = ("UTC", dt.UTC)

    def mark(self, names: Iterable[str | int]) -> None:
        """Let rows of these names (or item ids) say `requested` for a moment."""
        until = self._options.clock() + MARK_S
        self._marks.update((name, until) for name in names)

    def take(self, queue_rows: int, *, slow: bool, at_once: bool = False) -> Picture:
        """Return the present picture with at most `queue_rows` rows of the queue; `at_once` lets nothing lag."""
        now = self._options.clock()
        view = self._facade.view(queue_rows)
        self._read_events(view)
        self._rate(view, now)
        self._marks = {name: until for name, until in self._marks.items() if until > now}
        return Picture(
            view=view,
            ink=Ink(Moment(now, self._zone_of(view)), self._glyphs, frozenset(self._marks) | _asked_of(view)),
            events=self._events,
            missed=self._missed,
            curve=() if self._options.low_bandwidth else tuple(self._rates),
            slow=slow,
            at_once=at_once,
            read_only=self._options.read_only,
            attached=self._options.attached,
        )

    def _read_events(self, view: StationView) -> None:
        if view.last_event == self._last_seq:
            return
        fresh = self._facade.events_since(self._last_seq)
        if not fresh:
            return
        if self._last_seq:
            self._missed += max(0, fresh[0].seq - self._last_seq - 1)
        self._last_seq = fresh[-1].seq
        self._ring.extend(fresh)
        self._events = tuple(self._ring)

    def _rate(self, view: StationView, now: float) -> None:
        if int(now) != self._rated_at:
            self._rated_at = int(now)
            self._rates.append(view.totals.rate_in + view.totals.rate_out)

    def _zone_of(self, view: StationView) -> dt.tzinfo:
        if self._options.zone is not None:
            return self._options.zone
        name, zone = self._zone
        if name != view.zone:
            try:
                zone = ZoneInfo(view.zone)
            except (ZoneInfoNotFoundError, ValueError):
                zone = dt.UTC
            self._zone = (view.zone, zone)
        return zone


def _asked_of(view: StationView) -> frozenset[str]:
    """Sources that a requested run has not reached yet, unless they have something graver to say."""
    asked = {source for route in view.routes if route.requested for source in route.sources}
    return frozenset(device.name for device in view.devices if device.name in asked and device.state in QUIET)
