"""Moments and sizes as people write and read them."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from v2xsync.cli.moments import shown, since, size
from v2xsync.errors import ConfigError

ZONE = ZoneInfo("America/Los_Angeles")
NOW = dt.datetime(2026, 5, 1, 12, 0, tzinfo=ZONE).timestamp()


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2h", dt.datetime(2026, 5, 1, 10, tzinfo=ZONE)),
        ("3d", dt.datetime(2026, 4, 28, 12, tzinfo=ZONE)),
        ("2026-04-30", dt.datetime(2026, 4, 30, tzinfo=ZONE)),
        ("2026-04-30 13:30", dt.datetime(2026, 4, 30, 13, 30, tzinfo=ZONE)),
        ("2026-04-30T13:30:00+00:00", dt.datetime(2026, 4, 30, 13, 30, tzinfo=dt.UTC)),
    ],
)
def test_since_takes_an_age_a_date_or_a_time_in_the_stations_zone(text: str, moment: dt.datetime) -> None:
    assert since(text, NOW, ZONE) == moment.timestamp()


@pytest.mark.parametrize("text", ["yesterday", "", "2026-13-01", "5", "-2h"])
def test_since_refuses_what_is_no_moment(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        since(text, NOW, ZONE)
    assert "2h" in caught.value.remedy


def test_times_are_shown_in_the_zone_and_nothing_for_none() -> None:
    assert shown(NOW, ZONE) == "2026-05-01 12:00:00"
    assert shown(None, ZONE) == ""


@pytest.mark.parametrize(
    ("count", "text"),
    [(None, ""), (0, "0 B"), (812, "812 B"), (4200, "4.2 KB"), (38e6, "38 MB"), (2.5e15, "2.5 PB")],
)
def test_sizes_are_decimal(count: int | None, text: str) -> None:
    assert size(count) == text
