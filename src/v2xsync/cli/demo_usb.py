"""The USB port of the rehearsal: what udev and mount(8) would say about the simulated flash drive."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from v2xsync.devices.drives.drive import Drive, Wanted
from v2xsync.devices.drives.mounts import Mount
from v2xsync.engine.docking import UsbPort
from v2xsync.errors import DeviceGone

if TYPE_CHECKING:
    from v2xsync.sim.flash_drive import FlashDrive

_NUMBER: Final = (8, 1)
_LOOK_S: Final = 0.2


class DemoUsb:
    """One port, one drive. Mounting only notes it: the drive's folder is there as long as it is plugged in."""

    def __init__(self, flash: FlashDrive) -> None:
        self._flash = flash
        self._table: tuple[Mount, ...] = ()

    def port(self) -> UsbPort:
        """The port, as the engine wants it."""
        return UsbPort(self, self.drives, self.mounts, self.hints)

    def drives(self) -> Sequence[Drive]:
        """The drive, while it is plugged in."""
        flash = self._flash
        if not flash.plugged_in:
            return ()
        return (
            Drive(
                node="flash drive",
                number=_NUMBER,
                sys_path="simulated",
                instance=str(flash.insertions),
                fs="vfat",
                uuid=flash.uuid,
                labels=frozenset({flash.label}),
            ),
        )

    def mounts(self) -> Sequence[Mount]:
        """Where it is mounted."""
        return self._table

    def mount(self, device: str, drive: Drive, point: Path, options: Sequence[str]) -> Path:
        """Note that it is mounted where its folder is; raises DeviceGone where it was pulled out."""
        del point
        if drive not in self.drives():
            raise DeviceGone(device, "it was taken out", remedy="plug it in again")
        self._table = (Mount(drive.number, self._flash.mount, "ro" in options),)
        return self._flash.mount

    def unmount(self, device: str, drive: Drive, point: Path, *, gone: bool) -> None:
        """Forget the mount."""
        del device, drive, point, gone
        self._table = ()

    def hints(self, device: str, wanted: Wanted) -> _Hints:
        """What tells that the drive came or went."""
        del device, wanted
        return _Hints(self)


class _Hints:
    """Looks a few times a second; implements `ArrivalHints`."""

    def __init__(self, usb: DemoUsb) -> None:
        self._usb = usb
        self._seen: Sequence[Drive] = ()
        self._stopped = threading.Event()

    def start(self) -> None:
        """Look what is there now."""
        self._seen = self._usb.drives()

    def wait(self, timeout_s: float) -> bool:
        """Whether another drive, or none, is plugged in than at the last look."""
        for _ in range(max(1, round(timeout_s / _LOOK_S))):
            now = self._usb.drives()
            if now != self._seen:
                self._seen = now
                return True
            if self._stopped.wait(_LOOK_S):
                break
        return False

    def stop(self) -> None:
        """End looking."""
        self._stopped.set()
