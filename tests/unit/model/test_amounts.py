"""Numbers of bytes in words."""

from __future__ import annotations

import pytest

from v2xsync.model.amounts import in_bytes, scaled


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (999.6, "1.0 KB"),
        (1_000, "1.0 KB"),
        (9_949, "9.9 KB"),
        (9_951, "10 KB"),
        (999_499, "999 KB"),
        (999_600, "1.0 MB"),
        (38_200_000, "38 MB"),
        (1_440_000_000, "1.4 GB"),
        (5 * 10**18, "5000 PB"),
        (-5, "0 B"),
    ],
)
def test_bytes_have_at_most_three_digits(count: float, text: str) -> None:
    assert in_bytes(count) == text


def test_the_unit_is_given_apart_for_two_numbers_that_share_it() -> None:
    assert (scaled(2.2e9), scaled(3.41e9)) == (("2.2", "GB"), ("3.4", "GB"))
