"""The rules under "Meanings" of the interface that only a whole engine shows: schedules, force, floor, holds."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from tests.engine.rig import FakeClock, Rig
from tests.engine.test_once import route

from v2xsync.devices.faults import Fault, FaultAt, Faults, FaultySource, FaultyTarget
from v2xsync.devices.memory_disk import MemoryDisk
from v2xsync.model.custody import DeliveryState
from v2xsync.model.rules import After, ReadyRule, RemoveRule, Selection
from v2xsync.model.schedule import Daily, Every
from v2xsync.model.views import DeviceState

HOUR_S = 3600.0


def at(hour: int, minute: int = 0, *, day: int = 14, zone: str = "UTC") -> float:
    """A moment of November 2023."""
    return dt.datetime(2023, 11, day, hour, minute, tzinfo=ZoneInfo(zone)).timestamp()


def daily(until: dt.time | None = dt.time(5), *, catch_up: bool = True) -> dict[str, Any]:
    return {"fetch": {"box": Daily(dt.time(0, 30), until, catch_up)}}


def station(tmp_path: Path, now: float, **changes: Any) -> Rig:
    rig_changes = {key: changes.pop(key) for key in ("wrap", "device_options", "disks", "min_free") if key in changes}
    return Rig(tmp_path, (route(**changes),), once=False, clock=FakeClock(now), **rig_changes)


# --- schedules


def test_a_daily_run_waits_for_its_time_and_comes_once(tmp_path: Path) -> None:
    rig = station(tmp_path, at(12), **daily(catch_up=False))
    rig.plant("box", "a.csv", b"a")
    rig.run(for_s=12 * HOUR_S)
    assert rig.on("office") == {}

    rig.run(for_s=1 * HOUR_S)
    assert rig.on("office") == {"box/a.csv": b"a"}

    rig.plant("box", "b.csv", b"b")
    rig.run(for_s=20 * HOUR_S)
    assert rig.on("office") == {"box/a.csv": b"a"}


def test_a_missed_run_is_caught_up_on_the_same_day_inside_its_window(tmp_path: Path) -> None:
    rig = station(tmp_path, at(3), **daily())
    rig.plant("box", "a.csv", b"a")
    rig.run(for_s=60.0)
    assert rig.on("office") == {"box/a.csv": b"a"}


def test_a_window_that_was_missed_entirely_waits_for_the_next(tmp_path: Path) -> None:
    rig = station(tmp_path, at(6), **daily())
    rig.plant("box", "a.csv", b"a")
    rig.run(for_s=18 * HOUR_S)
    assert rig.on("office") == {}
    rig.run(for_s=1 * HOUR_S)
    assert rig.on("office") == {"box/a.csv": b"a"}


def test_without_until_a_missed_run_starts_at_once(tmp_path: Path) -> None:
    rig = station(tmp_path, at(18), **daily(until=None))
    rig.plant("box", "a.csv", b"a")
    rig.run(for_s=60.0)
    assert rig.on("office") == {"box/a.csv": b"a"}


def test_a_restart_goes_on_with_todays_run_and_makes_no_second_one(tmp_path: Path) -> None:
    rig = station(tmp_path, at(1), **daily())
    rig.plant("box", "a.csv", b"a")
    rig.run(for_s=60.0)
    rig.plant("box", "b.csv", b"b")

    rig.build()
    rig.run(for_s=3 * HOUR_S)

    assert rig.on("office") == {"box/a.csv": b"a"}


def test_what_fails_in_the_night_is_caught_up_in_the_same_night(tmp_path: Path) -> None:
    faults = Faults([FaultAt("connect", n, Fault.DISCONNECT) for n in range(1, 60)])
    wrap = {"box": lambda device: FaultySource(device, faults, "box")}
    rig = station(tmp_path, at(0, 29), wrap=wrap, **daily())
    rig.plant("box", "a.csv", b"a")
    rig.run(for_s=4 * HOUR_S)
    assert rig.on("office") == {"box/a.csv": b"a"}


def test_a_daily_delivery_takes_everything_stored(tmp_path: Path) -> None:
    rig = station(tmp_path, at(1), deliver=Daily(dt.time(3)), fetch={"box": Every(300.0)})
    rig.run(for_s=1.0)
    rig.plant("box", "a.csv", b"a")
    rig.run(for_s=1 * HOUR_S)
    assert rig.on("office") in ({}, {"box/a.csv": b"a"})
    rig.plant("box", "b.csv", b"b")
    rig.run(for_s=30 * HOUR_S)
    assert rig.on("office") == {"box/a.csv": b"a", "box/b.csv": b"b"}


def test_removal_keeps_to_the_fetch_window(tmp_path: Path) -> None:
    rule = RemoveRule(after=After.DELIVERED, grace_s=8 * HOUR_S)
    rig = station(tmp_path, at(0, 29), remove=rule, **daily())
    rig.plant("box", "a.csv", b"a")
    rig.run(for_s=12 * HOUR_S)
    assert rig.on("box") == {"a.csv": b"a"}
    rig.run(for_s=13 * HOUR_S)
    assert rig.on("box") == {}


# --- force


def test_force_ignores_times_and_leaves_the_daily_run_due(tmp_path: Path) -> None:
    rig = station(tmp_path, at(20), **daily())
    rig.plant("box", "a.csv", b"a")
    rig.run(for_s=60.0)
    assert rig.on("office") == {}

    rig.service.force(["r"])
    rig.service.force(["r"])
    rig.run(for_s=60.0)
    assert rig.on("office") == {"box/a.csv": b"a"}
    assert rig.on("box") == {}

    rig.plant("box", "b.csv", b"b")
    rig.run(for_s=2 * HOUR_S)
    assert rig.on("office") == {"box/a.csv": b"a"}
    rig.run(for_s=4 * HOUR_S)
    assert rig.on("office") == {"box/a.csv": b"a", "box/b.csv": b"b"}


def test_a_pause_starts_nothing_and_resume_goes_on(tmp_path: Path) -> None:
    rig = station(tmp_path, at(12))
    rig.service.pause(["box"])
    rig.plant("box", "a.csv", b"a")
    rig.run(for_s=HOUR_S)
    assert rig.on("office") == {}
    assert {d.name: d.state for d in rig.service.view().devices}["box"] is DeviceState.PAUSED

    rig.service.resume(["box"])
    rig.run(for_s=HOUR_S)
    assert rig.on("office") == {"box/a.csv": b"a"}


# --- the floor


def test_below_the_floor_fetching_stops_and_goes_on_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = station(tmp_path, at(12), min_free=1000)
    free = [1100]
    monkeypatch.setattr(rig.station.store, "free_bytes", lambda: free[0])
    rig.plant("box", "a.csv", b"a" * 500)
    rig.run(for_s=600.0)
    assert rig.stored() == {}
    assert rig.service.view().store_low is False

    free[0] = 5000
    rig.run(for_s=600.0)
    assert rig.on("office") == {"box/a.csv": b"a" * 500}


def test_a_full_target_pauses_only_that_target(tmp_path: Path) -> None:
    disks = {"office": MemoryDisk(capacity_bytes=10)}
    rig = station(tmp_path, at(12), targets=("office", "cloud"), disks=disks)
    rig.plant("box", "a.csv", b"a" * 500)
    rig.run(for_s=HOUR_S)
    assert rig.on("cloud") == {"box/a.csv": b"a" * 500}
    assert {d.name: d.state for d in rig.service.view().devices}["office"] is DeviceState.FULL
    assert rig.on("box") == {"a.csv": b"a" * 500}


# --- people's decisions


def held_rig(tmp_path: Path) -> Rig:
    """A delivery whose outcome nobody knows, at a target that cannot be asked."""
    from v2xsync.devices.memory import ACKNOWLEDGING

    faults = Faults((FaultAt("send", 1, Fault.LOST_ANSWER),))
    rig = station(
        tmp_path, at(12), remove=RemoveRule(after=After.DELIVERED, proof=_ack()),
        device_options={"office": {"capabilities": ACKNOWLEDGING}},
        wrap={"office": lambda device: FaultyTarget(device, faults, "office")},
    )  # fmt: skip
    rig.plant("box", "a.csv", b"a")
    rig.run(for_s=HOUR_S)
    assert [hold.path for hold in rig.service.holds()] == ["a.csv"]
    return rig


def _ack() -> Any:
    from v2xsync.model.items import Proof

    return Proof.ACK


def test_accept_is_a_receipt_by_a_person_and_satisfies_ack(tmp_path: Path) -> None:
    rig = held_rig(tmp_path)
    assert rig.service.release([rig.service.holds()[0].item_id], accept=True, by="ada") == 1
    rig.run(for_s=HOUR_S)
    assert rig.on("box") == {}
    (dossier,) = rig.ledger.dossiers("a.csv")
    assert any(line.by == "ada" for line in dossier.log)


def test_again_does_the_step_again(tmp_path: Path) -> None:
    rig = held_rig(tmp_path)
    assert rig.service.release([rig.service.holds()[0].item_id], accept=False, by="ada") == 1
    rig.run(for_s=HOUR_S)
    (dossier,) = rig.ledger.dossiers("a.csv")
    assert {facet.state for facet in dossier.deliveries} == {DeliveryState.DELIVERED}
    assert rig.on("box") == {}


def test_why_says_where_a_file_is_and_what_it_waits_for(tmp_path: Path) -> None:
    rig = held_rig(tmp_path)
    why = rig.service.why(rig.service.holds()[0].item_id)
    assert why is not None
    told = " ".join(why.summary)
    assert "in the store as box/a.csv" in told
    assert "nobody knows whether it arrived" in told
    assert "still on box" in told


# --- readiness over time


def test_minute_files_are_taken_soon_after_their_lock_goes(tmp_path: Path) -> None:
    """A lock seen and then gone plus one equal stat is enough; the settle time is not waited for."""
    rig = station(tmp_path, at(12), fetch={"box": Every(5.0)}, ready=ReadyRule(settle_s=3000.0))
    rig.plant("box", "26593136.dat", b"1 2\n")
    rig.plant("box", "26593136.dat.lock", b"")
    rig.run(for_s=60.0)
    assert rig.on("office") == {}
    rig.disks["box"].drop("26593136.dat.lock")
    rig.run(for_s=60.0)
    assert rig.on("office") == {"box/26593136.dat": b"1 2\n"}


def test_a_file_that_grows_after_pick_up_becomes_a_new_version(tmp_path: Path) -> None:
    rig = station(tmp_path, at(12), remove=RemoveRule())
    rig.plant("box", "a.csv", b"one")
    rig.run(for_s=600.0)
    rig.plant("box", "a.csv", b"one two", age_s=0.0)
    rig.run(for_s=600.0)
    assert sorted(rig.on("office").values()) == [b"one", b"one two"]
    assert rig.on("box") == {"a.csv": b"one two"}


def test_a_target_added_later_gets_what_the_store_still_keeps(tmp_path: Path) -> None:
    rig = station(tmp_path, at(12), remove=RemoveRule())
    rig.plant("box", "a.csv", b"a")
    rig.run(for_s=600.0)
    rig.routes = (route(remove=RemoveRule(), targets=("office", "cloud")),)
    rig.disks["cloud"] = MemoryDisk()
    rig.build()
    rig.run(for_s=600.0)
    assert rig.on("cloud") == {"box/a.csv": b"a"}


# --- time


def test_a_clock_that_was_far_ahead_does_not_stop_the_daily_run(tmp_path: Path) -> None:
    rig = station(tmp_path, at(1) + 400 * 24 * HOUR_S, **daily())
    rig.run(for_s=60.0)
    rig.clock.at = at(1)
    rig.plant("box", "a.csv", b"a")

    rig.build()
    rig.run(for_s=60.0)

    assert rig.on("office") == {"box/a.csv": b"a"}


def test_stale_partials_leave_the_store_at_the_next_start(tmp_path: Path) -> None:
    rig = station(tmp_path, at(12))
    stale = tmp_path / "store" / ".v2xsync" / "77.part"
    stale.write_bytes(b"of an item that nobody wants any more")

    rig.build()

    assert not stale.exists()


# --- what a monitor must see


def test_once_gives_up_on_a_full_store_and_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(tmp_path, (route(),), min_free=1000)
    monkeypatch.setattr(rig.station.store, "free_bytes", lambda: 10)
    rig.plant("box", "a.csv", b"a")

    rig.run()

    assert rig.clock.monotonic() < 120
    assert {cause.device for cause in rig.station.causes} == {"store"}
    assert rig.on("box") == {"a.csv": b"a"}


def test_once_names_a_store_that_was_lost(tmp_path: Path) -> None:
    rig = Rig(tmp_path, (route(),))
    shutil.rmtree(tmp_path / "store")
    rig.plant("box", "a.csv", b"a")

    rig.run()

    assert {cause.device for cause in rig.station.causes} == {"store"}


def test_a_store_that_comes_back_is_used_again(tmp_path: Path) -> None:
    rig = station(tmp_path, at(12))
    shutil.rmtree(tmp_path / "store")
    rig.plant("box", "a.csv", b"a")
    rig.run(for_s=600.0)
    assert rig.on("office") == {}
    assert not (tmp_path / "store").exists()

    (tmp_path / "store").mkdir()
    rig.run(for_s=60.0)

    assert rig.on("office") == {"box/a.csv": b"a"}


def test_a_route_with_a_closed_window_does_not_hold_back_the_removals_of_another(tmp_path: Path) -> None:
    opened = route(name="open", selection=Selection(include=("o*",)), fetch={"box": Daily(dt.time(0, 30), dt.time(5))})
    shut = route(name="shut", selection=Selection(include=("c*",)), fetch={"box": Daily(dt.time(0, 30), dt.time(1))})
    rig = Rig(tmp_path, (opened, shut), once=False, clock=FakeClock(at(3)))
    rig.plant("box", "o1.csv", b"o")
    rig.plant("box", "c1.csv", b"c")

    rig.run(for_s=600.0)

    assert rig.on("box") == {"c1.csv": b"c"}
    assert rig.on("office") == {"box/o1.csv": b"o"}
