"""How long an answer is waited for follows the link, in both directions."""

from __future__ import annotations

from v2xsync.devices.mavftp.patience import FIRST_S, LEAST_S, MOST_S, RoundTrips


def test_waits_follow_the_round_trips_that_were_seen():
    trips = RoundTrips()
    assert trips.wait_s == FIRST_S
    for _ in range(50):
        trips.note(0.001)
    assert trips.wait_s == LEAST_S
    for _ in range(50):
        trips.note(0.8)
    assert 0.8 < trips.wait_s < 1.6
    assert trips.wait_after(1) == trips.wait_s < trips.wait_after(2) <= trips.wait_after(9) == MOST_S


def test_a_link_that_became_slow_is_waited_for_until_an_answer_can_be_timed():
    """Answers to what was asked twice are never timed: without longer waits all would be asked twice for good."""
    trips = RoundTrips()
    for _ in range(50):
        trips.note(0.005)
    waits = []
    for _ in range(6):
        waits.append(trips.wait_s)
        trips.note_timeout()
    assert waits == sorted(waits)
    assert trips.wait_s > 2.0
    trips.note(0.2)
    assert trips.wait_s < 1.0
