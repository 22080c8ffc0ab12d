"""Schedules: exactly one run per local date, whatever the zone's clock does (invariant 12, requirement R14)."""

from __future__ import annotations

import datetime as dt
import itertools
import math
from collections import Counter
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.model.zones import ODD_ZONES, dates_shown, span

from v2xsync.model.localtime import wall_time
from v2xsync.model.schedule import (
    Arrival,
    Cron,
    Daily,
    Every,
    Schedule,
    Slot,
    closes_at,
    due,
    latest_slot,
    next_due,
    next_slot,
    slot_on,
    window_open,
)

PORTLAND = ZoneInfo("America/Los_Angeles")
TIMES = [dt.time(0), dt.time(0, 30), dt.time(1, 30), dt.time(2, 15), dt.time(12), dt.time(23, 30)]


def moment(*when: int, zone: ZoneInfo = PORTLAND, fold: int = 0) -> float:
    return dt.datetime(*when, tzinfo=zone, fold=fold).timestamp()  # type: ignore[misc, arg-type]


# --- slots ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", TIMES, ids=str)
@pytest.mark.parametrize(("name", "year"), ODD_ZONES)
def test_exactly_one_slot_for_every_local_date(name: str, year: int, at: dt.time) -> None:
    """Invariant 12: over two years each date that exists has one slot, and the slots follow each other."""
    zone = ZoneInfo(name)
    first, last = span(year, zone)
    daily = Daily(at, until=dt.time(5))
    slots = [next_slot(daily, first - 1, zone)]
    while (slot := next_slot(daily, slots[-1].opens, zone)).opens < last:
        slots.append(slot)
    assert tuple(slot.date for slot in slots) == dates_shown(name, year)
    for slot, following in itertools.pairwise(slots):
        planned = dt.datetime.combine(slot.date, at)
        assert wall_time(slot.opens, zone) >= planned > wall_time(slot.opens - 1, zone)
        assert slot.closes is not None
        assert slot.opens < slot.closes < following.opens
        assert latest_slot(daily, following.opens - 1, zone) == slot == slot_on(daily, slot.date, zone)
        assert latest_slot(daily, slot.opens, zone) == slot


FIVE_YEARS = (dt.date(2024, 1, 1), dt.date(2029, 1, 1))
EIGHT_ZONES = (
    "America/Los_Angeles", "America/New_York", "America/Phoenix", "Europe/London", "Europe/Berlin", "Africa/Cairo",
    "Asia/Kolkata", "Australia/Lord_Howe",
)  # fmt: skip


@pytest.mark.parametrize("name", EIGHT_ZONES)
def test_five_years_have_one_daily_run_for_every_local_date(name: str) -> None:
    """Invariant 12: each date once, none left out, in order; at times that the clock skips or shows twice, too."""
    zone, (first, last) = ZoneInfo(name), FIVE_YEARS
    for at in (dt.time(0, 30), dt.time(2, 15)):
        now = dt.datetime.combine(first, dt.time(), zone).timestamp() - 1
        for number in range((last - first).days):
            slot = next_slot(Daily(at), now, zone)
            assert slot.date == first + dt.timedelta(days=number)
            now = slot.opens
        assert next_slot(Daily(at), now, zone).date == last


@given(st.sampled_from(ODD_ZONES), st.times(), st.none() | st.times(), st.data())
def test_the_latest_slot_has_opened_and_the_next_one_has_not(
    zone_and_year: tuple[str, int], at: dt.time, until: dt.time | None, data: st.DataObject
) -> None:
    zone = ZoneInfo(zone_and_year[0])
    now = data.draw(st.integers(*span(zone_and_year[1], zone)))
    daily = Daily(at.replace(second=0, microsecond=0), until.replace(second=0, microsecond=0) if until else None)
    latest, following = latest_slot(daily, now, zone), next_slot(daily, now, zone)
    assert latest.opens <= now < following.opens
    assert latest.date < following.date
    assert (latest.closes is None) == (until is None)
    assert latest.closes is None or latest.closes > latest.opens


def test_a_time_in_the_gap_is_the_next_valid_minute() -> None:
    assert slot_on(Daily(dt.time(2, 30)), dt.date(2024, 3, 10), PORTLAND).opens == moment(2024, 3, 10, 3)


