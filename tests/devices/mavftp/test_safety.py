"""Invariant 10: which heartbeats let a vehicle be talked to, and since when."""

from __future__ import annotations

import pytest

from v2xsync.devices.mavftp.safety import FRESH_S, LONG_GAP_S, Verdict, Watch

STANDBY, ACTIVE = 3, 4


def calm_since(moment: float, **more: bool) -> Watch:
    watch = Watch(rest_s=3.0, heedless=more.get("heedless", False))
    watch.note_heartbeat(1, STANDBY, moment)
    return watch


def test_nothing_heard_is_unknown_whatever_the_config_says():
    assert Watch(rest_s=0.0, heedless=True).verdict(0.0) is Verdict.UNKNOWN
    assert Watch(rest_s=0.0, heedless=False).verdict(0.0) is Verdict.UNKNOWN


def test_a_vehicle_is_seen_calm_for_a_while_first():
    watch = calm_since(0.0)
    assert watch.verdict(0.5) is Verdict.RESTING
    for beat in (1.0, 2.0, 3.0):
        watch.note_heartbeat(1, STANDBY, beat)
    assert watch.verdict(2.9) is Verdict.RESTING
    assert watch.verdict(3.0) is Verdict.CALM


@pytest.mark.parametrize(
    ("mode", "state"),
    [(128, STANDBY), (129, ACTIVE), (1, ACTIVE), (1, 1), (1, 2), (1, 6), (1, 7), (1, 8), (1, 99)],
)
def test_armed_arming_booting_and_falling_vehicles_are_left_alone(mode, state):
    watch = calm_since(0.0)
    watch.note_heartbeat(mode, state, 4.0)
    assert watch.verdict(4.0) is Verdict.ARMED
    watch.note_heartbeat(1, STANDBY, 5.0)
    assert watch.verdict(5.0 + FRESH_S) is Verdict.RESTING
    watch.note_heartbeat(1, STANDBY, 8.0)
    assert watch.verdict(8.0) is Verdict.CALM


def test_a_command_to_arm_counts_before_the_heartbeat_says_so():
    watch = calm_since(0.0)
    watch.note_heartbeat(1, STANDBY, 3.5)
    watch.note_arming()
    assert watch.verdict(3.6) is Verdict.ARMED
    watch.note_heartbeat(1, STANDBY, 4.5)
    assert watch.verdict(4.6) is Verdict.RESTING


def test_a_vehicle_that_falls_silent_is_unknown_and_after_long_has_to_rest_again():
    watch = calm_since(0.0)
    watch.note_heartbeat(1, STANDBY, 4.0)
    assert watch.verdict(4.0 + FRESH_S + 0.01) is Verdict.UNKNOWN
    watch.note_heartbeat(1, STANDBY, 4.0 + LONG_GAP_S)
    assert watch.verdict(4.0 + LONG_GAP_S) is Verdict.CALM
    watch.note_heartbeat(1, STANDBY, 4.1 + 2 * LONG_GAP_S)
    assert watch.verdict(4.1 + 2 * LONG_GAP_S) is Verdict.RESTING


def test_who_wrote_out_that_any_state_will_do_gets_any_state():
    watch = calm_since(0.0, heedless=True)
    watch.note_heartbeat(129, ACTIVE, 1.0)
    assert watch.verdict(1.0) is Verdict.CALM


def test_what_was_forgotten_is_unknown():
    watch = calm_since(0.0)
    watch.forget()
    assert watch.verdict(0.0) is Verdict.UNKNOWN
    assert not watch.heard
