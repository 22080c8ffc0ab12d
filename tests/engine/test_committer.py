"""The committer gathers: many small files cost one group, and nobody waits for a group that cannot grow."""

from __future__ import annotations

from pathlib import Path

from tests.engine.rig import Rig
from tests.engine.test_once import route

from v2xsync.engine.committer import GATHER_S, GROUP, Arrived, Committer
from v2xsync.engine.store import Finished
from v2xsync.errors import V2xSyncError
from v2xsync.ledger.base import Stored
from v2xsync.model.custody import Step
from v2xsync.model.items import Proof

ONE = b"one"


class Desk:
    """A committer of a station whose downloader has not begun, and files that have arrived whole."""

    def __init__(self, tmp: Path, files: int) -> None:
        self.rig = Rig(tmp, (route(),))
        for number in range(files):
            self.rig.plant("box", f"{number:04}.csv", ONE)
        station = self.rig.station
        station.store.open()
        session = self.rig.session("box")
        session.connect()
        self.rig.crew.finders["box"].turn(lambda: session)
        self.rung = 0
        self.settled: list[Stored | V2xSyncError] = []
        self.committer = Committer(station.store, station.ledger, station.manifests, station.clock, lambda group: None)
        self.committer.wake_by(self._ring)
        self.tasks = list(station.ledger.claim_fetches("box", {"r"}, self.rig.clock.now(), files, ()))
        assert len(self.tasks) == files

    def _ring(self) -> None:
        self.rung += 1

    def submit(self, count: int) -> None:
        for _ in range(count):
            task = self.tasks.pop()
            partial = self.rig.station.store.begin(task.item_id, task.path)
            partial.write(0, ONE)
            partial.close()
            finished = Finished(task.item_id, partial.path, task.path, len(ONE), partial.sha256)
            self.committer.submit(
                Arrived(task, finished, Proof.SIZE, "read", None, lambda _arrived, answer: self.settled.append(answer))
            )


def test_a_small_group_waits_for_more_and_is_committed_in_time(tmp_path: Path) -> None:
    desk = Desk(tmp_path, 2)
    desk.submit(1)
    assert desk.committer.due_in_s() == GATHER_S
    desk.rig.clock.at += GATHER_S / 2
    desk.submit(1)
    assert not desk.committer.commit_due()
    assert desk.settled == []
    desk.rig.clock.at += GATHER_S
    assert desk.committer.commit_due()
    assert len(desk.settled) == 2
    assert desk.rig.steps().count(Step.STORED.value) == 2
    assert desk.committer.due_in_s() is None


def test_a_full_group_does_not_wait_and_the_bell_rings_once_for_it(tmp_path: Path) -> None:
    desk = Desk(tmp_path, GROUP + 3)
    desk.submit(GROUP)
    assert desk.committer.due_in_s() == 0.0
    assert desk.rung == 2, "for the first file, and for the full group"
    assert desk.committer.commit_due()
    assert len(desk.settled) == GROUP
    desk.submit(3)
    assert desk.committer.due_in_s() == GATHER_S
    assert desk.rung == 3


def test_nobody_waits_once_the_lane_has_no_more_to_come(tmp_path: Path) -> None:
    desk = Desk(tmp_path, 2)
    desk.submit(1)
    desk.committer.hurry()
    assert desk.committer.due_in_s() == 0.0
    assert desk.committer.commit_due()
    desk.submit(1)
    assert desk.committer.due_in_s() == GATHER_S, "the hurry was for the group before"


def test_hurry_without_anything_that_waits_wakes_nobody(tmp_path: Path) -> None:
    desk = Desk(tmp_path, 1)
    desk.committer.hurry()
    assert desk.rung == 0
    desk.submit(1)
    assert desk.committer.due_in_s() == GATHER_S
