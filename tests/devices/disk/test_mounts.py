"""mountinfo, mount options, and mount(8) itself on a loop device where this machine has one."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.devices.disk.port import session

from v2xsync.devices.drives.dock import Dock, DockOptions
from v2xsync.devices.drives.drive import Drive, Wanted
from v2xsync.devices.drives.mounts import Mount, SystemMounter, mounted, options_for, parse_line
from v2xsync.errors import AccessRefused
from v2xsync.model.items import Entry

LINE = r"412 29 8:17 / /mnt/my\040card ro,nosuid,nodev,noexec,relatime shared:1 - vfat /dev/sdb1 ro,utf8"


def test_a_line_of_mountinfo_is_read() -> None:
    assert parse_line(LINE) == Mount((8, 17), Path("/mnt/my card"), read_only=True)


def test_a_folder_of_a_file_system_is_not_all_of_it() -> None:
    bound = parse_line("5 1 8:17 /DCIM /srv/in rw - vfat /dev/sdb1 rw")
    assert bound is not None
    assert not bound.whole


def test_a_file_system_that_turned_read_only_after_errors_counts_as_read_only() -> None:
    turned = parse_line("5 1 8:17 / /mnt/x rw,nodev - vfat /dev/sdb1 ro,errors=remount-ro")
    assert turned is not None
    assert turned.read_only


@pytest.mark.parametrize("line", ["", "nonsense", "1 2 3 4 5 6 - x y z"])
def test_other_lines_are_left_out(line: str) -> None:
    assert parse_line(line) is None


def test_nothing_on_a_drive_is_ever_a_device_or_a_program() -> None:
    for fs in ("vfat", "exfat", "ext4"):
        for read_only in (True, False):
            assert {"nodev", "nosuid", "noexec"} <= set(options_for(fs, read_only=read_only))


def test_this_machine_has_something_mounted_at_its_root() -> None:
    assert Path("/") in {mount.point for mount in mounted()}


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[Drive]:
    """A small file system on a loop device, as a drive."""
    image = tmp_path / "card.img"
    with image.open("wb") as file:
        file.truncate(4 << 20)
    if os.geteuid() != 0 or not all(map(shutil.which, ("losetup", "mkfs.ext4", "mount"))):
        pytest.skip("only root with losetup and mkfs.ext4 can mount here")
    subprocess.run(["mkfs.ext4", "-q", str(image)], check=True, capture_output=True)
    made = subprocess.run(["losetup", "-f", "--show", str(image)], capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"no loop devices here: {made.stderr.strip()}")
    node = made.stdout.strip()
    number = Path(node).stat().st_rdev
    yield Drive(node=node, number=(os.major(number), os.minor(number)), sys_path=node, fs="ext4", uuid="LOOP")
    subprocess.run(["losetup", "-d", node], check=True)


def loop_dock(loop: Drive, point: Path, *, read_only: bool) -> Dock:
    options = DockOptions(wanted=Wanted(uuid="LOOP"), point=point, read_only=read_only)
    return Dock("card", options, SystemMounter(), lambda: [loop], mounted)


def test_a_real_mount_is_read_only_or_written_and_goes_again(loop: Drive, tmp_path: Path) -> None:
    writing = loop_dock(loop, tmp_path / "point", read_only=False)
    device = session(writing)
    device.connect()
    (tmp_path / "point" / "a.jpg").write_bytes(b"picture")
    parting = writing.let_go()
    assert parting is not None
    assert parting.safe
    assert tmp_path / "point" not in {mount.point for mount in mounted()}

    reading = loop_dock(loop, tmp_path / "point", read_only=True)
    device = session(reading)
    device.connect()
    assert "a.jpg" in {entry.path for entry in device.list() if isinstance(entry, Entry)}
    with pytest.raises(OSError, match="Read-only"):
        (tmp_path / "point" / "b.jpg").write_bytes(b"x")
    with (tmp_path / "point" / "a.jpg").open("rb"):
        busy = reading.let_go()
        assert busy is not None
        assert not busy.safe
    parting = reading.let_go()
    assert parting is not None
    assert parting.safe


def test_what_cannot_be_mounted_is_said_in_plain_words(loop: Drive, tmp_path: Path) -> None:
    with Path(loop.node).open("r+b") as medium:
        medium.write(bytes(1 << 20))
        medium.flush()
        os.fsync(medium.fileno())
    with pytest.raises(AccessRefused) as caught, loop_dock(loop, tmp_path / "point", read_only=True).use():
        pass
    assert "fsck" in caught.value.remedy
