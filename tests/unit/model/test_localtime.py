"""Wall clocks against the time line (invariant 12)."""

from __future__ import annotations

import datetime as dt
import itertools
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.model.zones import ODD_ZONES, dates_shown, span

from v2xsync.model.localtime import date_after, date_before, date_exists, first_instant, latest_reading, wall_time

zones = st.sampled_from(ODD_ZONES)


@given(zones, st.data())
def test_the_first_instant_is_when_the_clock_first_shows_the_time_or_later(
    zone_and_year: tuple[str, int], data: st.DataObject
) -> None:
    zone = ZoneInfo(zone_and_year[0])
    moment = data.draw(st.integers(*span(zone_and_year[1], zone)))
    wall = wall_time(moment, data.draw(st.sampled_from([zone, ZoneInfo("UTC")])))
    first = first_instant(wall, zone)
    assert wall_time(first, zone) >= wall
    assert wall_time(first - 1, zone) < wall
    assert latest_reading(first - 1, zone) < wall + dt.timedelta(hours=3)


def changes(name: str, year: int) -> list[int]:
    """The moments, to the minute, at which the zone's offset changes."""
    zone = ZoneInfo(name)
    first, last = span(year, zone)
    offsets = {moment: dt.datetime.fromtimestamp(moment, zone).utcoffset() for moment in range(first, last, 3600)}
    hours = [moment for moment in offsets if moment + 3600 in offsets and offsets[moment] != offsets[moment + 3600]]
    return [
        next(
            minute
            for minute in range(hour, hour + 3601, 60)
            if dt.datetime.fromtimestamp(minute, zone).utcoffset() != offsets[hour]
        )
        for hour in hours
    ]


@pytest.mark.parametrize(("name", "year"), ODD_ZONES)
def test_around_every_change_each_minute_is_found_as_by_watching_the_clock(name: str, year: int) -> None:
    """Gap: the next valid minute. Overlap: the first occurrence only."""
    zone = ZoneInfo(name)
    for change in changes(name, year):
        watched = range(change - 4 * 3600, change + 28 * 3600, 60)
        walls = [wall_time(minute, zone) for minute in watched]
        wall = walls[0]
        while wall < walls[-1] - dt.timedelta(hours=2):
            expected = next(minute for minute, shown in zip(watched, walls, strict=True) if shown >= wall)
            assert first_instant(wall, zone) == expected
            wall += dt.timedelta(minutes=7)


@given(zones, st.data())
def test_no_earlier_reading_was_later_than_the_latest_reading(
    zone_and_year: tuple[str, int], data: st.DataObject
) -> None:
    zone = ZoneInfo(zone_and_year[0])
    change = data.draw(st.sampled_from(changes(*zone_and_year) or [span(zone_and_year[1], zone)[0]]))
    moment = change + data.draw(st.integers(-10_000, 10_000))
    latest = latest_reading(moment, zone)
    assert all(wall_time(before, zone) <= latest for before in range(moment, moment - 10_000, -60))


@pytest.mark.parametrize(("name", "year"), ODD_ZONES)
def test_dates_follow_each_other_without_those_left_out(name: str, year: int) -> None:
    zone, dates = ZoneInfo(name), dates_shown(name, year)
    assert all(date_exists(date, zone) for date in dates)
    assert all(date_after(date, zone) == after for date, after in itertools.pairwise(dates))
    assert all(date_before(date, zone) == before for before, date in itertools.pairwise(dates))


def test_apia_has_no_2011_12_30() -> None:
    apia = ZoneInfo("Pacific/Apia")
    assert not date_exists(dt.date(2011, 12, 30), apia)
    assert date_after(dt.date(2011, 12, 29), apia) == dt.date(2011, 12, 31)
