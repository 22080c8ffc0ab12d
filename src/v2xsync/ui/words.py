"""Numbers and times as people read them, with few distinct values, so that a calm station draws nothing.

Sizes are decimal (1 KB = 1000 B), as in the config. Every function is pure; times are seconds since the epoch.
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass

from v2xsync.model.amounts import in_bytes, scaled

MINUTE_S = 60.0
HOUR_S = 3600.0
DAY_S = 86400.0
SOON_S = DAY_S
"""A clock time within this many seconds cannot be taken for another day's."""

LEAST_RATE = 500.0
"""Bytes per second below which nothing is said to flow."""

WEEK_S = 6.5 * DAY_S


def sizes(done: float, total: float) -> str:
    """Return ``3.1 of 7.4 GB``; the unit is written twice only where it differs."""
    value, unit = scaled(done)
    whole, whole_unit = scaled(total)
    return f"{value} of {whole} {unit}" if unit == whole_unit else f"{value} {unit} of {whole} {whole_unit}"


def rate(per_second: float) -> str:
    """Return bytes per second, ``6.1 MB/s``; empty for the last drops of an average that dies away."""
    return f"{in_bytes(per_second)}/s" if per_second >= LEAST_RATE else ""


def number(count: int) -> str:
    """Return ``12,345``."""
    return f"{count:,}"


def files(count: int) -> str:
    """Return ``1 file`` or ``12 files``."""
    return "1 file" if count == 1 else f"{number(count)} files"


def percent(done: float, total: float) -> int:
    """Return whole percent, rounded down so that 100 means all; nothing to do counts as done."""
    return 100 if total <= 0 else max(0, min(100, int(100 * done / total)))


def span(seconds: float) -> str:
    """Return how long, in one coarse unit: ``<1 min``, ``12 min``, ``3 h``, ``5 d``."""
    if seconds < MINUTE_S:
        return "<1 min"
    if seconds < 100 * MINUTE_S:
        return f"{int(seconds // MINUTE_S)} min"
    if seconds < 2 * DAY_S:
        return f"{int(seconds // HOUR_S)} h"
    return f"{int(seconds // DAY_S)} d"


def left(seconds: float | None) -> str:
    """Return how long it still takes, rounded up: ``14 min left``; empty where nobody knows."""
    if seconds is None or not math.isfinite(seconds):
        return ""
    if seconds <= MINUTE_S:
        return "<1 min left"
    if seconds <= 100 * MINUTE_S:
        return f"{math.ceil(seconds / MINUTE_S)} min left"
    if seconds <= 2 * DAY_S:
        return f"{math.ceil(seconds / HOUR_S)} h left"
    return f"{math.ceil(seconds / DAY_S)} d left"


def offset(seconds: float) -> str:
    """Return a device's clock minus ours: ``+0.4 s``, ``-3 min``."""
    sign = "-" if seconds < 0 else "+"
    apart = abs(seconds)
    return f"{sign}{apart:.1f} s" if apart < MINUTE_S else f"{sign}{span(apart)}"


@dataclass(frozen=True, slots=True)
class Moment:
    """Now, in a zone: what turns a time into words."""

    now: float
    zone: dt.tzinfo = dt.UTC

    def local(self, at: float) -> dt.datetime:
        """Return `at` in the zone."""
        return dt.datetime.fromtimestamp(at, self.zone)

    def clock(self, at: float) -> str:
        """Return ``12:04``."""
        return self.local(at).strftime("%H:%M")

    def clock_s(self, at: float) -> str:
        """Return ``12:04:07``."""
        return self.local(at).strftime("%H:%M:%S")

    def stamp(self, at: float) -> str:
        """Return a time in the past or future, never ambiguous: ``12:04:07`` today, else ``03-05 12:04``."""
        local, today = self.local(at), self.local(self.now)
        if local.date() == today.date():
            return local.strftime("%H:%M:%S")
        return local.strftime("%m-%d %H:%M" if local.year == today.year else "%Y-%m-%d")

    def full(self, at: float) -> str:
        """Return ``2026-03-05 12:04:07``."""
        return self.local(at).strftime("%Y-%m-%d %H:%M:%S")

    def when(self, at: float) -> str:
        """Return when something comes: ``now``, ``02:00``, ``Thu 02:00``, ``14 Mar``."""
        ahead = at - self.now
        if ahead <= 0:
            return "now"
        local = self.local(at)
        if ahead < SOON_S or local.date() == self.local(self.now).date():
            return local.strftime("%H:%M")
        return local.strftime("%a %H:%M") if ahead < WEEK_S else f"{local.day} {local:%b}"

    def coming(self, at: float) -> str:
        """Return ``next 02:00``, or ``due now``."""
        return f"next {self.when(at)}" if at > self.now else "due now"

    def since(self, at: float) -> str:
        """Return how long ago `at` was, as `span`."""
        return span(self.now - at)
