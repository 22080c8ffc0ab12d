"""Invariant 10: an armed, arming or unknown vehicle hears nothing of us within a second; measured on the wire."""

from __future__ import annotations

import threading
import time

import pytest
from tests.contract.ends import Collected, ask
from tests.devices.mavftp.conftest import LOG, Opening
from tests.servers.radio import Air, Radio

from v2xsync.devices.mavftp.options import Safety
from v2xsync.devices.mavftp.pace import Reading
from v2xsync.errors import DeviceArmed, DeviceGone

SLOW = Air(bytes_s=60_000)
"""So slow that a second of the file is left when the vehicle arms; with the vehicle's own heartbeats, once a second."""
FILE_MESSAGE = 110


def listen(radio: Radio, seconds: float) -> None:
    """Let time pass on the wire."""
    threading.Event().wait(seconds)
    assert radio.to_client


@pytest.mark.parametrize("reading", [Reading.BURST, Reading.PLAIN], ids=["bursts", "plain reads"])
def test_a_vehicle_that_arms_in_the_middle_of_a_file_is_left_alone_within_a_second(
    radio: Radio, opening: Opening, reading: Reading
):
    radio.air = SLOW
    device = opening(reading=reading)
    requests = ask(device, ["log.ulg"])

    def arm(token: int, offset: int) -> bool:
        radio.armed = radio.armed or offset > 0
        return True

    sink = Collected(arm)
    with pytest.raises(DeviceArmed):
        device.fetch(requests, sink)
    kept = sink.content(0)
    assert 0 < len(kept) < len(LOG)
    assert kept == LOG[: len(kept)]
    listen(radio, 2.5)
    assert radio.armed_told_at is not None
    assert radio.asked_since(radio.armed_told_at + 1.0) == []
    answers = [at for at, kind in list(radio.to_client) if kind == FILE_MESSAGE and at > radio.armed_told_at + 1.0]
    assert answers == [], "its session was closed: no burst goes on"

    with pytest.raises(DeviceArmed):
        opening().connect()
    assert radio.asked_since(radio.armed_told_at + 1.0) == []


def test_a_vehicle_that_arms_is_heard_although_a_limit_on_bandwidth_holds_us_up(radio: Radio, opening: Opening):
    device = opening()
    requests = ask(device, ["log.ulg"])
    limit, began = threading.Event(), time.monotonic()

    def take_its_time(token: int, offset: int) -> bool:
        limit.wait(max(0.0, began + offset / 20_000 - time.monotonic()))
        radio.armed = radio.armed or offset > 60_000
        return True

    with pytest.raises(DeviceArmed):
        device.fetch(requests, Collected(take_its_time))
    listen(radio, 0.5)
    assert radio.armed_told_at is not None
    assert radio.asked_since(radio.armed_told_at + 1.0) == []


def test_a_vehicle_has_three_seconds_of_rest_after_it_was_disarmed(radio: Radio, opening: Opening):
    began = time.monotonic()
    device = opening(rest_s=3.0)
    device.connect()
    assert min(radio.asked_since(began)) >= began + 3.0


def test_a_vehicle_that_falls_silent_is_asked_nothing_more(radio: Radio, opening: Opening):
    radio.air = SLOW
    device = opening(timeout_s=2.0)
    requests = ask(device, ["log.ulg"])
    silent_at = 0.0

    def fall_silent(token: int, offset: int) -> bool:
        nonlocal silent_at
        if offset and not silent_at:
            radio.deaf_to_heartbeats, silent_at = True, time.monotonic()
        return True

    with pytest.raises(DeviceGone):
        device.fetch(requests, Collected(fall_silent))
    assert radio.asked_since(silent_at + 2.5 + 1.0) == []


def test_in_any_state_where_that_was_written_out(radio: Radio, opening: Opening):
    radio.armed = True
    device = opening(safety=Safety.ANY)
    sink = Collected()
    device.fetch(ask(device, ["log.ulg"]), sink)
    assert sink.content(0) == LOG


def test_our_heartbeat_is_no_ground_stations(radio: Radio, opening: Opening):
    """Else our going would be a lost ground station to the autopilot."""
    began = time.monotonic()
    radio.air = SLOW
    device = opening()
    device.fetch(ask(device, ["log.ulg"]), Collected())
    beats = [at for at, kind in list(radio.to_vehicle) if kind == 0 and at > began]
    assert 3 <= len(beats) <= time.monotonic() - began + 2
