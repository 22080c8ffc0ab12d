"""The watch over a device: the words in which its trouble is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.engine.rig import Rig
from tests.engine.test_once import route

from v2xsync.errors import DeviceArmed, DeviceBusy, DeviceError, DeviceGone
from v2xsync.model.views import DeviceState


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (DeviceArmed("box", "it flies", remedy="wait"), DeviceState.ARMED),
        (DeviceBusy("box", "too many logins"), DeviceState.AWAY),
        (DeviceGone("box", "no answer"), DeviceState.AWAY),
    ],
)
def test_a_vehicle_that_flies_is_armed_and_not_away(tmp_path: Path, error: DeviceError, state: DeviceState) -> None:
    rig = Rig(tmp_path, (route(),))
    watch = rig.crew.watches["box"]
    watch.note_trouble(error)
    (box,) = [device for device in rig.service.view(0).devices if device.name == "box"]
    assert (box.state, box.trouble, box.remedy) == (state, error.what, error.remedy)
    watch.note_good()
    (box,) = [device for device in rig.service.view(0).devices if device.name == "box"]
    assert (box.state, box.trouble) == (DeviceState.UP, "")


def test_that_a_vehicle_flies_is_told_only_where_it_breaks_off_work(tmp_path: Path) -> None:
    rig = Rig(tmp_path, (route(),))
    watch = rig.crew.watches["box"]
    watch.note_trouble(DeviceArmed("box", "it flies"))
    assert "it flies" not in rig.events()
    watch.note_good()
    watch.note_trouble(DeviceArmed("box", "it flies"))
    assert "it flies" in rig.events()
