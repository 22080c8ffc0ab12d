"""Mounting through udisks2, on a real bus with a mocked udisks2 (python-dbusmock): the calls, and what refusals say."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests import real

from v2xsync.devices.drives.drive import Drive
from v2xsync.devices.drives.udisks import SERVICE, UdisksMounter
from v2xsync.errors import AccessRefused, DeviceGone

PYTHON = "/usr/bin/python3"
"""Debian's own, which has python3-dbusmock."""

UNPACKED = Path(__file__).parents[3] / ".tools" / "usr" / "lib"
MOCK_ENV = {
    "PYTHONPATH": str(UNPACKED / "python3" / "dist-packages"),
    "GI_TYPELIB_PATH": ":".join(map(str, UNPACKED.glob("*/girepository-1.0"))),
    "LD_LIBRARY_PATH": os.environ.get("LD_LIBRARY_PATH", ""),
}
"""Where `scripts/test` unpacks what it may not install."""

MANAGER = "/org/freedesktop/UDisks2/Manager"
BLOCK = "/org/freedesktop/UDisks2/block_devices/sdb1"
DRIVE = Drive(node="/dev/sdb1", number=(8, 17), sys_path="/sys/sdb1", fs="vfat", uuid="D1C6-0146")
ANSWERS_S = 20.0

pytestmark = [pytest.mark.real("dbus-daemon"), pytest.mark.xdist_group("dbus")]


def has_mock() -> bool:
    asked = subprocess.run([PYTHON, "-c", "import dbusmock"], env=MOCK_ENV, capture_output=True, check=False)
    return asked.returncode == 0


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """A system bus of its own."""
    if not has_mock():
        pytest.skip("needs the real python3-dbusmock, which is not installed")
    address = f"unix:path={tmp_path}/bus"
    daemon = subprocess.Popen(
        [real.program("dbus-daemon"), "--session", "--nofork", f"--address={address}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
    wait_for((tmp_path / "bus").exists)
    yield address
    daemon.terminate()
    daemon.wait(10)


@pytest.fixture
def udisks(bus: str, tmp_path: Path) -> Iterator[Path]:
    """A mocked udisks2; the file that it logs its calls to."""
    log = tmp_path / "calls"
    mock = subprocess.Popen(
        [PYTHON, "-m", "dbusmock", "--system", "--logfile", log, SERVICE, MANAGER, f"{SERVICE}.Manager"],
        env={**MOCK_ENV, "DBUS_SYSTEM_BUS_ADDRESS": bus},
    )
    wait_for(lambda: call(bus, MANAGER, "org.freedesktop.DBus.Peer.Ping", check=False))
    yield log
    mock.terminate()
    mock.wait(10)


def wait_for(holds: object) -> None:
    ends, pause = time.monotonic() + ANSWERS_S, threading.Event()
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < ends
        pause.wait(0.05)


def call(bus: str, path: str, method: str, *arguments: str, check: bool = True) -> bool:
    done = subprocess.run(
        ["gdbus", "call", "--address", bus, "--dest", SERVICE, "--object-path", path, "--method", method, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert not check or done.returncode == 0, done.stderr
    return done.returncode == 0


def teach(bus: str, *, resolves: str = f"['{BLOCK}']", mounts: str = "ret = '/media/me/FLIR'") -> None:
    """Tell the mock what it answers."""
    mocked = "org.freedesktop.DBus.Mock"
    resolved = f"ret = dbus.Array({resolves}, signature='o')"
    call(bus, MANAGER, f"{mocked}.AddMethod", f"{SERVICE}.Manager", "ResolveDevice", "a{sv}a{sv}", "ao", resolved)
    call(bus, MANAGER, f"{mocked}.AddObject", BLOCK, f"{SERVICE}.Filesystem", "{}", "[]")
    call(bus, BLOCK, f"{mocked}.AddMethod", f"{SERVICE}.Filesystem", "Mount", "a{sv}", "s", mounts)
    call(bus, BLOCK, f"{mocked}.AddMethod", f"{SERVICE}.Filesystem", "Unmount", "a{sv}", "", "")


def mount() -> Path:
    return UdisksMounter().mount("flir", DRIVE, Path("/not/asked"), ("ro", "nodev", "nosuid", "noexec"))


def test_a_drive_is_resolved_mounted_where_udisks_says_and_unmounted(bus: str, udisks: Path) -> None:
    teach(bus)
    assert mount() == Path("/media/me/FLIR")
    UdisksMounter().unmount("flir", DRIVE, Path("/media/me/FLIR"), gone=False)
    calls = udisks.read_text()
    assert "/dev/sdb1" in calls
    assert "ro,nodev,nosuid,noexec" in calls
    assert "auth.no_user_interaction" in calls
    assert "Unmount" in calls


def test_a_drive_that_is_gone_is_left_to_udisks(bus: str, udisks: Path) -> None:
    teach(bus)
    UdisksMounter().unmount("flir", DRIVE, Path("/media/me/FLIR"), gone=True)
    assert "Unmount" not in udisks.read_text().replace("AddMethod", "").partition("Filesystem.Mount")[2]


def test_a_drive_that_udisks_does_not_know_is_gone(bus: str, udisks: Path) -> None:
    teach(bus, resolves="[]")
    with pytest.raises(DeviceGone, match="does not know /dev/sdb1"):
        mount()


def test_who_may_not_mount_is_told_what_to_do(bus: str, udisks: Path) -> None:
    name = f"{SERVICE}.Error.NotAuthorized"
    teach(bus, mounts=f"raise dbus.exceptions.DBusException('Not authorized to perform operation', name='{name}')")
    with pytest.raises(AccessRefused, match="Not authorized") as caught:
        mount()
    assert "polkit" in caught.value.remedy


def test_without_udisks_on_the_bus_it_is_named(bus: str) -> None:
    with pytest.raises(AccessRefused, match="udisks2 is not running") as caught:
        mount()
    assert "install udisks2" in caught.value.remedy


def test_without_a_bus_it_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/none")
    with pytest.raises(AccessRefused, match="no system bus") as caught:
        mount()
    assert "as root" in caught.value.remedy
