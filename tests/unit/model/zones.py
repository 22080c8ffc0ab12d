"""Zones whose clocks do odd things, each with two years in which they did."""

from __future__ import annotations

import datetime as dt
from functools import cache
from zoneinfo import ZoneInfo

ODD_ZONES = (
    ("America/Los_Angeles", 2023),
    ("Europe/London", 2023),
    ("Asia/Kolkata", 2023),  # no change at all
    ("Africa/Casablanca", 2023),  # an hour back for Ramadan
    ("Australia/Lord_Howe", 2023),  # half an hour
    ("America/Sao_Paulo", 2017),  # the gap began at midnight
    ("Pacific/Apia", 2011),  # 2011-12-30 was left out
    ("America/St_Johns", 2009),  # the overlap went back over midnight
    ("Africa/Cairo", 2023),  # the gap begins at midnight
)


def span(year: int, zone: ZoneInfo) -> tuple[int, int]:
    """Two years from `year` on, as moments."""
    first, last = (dt.datetime(y, 1, 1, tzinfo=zone).timestamp() for y in (year, year + 2))
    return int(first), int(last)


@cache
def dates_shown(name: str, year: int) -> tuple[dt.date, ...]:
    """Every date that the clock of the zone shows in two years, found by looking at it every half hour."""
    zone = ZoneInfo(name)
    first, last = span(year, zone)
    return tuple(sorted({dt.datetime.fromtimestamp(moment, zone).date() for moment in range(first, last, 1800)}))
