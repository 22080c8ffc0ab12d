"""The engine's heart: it beats while the warden comes round, and stands still with it."""

from __future__ import annotations

from pathlib import Path

from tests.engine.rig import Rig
from tests.engine.test_once import route

from v2xsync.engine.service import HEART_S


def test_a_warden_that_does_not_come_round_is_a_heart_that_stands_still(tmp_path: Path) -> None:
    rig = Rig(tmp_path, (route(),), once=False)
    assert rig.service.beats
    rig.clock.at += HEART_S + 1
    assert not rig.service.beats
