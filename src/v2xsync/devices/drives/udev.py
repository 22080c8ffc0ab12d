"""udev through libudev (pyudev): which drives are there, and events when that changes.

Facts: the monitor must listen to ``udev`` and not to ``kernel`` (only udev's events come after the rules that read the
file system's UUID); it must be started before the enumeration, so that nothing is lost between the two; one insertion
may be told twice; a closed write to a device node is told as ``change``. So an event is never taken for what it says:
after any of them the drives are enumerated, and only a difference is news. The only module that imports pyudev.

Source: libudev(3), systemd-udevd(8), pyudev's documentation of `Monitor`.
"""

from __future__ import annotations

import os
import select
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from v2xsync.devices.drives.drive import Drive, Wanted
from v2xsync.errors import DeviceGone

_SERIAL_KEYS = ("ID_SERIAL", "ID_SERIAL_SHORT", "ID_USB_SERIAL", "ID_USB_SERIAL_SHORT")
_INSTANCE_KEYS = ("DISKSEQ", "USEC_INITIALIZED")
_RECEIVE_BYTES = 1 << 20


def plugged_in() -> Sequence[Drive]:
    """Every file system on a block device that udev knows now; raises OSError where there is no udev."""
    try:
        import pyudev

        found = pyudev.Context().list_devices(subsystem="block")
        return [drive for device in found if (drive := _drive(device)) is not None]
    except ImportError as error:
        raise OSError(0, f"libudev cannot be used ({error})") from error


def _drive(device: Any) -> Drive | None:
    """The file system on `device`; None where there is none, or the device vanished while it was asked."""
    try:
        facts: Mapping[str, str] = dict(device.properties)
        number = int(device.device_number)
        sys_path = str(device.sys_path)
    except (OSError, KeyError, UnicodeDecodeError):
        return None
    node = facts.get("DEVNAME")
    if node is None or facts.get("ID_FS_USAGE", "filesystem") != "filesystem" or not facts.get("ID_FS_TYPE"):
        return None
    return Drive(
        node=node,
        number=(os.major(number), os.minor(number)),
        sys_path=sys_path,
        instance=" ".join(facts.get(key, "") for key in _INSTANCE_KEYS),
        fs=facts["ID_FS_TYPE"],
        uuid=facts.get("ID_FS_UUID", ""),
        labels=frozenset(_labels(facts)),
        serials=frozenset(facts[key] for key in _SERIAL_KEYS if key in facts),
    )


def _labels(facts: Mapping[str, str]) -> Iterator[str]:
    """The label as udev writes it for scripts (blanks become ``_``), and as it is."""
    if label := facts.get("ID_FS_LABEL", ""):
        yield label
    if encoded := facts.get("ID_FS_LABEL_ENC", ""):
        with suppress(UnicodeError):
            yield encoded.encode("latin-1", "ignore").decode("unicode_escape").encode("latin-1").decode("utf-8")


class DriveHints:
    """Hints that the wanted drive came or went; implements `ArrivalHints`. `device` is the configured name."""

    def __init__(self, device: str, wanted: Wanted) -> None:
        self._device = device
        self._wanted = wanted
        self._monitor: Any = None
        self._seen: frozenset[tuple[str, str]] = frozenset()
        self._ends: tuple[socket.socket, socket.socket] | None = None
        """Closing the first wakes who waits on the second."""
        self._waiting = threading.Lock()

    def start(self) -> None:
        """Listen first, then look; raises DeviceGone where udev cannot be listened to."""
        try:
            import pyudev

            monitor = pyudev.Monitor.from_netlink(pyudev.Context(), source="udev")
            monitor.filter_by("block")
            with suppress(OSError):  # a large buffer is a courtesy: what is lost is found by the next look
                monitor.set_receive_buffer_size(_RECEIVE_BYTES)
            monitor.start()
            self._seen = self._look()
            self._monitor, self._ends = monitor, socket.socketpair()
        except (ImportError, OSError) as error:
            raise DeviceGone(self._device, f"udev cannot be listened to ({error})") from error

    def wait(self, timeout_s: float) -> bool:
        """Wait up to `timeout_s` seconds; True where other drives fit than at the last look."""
        with self._waiting:
            if self._ends is None:
                return False
            select.select([self._monitor, self._ends[1]], [], [], timeout_s)
            if not self._drain():
                return False
        try:
            now = self._look()
        except OSError:
            return True
        before, self._seen = self._seen, now
        return now != before

    def stop(self) -> None:
        """End listening and wake whoever waits; may be called again."""
        ends = self._ends
        if ends is None:
            return
        ends[0].close()
        with self._waiting:
            ends[1].close()
            self._ends = None

    def _drain(self) -> bool:
        """Take every event that waits; whether there was one (an overflow is one)."""
        any_event = False
        try:
            while self._monitor.poll(timeout=0) is not None:
                any_event = True
        except OSError:
            return True
        return any_event

    def _look(self) -> frozenset[tuple[str, str]]:
        return frozenset((d.sys_path, d.instance) for d in plugged_in() if self._wanted.fits(d))
