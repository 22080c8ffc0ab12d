"""When things run: schedules as values, computed with a named zone. No clock is read here (invariant 12).

Moments are seconds since the epoch. A *slot* is one opening of a daily schedule: there is exactly one for each date
that exists in the zone, whatever its clock does (see `localtime`). Cron expressions follow the same rule (see `cron`).
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from v2xsync.model.cron import cron_problem, latest_match, next_match
from v2xsync.model.localtime import date_after, date_before, date_exists, first_instant, wall_time

__all__ = [
    "Arrival",
    "Cron",
    "Daily",
    "Every",
    "Schedule",
    "Slot",
    "closes_at",
    "cron_problem",
    "due",
    "latest_slot",
    "next_due",
    "next_slot",
    "slot_on",
    "window_open",
]


@dataclass(frozen=True, slots=True)
class Arrival:
    """As soon as there is something."""


@dataclass(frozen=True, slots=True)
class Every:
    """Every `seconds`, counted from the end of the last run."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Daily:
    """Once per local date at `at`; nothing new starts after `until` (which may lie past midnight)."""

    at: dt.time
    until: dt.time | None = None
    catch_up: bool = True


@dataclass(frozen=True, slots=True)
class Cron:
    """A cron expression in the station's zone."""

    expression: str
    catch_up: bool = True


Schedule = Arrival | Every | Daily | Cron


@dataclass(frozen=True, slots=True)
class Slot:
    """One opening of a daily schedule, for local `date`: from `opens` until just before `closes` (None: no end)."""

    date: dt.date
    opens: float
    closes: float | None

    def is_open(self, now: float) -> bool:
        """Whether `now` lies inside."""
        return self.opens <= now and (self.closes is None or now < self.closes)


# --- daily slots ------------------------------------------------------------------------------------------------------


def slot_on(daily: Daily, date: dt.date, zone: ZoneInfo) -> Slot:
    """The slot of local `date`; raises ValueError for a date that `zone` has left out.

    An `until` that is not later than `at` lies on the next date. A window that falls into a gap altogether opens at
    the gap's end and keeps its length: otherwise that date would have no run.
    """
    if not date_exists(date, zone):
        raise ValueError(f"{date} does not exist in {zone}")
    opening = dt.datetime.combine(date, daily.at)
    opens = first_instant(opening, zone)
    if daily.until is None:
        return Slot(date, opens, None)
    last_date = date if daily.until > daily.at else date_after(date, zone)
    closing = dt.datetime.combine(last_date, daily.until)
    closes = first_instant(closing, zone)
    if closes <= opens:
        closes = opens + (closing - opening).total_seconds()
    return Slot(date, opens, closes)


def latest_slot(daily: Daily, now: float, zone: ZoneInfo) -> Slot:
    """The newest slot that has opened by `now`."""
    # One date ahead: where an overlap goes back past midnight, tomorrow's slot has opened already.
    date = date_after(wall_time(now, zone).date(), zone)
    while (slot := slot_on(daily, date, zone)).opens > now:
        date = date_before(date, zone)
    return slot


def next_slot(daily: Daily, now: float, zone: ZoneInfo) -> Slot:
    """The first slot that opens after `now`."""
    return slot_on(daily, date_after(latest_slot(daily, now, zone).date, zone), zone)


# --- runs -------------------------------------------------------------------------------------------------------------


def due(
    schedule: Schedule,
    now: float,
    zone: ZoneInfo,
    *,
    last_due: float | None,
    last_closed: float | None,
    running_since: float,
) -> float | None:
    """The due time of a run that must be opened now, or None.

    `last_due` is the due time of the newest run, finished or not; `last_closed` is when the newest finished one ended;
    `running_since` is when this process started (what was due before is *missed*, and run only with `catch_up`).
    A run on arrival is never due: it is always open.
    """
    if isinstance(schedule, Arrival):
        return None
    if isinstance(schedule, Every):
        return _due_every(schedule.seconds, now, last_closed)
    opens = _opened_at(schedule, now, zone)
    if opens is None or (last_due is not None and opens <= last_due):
        return None
    return opens if schedule.catch_up or opens >= running_since else None


def _opened_at(schedule: Daily | Cron, now: float, zone: ZoneInfo) -> float | None:
    if isinstance(schedule, Cron):
        return latest_match(schedule.expression, now, zone)
    slot = latest_slot(schedule, now, zone)
    return slot.opens if slot.is_open(now) else None


def _due_every(seconds: float, now: float, last_closed: float | None) -> float | None:
    """A last run that ended in the future tells that the clock was set back: then it is time, too."""
    if last_closed is None or last_closed > now:
        return now
    at = last_closed + seconds
    return at if at <= now else None


def next_due(
    schedule: Schedule, now: float, zone: ZoneInfo, *, last_due: float | None, last_closed: float | None
) -> float | None:
    """When the next run is due, for people; a moment that is not after `now` means "at once"; None on arrival."""
    waiting = due(schedule, now, zone, last_due=last_due, last_closed=last_closed, running_since=math.inf)
    if waiting is not None:
        return waiting
    if isinstance(schedule, Every):
        return None if last_closed is None else last_closed + schedule.seconds
    if isinstance(schedule, Daily):
        return next_slot(schedule, now, zone).opens
    return next_match(schedule.expression, now, zone) if isinstance(schedule, Cron) else None


def window_open(schedule: Schedule, now: float, zone: ZoneInfo) -> bool:
    """Whether work of this schedule may start now; only a daily one with `until` ever says no."""
    if not isinstance(schedule, Daily) or schedule.until is None:
        return True
    return latest_slot(schedule, now, zone).is_open(now)


def closes_at(schedule: Schedule, now: float, zone: ZoneInfo) -> float | None:
    """When the window that is open now closes; None where none is open or it has no end."""
    if not isinstance(schedule, Daily) or schedule.until is None:
        return None
    slot = latest_slot(schedule, now, zone)
    return slot.closes if slot.is_open(now) else None
