"""Cron expressions in a named zone: the moments they mean, and what is wrong with a bad one.

The library `croniter` is asked in naive wall time only, because with a zone it gives a time inside an overlap twice
(seen with 7.0: ``30 1 * * *`` in Los Angeles). Each match is then taken once, at the first moment when the clock shows
it or later; a match on a date that the zone has left out is none. So ``*/5 * * * *`` rests during a repeated hour:
who wants that hour too writes ``{ every = "5m" }``.
"""

from __future__ import annotations

import datetime as dt
from typing import Final, cast
from zoneinfo import ZoneInfo

from v2xsync.errors import ConfigError
from v2xsync.model.localtime import date_exists, first_instant, latest_reading, wall_time

FIELDS: Final = 5
NICKNAMES: Final = ("@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually")
_CHANCE: Final = ("r", "h")
"""croniter's letters for random and hashed times; no name of a month or weekday begins with them."""


def cron_problem(expression: str) -> str | None:
    """What is wrong with a cron expression, in plain words; None where nothing is."""
    fields = expression.lower().split()
    if expression.startswith("@"):
        return None if expression in NICKNAMES else f"{expression!r} is none of {', '.join(NICKNAMES)}"
    if len(fields) != FIELDS:
        return f"{expression!r} has {len(fields)} fields; five are needed: minute hour day month weekday"
    if any(part.startswith(_CHANCE) for field in fields for part in field.split(",")):
        return f"{expression!r} leaves the time to chance; write the times out"
    some_time = dt.datetime.combine(dt.date(2024, 1, 1), dt.time())
    try:
        _step(expression, some_time, backwards=False)
        _step(expression, some_time, backwards=True)
    except ConfigError as error:
        return error.what
    return None


def latest_match(expression: str, now: float, zone: ZoneInfo) -> float:
    """The newest moment not after `now` (seconds since the epoch); raises ConfigError for a bad expression."""
    wall = latest_reading(now, zone) + dt.timedelta(microseconds=1)
    while True:
        wall = _step(expression, wall, backwards=True)
        moment = first_instant(wall, zone)
        if moment <= now and date_exists(wall.date(), zone):
            return moment


def next_match(expression: str, now: float, zone: ZoneInfo) -> float:
    """The first moment after `now` (seconds since the epoch); raises ConfigError for a bad expression."""
    wall = wall_time(now, zone)
    while True:
        wall = _step(expression, wall, backwards=False)
        moment = first_instant(wall, zone)
        if moment > now and date_exists(wall.date(), zone):
            return moment


def _step(expression: str, wall: dt.datetime, *, backwards: bool) -> dt.datetime:
    """The match next to the naive `wall`, never `wall` itself."""
    from croniter import CroniterError, croniter

    try:
        walk = croniter(expression, wall)
        found = walk.get_prev(dt.datetime) if backwards else walk.get_next(dt.datetime)
    except CroniterError as error:
        raise ConfigError(f"{expression!r} is no usable cron expression: {error}") from error
    return cast("dt.datetime", found)
