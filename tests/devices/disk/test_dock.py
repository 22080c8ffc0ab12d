"""The dock: which drive, mounted how, and let go truly or not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.devices.disk.port import Port, Stick, session

from v2xsync.devices.base import Parting
from v2xsync.devices.drives.dock import Dock
from v2xsync.devices.drives.drive import Wanted
from v2xsync.devices.drives.mounts import Mount
from v2xsync.errors import AccessRefused, DeviceGone


def enter(dock: Dock) -> Path:
    with dock.use() as mooring:
        return mooring.root


def test_nothing_plugged_in_is_an_absent_device(port: Port, tmp_path: Path) -> None:
    dock = port.dock(Wanted(label="FLIR"), tmp_path / "point")
    with pytest.raises(DeviceGone, match="no drive with label FLIR is plugged in"):
        enter(dock)
    assert not dock.is_plugged_in()


@pytest.mark.parametrize(
    "wanted",
    [Wanted(uuid="d1c6-0146"), Wanted(label="FLIR"), Wanted(serial="FLIRDUO1"), Wanted(uuid="D1C6-0146", label="FLIR")],
    ids=str,
)
def test_a_drive_is_known_by_uuid_label_or_serial(port: Port, stick: Stick, tmp_path: Path, wanted: Wanted) -> None:
    assert enter(port.dock(wanted, tmp_path / "point")) == stick.root


def test_everything_that_is_written_must_fit(port: Port, stick: Stick, tmp_path: Path) -> None:
    with pytest.raises(DeviceGone):
        enter(port.dock(Wanted(uuid=stick.uuid, label="OTHER"), tmp_path / "point"))


def test_several_of_one_kind_are_told_apart_by_uuid(port: Port, stick: Stick, tmp_path: Path) -> None:
    twin = Stick(tmp_path / "twin", uuid="AAAA-BBBB", serial="FLIRDUO2")
    port.plug(twin)
    assert enter(port.dock(Wanted(uuid=stick.uuid), tmp_path / "point")) == stick.root
    assert enter(port.dock(Wanted(uuid=twin.uuid), tmp_path / "point2")) == twin.root


def test_two_drives_that_both_fit_need_a_person(port: Port, stick: Stick, tmp_path: Path) -> None:
    port.plug(Stick(tmp_path / "twin", uuid="AAAA-BBBB"))
    with pytest.raises(AccessRefused, match="more than one drive fits") as caught:
        enter(port.dock(Wanted(label=stick.label), tmp_path / "point"))
    assert "by uuid" in caught.value.remedy


def test_another_card_with_the_same_label_is_not_taken_for_the_first(port: Port, stick: Stick, tmp_path: Path) -> None:
    """Two cameras with one clock make files of equal name, size and time: one would be removed for the other."""
    pin = tmp_path / "state" / "flir.uuid"
    assert enter(port.dock(Wanted(label="FLIR"), tmp_path / "point", pin=pin)) == stick.root
    port.yank(stick)
    port.plug(Stick(tmp_path / "other", uuid="AAAA-BBBB"))
    with pytest.raises(AccessRefused, match="another drive with label FLIR") as caught:
        enter(port.dock(Wanted(label="FLIR"), tmp_path / "point", pin=pin))
    assert str(pin) in caught.value.remedy


def test_read_only_without_a_removal_else_written_with_flush(port: Port, stick: Stick, tmp_path: Path) -> None:
    reading = port.dock(Wanted(uuid=stick.uuid), tmp_path / "point", read_only=True)
    enter(reading)
    reading.let_go()
    enter(port.dock(Wanted(uuid=stick.uuid), tmp_path / "point"))
    assert port.asked == [
        "mount ro,nodev,nosuid,noexec,utf8",
        "unmount",
        "mount rw,nodev,nosuid,noexec,utf8,flush",
    ]


def test_a_drive_that_is_mounted_already_is_used_there_and_stays_mounted(port: Port, stick: Stick, dock: Dock) -> None:
    port.mounted_by_others(stick)
    assert enter(dock) == stick.root
    parting = dock.let_go()
    assert parting is not None
    assert not parting.safe
    assert "still mounted" in parting.what
    assert port.asked == []


def test_a_mount_of_ours_from_before_a_crash_is_ours_again(port: Port, stick: Stick) -> None:
    dock = port.dock(Wanted(uuid=stick.uuid), stick.root)
    port.mounted_by_others(stick)
    enter(dock)
    assert dock.let_go() == Parting(safe=True, drive="/dev/sd1 (D1C6-0146)")


def test_who_only_looks_leaves_the_mount_of_a_running_station_alone(port: Port, stick: Stick) -> None:
    looking = port.dock(Wanted(uuid=stick.uuid), stick.root, adopt=False)
    port.mounted_by_others(stick)
    enter(looking)
    looking.let_go()
    assert port.asked == []


def test_a_write_protected_drive_that_has_to_be_written_needs_a_person(port: Port, stick: Stick, dock: Dock) -> None:
    port.mounted_by_others(stick, read_only=True)
    with pytest.raises(AccessRefused, match="read-only") as caught:
        enter(dock)
    assert "write-protected" in caught.value.remedy


def test_a_dead_mount_of_an_earlier_time_is_cleared_away(port: Port, stick: Stick, tmp_path: Path) -> None:
    dock = port.dock(Wanted(uuid=stick.uuid), tmp_path / "point")
    port.table.append(Mount((8, 99), tmp_path / "point", read_only=False))
    enter(dock)
    assert port.asked[0] == "clear away"


def test_safe_to_remove_only_after_the_unmount(port: Port, stick: Stick, dock: Dock) -> None:
    enter(dock)
    assert dock.is_taken()
    assert dock.let_go() == Parting(safe=True, drive="/dev/sd1 (D1C6-0146)")
    assert not dock.is_taken()
    assert port.table == []
    assert dock.let_go() is None


def test_a_drive_in_use_is_not_let_go(port: Port, dock: Dock) -> None:
    with dock.use():
        assert dock.let_go() is None
    assert port.table


def test_a_drive_that_cannot_be_unmounted_is_not_called_safe(port: Port, dock: Dock) -> None:
    enter(dock)
    port.busy = True
    parting = dock.let_go()
    assert parting is not None
    assert not parting.safe
    assert "busy" in parting.what
    port.busy = False
    parting = dock.let_go()
    assert parting is not None
    assert parting.safe


def test_a_yanked_drive_is_forgotten_and_its_dead_mount_goes(port: Port, stick: Stick, dock: Dock) -> None:
    enter(dock)
    port.yank(stick)
    assert dock.let_go() is None
    assert port.table == []
    with pytest.raises(DeviceGone):
        enter(dock)


def test_a_drive_pulled_while_it_is_mounted_is_absent_not_refused(
    port: Port, stick: Stick, dock: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    port.refusal = AccessRefused("flir", "mount: special device does not exist")
    with pytest.raises(AccessRefused):
        enter(dock)
    real = port.mount

    def pulled(*arguments: Any) -> Path:
        port.yank(stick)
        return real(*arguments)

    monkeypatch.setattr(port, "mount", pulled)
    with pytest.raises(DeviceGone, match="taken out"):
        enter(dock)


def test_a_session_alone_lets_the_drive_go_when_it_is_closed(port: Port, stick: Stick, dock: Dock) -> None:
    stick.put("a.jpg")
    alone = session(dock, alone=True)
    alone.connect()
    assert [entry.path for entry in alone.list()] == ["a.jpg"]
    alone.close()
    assert port.table == []
