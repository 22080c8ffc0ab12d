"""The dock: the place of one configured drive, shared by all sessions with it.

The first use mounts the drive (or takes it where it is mounted already); `let_go` flushes and unmounts it once nobody
is inside. A yanked drive leaves its mount behind, which then shows an *empty folder without any error*: whether the
drive is still the one that was mounted is asked of udev and of mountinfo, and of nothing else.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from v2xsync.devices import durable
from v2xsync.devices.base import Parting
from v2xsync.devices.drives.drive import Drive, Drives, Wanted
from v2xsync.devices.drives.mounts import Mount, Mounter, Mounts, options_for
from v2xsync.errors import AccessRefused, DeviceError, DeviceGone


@dataclass(frozen=True, slots=True, kw_only=True)
class DockOptions:
    """`point` is where it is mounted unless it is mounted already; `root` the folder on the drive."""

    wanted: Wanted
    point: Path
    root: str = "."
    read_only: bool = True
    make_root: bool = False
    """Make `root` where it is missing (the drive is a target)."""
    adopt: bool = True
    """A drive that is mounted at `point` already is ours from an earlier time; otherwise only what we mount is ours."""
    pin: Path | None = None
    """Where the UUID of the drive is kept that a mere label stood for at first."""


@dataclass(frozen=True, slots=True)
class Mooring:
    """A drive that lies in the dock."""

    drive: Drive
    point: Path
    root: Path
    ours: bool
    """Mounted by us, and so for us to unmount."""
    writable: bool


class Dock:
    """One drive's place. Every method may be called from any thread; mounting and unmounting happen under one lock."""

    def __init__(self, device: str, options: DockOptions, mounter: Mounter, drives: Drives, mounts: Mounts) -> None:
        self.device = device
        self.options = options
        self._mounter = mounter
        self._drives = drives
        self._mounts = mounts
        self._lock = threading.Lock()
        self._mooring: Mooring | None = None
        self._users = 0

    @contextmanager
    def use(self) -> Iterator[Mooring]:
        """Have the drive mounted for the time of the block; raises DeviceGone, AccessRefused."""
        with self._lock:
            mooring = self._moor()
            self._users += 1
        try:
            yield mooring
        finally:
            with self._lock:
                self._users -= 1

    def confirm(self, mooring: Mooring) -> None:
        """Raise DeviceGone unless that very drive is still plugged in and still mounted there."""
        if not self._is_there(mooring):
            raise DeviceGone(
                self.device, f"{mooring.drive.title} was taken out", remedy="plug it in again: it goes on where it was"
            )

    def is_plugged_in(self) -> bool:
        """Whether a drive that fits is plugged in now, used or not."""
        return bool(self._fitting())

    def is_taken(self) -> bool:
        """Whether a drive is in use: mounted, or found mounted."""
        return self._mooring is not None

    def let_go(self) -> Parting | None:
        """Flush and unmount; None where there is nothing to let go, or somebody is inside."""
        with self._lock:
            mooring = self._mooring
            if mooring is None or self._users:
                return None
            try:
                return self._part(mooring)
            except DeviceError as error:
                if not self._is_there(mooring):
                    self._forget(mooring)
                    return None
                return Parting(safe=False, drive=mooring.drive.title, what=error.what)

    # -- inside, under the lock

    def _part(self, mooring: Mooring) -> Parting | None:
        if not self._is_there(mooring):
            self._forget(mooring)
            return None
        self._flush(mooring)
        if not mooring.ours:
            what = f"everything is on it, but it is still mounted at {mooring.point}: unmount it before it is taken out"
            return Parting(safe=False, drive=mooring.drive.title, what=what)
        self._mounter.unmount(self.device, mooring.drive, mooring.point, gone=False)
        self._mooring = None
        left = self._mount_of(mooring.drive)
        if left is not None:
            what = f"it is still mounted at {left.point}: unmount it before it is taken out"
            return Parting(safe=False, drive=mooring.drive.title, what=what)
        return Parting(safe=True, drive=mooring.drive.title)

    def _flush(self, mooring: Mooring) -> None:
        try:
            if mooring.writable:
                durable.sync_filesystem(mooring.point)
        except OSError as error:
            raise DeviceGone(self.device, f"it cannot be flushed ({error.strerror})") from error

    def _moor(self) -> Mooring:
        mooring = self._mooring
        if mooring is not None:
            if self._is_there(mooring):
                return mooring
            self._forget(mooring)
        drive = self._find()
        self._judge_pin(drive)
        mooring = self._take_in(drive)
        self._mooring = mooring
        return mooring

    def _forget(self, mooring: Mooring) -> None:
        """Clear away what is left of the mount of a drive that is gone."""
        self._mooring = None
        if mooring.ours and any(mount.point == mooring.point for mount in self._mounts()):
            with suppress(DeviceError):  # a dead mount in the way is told when something is to be mounted there
                self._mounter.unmount(self.device, mooring.drive, mooring.point, gone=True)

    def _find(self) -> Drive:
        fitting = self._fitting()
        if not fitting:
            what = f"no drive with {self.options.wanted} is plugged in"
            raise DeviceGone(self.device, what, remedy="plug it in")
        if len(fitting) > 1:
            names = " and ".join(drive.title for drive in fitting)
            remedy = "give each its own device, by uuid"
            raise AccessRefused(self.device, f"more than one drive fits: {names}", remedy=remedy)
        return fitting[0]

    def _fitting(self) -> Sequence[Drive]:
        try:
            return [drive for drive in self._drives() if self.options.wanted.fits(drive)]
        except OSError as error:
            remedy = "drives are found through udev, which only Linux has; use type local for a mounted drive"
            raise AccessRefused(
                self.device, f"udev cannot be asked ({error.strerror or error})", remedy=remedy
            ) from error

    def _judge_pin(self, drive: Drive) -> None:
        """Two cards with one label are two devices: their files may look alike, and would be taken for each other."""
        pin, wanted = self.options.pin, self.options.wanted
        if pin is None or wanted.uuid or wanted.serial or not drive.uuid:
            return
        try:
            known = pin.read_text(encoding="utf-8").strip() if pin.exists() else ""
            if not known:
                pin.parent.mkdir(parents=True, exist_ok=True)
                pin.write_text(f"{drive.uuid}\n", encoding="utf-8")
        except OSError as error:
            raise AccessRefused(self.device, f"{pin} cannot be used ({error.strerror})") from error
        if known and known != drive.uuid:
            what = f"another drive with {wanted} is plugged in: its UUID is {drive.uuid}, that of the first was {known}"
            remedy = f"give each a device of its own by uuid; if it is the same one, formatted anew, delete {pin}"
            raise AccessRefused(self.device, what, remedy=remedy)

    def _take_in(self, drive: Drive) -> Mooring:
        mount = self._mount_of(drive)
        ours = mount is not None and mount.point == self.options.point and self.options.adopt
        if mount is not None and ours and mount.read_only and not self.options.read_only:
            self._mounter.unmount(self.device, drive, mount.point, gone=False)
            mount = None
        if mount is None:
            return self._mount(drive)
        return self._moored(drive, mount, ours=ours)

    def _mount(self, drive: Drive) -> Mooring:
        self._clear_point()
        options = options_for(drive.fs, read_only=self.options.read_only)
        try:
            self._mounter.mount(self.device, drive, self.options.point, options)
        except DeviceError:
            if not self._is_plugged(drive):
                raise DeviceGone(self.device, f"{drive.title} was taken out") from None
            raise
        mount = self._mount_of(drive)
        if mount is None:
            raise DeviceGone(self.device, f"{drive.title} was mounted and is gone again")
        return self._moored(drive, mount, ours=True)

    def _clear_point(self) -> None:
        """What still stands at our mount point is the dead mount of an earlier time, or somebody else's."""
        for mount in [mount for mount in self._mounts() if mount.point == self.options.point]:
            if any(drive.number == mount.number for drive in self._drives()):
                what = f"another drive is mounted at {mount.point}"
                raise AccessRefused(self.device, what, remedy="unmount it, or choose another mount_point")
            dead = Drive(node="", number=mount.number, sys_path="")
            self._mounter.unmount(self.device, dead, mount.point, gone=True)

    def _moored(self, drive: Drive, mount: Mount, *, ours: bool) -> Mooring:
        if mount.read_only and not self.options.read_only:
            what = f"{drive.title} is mounted read-only at {mount.point}, and files have to be written or removed there"
            remedy = "look whether it is write-protected or has a damaged file system, else mount it for writing"
            if ours:
                with suppress(DeviceError):
                    self._mounter.unmount(self.device, drive, mount.point, gone=False)
            raise AccessRefused(self.device, what, remedy=remedy)
        root = mount.point / self.options.root
        if self.options.make_root:
            with suppress(OSError):  # then the first use tells what is wrong with it
                root.mkdir(parents=True, exist_ok=True)
        return Mooring(drive, mount.point, root, ours, not mount.read_only)

    # -- looking, without the lock

    def _is_there(self, mooring: Mooring) -> bool:
        return self._is_plugged(mooring.drive) and any(
            mount.number == mooring.drive.number and mount.point == mooring.point for mount in self._mounts()
        )

    def _is_plugged(self, drive: Drive) -> bool:
        try:
            return drive in self._drives()
        except OSError:
            return False

    def _mount_of(self, drive: Drive) -> Mount | None:
        """Where the drive is mounted: at our own point if there, else the latest mount of all of it."""
        found = [mount for mount in self._mounts() if mount.number == drive.number and mount.whole]
        return next((mount for mount in found if mount.point == self.options.point), found[-1] if found else None)
