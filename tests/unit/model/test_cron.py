"""Cron expressions in a named zone (invariant 12)."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.model.zones import ODD_ZONES, dates_shown, span

from v2xsync.errors import ConfigError
from v2xsync.model.cron import NICKNAMES, latest_match, next_match
from v2xsync.model.localtime import wall_time
from v2xsync.model.schedule import cron_problem

PORTLAND = ZoneInfo("America/Los_Angeles")


def shown(moments: list[float], zone: ZoneInfo = PORTLAND) -> list[str]:
    return [f"{dt.datetime.fromtimestamp(moment, zone):%d %H:%M%z}" for moment in moments]


def walk(expression: str, start: str, count: int, zone: ZoneInfo = PORTLAND) -> list[float]:
    moments = [next_match(expression, dt.datetime.fromisoformat(start).replace(tzinfo=zone).timestamp(), zone)]
    while len(moments) < count:
        moments.append(next_match(expression, moments[-1], zone))
    return moments


def test_a_match_in_the_gap_is_taken_at_its_end() -> None:
    assert shown(walk("30 2 * * *", "2024-03-09T03:00", 2)) == ["10 03:00-0700", "11 02:30-0700"]


def test_several_matches_in_the_gap_are_one() -> None:
    assert shown(walk("*/20 * * * *", "2024-03-10T01:30", 3)) == [
        "10 01:40-0800",
        "10 03:00-0700",
        "10 03:20-0700",
    ]


def test_a_match_in_the_overlap_is_taken_once() -> None:
    assert shown(walk("30 1 * * *", "2024-11-02T03:00", 2)) == ["03 01:30-0700", "04 01:30-0800"]


def test_in_the_second_half_of_an_overlap_the_first_occurrence_is_the_latest() -> None:
    first = dt.datetime(2024, 11, 3, 1, 30, tzinfo=PORTLAND).timestamp()
    shown_again = dt.datetime(2024, 11, 3, 1, 10, tzinfo=PORTLAND, fold=1).timestamp()
    assert latest_match("30 1 * * *", shown_again, PORTLAND) == first


def test_a_date_that_was_left_out_has_no_match() -> None:
    apia = ZoneInfo("Pacific/Apia")
    just_after = dt.datetime(2011, 12, 31, 0, 5, tzinfo=apia).timestamp()
    assert wall_time(latest_match("15 0 * * *", just_after, apia), apia).date() == dt.date(2011, 12, 29)


@pytest.mark.parametrize(("name", "year"), ODD_ZONES)
def test_a_daily_expression_matches_once_for_every_local_date(name: str, year: int) -> None:
    zone = ZoneInfo(name)
    first, last = span(year, zone)
    now, dates = first - 1.0, []
    while (now := next_match("15 0 * * *", now, zone)) < last:
        dates.append(wall_time(now, zone).date())
    assert tuple(dates) == dates_shown(name, year)


@given(
    st.sampled_from(ODD_ZONES),
    st.sampled_from(
        ["* * * * *", "*/20 * * * *", "15 0 * * *", "30 1,2 * * *", "0 0 1 * *", "@weekly", "59 23 * * fri"]
    ),
    st.data(),
)
def test_latest_and_next_lie_on_both_sides_of_now_with_nothing_between(
    zone_and_year: tuple[str, int], expression: str, data: st.DataObject
) -> None:
    zone = ZoneInfo(zone_and_year[0])
    now = data.draw(st.integers(*span(zone_and_year[1], zone)))
    latest, following = latest_match(expression, now, zone), next_match(expression, now, zone)
    assert latest <= now < following
    assert latest_match(expression, following, zone) == following
    assert latest_match(expression, following - 1, zone) == latest
    assert next_match(expression, latest, zone) == following


@pytest.mark.parametrize(
    "expression", ["30 2 * * *", "*/5 * * * *", "0 0 29 2 *", "0 3 * * mon-fri", "0 0 l * *", *NICKNAMES]
)
def test_good_expressions_have_no_problem(expression: str) -> None:
    assert next_match(expression, 1.7e9, PORTLAND) > 1.7e9
    assert cron_problem(expression) is None


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("", "0 fields"),
        ("30 2 * *", "4 fields"),
        ("0 30 2 * * *", "6 fields"),
        ("61 * * * *", "61"),
        ("0 25 * * *", "25"),
        ("*/0 * * * *", "step"),
        ("0 0 30 2 *", "no usable cron expression"),
        ("a b c d e", "no usable cron expression"),
        ("@reboot", "none of @hourly, @daily"),
        ("@every 5m", "none of @hourly, @daily"),
        ("R 2 * * *", "chance"),
        ("0 1,h(0-5) * * *", "chance"),
    ],
)
def test_bad_expressions_are_told_in_plain_words(expression: str, said: str) -> None:
    problem = cron_problem(expression)
    assert problem is not None
    assert said in problem


def test_a_bad_expression_that_is_run_all_the_same_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match="no usable cron expression"):
        latest_match("61 * * * *", 0.0, PORTLAND)


@given(st.lists(st.text("0123456789*/-,l#?monRhx", max_size=6), min_size=1, max_size=6).map(" ".join))
def test_no_expression_is_too_strange_to_judge(expression: str) -> None:
    if cron_problem(expression) is None:
        assert next_match(expression, 1.7e9, PORTLAND) > 1.7e9
