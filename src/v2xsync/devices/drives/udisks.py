"""Mounting without being root: udisks2 over D-Bus, the way desktops do it.

Polkit decides who may: a person at the machine's own screen may as a rule, a service by a rule only. Tried against a
mocked bus, not yet against real hardware.

Source: the D-Bus API of udisks2 (Manager.ResolveDevice, Filesystem.Mount, Filesystem.Unmount).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from v2xsync.devices.drives.drive import Drive
from v2xsync.errors import AccessRefused, DeviceGone

SERVICE = "org.freedesktop.UDisks2"
_MANAGER = ("/org/freedesktop/UDisks2/Manager", f"{SERVICE}.Manager")
_FILESYSTEM = f"{SERVICE}.Filesystem"

ANSWER_S = 60.0
"""An answer comes when the drive is mounted, which may take long."""

_BY_ROOT = "run v2xsync as root, or allow this user to mount drives by a polkit rule"
_ABSENT = frozenset({"org.freedesktop.DBus.Error.ServiceUnknown", "org.freedesktop.DBus.Error.NameHasNoOwner"})


class UdisksMounter:
    """Filesystem.Mount and Filesystem.Unmount on the system bus; udisks2 chooses the mount point."""

    def mount(self, device: str, drive: Drive, point: Path, options: Sequence[str]) -> Path:
        """Mount; the wanted `point` is not for us to choose."""
        del point
        wanted = {"options": ("s", ",".join(options)), "auth.no_user_interaction": ("b", True)}
        (where,) = self._on_filesystem(device, drive, "Mount", wanted)
        return Path(str(where))

    def unmount(self, device: str, drive: Drive, point: Path, *, gone: bool) -> None:
        """Unmount; udisks2 itself clears away the mount of a drive that is gone."""
        del point
        if not gone:
            self._on_filesystem(device, drive, "Unmount", {"auth.no_user_interaction": ("b", True)})

    def _on_filesystem(
        self, device: str, drive: Drive, verb: str, options: dict[str, tuple[str, Any]]
    ) -> Sequence[Any]:
        where = {"path": ("s", drive.node)}
        nothing: dict[str, tuple[str, Any]] = {}
        with _Bus(device) as bus:
            (objects,) = bus.call(*_MANAGER, "ResolveDevice", "a{sv}a{sv}", where, nothing)
            if not objects:
                raise DeviceGone(device, f"udisks2 does not know {drive.node}")
            return bus.call(objects[0], _FILESYSTEM, verb, "a{sv}", options)


class _Bus:
    """One connection to the system bus, for a few calls."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._connection: Any = None

    def __enter__(self) -> Self:
        try:
            from jeepney.io.blocking import open_dbus_connection

            self._connection = open_dbus_connection(bus="SYSTEM")
        except (ImportError, OSError, KeyError, ValueError) as error:
            what = f"drives are mounted by root, or by udisks2 over D-Bus: there is no system bus ({error})"
            raise AccessRefused(
                self._device, what, remedy="run v2xsync as root, or install dbus and udisks2"
            ) from error
        return self

    def __exit__(self, *exc: object) -> None:
        self._connection.close()

    def call(self, path: str, interface: str, verb: str, signature: str, *body: Any) -> Sequence[Any]:
        """One method call; raises AccessRefused in plain words, DeviceGone where no answer comes."""
        from jeepney import DBusAddress, DBusErrorResponse, new_method_call
        from jeepney.wrappers import unwrap_msg

        message = new_method_call(DBusAddress(path, bus_name=SERVICE, interface=interface), verb, signature, body)
        try:
            answer: Any = unwrap_msg(self._connection.send_and_get_reply(message, timeout=ANSWER_S))
        except DBusErrorResponse as error:
            raise _refusal(self._device, error) from error
        except (OSError, TimeoutError) as error:
            raise DeviceGone(self._device, f"udisks2 does not answer ({error})") from error
        return tuple(answer)


def _refusal(device: str, error: Any) -> AccessRefused:
    said = " ".join(str(part) for part in error.data if isinstance(part, str)) or str(error.name)
    if error.name in _ABSENT:
        what = "drives are mounted by root, or by udisks2 over D-Bus: udisks2 is not running"
        return AccessRefused(device, what, remedy="run v2xsync as root, or install udisks2")
    if "NotAuthorized" in error.name:
        return AccessRefused(device, f"udisks2: {said}", remedy=_BY_ROOT)
    return AccessRefused(device, f"udisks2: {said}", remedy="look at `udisksctl status` and the system's log")
