"""A yank in the middle of every verb: the device is gone, and nothing is concluded about any file (invariant 5)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.contract.ends import Collected, Contents
from tests.contract.target_checks import plan
from tests.devices.disk.port import Port, Stick, session

from v2xsync.devices.base import FetchRequest, ProveRequest, RemoveRequest
from v2xsync.devices.disk import DiskDevice, is_systems_own
from v2xsync.devices.drives.dock import Dock
from v2xsync.errors import DeviceGone
from v2xsync.model.items import Entry, Fingerprint, Proof


@pytest.fixture
def disk(stick: Stick, dock: Dock) -> DiskDevice:
    stick.put("DCIM/a.jpg", b"a" * 600_000)
    stick.put("b.jpg", b"b")
    device = session(dock)
    device.connect()
    return device


def version(stick: Stick, path: str) -> Fingerprint:
    facts = (stick.root / path).stat()
    return Fingerprint(facts.st_size, facts.st_mtime_ns, 2_000_000_000)


VERBS: dict[str, Callable[[DiskDevice, Fingerprint], object]] = {
    "list": lambda disk, _: list(disk.list()),
    "stat": lambda disk, _: disk.stat(["b.jpg"]),
    "fetch": lambda disk, seen: disk.fetch([FetchRequest(0, "b.jpg", seen)], Collected()),
    "remove": lambda disk, seen: list(disk.remove([RemoveRequest(0, "b.jpg", seen)])),
    "prove": lambda disk, _: list(disk.prove([ProveRequest(0, "b.jpg", 1, Proof.HASH)])),
    "send": lambda disk, _: disk.send([plan("new", b"x")], Contents({0: b"x"})),
    "prune": lambda disk, _: disk.prune(["DCIM"]),
    "probe": lambda disk, _: disk.probe(),
}


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
def test_no_verb_takes_an_empty_mount_for_an_answer(
    disk: DiskDevice, stick: Stick, port: Port, monkeypatch: pytest.MonkeyPatch, verb: Callable[..., object]
) -> None:
    seen = version(stick, "b.jpg")
    port.yank(stick)
    assert list(stick.root.iterdir()) == []
    # The dock itself still believes in the drive: only what is asked after the answer can tell.
    monkeypatch.setattr(Dock, "_moor", lambda dock: dock._mooring)
    with pytest.raises(DeviceGone):
        verb(disk, seen)


def test_a_listing_that_began_on_a_drive_does_not_end_on_none(disk: DiskDevice, stick: Stick, port: Port) -> None:
    listing = disk.list()
    next(listing)
    port.yank(stick)
    with pytest.raises(DeviceGone, match="taken out"):
        list(listing)


def test_the_session_goes_on_when_the_drive_is_back(disk: DiskDevice, stick: Stick, port: Port) -> None:
    port.yank(stick)
    with pytest.raises(DeviceGone):
        disk.connect()
    port.plug(stick)
    disk.connect()
    assert {entry.path for entry in disk.list()} == {"DCIM", "DCIM/a.jpg", "b.jpg"}


def test_a_yank_in_mid_fetch_keeps_what_came_and_goes_on_there(disk: DiskDevice, stick: Stick, port: Port) -> None:
    seen = version(stick, "DCIM/a.jpg")

    def yank_at_the_second_piece(_token: int, offset: int) -> bool:
        if offset:
            port.yank(stick)
            (stick.stash / "DCIM" / "a.jpg").write_bytes(b"")
        return True

    with pytest.raises(DeviceGone):
        disk.fetch([FetchRequest(0, "DCIM/a.jpg", seen)], Collected(yank_at_the_second_piece))


def test_what_systems_leave_on_drives_is_left_alone(disk: DiskDevice, stick: Stick) -> None:
    for path in ("System Volume Information/x", ".Trashes/501/y.jpg", "DCIM/._a.jpg", ".Spotlight-V100/s", ".DS_Store"):
        stick.put(path)
    assert {entry.path for entry in disk.list()} == {"DCIM", "DCIM/a.jpg", "b.jpg"}


@pytest.mark.parametrize("path", ["SYSTEM VOLUME INFORMATION/a", "DCIM/._x", "$RECYCLE.BIN/a/b", "a/Thumbs.db"])
def test_systems_own_names_are_known_in_any_case(path: str) -> None:
    assert is_systems_own(path)


def test_fat_times_may_shift_by_an_hour(disk: DiskDevice, stick: Stick) -> None:
    entry = next(found for found in disk.list() if isinstance(found, Entry) and found.path == "b.jpg")
    assert entry.mtime_ns is not None
    other_season = Fingerprint(entry.size, entry.mtime_ns + 3_600_000_000_000, entry.step_ns)
    assert list(disk.remove([RemoveRequest(0, "b.jpg", other_season)])) == [(0, None)]
    assert not (stick.root / "b.jpg").exists()
