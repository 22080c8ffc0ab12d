"""Bandwidth steps follow the station's wall clock."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2xsync.model.limits import RateStep, rate_at

PORTLAND = ZoneInfo("America/Los_Angeles")
DAY = (RateStep(dt.time(6), 2e6), RateStep(dt.time(20), None))


def at(hour: int, minute: int = 0, day: int = 9) -> float:
    return dt.datetime(2024, 3, day, hour, minute, tzinfo=PORTLAND).timestamp()


@pytest.mark.parametrize(
    ("now", "rate"),
    [(at(6), 2e6), (at(12), 2e6), (at(19, 59), 2e6), (at(20), None), (at(23), None), (at(5, 59), None)],
)
def test_a_step_holds_until_the_next_and_past_midnight(now: float, rate: float | None) -> None:
    assert rate_at(DAY, now, PORTLAND) == rate
    assert rate_at(DAY[::-1], now, PORTLAND) == rate


def test_no_steps_is_unlimited_and_one_step_holds_all_day() -> None:
    assert rate_at((), at(1), PORTLAND) is None
    assert {rate_at([RateStep(dt.time(6), 5.0)], at(hour), PORTLAND) for hour in range(24)} == {5.0}


def test_a_step_inside_the_gap_holds_from_its_end() -> None:
    steps = (RateStep(dt.time(0), 1.0), RateStep(dt.time(2, 30), 2.0))
    assert rate_at(steps, at(1, 59, day=10), PORTLAND) == 1.0
    assert rate_at(steps, at(3, 0, day=10), PORTLAND) == 2.0


@given(
    st.lists(st.times().map(lambda t: t.replace(tzinfo=None, fold=0)), min_size=1, unique=True), st.integers(0, 86_399)
)
def test_the_step_in_force_is_the_last_one_begun(times: list[dt.time], second: int) -> None:
    steps = [RateStep(time, float(number)) for number, time in enumerate(times)]
    clock = dt.datetime.fromtimestamp(second, dt.UTC).time()
    newest = max(times, key=lambda time: (time <= clock, time))
    assert rate_at(steps, float(second), ZoneInfo("UTC")) == times.index(newest)
