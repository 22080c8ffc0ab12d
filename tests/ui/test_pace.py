"""How often pictures are pulled."""

from __future__ import annotations

import pytest

from tests.ui.scenes import options
from v2xsync.ui.pace import Pace, wanted_fps


def test_three_late_pictures_halve_the_rate_and_ten_good_ones_bring_it_back():
    pace = Pace(4.0)
    assert [pace.tick(0.2) for _ in range(3)] == [0.25, 0.25, 0.5]
    assert pace.slow
    assert [pace.tick(0.0) for _ in range(10)][-1] == 0.25
    assert not pace.slow


def test_a_frozen_terminal_ends_at_one_picture_in_two_seconds():
    pace = Pace(4.0)
    for _ in range(40):
        pace.tick(5.0)
    assert pace.period == 2.0


def test_a_little_lateness_changes_nothing():
    pace = Pace(4.0)
    for late in (0.2, 0.2, 0.01, 0.2, 0.2, 0.0) * 5:
        assert pace.tick(late) == 0.25


@pytest.mark.parametrize(
    ("changes", "environ", "fps"),
    [
        ({}, {}, 4.0),
        ({}, {"SSH_CONNECTION": "a b c d"}, 2.0),
        ({"low_bandwidth": True}, {}, 1.0),
        ({"fps": 10.0, "low_bandwidth": True}, {"SSH_CONNECTION": "a"}, 10.0),
    ],
)
def test_the_rate_follows_the_line_unless_a_person_says_otherwise(changes, environ, fps):
    assert wanted_fps(options(**({"fps": None} | changes)), environ) == fps
