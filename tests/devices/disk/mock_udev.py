"""Runs under ``umockdev-wrapper``: plugs an emulated stick in and out, and prints what our udev module makes of it.

libumockdev is called through ctypes, so that no bindings have to be installed; libudev and pyudev are the real ones and
see the emulated /sys and its uevents.
"""

from __future__ import annotations

import ctypes
import json
import sys
from collections.abc import Mapping, Sequence

from v2xsync.devices.drives.drive import Wanted
from v2xsync.devices.drives.udev import DriveHints, plugged_in

HEARD_S = 10.0
QUIET_S = 0.3


class Testbed:
    """umockdev's test bed: a /sys of its own."""

    def __init__(self) -> None:
        self._lib = ctypes.CDLL("libumockdev.so.0")
        self._lib.umockdev_testbed_new.restype = ctypes.c_void_p
        self._lib.umockdev_testbed_add_devicev.restype = ctypes.c_char_p
        self._bed = ctypes.c_void_p(self._lib.umockdev_testbed_new())

    def add(self, subsystem: str, name: str, parent: str, facts: Mapping[str, str], attributes: Sequence[str]) -> str:
        """Add a device (which sends its uevent ``add``); returns its path in /sys."""
        path: bytes = self._lib.umockdev_testbed_add_devicev(
            self._bed,
            subsystem.encode(),
            name.encode(),
            parent.encode() or None,
            _texts(attributes),
            _texts([text for pair in facts.items() for text in pair]),
        )
        return path.decode()

    def uevent(self, path: str, action: str) -> None:
        """Send an event of an existing device."""
        self._lib.umockdev_testbed_uevent(self._bed, path.encode(), action.encode())

    def remove(self, path: str) -> None:
        """Take a device out of /sys."""
        self._lib.umockdev_testbed_remove_device(self._bed, path.encode())


def _texts(words: Sequence[str]) -> ctypes.Array[ctypes.c_char_p]:
    return (ctypes.c_char_p * (len(words) + 1))(*(word.encode() for word in words), None)


def plug(bed: Testbed, name: str, uuid: str, seq: int) -> tuple[str, str]:
    """A stick with one partition; returns the paths of disk and partition."""
    node = f"/dev/{name}"
    common = {"ID_BUS": "usb", "ID_SERIAL": f"FLIR_{uuid}", "DISKSEQ": str(seq)}
    disk = bed.add("block", name, "", {"DEVTYPE": "disk", "DEVNAME": node, **common}, ["dev", f"8:{seq * 16}"])
    facts = {
        "DEVTYPE": "partition",
        "DEVNAME": f"{node}1",
        "ID_FS_UUID": uuid,
        "ID_FS_TYPE": "vfat",
        "ID_FS_USAGE": "filesystem",
        "ID_FS_LABEL": "FLIR_DUO",
        "ID_FS_LABEL_ENC": "FLIR\\x20DUO",
        **common,
    }
    return disk, bed.add("block", f"{name}1", disk, facts, ["dev", f"8:{seq * 16 + 1}"])


def main() -> None:
    """One round: nothing, plugged in, told twice, a strange stick, pulled out, plugged in again."""
    bed, hints = Testbed(), DriveHints("flir", Wanted(uuid="D1C6-0146", label="FLIR DUO"))
    heard: dict[str, object] = {"before": len(plugged_in())}
    hints.start()
    disk, part = plug(bed, "sdz", "D1C6-0146", 1)
    heard["plugged"] = hints.wait(HEARD_S)
    (drive,) = plugged_in()
    heard["drive"] = [
        drive.node,
        drive.uuid,
        drive.fs,
        sorted(drive.labels),
        sorted(drive.serials),
        drive.has_fat_habits,
    ]
    bed.uevent(part, "add")
    heard["told twice"] = hints.wait(QUIET_S)
    bed.uevent(part, "change")
    heard["changed"] = hints.wait(QUIET_S)
    plug(bed, "sdy", "AAAA-BBBB", 2)
    heard["strange"] = hints.wait(QUIET_S)
    for path in (part, disk):
        bed.uevent(path, "remove")
        bed.remove(path)
    heard["pulled"] = hints.wait(HEARD_S)
    heard["left"] = [left.uuid for left in plugged_in()]
    plug(bed, "sdx", "D1C6-0146", 3)
    heard["again"] = hints.wait(HEARD_S)
    hints.stop()
    heard["stopped"] = hints.wait(HEARD_S)
    json.dump(heard, sys.stdout)


if __name__ == "__main__":
    main()
