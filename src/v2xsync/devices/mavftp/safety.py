"""When a vehicle may be talked to: vehicles come first (invariant 10).

Judged from the heartbeats on the very link that files come over. PX4 answers badly to file requests while it arms or
flies, and its logger needs a moment to close a log after disarming; so a vehicle has to be seen disarmed for a while
first. Numbers are those of MAVLink's ``HEARTBEAT`` (https://mavlink.io/en/messages/common.html#HEARTBEAT).
"""

from __future__ import annotations

import enum
from typing import Final

ARMED_BIT: Final = 128
CALM_STATES: Final = frozenset({0, 3, 5})
"""Uninitialised (servers that tell no state), standby, and critical: a flat battery on the ground is no flight.

Not booting, calibrating, active (arming, or already armed), emergency, powering off or terminating the flight."""

FRESH_S: Final = 2.5
"""Heartbeats come once a second. Older than two and a half, and the state is unknown."""

LONG_GAP_S: Final = 10.0
"""After so long unheard the vehicle has to be seen disarmed for the whole rest again: it may have flown."""


class Verdict(enum.Enum):
    """What may be done now."""

    CALM = "calm"
    RESTING = "resting"
    """Disarmed, but not for long enough."""
    UNKNOWN = "unknown"
    """Its heartbeats are missing."""
    ARMED = "armed"
    """Armed, arming, or in a state that is not for us to disturb."""


class Watch:
    """The state of one vehicle, as far as its heartbeats tell; moments are monotonic seconds."""

    def __init__(self, *, rest_s: float, heedless: bool) -> None:
        """Watch, or with `heedless` (``safety = "any"``) only ask that there is a vehicle."""
        self._rest_s: Final = rest_s
        self._heedless: Final = heedless
        self._heard_at: float | None = None
        self._calm_since: float | None = None
        self._arming = False

    @property
    def heard(self) -> bool:
        """Whether any heartbeat has come."""
        return self._heard_at is not None

    def note_heartbeat(self, base_mode: int, system_status: int, now: float) -> None:
        """A heartbeat of the vehicle has come."""
        gap = now - self._heard_at if self._heard_at is not None else 0.0
        self._heard_at = now
        calm = not base_mode & ARMED_BIT and system_status in CALM_STATES
        if not calm:
            self._calm_since = None
        elif self._calm_since is None or self._arming or gap > LONG_GAP_S:
            self._calm_since = now
        self._arming = not calm

    def note_arming(self) -> None:
        """Somebody asks the vehicle to arm or to disarm: until its next heartbeat it counts as arming."""
        self._arming = True

    def forget(self) -> None:
        """Nobody has listened for a while: what was known is old."""
        self._heard_at = self._calm_since = None
        self._arming = False

    def verdict(self, now: float) -> Verdict:
        """What may be done at `now`."""
        if self._heard_at is None:
            return Verdict.UNKNOWN
        if self._heedless:
            return Verdict.CALM
        if self._arming:
            return Verdict.ARMED
        if now - self._heard_at > FRESH_S or self._calm_since is None:
            return Verdict.UNKNOWN
        return Verdict.CALM if now - self._calm_since >= self._rest_s else Verdict.RESTING
