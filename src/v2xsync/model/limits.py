"""Bandwidth limits that follow the time of day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from v2xsync.model.localtime import wall_time


@dataclass(frozen=True, slots=True)
class RateStep:
    """From the local time `at` on the limit is `bytes_per_s` (None: unlimited)."""

    at: dt.time
    bytes_per_s: float | None


def rate_at(steps: Sequence[RateStep], now: float, zone: ZoneInfo) -> float | None:
    """The limit in bytes per second at `now` (seconds since the epoch); None is unlimited.

    The last step of yesterday holds until the first of today. No steps: unlimited.
    """
    if not steps:
        return None
    time_of_day = wall_time(now, zone).time()
    in_order = sorted(steps, key=lambda step: step.at)
    begun = [step for step in in_order if step.at <= time_of_day]
    return (begun or in_order)[-1].bytes_per_s
