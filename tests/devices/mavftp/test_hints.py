"""A serial port that comes or goes is a hint; nothing else is."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from v2xsync.devices.mavftp.hints import PortHints, ports_of


def hinted_within(hints: PortHints, seconds: float) -> bool:
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        if hints.wait(0.05):
            return True
    return False


def test_a_port_that_comes_or_goes_is_a_hint_and_a_neighbour_is_none(tmp_path: Path):
    hints = PortHints("drone", str(tmp_path / "ttyACM*"))
    hints.start()
    try:
        (tmp_path / "ttyS0").touch()
        assert not hints.wait(0.01)
        (tmp_path / "ttyACM1").touch()
        assert hinted_within(hints, 5.0)
        assert not hints.wait(0.01)
        (tmp_path / "ttyACM1").unlink()
        assert hinted_within(hints, 5.0)
    finally:
        hints.stop()
    hints.stop()
    assert not hints.wait(0.01)


def test_ending_wakes_who_waits(tmp_path: Path):
    hints = PortHints("drone", str(tmp_path / "ttyACM0"))
    hints.start()
    began = time.monotonic()
    timer = threading.Timer(0.05, hints.stop)
    timer.start()
    hints.wait(60.0)
    timer.join()
    assert time.monotonic() - began < 30.0


def test_a_pattern_stands_for_every_port_that_is_there(tmp_path: Path):
    for name in ("ttyACM0", "ttyACM1", "ttyUSB0"):
        (tmp_path / name).touch()
    assert ports_of(str(tmp_path / "ttyACM*")) == {str(tmp_path / "ttyACM0"), str(tmp_path / "ttyACM1")}
    assert ports_of(str(tmp_path / "ttyACM7")) == frozenset()