def test_a_time_in_the_overlap_is_its_first_occurrence_only() -> None:
    daily = Daily(dt.time(1, 30))
    slot = slot_on(daily, dt.date(2024, 11, 3), PORTLAND)
    assert slot.opens == moment(2024, 11, 3, 1, 30, fold=0)
    assert latest_slot(daily, moment(2024, 11, 3, 1, 45, fold=1), PORTLAND) == slot
    assert next_slot(daily, slot.opens, PORTLAND).date == dt.date(2024, 11, 4)


def test_a_slot_just_before_an_overlap_over_midnight_stays_the_latest() -> None:
    """In St. John's, one minute into 2009-11-01, the clock went back to 23:01 of the day before."""
    st_johns = ZoneInfo("America/St_Johns")
    daily = Daily(dt.time(0))
    slot = slot_on(daily, dt.date(2009, 11, 1), st_johns)
    assert wall_time(slot.opens + 120, st_johns).date() == dt.date(2009, 10, 31)
    assert latest_slot(daily, slot.opens + 120, st_johns) == slot
    assert next_slot(daily, slot.opens + 120, st_johns).date == dt.date(2009, 11, 2)


def test_a_date_that_was_left_out_has_no_slot() -> None:
    with pytest.raises(ValueError, match="2011-12-30 does not exist"):
        slot_on(Daily(dt.time(12)), dt.date(2011, 12, 30), ZoneInfo("Pacific/Apia"))


def test_until_may_lie_past_midnight() -> None:
    slot = slot_on(Daily(dt.time(22), dt.time(5)), dt.date(2024, 6, 30), PORTLAND)
    assert slot == Slot(dt.date(2024, 6, 30), moment(2024, 6, 30, 22), moment(2024, 7, 1, 5))


def test_a_window_inside_the_gap_keeps_its_length() -> None:
    """Otherwise that date would have no run."""
    slot = slot_on(Daily(dt.time(2, 10), dt.time(2, 40)), dt.date(2024, 3, 10), PORTLAND)
    assert (slot.opens, slot.closes) == (moment(2024, 3, 10, 3), moment(2024, 3, 10, 3, 30))


# --- runs -------------------------------------------------------------------------------------------------------------


def ask(
    schedule: Schedule,
    now: float,
    *,
    zone: ZoneInfo = PORTLAND,
    last_due: float | None = None,
    last_closed: float | None = None,
    running_since: float = 0.0,
) -> float | None:
    return due(schedule, now, zone, last_due=last_due, last_closed=last_closed, running_since=running_since)


@pytest.mark.parametrize("schedule", [Daily(dt.time(2, 15)), Cron("15 2 * * *")], ids=["daily", "cron"])
@pytest.mark.parametrize(("name", "year"), ODD_ZONES)
def test_an_engine_that_asks_often_runs_once_for_every_local_date(name: str, year: int, schedule: Schedule) -> None:
    """Invariant 12: asked every twenty minutes or so, with sleeps of up to ten hours, restarts and slow runs."""
    zone = ZoneInfo(name)
    first, last = span(year, zone)
    now, last_due, runs = float(first), None, []
    pauses = itertools.cycle([1200, 1200, 777, 1200, 36_000, 3600, 1200])
    while now < last + 3 * 3600:
        at = ask(schedule, now, zone=zone, last_due=last_due, running_since=now - 60)
        if at is not None and at >= first:
            runs.append(wall_time(at, zone).date())
        last_due = at if at is not None else last_due
        now += next(pauses)
    counted = Counter(runs)
    assert set(counted.values()) == {1}
    assert tuple(sorted(counted)) == tuple(date for date in dates_shown(name, year) if date in counted)
    assert len(counted) >= len(dates_shown(name, year)) - 1


DAILY = Daily(dt.time(0, 30), dt.time(5))
TODAY = moment(2024, 6, 10, 0, 30)


def test_a_daily_run_is_due_once() -> None:
    assert ask(DAILY, TODAY - 1, last_due=TODAY - 86_400) is None
    assert ask(DAILY, TODAY, last_due=TODAY - 86_400) == TODAY
    assert ask(DAILY, TODAY + 60, last_due=TODAY) is None


def test_a_missed_run_is_caught_up_inside_its_window_only() -> None:
    started = moment(2024, 6, 10, 3)
    assert ask(DAILY, started, last_due=TODAY - 86_400, running_since=started) == TODAY
    late = moment(2024, 6, 10, 5)
    assert ask(DAILY, late, last_due=TODAY - 86_400, running_since=late) is None
    assert ask(DAILY, late, last_due=TODAY - 86_400) is None, "a window missed entirely waits for the next"


