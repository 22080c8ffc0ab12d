"""Sizes, rates, durations and times: what is taken, what is refused, and that nothing is guessed."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2xsync.config.problems import Misfit
from v2xsync.config.quantities import clock_time, duration_s, rate_bytes_per_s, size_bytes


@pytest.mark.parametrize(
    ("written", "bytes_"),
    [("5 GiB", 5 * 2**30), ("1KB", 1000), ("1.5 MiB", 3 * 2**19), ("2 MB", 2_000_000), ("7 B", 7), (0, 0)],
)
def test_sizes_are_taken_with_their_unit(written: object, bytes_: int) -> None:
    assert size_bytes(written) == bytes_


@pytest.mark.parametrize(
    "written", ["5", 5, "5 gb", "5 Gb", "-1 GB", "1e9 B", "", "GiB", "5 GiB/s", True, None, "٥ GB"]
)
def test_a_size_without_a_clear_unit_is_refused(written: object) -> None:
    with pytest.raises(Misfit, match="size") as caught:
        size_bytes(written)
    assert "5 GiB" in caught.value.remedy


@pytest.mark.parametrize(
    ("written", "rate"), [("2 MB/s", 2e6), ("100 KiB/s", 102_400.0), ("unlimited", None), ("1 B/s", 1.0)]
)
def test_rates_are_taken_per_second(written: str, rate: float | None) -> None:
    assert rate_bytes_per_s(written) == rate


@pytest.mark.parametrize("written", ["2 MB", "2 Mb/s", "0 MB/s", 2_000_000, "fast", "2 MB/h", "0.1 B/s"])
def test_a_rate_that_would_stop_or_cannot_be_read_is_refused(written: object) -> None:
    with pytest.raises(Misfit, match="rate"):
        rate_bytes_per_s(written)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("30s", 30), ("5m", 300), ("12 h", 43_200), ("1d", 86_400), ("0s", 0), (0, 0), ("0.5s", 0.5)],
)
def test_durations_are_taken_in_seconds(written: object, seconds: float) -> None:
    assert duration_s(written) == seconds


@pytest.mark.parametrize("written", ["30", 30, "-1s", "1w", "1h30m", "", "99999999d", "1" * 400 + "s", False, [30]])
def test_a_duration_without_a_clear_unit_is_refused(written: object) -> None:
    with pytest.raises(Misfit):
        duration_s(written)


@given(st.integers(0, 23), st.integers(0, 59))
def test_every_minute_of_the_day_is_a_time(hour: int, minute: int) -> None:
    assert clock_time(f"{hour:02}:{minute:02}") == dt.time(hour, minute)


def test_the_times_of_toml_itself_are_taken() -> None:
    assert clock_time(dt.time(0, 30)) == dt.time(0, 30)


@pytest.mark.parametrize(
    "written", ["25:00", "24:00", "12:60", "12", "noon", "", "00:30:15", dt.time(0, 30, 15), 30, None]
)
def test_an_impossible_time_never_becomes_midnight(written: object) -> None:
    with pytest.raises(Misfit) as caught:
        clock_time(written)
    assert "HH:MM" in caught.value.remedy


@given(st.text(max_size=12))
def test_any_text_is_a_time_or_a_misfit(text: str) -> None:
    try:
        time = clock_time(text)
    except Misfit:
        return
    assert text.lstrip("0") in {f"{time:%H:%M}".lstrip("0"), f"{time.hour}:{time.minute:02}".lstrip("0")}
