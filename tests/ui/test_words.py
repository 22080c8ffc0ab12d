"""Numbers and times as people read them."""

from __future__ import annotations

import datetime as dt

import pytest

from tests.ui.cast import DAY, HOUR, MINUTE, NOW, ZONE
from v2xsync.ui import words
from v2xsync.ui.words import Moment

MOMENT = Moment(NOW, ZONE)


def test_the_unit_is_written_once_where_it_is_the_same():
    assert words.sizes(2.2e9, 3.41e9) == "2.2 of 3.4 GB"
    assert words.sizes(812_000, 3.41e9) == "812 KB of 3.4 GB"


def test_a_hundred_percent_means_all():
    assert words.percent(999_999, 1_000_000) == 99
    assert words.percent(0, 0) == 100
    assert words.percent(5, 3) == 100


@pytest.mark.parametrize(
    ("seconds", "text"), [(3, "<1 min"), (61, "1 min"), (99 * 60, "99 min"), (2.2 * HOUR, "2 h"), (3 * DAY, "3 d")]
)
def test_spans_are_coarse(seconds, text):
    assert words.span(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""),
        (float("inf"), ""),
        (5, "<1 min left"),
        (61, "2 min left"),
        (2 * HOUR, "2 h left"),
        (3 * DAY + 1, "4 d left"),
    ],
)
def test_what_is_left_is_rounded_up(seconds, text):
    assert words.left(seconds) == text


def test_a_progressing_estimate_changes_its_words_at_most_once_a_minute():
    texts = {words.left(seconds) for seconds in range(600)}
    assert len(texts) == 10


@pytest.mark.parametrize(
    ("ahead", "text"),
    [(-1, "now"), (0, "now"), (2 * HOUR, "02:42"), (23 * HOUR, "23:42"), (30 * HOUR, "Fri 06:42"), (9 * DAY, "14 Mar")],
)
def test_a_coming_time_cannot_be_taken_for_another_day(ahead, text):
    assert MOMENT.when(NOW + ahead) == text


def test_times_are_in_the_stations_zone_across_the_change_to_summer_time():
    before = dt.datetime(2026, 3, 8, 1, 59, tzinfo=ZONE).timestamp()
    assert MOMENT.clock(before) == "01:59"
    assert MOMENT.clock(before + 61) == "03:00"


def test_a_stamp_of_another_day_or_year_says_so():
    assert MOMENT.stamp(NOW - MINUTE) == "00:41:07"
    assert MOMENT.stamp(NOW - DAY) == "03-04 00:42"
    assert MOMENT.stamp(NOW - 300 * DAY) == "2025-05-09"


def test_a_clocks_offset_has_its_sign():
    assert [words.offset(seconds) for seconds in (0.4, -1.24, 184.0, -7300.0)] == ["+0.4 s", "-1.2 s", "+3 min", "-2 h"]


def test_the_last_drops_of_an_average_are_no_rate():
    assert words.rate(2_100_000) == "2.1 MB/s"
    assert words.rate(101) == ""