def test_without_until_a_missed_run_goes_at_once() -> None:
    evening = moment(2024, 6, 10, 21)
    assert ask(Daily(dt.time(0, 30)), evening, last_due=TODAY - 86_400, running_since=evening) == TODAY


@pytest.mark.parametrize("schedule", [Daily(dt.time(0, 30), catch_up=False), Cron("30 0 * * *", catch_up=False)])
def test_without_catch_up_only_what_falls_due_while_running_is_run(schedule: Schedule) -> None:
    started = moment(2024, 6, 10, 3)
    assert ask(schedule, started, last_due=TODAY - 86_400, running_since=started) is None
    assert ask(schedule, started, last_due=TODAY - 86_400, running_since=TODAY) == TODAY


def test_a_station_that_never_ran_catches_up_today() -> None:
    assert ask(DAILY, TODAY + 600, running_since=TODAY + 600) == TODAY


@pytest.mark.parametrize("schedule", [DAILY, Daily(dt.time(0, 30)), Cron("30 0 * * *")])
def test_a_clock_set_back_does_not_run_a_date_again(schedule: Schedule) -> None:
    for earlier in (60.0, 3600.0, 6 * 3600.0):
        assert ask(schedule, TODAY - earlier, last_due=TODAY, running_since=TODAY) is None


def test_every_counts_from_the_end_of_the_last_run() -> None:
    every = Every(300)
    assert ask(every, 1000) == 1000
    assert ask(every, 1000, last_closed=701) is None
    assert ask(every, 1001, last_closed=701) == 1001
    assert ask(every, 5000, last_closed=701) == 1001
    assert ask(every, 1000, last_closed=4000) == 1000, "the clock was set back"


def test_arrival_is_never_due_and_always_open() -> None:
    assert ask(Arrival(), TODAY) is None
    assert next_due(Arrival(), TODAY, PORTLAND, last_due=None, last_closed=None) is None
    assert window_open(Arrival(), TODAY, PORTLAND)


@given(
    st.sampled_from([Every(300), DAILY, Daily(dt.time(2, 30)), Cron("*/20 1-3 * * *"), Cron("0 0 29 2 *")]),
    st.integers(*span(2023, PORTLAND)),
    st.none() | st.integers(0, 500_000),
)
def test_what_is_shown_as_next_is_when_it_runs(schedule: Schedule, now: int, ago: int | None) -> None:
    """Nothing is due before `next_due`, and at that moment (or at once, where it has passed) it is."""
    last = None if ago is None else float(now - ago)
    shown = next_due(schedule, now, PORTLAND, last_due=last, last_closed=last)
    assert shown is not None
    assert ask(schedule, max(now, shown), last_due=last, last_closed=last) == pytest.approx(shown)
    for between in (now, (now + shown) / 2, shown - 1):
        if now <= between < shown:
            assert ask(schedule, between, last_due=last, last_closed=last) is None


# --- windows ----------------------------------------------------------------------------------------------------------


def test_only_a_daily_window_with_until_ever_closes() -> None:
    for schedule in (Arrival(), Every(5), Daily(dt.time(3)), Cron("0 3 * * *")):
        assert window_open(schedule, TODAY, PORTLAND)
        assert closes_at(schedule, TODAY, PORTLAND) is None


@pytest.mark.parametrize(
    ("hour", "minute", "is_open"),
    [(0, 29, False), (0, 30, True), (4, 59, True), (5, 0, False), (23, 0, False)],
)
def test_a_window_is_open_from_at_until_just_before_until(hour: int, minute: int, is_open: bool) -> None:
    now = moment(2024, 6, 10, hour, minute)
    assert window_open(DAILY, now, PORTLAND) is is_open
    assert closes_at(DAILY, now, PORTLAND) == (moment(2024, 6, 10, 5) if is_open else None)


@pytest.mark.parametrize(("day", "hour", "is_open"), [(10, 21, False), (10, 22, True), (11, 4, True), (11, 5, False)])
def test_a_window_past_midnight_is_open_on_both_dates(day: int, hour: int, is_open: bool) -> None:
    assert window_open(Daily(dt.time(22), dt.time(5)), moment(2024, 6, day, hour), PORTLAND) is is_open


def test_a_window_through_the_overlap_is_an_hour_longer_and_closes_once() -> None:
    slot = slot_on(DAILY, dt.date(2024, 11, 3), PORTLAND)
    assert slot.closes == slot.opens + 5.5 * 3600
    assert math.isclose(slot.closes, moment(2024, 11, 3, 5))
