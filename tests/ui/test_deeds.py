"""What a key asks of the engine, and why it sometimes does not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.ui import cast, scenes
from tests.ui.facade import ScriptedFacade
from v2xsync.model.views import StationState
from v2xsync.ui import deeds
from v2xsync.ui.deeds import DEEDS, READ_ONLY, refusal


def asked(deed: str, row: object, station: ScriptedFacade | None = None) -> list[tuple[Any, ...]]:
    """Do it, and return what the station was asked."""
    station = station or scenes.busy()
    assert refusal(deed, row, station.view(), read_only=False) == ""
    DEEDS[deed](station, row, station.view())
    return station.asked


DEVICE, MOVING, WAITING, HOLD = cast.SOURCES[0], cast.TRANSFERS[3], cast.QUEUE[0], cast.HOLDS[1]


@pytest.mark.parametrize(
    ("deed", "row", "call"),
    [
        ("sync", DEVICE, ("force", "clay-11th")),
        ("sync", WAITING, ("force", "intersections")),
        ("sync", HOLD, ("force", "intersections")),
        ("sync_all", None, ("force",)),
        ("pause", DEVICE, ("pause", "clay-11th")),
        ("pause", MOVING, ("pause", "intersections")),
        ("pause_all", None, ("pause",)),
        ("resume_all", None, ("resume",)),
        ("retry", DEVICE, ("retry", "clay-11th")),
        ("retry", WAITING, ("retry", "clay-11th")),
        ("retry", MOVING, ("retry", "cyverse")),
        ("retry_all", None, ("retry",)),
        ("cancel", MOVING, ("cancel", 4)),
        ("front", WAITING, ("front", 1007)),
    ],
)
def test_each_deed_is_one_call_of_the_facade(deed, row, call):
    assert asked(deed, row) == [call]


def test_pausing_what_is_paused_lets_it_go_on():
    station = scenes.paused()
    station.change(state=StationState.RUNNING)
    assert asked("pause", station.view().devices[0], station) == [("resume", "clay-11th")]


def test_in_a_paused_station_the_pause_key_lets_everything_go_on():
    assert asked("pause", None, scenes.paused()) == [("resume",)]


@pytest.mark.parametrize(
    ("deed", "row", "words"),
    [
        ("sync", None, "select a device or a file"),
        ("pause", None, "select a device or a file"),
        ("cancel", DEVICE, "only a file in motion"),
        ("cancel", WAITING, "only a file in motion"),
        ("front", MOVING, "in motion already"),
        ("front", DEVICE, "select a file in the queue"),
    ],
)
def test_a_key_that_cannot_be_used_says_why(deed, row, words):
    assert words in refusal(deed, row, scenes.busy().view(), read_only=False)


def test_a_read_only_window_refuses_every_deed_and_nothing_else():
    view = scenes.busy().view()
    assert {refusal(deed, DEVICE, view, read_only=True) for deed in DEEDS} == {READ_ONLY}
    assert refusal("filter", DEVICE, view, read_only=True) == ""


def test_a_finishing_station_starts_nothing_but_still_cancels():
    station = scenes.busy()
    station.drain()
    assert "finishing" in refusal("sync", DEVICE, station.view(), read_only=False)
    assert refusal("cancel", MOVING, station.view(), read_only=False) == ""


def test_only_a_transfer_with_progress_is_asked_about_before_it_is_stopped():
    assert "63 %" in deeds.cancel_question(MOVING)
    assert deeds.cancel_question(WAITING) == ""


def test_no_deed_removes_data():
    """No single key, and no other deed of the screen, ends in a removal: the facade has no such verb."""
    verbs = {asked(deed, row)[0][0] for deed in DEEDS for row in [MOVING if deed == "cancel" else WAITING]}
    assert verbs == {"force", "pause", "resume", "retry", "cancel", "front"}
