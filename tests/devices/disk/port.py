"""A USB port without a kernel: drives that are plugged in and yanked, "mounted" as plain folders.

A yank does what was seen on a real kernel: the folder stays, its content is gone, no call reports an error, and the
mount stays in the table until somebody clears it away.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from v2xsync.devices.disk import DiskDevice, DiskOptions
from v2xsync.devices.drives.dock import Dock, DockOptions
from v2xsync.devices.drives.drive import Drive, Wanted
from v2xsync.devices.drives.mounts import Mount
from v2xsync.engine.docking import folder_maker
from v2xsync.errors import AccessRefused, DeviceError


@dataclass
class Stick:
    """One flash drive: what udev would tell of it, and the folder that its content shows in."""

    root: Path
    uuid: str = "D1C6-0146"
    label: str = "FLIR"
    serial: str = "FLIRDUO1"
    fs: str = "vfat"
    drive: Drive | None = None

    def __post_init__(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        self.stash.mkdir(parents=True, exist_ok=True)

    @property
    def stash(self) -> Path:
        return self.root.with_name(f"{self.root.name}-medium")

    def put(self, path: str, content: bytes = b"data") -> Path:
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        return place


@dataclass
class Port:
    """Where sticks are plugged in; keeps the table of mounts and a list of what was asked of it."""

    sticks: list[Stick] = field(default_factory=list)
    table: list[Mount] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    refusal: DeviceError | None = None
    busy: bool = False
    counter: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def plug(self, stick: Stick) -> Drive:
        """Plug a stick in; what was on it shows again."""
        number = next(self.counter)
        stick.drive = Drive(
            node=f"/dev/sd{number}",
            number=(8, number),
            sys_path=f"/sys/block/sd{number}",
            instance=str(number),
            fs=stick.fs,
            uuid=stick.uuid,
            labels=frozenset({stick.label}),
            serials=frozenset({stick.serial}),
        )
        for kept in stick.stash.iterdir():
            shutil.move(kept, stick.root / kept.name)
        self.sticks.append(stick)
        return stick.drive

    def yank(self, stick: Stick) -> None:
        """Pull a stick out."""
        self.sticks.remove(stick)
        for shown in list(stick.root.iterdir()):
            shutil.move(shown, stick.stash / shown.name)

    def mounted_by_others(self, stick: Stick, *, read_only: bool = False) -> None:
        """Somebody else has mounted it."""
        assert stick.drive
        self.table.append(Mount(stick.drive.number, stick.root, read_only))

    # -- what a dock is given

    def drives(self) -> Sequence[Drive]:
        return [stick.drive for stick in self.sticks if stick.drive]

    def mounts(self) -> Sequence[Mount]:
        return list(self.table)

    def mount(self, device: str, drive: Drive, point: Path, options: Sequence[str]) -> Path:
        del device, point
        self.asked.append(f"mount {','.join(options)}")
        if self.refusal is not None:
            raise self.refusal
        stick = next(stick for stick in self.sticks if stick.drive == drive)
        self.table.append(Mount(drive.number, stick.root, "ro" in options))
        return stick.root

    def unmount(self, device: str, drive: Drive, point: Path, *, gone: bool) -> None:
        self.asked.append("clear away" if gone else "unmount")
        if self.busy:
            raise AccessRefused(device, "umount: target is busy", remedy="close what uses the drive")
        self.table = [mount for mount in self.table if (mount.number, mount.point) != (drive.number, point)]

    # -- the device at this port

    def dock(
        self, wanted: Wanted, point: Path, *, read_only: bool = False, adopt: bool = True, pin: Path | None = None
    ) -> Dock:
        options = DockOptions(wanted=wanted, point=point, read_only=read_only, adopt=adopt, pin=pin)
        return Dock("flir", options, self, self.drives, self.mounts)


def session(dock: Dock, *, alone: bool = False) -> DiskDevice:
    """A session with the drive in `dock`."""
    return DiskDevice("flir", DiskOptions(), dock, folder_maker("flir"), alone=alone)
