"""Docking: what `wiring` puts together for a device of type disk: dock, sessions, listener."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from v2xsync.config.device_options import DiskOptions
from v2xsync.config.schema import DeviceConfig, StationConfig
from v2xsync.devices import disk, local
from v2xsync.devices.base import ArrivalHints, Berth
from v2xsync.devices.drives import mounts, udev
from v2xsync.devices.drives.dock import Dock, DockOptions
from v2xsync.devices.drives.drive import FAT_STEP_NS, Drive, Drives, Wanted
from v2xsync.devices.drives.udisks import UdisksMounter
from v2xsync.errors import ConfigError
from v2xsync.model.rules import After

DRIVES = "drives"
"""Where drives are mounted, in the state folder."""


@dataclass(frozen=True, slots=True)
class UsbPort:
    """Where drives are plugged in: the system's own, or the simulated one of a rehearsal."""

    mounter: mounts.Mounter
    drives: Drives
    mounts: mounts.Mounts
    hints: Callable[[str, Wanted], ArrivalHints]
    """Makes what tells that a drive came or went; takes the device's name."""


def system_port() -> UsbPort:
    """The port of this machine."""
    return UsbPort(mounter(), udev.plugged_in, mounts.mounted, udev.DriveHints)


def docked(
    config: StationConfig, device: DeviceConfig, port: UsbPort | None = None, *, alone: bool = False
) -> tuple[Callable[[], Any], Berth]:
    """What makes sessions with a drive (at the system's port if none is given), and the dock that they share.

    A session that is `alone` lets the drive go when it is closed.
    """
    options = _options(device)
    port = port or system_port()
    berth = dock_options(config, device)
    if alone:  # it only looks, perhaps beside a running station: nothing is written, no mount of others' is touched
        berth = replace(berth, read_only=True, make_root=False, adopt=False, pin=None)
    dock = Dock(device.name, berth, port.mounter, port.drives, port.mounts)
    own = disk.DiskOptions(max_parallel=options.max_parallel, by_stem=options.group == "stem")
    return lambda: disk.DiskDevice(device.name, own, dock, folder_maker(device.name), alone=alone), dock


def folder_maker(name: str) -> disk.MakeFolder:
    """What makes the session with a folder on a mounted drive: the local adapter, told what the file system is like."""

    def make(root: Any, drive: Drive) -> local.LocalDevice:
        fat = drive.has_fat_habits
        options = local.LocalOptions(
            root=root,
            step_ns=FAT_STEP_NS if fat else 1,
            fat_times=fat,
            case_sensitive=drive.is_case_sensitive,
            hot_plug=True,
        )
        return local.LocalDevice(name, options)

    return make


def dock_options(config: StationConfig, device: DeviceConfig) -> DockOptions:
    """Where and how a drive is mounted: read-only where nothing is removed from it or written to it."""
    options = _options(device)
    below = config.state / DRIVES
    targeted = any(device.name in route.targets for route in config.routes)
    removing = any(device.name in r.sources and r.remove.after is not After.NEVER for r in config.routes)
    return DockOptions(
        wanted=Wanted(uuid=options.uuid or "", label=options.label or "", serial=options.serial or ""),
        point=options.mount_point or below / device.name,
        root=options.root,
        read_only=not (targeted or removing),
        make_root=targeted,
        pin=below / f"{device.name}.uuid",
    )


def drive_hints(config: StationConfig, device: DeviceConfig, port: UsbPort | None = None) -> ArrivalHints:
    """What tells that the drive came or went."""
    return (port or system_port()).hints(device.name, dock_options(config, device).wanted)


def mounter() -> mounts.Mounter:
    """mount(8) for root, udisks2 for everybody else."""
    is_root = getattr(os, "geteuid", lambda: -1)() == 0
    return mounts.SystemMounter() if is_root else UdisksMounter()


def _options(device: DeviceConfig) -> DiskOptions:
    if not isinstance(device.options, DiskOptions):
        raise ConfigError("its options do not fit its type", key=f"devices.{device.name}")
    return device.options
