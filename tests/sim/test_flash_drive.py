"""The flash drive: a folder that is there, is yanked, and comes back with more."""

from __future__ import annotations

import datetime as dt
import random
from pathlib import Path

from v2xsync.sim.flash_drive import FlashDrive

NOON = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
RULES = {"there": dt.timedelta(seconds=40), "away": dt.timedelta(seconds=20), "shots": 2}


def drive(tmp_path: Path) -> FlashDrive:
    return FlashDrive(tmp_path / "flash", random.Random(1), picture_bytes=100)


def test_pictures_are_named_as_the_camera_does_two_of_each_shot(tmp_path):
    flash = drive(tmp_path)
    flash.record(2, NOON)
    flash.plug_in()
    names = sorted(place.relative_to(flash.mount).as_posix() for place in flash.mount.rglob("*.jpg"))
    assert names == [
        "20261120_120000/20261120_120000_000_8b.jpg",
        "20261120_120000/20261120_120000_000_R.jpg",
        "20261120_120000/20261120_120001_000_8b.jpg",
        "20261120_120000/20261120_120001_000_R.jpg",
    ]


def test_it_vanishes_and_is_the_same_folder_when_it_comes_back(tmp_path):
    flash = drive(tmp_path)
    flash.record(1, NOON)
    flash.plug_in()
    was = flash.mount.stat().st_ino
    flash.pull_out()
    flash.pull_out()
    assert not flash.mount.exists()
    assert not flash.plugged_in
    flash.plug_in()
    assert flash.mount.stat().st_ino == was
    assert len(list(flash.mount.rglob("*.jpg"))) == 2


def test_it_comes_and_goes_by_the_clock_each_time_with_new_pictures(tmp_path):
    flash = drive(tmp_path)
    flash.plug_in()
    seen = []
    for second in range(0, 130, 10):
        flash.follow(NOON + dt.timedelta(seconds=second), **RULES)  # type: ignore[arg-type]
        seen.append(len(list(flash.mount.rglob("*.jpg"))) if flash.plugged_in else None)
    assert seen == [0, 0, 0, 0, None, None, 4, 4, 4, 4, None, None, 8]
