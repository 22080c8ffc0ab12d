"""What the screen adds to a station's view."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from tests.ui import cast, scenes
from tests.ui.facade import ScriptedFacade
from v2xsync.ui.camera import CURVE_SECONDS, EVENTS_KEPT, MARK_S, Camera
from v2xsync.ui.glyphs import UNICODE


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = cast.NOW

    def __call__(self) -> float:
        return self.now


def camera_for(station: ScriptedFacade, **changes: object) -> tuple[Camera, Clock]:
    clock = Clock()
    return Camera(station, scenes.options(clock=clock, **changes), UNICODE), clock


def test_events_come_once_and_the_tuple_stays_the_same_while_nothing_is_new():
    station = scenes.busy()
    camera, _ = camera_for(station)
    first, second = camera.take(200, slow=False), camera.take(200, slow=False)
    assert [event.seq for event in first.events] == list(range(1, 11))
    assert second.events is first.events


def test_events_that_the_ring_dropped_are_counted():
    station = scenes.busy()
    camera, _ = camera_for(station)
    camera.take(200, slow=False)
    station.events = [cast.event(seq, 0, "late") for seq in range(15, 18)]
    station.change(last_event=17)
    picture = camera.take(200, slow=False)
    assert picture.missed == 4
    assert picture.events[-1].seq == 17


def test_events_are_kept_in_a_ring():
    station = scenes.busy()
    camera, _ = camera_for(station)
    station.events = [cast.event(seq, 0, "x") for seq in range(1, EVENTS_KEPT + 500)]
    station.change(last_event=EVENTS_KEPT + 499)
    assert len(camera.take(200, slow=False).events) == EVENTS_KEPT


def test_the_curve_has_one_value_per_second_and_none_in_low_bandwidth():
    station = scenes.busy()
    camera, clock = camera_for(station)
    for step in range(4 * CURVE_SECONDS * 2):
        clock.now = cast.NOW + step / 4
        camera.take(0, slow=False)
    assert len(camera.take(0, slow=False).curve) == CURVE_SECONDS
    thrifty, _ = camera_for(station, low_bandwidth=True)
    assert thrifty.take(0, slow=False).curve == ()


def test_a_mark_is_seen_for_a_moment():
    camera, clock = camera_for(scenes.busy())
    camera.mark(["clay-11th"])
    assert camera.take(0, slow=False).ink.marks == {"clay-11th"}
    clock.now += MARK_S + 0.1
    assert camera.take(0, slow=False).ink.marks == frozenset()


def test_times_are_in_the_stations_zone_and_an_unknown_zone_is_utc():
    station = scenes.busy()
    camera, _ = camera_for(station, zone=None)
    assert camera.take(0, slow=False).ink.moment.clock(cast.NOW) == "00:42"
    station.scene = replace(station.scene, zone="Mars/Olympus")
    assert camera.take(0, slow=False).ink.moment.zone == dt.UTC
