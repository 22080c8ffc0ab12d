"""Events and drives through the real libudev, with an emulated /sys (umockdev)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests import real

from v2xsync.devices.drives import udev
from v2xsync.devices.drives.drive import Wanted

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def heard() -> Any:
    """What one round under umockdev told."""
    done = subprocess.run(
        [real.program("umockdev-wrapper"), sys.executable, "-m", "tests.devices.disk.mock_udev"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


pytestmark = [pytest.mark.real("umockdev-wrapper"), pytest.mark.xdist_group("umockdev")]


def test_a_stick_is_heard_and_known_by_everything_that_udev_tells(heard: Any) -> None:
    assert heard["before"] == 0
    assert heard["plugged"]
    node, uuid, fs, labels, serials, fat = heard["drive"]
    assert (node, uuid, fs, fat) == ("/dev/sdz1", "D1C6-0146", "vfat", True)
    assert labels == ["FLIR DUO", "FLIR_DUO"]
    assert serials == ["FLIR_D1C6-0146"]


def test_one_insertion_told_twice_is_one_hint(heard: Any) -> None:
    assert not heard["told twice"]
    assert not heard["changed"]


def test_other_sticks_are_no_hint(heard: Any) -> None:
    assert not heard["strange"]


def test_pulled_out_and_plugged_in_again_are_hints(heard: Any) -> None:
    assert heard["pulled"]
    assert heard["left"] == ["AAAA-BBBB"]
    assert heard["again"]


def test_stopping_wakes_and_ends(heard: Any) -> None:
    assert not heard["stopped"]


def test_an_overflow_is_news_only_where_drives_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lost events do not matter: after any of them the drives are looked at."""

    class Overflowing:
        def poll(self, timeout: float) -> None:
            raise OSError(105, "No buffer space available")

    hints = udev.DriveHints("flir", Wanted(label="FLIR"))
    monkeypatch.setattr(udev, "plugged_in", list)
    hints._monitor = Overflowing()
    assert hints._drain()
    assert hints._look() == frozenset()
